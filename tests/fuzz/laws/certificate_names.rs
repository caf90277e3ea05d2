//! Any bytes are a certificate with names or an error. The names are few and short, and stand in it.

use rustls::pki_types::CertificateDer;

use super::{key_problem, names_in_certificate};

pub(crate) fn certificates_hold(bytes: &[u8]) {
    let certificate = CertificateDer::from(bytes);
    // Whether its key can be used is found out of any bytes as well.
    let _ = key_problem(&certificate);
    let Ok(names) = names_in_certificate(&certificate) else {
        return;
    };
    assert!(names.len() <= 128);
    for name in names {
        assert!((1..=255).contains(&name.len()));
        assert!(!name.chars().any(char::is_control));
        let mut places = bytes.windows(name.len());
        assert!(places.any(|place| place == name.as_bytes()), "{name}");
    }
}
