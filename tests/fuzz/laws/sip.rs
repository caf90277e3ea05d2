//! A datagram never makes the SIP parser panic, and what it reads is written back so that it reads
//! the same.

use super::sip::{Message, MessageError, Via};

pub(crate) fn holds(datagram: &[u8]) {
    let Ok(message) = Message::parse(datagram) else {
        return;
    };
    match Message::parse(&message.encode()) {
        Ok(again) => assert_eq!(again, message),
        // Replacement characters take more room than the bytes they stand for.
        Err(error) => assert!(matches!(error, MessageError::TooLong { .. }), "{error}"),
    }
    let _ = (message.call_id(), message.sequence());
    if let Some(via) = message.top_via() {
        let again = Via::parse_first(&via.to_text()).0;
        assert_eq!(again.branch(), via.branch());
    }
}
