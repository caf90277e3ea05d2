//! The file syntaxes, one file each.

mod autop;
mod binary_header;
mod key_value;
mod kind;
mod p_code_binary;
mod p_code_text;
mod p_code_xml;
mod xml_content;
mod xml_element;
mod xml_place;
mod xml_read;
mod xml_text;
mod xml_token;

pub use kind::{Dialect, DialectError};
pub(super) use p_code_xml::root as xml_root;
pub(super) use xml_text::resolve as resolve_entities;
