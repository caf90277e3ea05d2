//! Sessions with ACSs, for people: `device trace` and `serve --soap`.

use jiff::Timestamp;

use super::output;
use crate::gateway::{Direction, TracedMessage, TracedSession, Watch, Watched};
use crate::native::Mac;

/// Prints sessions of a phone, the oldest first.
pub(super) fn print(mac: Mac, sessions: &[TracedSession]) {
    if sessions.is_empty() {
        output::line("no session since the gateway started, or none that is still kept");
    }
    for session in sessions {
        output::line(&begin(session.started, mac, &session.url));
        for message in &session.messages {
            output::line(message_text(mac, message).trim_end());
        }
        match session.ended {
            Some(at) => output::line(&end(at, mac, session.failure.as_deref())),
            None => output::line(&format!("{mac} the session goes on")),
        }
        output::line("");
    }
}

/// Prints what happens in all sessions, as it happens.
pub(super) async fn follow(mut watch: Watch) {
    while let Some(event) = watch.next().await {
        if event.left_out > 0 {
            output::line(&format!(
                "{} messages and other events are not shown here: they came too fast",
                event.left_out
            ));
        }
        let text = match &event.what {
            Watched::Begins { url } => begin(event.at, event.mac, url),
            Watched::Message(message) => message_text(event.mac, message),
            Watched::Ends { failure } => end(event.at, event.mac, failure.as_deref()),
        };
        output::line(text.trim_end());
    }
}

fn begin(at: Timestamp, mac: Mac, url: &str) -> String {
    format!("{} {mac} session with {url}", clock(at))
}

fn end(at: Timestamp, mac: Mac, failure: Option<&str>) -> String {
    let at = clock(at);
    match failure {
        None => format!("{at} {mac} session ended"),
        Some(reason) => format!("{at} {mac} session failed: {reason}"),
    }
}

fn message_text(mac: Mac, message: &TracedMessage) -> String {
    let at = clock(message.at);
    let mut text = match (message.direction, message.status) {
        (Direction::Sent, _) => format!("{at} {mac} > POST"),
        (Direction::Received, Some(status)) => format!("{at} {mac} < {status}"),
        (Direction::Received, None) => format!("{at} {mac} <"),
    };
    text.push_str(&match (&message.soap, &message.not_shown) {
        (Some(soap), _) => format!("\n{soap}"),
        (None, Some(reason)) => format!(", {} bytes, not shown: {reason}", message.length),
        (None, None) => ", empty".to_owned(),
    });
    text
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
