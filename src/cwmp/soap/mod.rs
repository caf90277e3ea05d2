//! The SOAP form of CWMP messages (cwmp.md section 2): what the CPE sends is written in one
//! exact form, what the ACS sends is read in any form that a reader can make sense of.
//!
//! No HTTP here; a body comes in whole and goes out in pieces.

mod arguments;
mod decode;
mod encode;
mod error;
mod lightweight;
mod limits;
mod outgoing;
mod shown;
mod text;
mod tree;
mod writer;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(in crate::cwmp) mod samples;
#[cfg(test)]
mod schema_reader;
#[cfg(test)]
mod schema_tests;

pub use decode::{AcsBody, AcsFault, AcsMessage, decode};
pub use encode::{
    Voice, encode_fault, encode_must_understand_fault, encode_request, encode_response,
};
pub use error::SoapError;
pub use lightweight::{LightweightNotification, encode_lightweight_notification};
pub use limits::{MAX_ATTRIBUTES, MAX_BODY, MAX_DEPTH, MAX_ELEMENTS};
pub use outgoing::{MAX_PIECE, Outgoing, Pieces};
pub use shown::{show, show_text};
