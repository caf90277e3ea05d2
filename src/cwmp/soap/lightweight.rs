//! Lightweight notifications: an XML document in a UDP datagram (cwmp.md A10). How one would be
//! signed is not known for sure, so none is.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::text::push_escaped;
use crate::cwmp::message::{DeviceId, ParameterValue};

const START: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<lwn:Notification xmlns:lwn=\"urn:broadband-forum-org:cwmp:lwnotif-1-0\"",
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
);
const END: &str = "</lwn:Notification>";

/// A lightweight notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightweightNotification<'a> {
    /// When it is made; only the seconds count.
    pub at: Timestamp,
    /// ManagementServer.Username.
    pub username: &'a str,
    /// A random text.
    pub nonce: &'a str,
    /// Who sends it.
    pub device_id: &'a DeviceId,
    /// What has changed, with the present values; one at least.
    pub parameters: &'a [ParameterValue],
}

/// Writes a lightweight notification.
pub fn encode_lightweight_notification(notification: &LightweightNotification<'_>) -> Vec<u8> {
    let mut text = START.to_owned();
    // The schema gives the seconds 32 bits.
    let seconds = i32::try_from(notification.at.as_second()).unwrap_or(i32::MAX);
    // Writing to a String cannot fail.
    let _ = write!(text, "<lwn:TS>{seconds}</lwn:TS>");
    let device_id = notification.device_id;
    for (name, value) in [
        ("UN", notification.username),
        ("CN", notification.nonce),
        ("OUI", &device_id.oui),
        ("ProductClass", &device_id.product_class),
        ("SerialNumber", &device_id.serial_number),
    ] {
        leaf(&mut text, name, value);
    }
    for parameter in notification.parameters {
        text.push_str("<lwn:Param>");
        leaf(&mut text, "Name", &parameter.name);
        text.push_str("<lwn:Value xsi:type=\"");
        text.push_str(parameter.value_type.xsd_name());
        text.push_str("\">");
        push_escaped(&mut text, &parameter.value);
        text.push_str("</lwn:Value></lwn:Param>");
    }
    text.push_str(END);
    text.into_bytes()
}

fn leaf(text: &mut String, name: &str, value: &str) {
    let _ = write!(text, "<lwn:{name}>");
    push_escaped(text, value);
    let _ = write!(text, "</lwn:{name}>");
}

#[cfg(test)]
mod tests {
    use super::super::samples::{inform, value};
    use super::*;
    use crate::datamodel::ValueType;

    #[test]
    fn it_has_the_elements_of_the_schema_in_their_order() {
        let document = encode_lightweight_notification(&LightweightNotification {
            at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            username: "a&b",
            nonce: "c0",
            device_id: &inform().device_id,
            parameters: &[value("Device.X", ValueType::UnsignedInt, "7")],
        });
        assert_eq!(
            String::from_utf8(document).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <lwn:Notification xmlns:lwn=\"urn:broadband-forum-org:cwmp:lwnotif-1-0\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <lwn:TS>1767323045</lwn:TS><lwn:UN>a&amp;b</lwn:UN><lwn:CN>c0</lwn:CN>\
             <lwn:OUI>0A1B2C</lwn:OUI><lwn:ProductClass>P100</lwn:ProductClass>\
             <lwn:SerialNumber>0A1B2C000001</lwn:SerialNumber>\
             <lwn:Param><lwn:Name>Device.X</lwn:Name>\
             <lwn:Value xsi:type=\"xsd:unsignedInt\">7</lwn:Value></lwn:Param>\
             </lwn:Notification>"
        );
    }
}
