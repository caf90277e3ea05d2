//! Events that a device owes its ACS, with the rules of cwmp.md section 4.1 (V1, V2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cwmp::{Event, EventCode};
use crate::datamodel::ParameterPath;

/// A point in the life of an [`EventQueue`]: what was added before it can be told from what came
/// later, so that an event that arrives while a session runs waits for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Mark(u64);

/// Undelivered events and changed parameters, as they are kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventQueue {
    last: Mark,
    events: Vec<(Mark, Event)>,
    changed: BTreeMap<ParameterPath, Mark>,
}

impl EventQueue {
    /// Adds an event. An event that can be there only once takes the place of the one before, so
    /// that it outlives the delivery of an Inform that was composed earlier. `0 BOOTSTRAP` wipes
    /// everything that was owed.
    pub fn add(&mut self, event: Event) {
        if event.code == EventCode::Bootstrap {
            self.events.clear();
            self.changed.clear();
        } else if !is_multiple(event.code) {
            self.events
                .retain(|(_, waiting)| waiting.code != event.code);
        }
        let mark = self.next_mark();
        self.events.push((mark, event));
    }

    /// Notes that a parameter has changed and that the ACS wants to hear of it; adds
    /// `4 VALUE CHANGE`.
    pub fn note_change(&mut self, path: ParameterPath) {
        let mark = self.next_mark();
        self.changed.insert(path, mark);
        self.add(Event::plain(EventCode::ValueChange));
    }

    /// The events for an Inform, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(_, event)| event)
    }

    /// Whether an event of this kind is owed.
    pub fn owes(&self, code: EventCode) -> bool {
        self.events.iter().any(|(_, event)| event.code == code)
    }

    /// The parameters that the Inform must carry because they changed.
    pub fn changed(&self) -> impl Iterator<Item = &ParameterPath> {
        self.changed.keys()
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The present point: what an Inform that is composed now contains.
    pub fn mark(&self) -> Mark {
        self.last
    }

    /// Whether something was added after `mark`.
    pub fn has_news_since(&self, mark: Mark) -> bool {
        self.events.iter().any(|(added, _)| *added > mark)
    }

    /// Forgets what was in the Inform that was composed at `mark` and is now delivered.
    pub fn deliver(&mut self, mark: Mark) {
        self.events.retain(|(added, _)| *added > mark);
        self.changed.retain(|_, changed| *changed > mark);
    }

    fn next_mark(&mut self) -> Mark {
        self.last = Mark(self.last.0 + 1);
        self.last
    }
}

/// Whether an Inform has one entry per cause (cwmp.md section 4.1, column "cumulative").
fn is_multiple(code: EventCode) -> bool {
    matches!(
        code,
        EventCode::Reboot
            | EventCode::ScheduleInform
            | EventCode::Download
            | EventCode::ScheduleDownload
            | EventCode::Upload
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(queue: &EventQueue) -> Vec<EventCode> {
        queue.events().map(|event| event.code).collect()
    }

    fn reboot(key: &str) -> Event {
        Event {
            code: EventCode::Reboot,
            command_key: key.to_owned(),
        }
    }

    #[test]
    fn single_events_stand_once_and_multiple_ones_once_per_cause() {
        let mut queue = EventQueue::default();
        queue.add(Event::plain(EventCode::Boot));
        queue.add(Event::plain(EventCode::Boot));
        queue.add(reboot("a"));
        queue.add(reboot("a"));
        assert_eq!(
            codes(&queue),
            [EventCode::Boot, EventCode::Reboot, EventCode::Reboot]
        );
    }

    #[test]
    fn bootstrap_wipes_what_was_owed() {
        let mut queue = EventQueue::default();
        queue.note_change("Device.X".parse().unwrap());
        queue.add(reboot("a"));
        queue.add(Event::plain(EventCode::Bootstrap));
        assert_eq!(codes(&queue), [EventCode::Bootstrap]);
        assert_eq!(queue.changed().count(), 0);
    }

    #[test]
    fn what_arrives_during_a_session_waits_for_the_next() {
        let mut queue = EventQueue::default();
        let path: ParameterPath = "Device.X".parse().unwrap();
        queue.note_change(path.clone());
        let in_flight = queue.mark();
        queue.note_change(path.clone());
        assert_eq!(
            codes(&queue),
            [EventCode::ValueChange],
            "once, if the session fails"
        );
        queue.deliver(in_flight);
        assert!(queue.has_news_since(in_flight));
        assert_eq!(codes(&queue), [EventCode::ValueChange]);
        assert_eq!(queue.changed().collect::<Vec<_>>(), [&path]);
        queue.deliver(queue.mark());
        assert!(queue.is_empty());
        assert_eq!(queue.changed().count(), 0);
    }
}
