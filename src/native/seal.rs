//! Files under a password: what `openssl enc -aes-256-cbc` writes (grandstream.md 1.5).
//!
//! `Salted__`, eight bytes of salt, then AES-256-CBC with PKCS#7 padding. Key and initialization
//! vector come from password and salt by OpenSSL's EVP_BytesToKey with one round of MD5 (the old
//! default, and what phones know) or SHA-256 (OpenSSL's default since 1.1). Without salt, the file
//! is the ciphertext alone.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::dialect::Dialect;
use super::lines::is_text;
use crate::wire::{ContentHash, Secret};

const MAGIC: &[u8] = b"Salted__";
const SALT_LENGTH: usize = 8;
const BLOCK_LENGTH: usize = 16;
const KEY_LENGTH: usize = 32;

type Salt = [u8; SALT_LENGTH];

/// How one file is encrypted: enough to encrypt it again, as it was or after an edit.
#[derive(Clone)]
pub struct Seal {
    password: Secret,
    derivation: KeyDerivation,
    salt: Option<Salt>,
    /// The plain text that was found under the seal.
    plain: ContentHash,
}

/// The hash that makes key and initialization vector from password and salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDerivation {
    /// EVP_BytesToKey with MD5.
    Md5,
    /// EVP_BytesToKey with SHA-256.
    Sha256,
}

/// A file can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no password to try.
    #[error("encrypted: no password is given")]
    NoPassword,
    /// None of the passwords gives a plain text.
    #[error("encrypted: none of {tried} passwords fits")]
    NoPasswordFits {
        /// How many were tried.
        tried: usize,
    },
    /// The length is none that encryption gives.
    #[error("encrypted and damaged: {length} bytes of ciphertext are no whole number of blocks")]
    Length {
        /// Length of the ciphertext in bytes.
        length: usize,
    },
}

impl Seal {
    /// Whether a file begins as one that was encrypted with a salt.
    pub fn is_on(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Whether a file could be encrypted at all, with salt or without: it is not text, and of a
    /// length that encryption gives.
    pub fn may_be_on(bytes: &[u8]) -> bool {
        let is_whole = !bytes.is_empty() && bytes.len().is_multiple_of(BLOCK_LENGTH);
        Seal::is_on(bytes) || is_whole && !is_text(bytes)
    }

    /// Finds the plain text and the seal that was on it: the first password under which the file
    /// has a right padding and holds text or a binary configuration. A file that does not begin as
    /// an encrypted one is taken for ciphertext without salt.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(bytes: &[u8], passwords: &[Secret]) -> Result<(Vec<u8>, Seal), SealError> {
        let (salt, ciphertext) = match bytes.strip_prefix(MAGIC) {
            Some(salted) => match salted.split_first_chunk::<SALT_LENGTH>() {
                Some((salt, ciphertext)) => (Some(*salt), ciphertext),
                None => return Err(SealError::Length { length: 0 }),
            },
            None => (None, bytes),
        };
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_LENGTH) {
            return Err(SealError::Length {
                length: ciphertext.len(),
            });
        }
        if passwords.is_empty() {
            return Err(SealError::NoPassword);
        }
        for password in passwords {
            for derivation in [KeyDerivation::Md5, KeyDerivation::Sha256] {
                let key = derivation.key(password, salt);
                if let Some(plain) = key.decrypt(ciphertext).filter(|plain| is_sensible(plain)) {
                    let seal = Seal {
                        password: password.clone(),
                        derivation,
                        salt,
                        plain: ContentHash::of(&plain),
                    };
                    return Ok((plain, seal));
                }
            }
        }
        Err(SealError::NoPasswordFits {
            tried: passwords.len(),
        })
    }

    /// The hash that key and initialization vector are made with.
    pub fn derivation(&self) -> KeyDerivation {
        self.derivation
    }

    /// Encrypts a plain text as the file was encrypted. The plain text that was found under the
    /// seal gives the bytes that it was found in; another one gets a salt of its own, unless the
    /// file had none.
    pub fn close(&self, plain: &[u8]) -> Vec<u8> {
        let salt = self.salt.map(|salt| self.salt_for(salt, plain));
        let ciphertext = self.derivation.key(&self.password, salt).encrypt(plain);
        match salt {
            Some(salt) => [MAGIC, &salt, &ciphertext].concat(),
            None => ciphertext,
        }
    }

    /// The salt for a plain text. Two plain texts under one salt would share key and
    /// initialization vector, and whoever has both files would see up to where they are the same.
    /// The new salt is derived, since nothing here is random and the same edit has to give the
    /// same file; it depends on the plain text, so that different ones differ, and on the
    /// password, so that nobody without it can check a guessed plain text against the salt.
    fn salt_for(&self, salt: Salt, plain: &[u8]) -> Salt {
        if ContentHash::of(plain) == self.plain {
            return salt;
        }
        let password = self.password.expose().as_bytes();
        let mut hash = Sha256::new();
        hash.update(b"salt of a phone's file");
        hash.update((password.len() as u64).to_be_bytes());
        hash.update(password);
        hash.update(salt);
        hash.update(plain);
        let hash: [u8; 32] = hash.finalize().into();
        let (salt, _) = hash.split_first_chunk().unwrap_or((&salt, &[]));
        *salt
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Seal")
            .field("derivation", &self.derivation)
            .field("salted", &self.salt.is_some())
            .finish_non_exhaustive()
    }
}

/// Text, or a file with the header of a binary configuration. A wrong key gives bytes without any
/// order, which a right padding at their end does not show in one of 256 cases.
fn is_sensible(plain: &[u8]) -> bool {
    if plain.is_empty() {
        return false;
    }
    let ascii = plain.iter().filter(|byte| byte.is_ascii()).count();
    let is_mostly_ascii = ascii >= plain.len() / 4 * 3;
    is_text(plain) && (is_mostly_ascii || std::str::from_utf8(plain).is_ok())
        || Dialect::PCodeBinary.fits(plain)
}

impl KeyDerivation {
    fn key(self, password: &Secret, salt: Option<Salt>) -> Key {
        match self {
            KeyDerivation::Md5 => Key::derive::<Md5>(password, salt),
            KeyDerivation::Sha256 => Key::derive::<Sha256>(password, salt),
        }
    }
}

/// Key and initialization vector.
struct Key(Zeroizing<[u8; KEY_LENGTH + BLOCK_LENGTH]>);

impl Key {
    /// OpenSSL's EVP_BytesToKey with a count of 1: each piece is the hash of the piece before it,
    /// password and salt.
    fn derive<D: Digest>(password: &Secret, salt: Option<Salt>) -> Self {
        let mut made = Zeroizing::new([0; KEY_LENGTH + BLOCK_LENGTH]);
        let mut before = Zeroizing::new(Vec::new());
        for piece in made.chunks_mut(<D as Digest>::output_size()) {
            let mut hash = D::new();
            hash.update(before.as_slice());
            hash.update(password.expose());
            hash.update(salt.as_ref().map_or(&[][..], |salt| salt));
            *before = hash.finalize().to_vec();
            for (byte, new) in piece.iter_mut().zip(before.iter()) {
                *byte = *new;
            }
        }
        Self(made)
    }

    fn parts(&self) -> (&[u8; KEY_LENGTH], &[u8]) {
        // The array is as long as both together.
        self.0
            .split_first_chunk()
            .unwrap_or((&[0; KEY_LENGTH], &[]))
    }

    /// `None` if the padding is wrong, which the last block alone shows.
    fn decrypt(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let (key, vector) = self.parts();
        let (rest, last) = ciphertext.split_last_chunk::<BLOCK_LENGTH>()?;
        let before_last = rest
            .last_chunk::<BLOCK_LENGTH>()
            .map_or(vector, |block| block);
        let decryptor = |vector| cbc::Decryptor::<Aes256>::new_from_slices(key, vector).ok();
        let mut last = *last;
        decryptor(before_last)?
            .decrypt_padded::<Pkcs7>(&mut last)
            .ok()?;
        let mut plain = ciphertext.to_vec();
        let length = decryptor(vector)?
            .decrypt_padded::<Pkcs7>(&mut plain)
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }

    fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let (key, vector) = self.parts();
        let mut buffer = plain.to_vec();
        buffer.resize(plain.len() / BLOCK_LENGTH * BLOCK_LENGTH + BLOCK_LENGTH, 0);
        let encrypted = cbc::Encryptor::<Aes256>::new_from_slices(key, vector)
            .ok()
            .and_then(|encryptor| {
                let length = encryptor.encrypt_padded::<Pkcs7>(&mut buffer, plain.len());
                length.map(<[u8]>::len).ok()
            });
        // Key, vector and buffer have the lengths that are wanted: never other than whole.
        buffer.truncate(encrypted.unwrap_or_default());
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"P1 = 2\n";
    const SALT: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

    /// What `openssl enc -aes-256-cbc -md MD -S 0102030405060708 -pass pass:secret` makes of
    /// [`PLAIN`], and the same with `-nosalt`.
    const WRITTEN_BY_OPENSSL: [(KeyDerivation, u128, u128); 2] = [
        (
            KeyDerivation::Md5,
            0x6bb9_7aec_8350_439a_5e61_f5b2_27c1_59f9,
            0xab44_618d_7b12_c7d4_5031_9579_ea74_418c,
        ),
        (
            KeyDerivation::Sha256,
            0x8021_e337_be17_0835_52b3_ef08_d24d_9f77,
            0xd76a_9e8b_d3e5_c987_bbc8_0b74_4987_ea62,
        ),
    ];

    fn salted(block: u128) -> Vec<u8> {
        [MAGIC, SALT, &block.to_be_bytes()].concat()
    }

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    #[test]
    fn files_that_openssl_has_written_are_opened_and_closed() {
        let passwords = secrets(&["wrong", "", "secret"]);
        for (derivation, with_salt, without_salt) in WRITTEN_BY_OPENSSL {
            for file in [salted(with_salt), without_salt.to_be_bytes().to_vec()] {
                let (plain, seal) = Seal::open(&file, &passwords).unwrap();
                assert_eq!(plain, PLAIN);
                assert_eq!(seal.derivation(), derivation);
                assert_eq!(seal.close(PLAIN), file);
            }
        }
    }

    #[test]
    fn another_plain_text_gets_another_salt_and_the_same_one_the_same() {
        let file = salted(WRITTEN_BY_OPENSSL[0].1);
        let (_, seal) = Seal::open(&file, &secrets(&["secret"])).unwrap();
        let salt = |plain: &[u8]| seal.close(plain)[8..16].to_vec();
        assert_eq!(salt(PLAIN), SALT);
        let edited = salt(b"P1 = 3\n");
        assert_ne!(edited, SALT);
        assert_ne!(salt(b"P1 = 4\n"), edited);
        assert_eq!(salt(b"P1 = 3\n"), edited);

        let other = Seal {
            password: Secret::new("other"),
            ..seal.clone()
        };
        assert_ne!(other.close(b"P1 = 3\n")[8..16], edited);
        let again = seal.close(b"P1 = 3\n");
        let (plain, _) = Seal::open(&again, &secrets(&["secret"])).unwrap();
        assert_eq!(plain, b"P1 = 3\n");
    }

    #[test]
    fn every_length_is_padded_as_it_has_to_be() {
        let file = salted(WRITTEN_BY_OPENSSL[1].1);
        let (_, seal) = Seal::open(&file, &secrets(&["secret"])).unwrap();
        for length in 1..50 {
            let plain = vec![b'a'; length];
            let file = seal.close(&plain);
            assert_eq!(file.len(), 16 + length / 16 * 16 + 16);
            assert_eq!(Seal::open(&file, &secrets(&["secret"])).unwrap().0, plain);
        }
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let file = salted(WRITTEN_BY_OPENSSL[0].1);
        let error = |bytes: &[u8], texts: &[&str]| Seal::open(bytes, &secrets(texts)).unwrap_err();
        assert_eq!(error(&file, &[]), SealError::NoPassword);
        assert_eq!(
            error(&file, &["a", "b"]),
            SealError::NoPasswordFits { tried: 2 }
        );
        assert_eq!(
            error(&file[..31], &["secret"]),
            SealError::Length { length: 15 }
        );
        assert_eq!(
            error(&file[..16], &["secret"]),
            SealError::Length { length: 0 }
        );
        assert_eq!(
            error(b"Salted__", &["secret"]),
            SealError::Length { length: 0 }
        );
        assert_eq!(error(b"", &["secret"]), SealError::Length { length: 0 });
    }

    #[test]
    fn many_wrong_passwords_open_nothing() {
        let file = salted(WRITTEN_BY_OPENSSL[0].1);
        let wrong: Vec<Secret> = (0..3000)
            .map(|n| Secret::new(format!("wrong {n}")))
            .collect();
        assert!(Seal::open(&file, &wrong).is_err());
    }

    #[test]
    fn a_seal_shows_no_password() {
        let file = salted(WRITTEN_BY_OPENSSL[0].1);
        let (_, seal) = Seal::open(&file, &secrets(&["secret"])).unwrap();
        assert_eq!(
            format!("{seal:?}"),
            "Seal { derivation: Md5, salted: true, .. }"
        );
    }

    #[test]
    fn files_of_the_corpus_open_with_their_password() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
        if !corpus.is_dir() {
            println!("skipped: no corpus");
            return;
        }
        for (name, derivation) in [
            ("md5", KeyDerivation::Md5),
            ("sha256", KeyDerivation::Sha256),
        ] {
            let name = format!("grandstream/derived-enc-{name}-cfg000b828c8f97.xml.enc");
            let bytes = std::fs::read(corpus.join(name)).unwrap();
            let (plain, seal) = Seal::open(&bytes, &secrets(&["no", "GsXmlPass1"])).unwrap();
            assert_eq!(seal.derivation(), derivation);
            assert!(plain.starts_with(b"<?xml"));
            assert_eq!(seal.close(&plain), bytes);
        }
    }
}
