//! The door towards the phones: their files over HTTP and HTTPS, and NOTIFY to make them fetch.

mod body;
mod certificate_names;
mod certificates;
mod client_certificates;
mod control;
mod files;
mod own_end;
mod path;
mod server;
mod stalled;
mod tls;
mod uploads;

pub use certificates::{CertificateError, CertificateFiles};
pub use client_certificates::AuthoritiesError;
pub use control::ControlSender;
pub use server::{CertificateReload, PhoneServer, PhoneServerError, PhoneSettings};
pub use tls::TlsError;
