//! The law of messages that are shown. The file that takes this module in has `cwmp` in scope.

use super::cwmp::{AcsBody, AcsRequest, decode, show};

/// The law: any bytes are shown or refused, never a panic; what is shown does nothing to a terminal;
/// and read again as a message it has no value and no password in it, if none may be shown.
pub(crate) fn holds(body: &[u8]) {
    let Ok(shown) = show(body, &|_| false) else {
        return;
    };
    let moves_the_cursor = |character: char| character.is_control() && character != '\n';
    assert!(!shown.contains(moves_the_cursor), "{shown:?}");
    let Ok(message) = decode(shown.as_bytes()) else {
        return;
    };
    match message.body {
        AcsBody::Request(AcsRequest::SetParameterValues { parameters, .. }) => {
            parameters.iter().for_each(|entry| masked(&entry.value));
        }
        AcsBody::Request(AcsRequest::Download(download)) => masked(download.password.expose()),
        AcsBody::Request(AcsRequest::Upload(upload)) => masked(upload.password.expose()),
        AcsBody::Request(AcsRequest::ScheduleDownload(schedule)) => {
            masked(schedule.download.password.expose());
        }
        _ => {}
    }
}

fn masked(text: &str) {
    assert!(matches!(text.trim(), "" | "***"), "{text}");
}
