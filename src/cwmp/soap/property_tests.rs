//! Laws of the codec.

use proptest::collection::vec;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::samples::{all_fixtures, value};
use super::text::is_xml_character;
use crate::cwmp::{
    self, CpeCall, CpeRequest, CpeResponse, CwmpVersion, TransferComplete, encode_request,
    encode_response,
};
use crate::datamodel::ValueType;

#[path = "../../../tests/fuzz/laws/soap.rs"]
mod law;

const VERSION: CwmpVersion = CwmpVersion::V1_2;

/// The texts of all elements of a name, read without any code of this folder.
fn texts(message: &[u8], name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(std::str::from_utf8(message).unwrap());
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if tag.name().as_ref() == name => open = Some(String::new()),
            Event::End(tag) if tag.name().as_ref() == name => found.extend(open.take()),
            Event::Text(piece) => {
                if let Some(text) = &mut open {
                    text.push_str(&piece.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(text) = &mut open {
                    let escaped = format!("&{};", reference.as_ref());
                    text.push_str(&quick_xml::escape::unescape(&escaped).unwrap());
                }
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// What a text becomes on the wire: XML has no place for some characters.
fn carried(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            character if is_xml_character(character) => character,
            _ => '\u{FFFD}',
        })
        .collect()
}

/// One change to a message: a byte set, put in or taken out, or the rest cut off.
fn mutate(message: &mut Vec<u8>, (kind, place, byte): (u8, usize, u8)) {
    if message.is_empty() {
        return;
    }
    let place = place % message.len();
    match kind % 4 {
        0 => message[place] = byte,
        1 => message.insert(place, byte),
        2 => {
            message.remove(place);
        }
        _ => message.truncate(place),
    }
}

#[test]
fn the_law_of_the_reader_holds_for_every_fixture() {
    for message in all_fixtures() {
        law::holds(&message);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..400)) {
        law::holds(&bytes);
    }

    #[test]
    fn any_pieces_of_markup_are_read_without_a_panic(
        pieces in vec(
            prop::sample::select(vec![
                "<", ">", "/", "</", "/>", "&", ";", "&#", "&lt;", "<![CDATA[", "]]>", "<!--", "-->",
                "<?xml", "?>", "<!DOCTYPE", "=", "'", "\"", ":", " ", "\u{FEFF}", "é", "<Envelope>",
                "</Envelope>", "<Body>", "</Body>", "<Fault/>", "<Reboot>", "</Reboot>", "xsi:type",
                "<CommandKey>", "</CommandKey>", "mustUnderstand", "1",
            ]),
            0..40,
        )
    ) {
        law::holds(pieces.concat().as_bytes());
    }

    #[test]
    fn broken_messages_are_read_without_a_panic(
        which in any::<prop::sample::Index>(),
        changes in vec(any::<(u8, usize, u8)>(), 1..6),
    ) {
        let fixtures = all_fixtures();
        let mut message = which.get(&fixtures).clone();
        for change in changes {
            mutate(&mut message, change);
        }
        law::holds(&message);
    }

    #[test]
    fn any_values_come_back_from_the_wire(entries in vec((any::<String>(), any::<String>()), 0..8)) {
        let values = entries
            .iter()
            .map(|(name, text)| value(name, ValueType::String, text))
            .collect();
        let answer = CpeResponse::GetParameterValues(values);
        let outgoing = encode_response(VERSION, None, answer);
        let message = outgoing.to_vec();
        prop_assert_eq!(message.len(), outgoing.length());
        prop_assert!(message.is_ascii());
        let (names, texts_sent): (Vec<String>, Vec<String>) =
            entries.iter().map(|(name, text)| (carried(name), carried(text))).unzip();
        prop_assert_eq!(texts(&message, "Name"), names);
        prop_assert_eq!(texts(&message, "Value"), texts_sent);
    }

    #[test]
    fn any_id_and_command_key_come_back_from_the_wire(id in any::<String>(), command_key in any::<String>()) {
        let report = TransferComplete {
            command_key: command_key.clone(),
            fault: None,
            start_time: None,
            complete_time: None,
        };
        let call = CpeRequest::Call(CpeCall::TransferComplete(report));
        let message = encode_request(VERSION.into(), &id, &call).to_vec();
        prop_assert_eq!(texts(&message, "cwmp:ID"), [carried(&id)]);
        prop_assert_eq!(texts(&message, "CommandKey"), [carried(&command_key)]);
    }

    #[test]
    fn an_id_is_given_back_as_it_came(id in "[ -~é\r\n\t]{0,40}") {
        let asked = encode_request(VERSION.into(), &id, &CpeRequest::GetRpcMethods).to_vec();
        let message = cwmp::decode(&asked).unwrap();
        let id_text = message.id.as_deref();
        let answer = encode_response(VERSION, id_text, CpeResponse::Reboot).to_vec();
        prop_assert_eq!(texts(&answer, "cwmp:ID"), [id]);
    }
}
