//! What a request shows of which phone sends it, checked against what that phone was given.

use std::collections::BTreeSet;

use super::policy::Proof;
use super::refusals::Refusal;
use super::state::REALM;
use crate::device::{Access, Issued, TokenHash};
use crate::gateway::core::Gateway;
use crate::gateway::door::{Shown, Transport};
use crate::native::Mac;
use crate::wire::digest::{HashedCredentials, PasswordHash, ShownAnswer, Verdict};

/// Nonces are good for any file.
const SCOPE: &str = "";

/// What a request shows for one phone; `None`: nothing of that kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// Which of its passwords.
    pub(super) password: Option<Result<usize, Refusal>>,
    /// Which of its tokens.
    pub(super) token: Option<Result<usize, Refusal>>,
    pub(super) certificate: Option<Result<(), Refusal>>,
}

impl Evidence {
    /// The proofs that hold.
    pub(super) fn proofs(&self) -> impl Iterator<Item = Proof> {
        let kinds = [
            (matches!(self.password, Some(Ok(_))), Proof::Digest),
            (matches!(self.token, Some(Ok(_))), Proof::Token),
            (matches!(self.certificate, Some(Ok(()))), Proof::Certificate),
        ];
        kinds
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, proof)| proof)
    }

    /// What is wrong with what is shown.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let password = self.password.and_then(Result::err);
        let token = self.token.and_then(Result::err);
        let certificate = self.certificate.and_then(Result::err);
        password.or(token).or(certificate)
    }

    /// Whether it holds anything that the record does not know yet.
    pub(super) fn is_news(&self, access: &Access) -> bool {
        if access.is_lost {
            return false;
        }
        let password = matches!(self.password, Some(Ok(place)) if access.passwords.is_news(place));
        let token = matches!(self.token, Some(Ok(place)) if access.tokens.is_news(place));
        let certificate =
            matches!(self.certificate, Some(Ok(()))) && access.certificate_since.is_none();
        password || token || certificate
    }
}

/// What a request shows, of whichever phone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) transport: Transport,
    pub(super) shown: &'a Shown,
    /// The first segment of its path, if it looks like a token and is no folder.
    pub(super) token: Option<&'a str>,
}

impl Presented<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        self.token.is_none()
            && self.shown.authorization.is_none()
            && self.shown.certificate_names.is_empty()
    }
}

impl Gateway {
    /// What a request shows for a phone.
    pub(super) fn evidence(&self, presented: Presented<'_>, mac: Mac, access: &Access) -> Evidence {
        if presented.transport == Transport::Tftp {
            return Evidence::default();
        }
        let names = &presented.shown.certificate_names;
        let certificate = (!names.is_empty()).then(|| match the_only_mac(names) {
            Some(named) if named == mac => Ok(()),
            _ => Err(Refusal::CertificateOfAnother),
        });
        Evidence {
            password: self.check_password(presented, mac, &access.passwords),
            token: presented
                .token
                .map(|token| self.check_token(token, mac, &access.tokens)),
            certificate,
        }
    }

    /// Which phone a request claims to be of, by what it shows; whether it is, is to be checked.
    pub(super) fn claimed(&self, presented: Presented<'_>) -> Option<Mac> {
        if presented.transport == Transport::Tftp {
            return None;
        }
        let by_token = || {
            let hash = TokenHash::of(presented.token?);
            self.inner.access.index().phone_of(&hash)
        };
        let by_user = || {
            let authorization = presented.shown.authorization.as_ref()?;
            let answer = ShownAnswer::parse(authorization.expose())?;
            answer.username().parse().ok()
        };
        the_only_mac(&presented.shown.certificate_names)
            .or_else(by_token)
            .or_else(by_user)
    }

    fn check_token(
        &self,
        token: &str,
        mac: Mac,
        tokens: &Issued<TokenHash>,
    ) -> Result<usize, Refusal> {
        let hash = TokenHash::of(token);
        let place = tokens.valid.iter().position(|good| good.is(&hash));
        place.ok_or_else(|| match self.inner.access.index().phone_of(&hash) {
            Some(other) if other != mac => Refusal::TokenOfAnother,
            _ => Refusal::DeadToken,
        })
    }

    fn check_password(
        &self,
        presented: Presented<'_>,
        mac: Mac,
        passwords: &Issued<PasswordHash>,
    ) -> Option<Result<usize, Refusal>> {
        let Presented {
            transport, shown, ..
        } = presented;
        let authorization = shown.authorization.as_ref()?.expose();
        let Some(answer) = ShownAnswer::parse(authorization) else {
            return Some(Err(Refusal::UnreadableAuthorization));
        };
        let username = mac.to_string();
        if answer.username() != username {
            let is_anothers = answer
                .username()
                .parse()
                .is_ok_and(|named: Mac| named != mac);
            return Some(Err(if is_anothers {
                Refusal::UserOfAnother
            } else {
                Refusal::WrongPassword
            }));
        }
        let in_plain = transport != Transport::Https;
        if let ShownAnswer::Basic(credentials) = answer {
            if in_plain && !self.inner.settings.access.basic_over_http {
                return Some(Err(Refusal::PasswordInPlain));
            }
            let mut valid = passwords.valid.iter();
            let place = valid.position(|hash| hash.is_of(&credentials, REALM));
            return Some(place.ok_or(Refusal::WrongPassword));
        }
        let now = self.inner.clock.now();
        let mut verifier = self.inner.access.verifier();
        let mut outcome = Err(Refusal::WrongPassword);
        for (place, password_hash) in passwords.valid.iter().enumerate() {
            let credentials = HashedCredentials {
                username: username.clone(),
                password_hash: password_hash.clone(),
            };
            let (method, target) = (&shown.method, &shown.target);
            match verifier.verify_hashed(now, authorization, method, target, SCOPE, &credentials) {
                Verdict::Accepted => outcome = Ok(place),
                Verdict::Stale => outcome = Err(Refusal::StaleAnswer),
                Verdict::Refused => continue,
            }
            break;
        }
        Some(outcome)
    }

    /// The values of `WWW-Authenticate` for a challenge, the strongest first.
    pub(super) fn challenges(&self, transport: Transport, is_stale: bool) -> Vec<String> {
        let now = self.inner.clock.now();
        let mut verifier = self.inner.access.verifier();
        let mut challenges = vec![verifier.challenge(now, SCOPE, is_stale)];
        if transport == Transport::Https || self.inner.settings.access.basic_over_http {
            challenges.push(crate::wire::digest::basic_challenge(REALM));
        }
        challenges
    }
}

/// The MAC address that the names of a certificate hold; `None` when they hold none or several. It
/// has to stand alone: twelve hex digits with nothing alphanumeric before or after them, or six
/// pairs of digits in a row.
pub fn the_only_mac(names: &[String]) -> Option<Mac> {
    let found: BTreeSet<Mac> = names.iter().flat_map(|name| macs_in(name)).collect();
    let mut found = found.into_iter();
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

fn macs_in(name: &str) -> Vec<Mac> {
    let pieces: Vec<&str> = name
        .split(|character: char| !character.is_alphanumeric())
        .collect();
    let is_hex = |piece: &str| piece.bytes().all(|digit| digit.is_ascii_hexdigit());
    let whole = pieces
        .iter()
        .filter(|piece| piece.len() == 12 && is_hex(piece));
    let mut found: Vec<Mac> = whole.filter_map(|piece| piece.parse().ok()).collect();
    let runs = pieces.split(|piece| !(piece.len() == 2 && is_hex(piece)));
    let of_pairs = runs.filter(|run| run.len() == 6).map(<[&str]>::concat);
    found.extend(of_pairs.filter_map(|digits| digits.parse::<Mac>().ok()));
    found
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/certificate_macs.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_stands_in_a_name_is_read() {
        let pieces = [
            "000B82A1B2C3",
            "00-0b-82-a1-b2-c3",
            "00",
            "\u{fc}",
            ":",
            ".",
            "\n",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    law::holds([first, second, third].concat().as_bytes());
                }
            }
        }
    }

    const MAC: Mac = Mac::new([0x00, 0x0b, 0x82, 0xa1, 0xb2, 0xc3]);

    fn only(names: &[&str]) -> Option<Mac> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        the_only_mac(&names)
    }

    #[test]
    fn a_certificate_names_a_phone_by_its_whole_address() {
        for names in [
            ["000B82A1B2C3", ""],
            ["000b82a1b2c3.phones.example.net", "phones.example.net"],
            ["GXP2170-000B82A1B2C3", "000b82a1b2c3"],
            ["00:0B:82:A1:B2:C3", ""],
            ["MAC 00-0b-82-a1-b2-c3", ""],
            ["Phone", "urn:dev:mac:000b82a1b2c3"],
        ] {
            assert_eq!(only(&names), Some(MAC), "{names:?}");
        }
    }

    #[test]
    fn a_part_of_something_longer_and_two_addresses_name_nobody() {
        for names in [
            ["000B82A1B2C34", ""],
            ["x000B82A1B2C3", ""],
            ["00:0B:82:A1:B2:C3:D4", ""],
            ["11:00:0B:82:A1:B2:C3", ""],
            ["000B82A1B2C", "00:0B:82:A1:B2"],
            ["000B82A1B2C3", "000B82A1B2C4"],
            ["", "phones.example.net"],
        ] {
            assert_eq!(only(&names), None, "{names:?}");
        }
    }
}
