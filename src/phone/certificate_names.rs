//! The names in a certificate.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longest name that is taken, in bytes; no phone's is half as long.
const MAXIMUM_NAME: usize = 255;
/// Most names of one kind that are taken.
const MAXIMUM_NAMES: usize = 64;

/// The names in a certificate, whoever has made it: common names of the subject, then DNS names.
///
/// # Errors
/// It can't be read.
pub fn names_in_certificate(certificate: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, certificate) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("it is no X.509: {error}"))?;
    let mut names = common_names(&certificate);
    for name in alternative_names(&certificate)? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The common names of the subject.
pub(super) fn common_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    certificate
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok())
        .filter(|name| is_fit(name))
        .take(MAXIMUM_NAMES)
        .map(str::to_owned)
        .collect()
}

/// The DNS names among the alternative names of the subject.
///
/// # Errors
/// The extension can't be read.
pub(super) fn alternative_names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, String> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|error| format!("its alternative names can't be read: {error}"))?;
    let names = extension
        .iter()
        .flat_map(|found| &found.value.general_names);
    Ok(names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
        .filter(|name| is_fit(name))
        .take(MAXIMUM_NAMES)
        .map(str::to_owned)
        .collect())
}

fn is_fit(name: &str) -> bool {
    (1..=MAXIMUM_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}
