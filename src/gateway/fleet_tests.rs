//! What a fleet costs and owes: starts that are spread, and sessions that write nothing.

use std::collections::BTreeMap;

use super::tests::{Bench, MAC};
use super::{Delivery, Urgency};
use crate::cwmp::{Event, EventCode};
use crate::device::DeviceRecord;
use crate::native::Mac;
use crate::store::{Batch, Table, encode};

/// Phones like the one of the bench, written straight into the store.
fn copies(bench: &Bench, count: u16, change: impl Fn(&mut DeviceRecord)) -> Vec<Mac> {
    let (template, _) = bench.gateway.load(MAC).unwrap().unwrap();
    let mut batch = Batch::new();
    let macs = (0..count).map(|number| {
        let [high, low] = number.to_be_bytes();
        Mac::new([0x00, 0x0b, 0x82, 0xff, high, low])
    });
    let macs: Vec<Mac> = macs.collect();
    for mac in &macs {
        let mut record = template.clone();
        record.cpe.connection_request_segment = format!("segment of {mac}");
        change(&mut record);
        batch.put(Table::Device, &mac.bytes(), encode(&record).unwrap());
    }
    let ticket = bench.gateway.inner.store.commit(batch).unwrap();
    ticket.wait().unwrap();
    macs
}

#[tokio::test]
async fn what_a_fleet_owes_at_the_start_is_spread_over_the_time_that_its_acs_needs() {
    let bench = Bench::announced().await;
    let macs = copies(&bench, 2_000, |record| {
        record.cpe.events.add(Event::plain(EventCode::ValueChange));
        record.cpe.events.add(Event::plain(EventCode::Boot));
    });
    let bench = bench.restart().await;
    let start = bench.clock_now().as_second();
    let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
    for mac in &macs {
        let due = bench.gateway.inner.sessions.due(mac).unwrap();
        *seconds.entry(due.as_second() - start).or_default() += 1;
    }
    // 2,000 sessions at 200 a second.
    assert_eq!(seconds.keys().next_back(), Some(&9));
    assert!(seconds.values().all(|count| *count < 800), "{seconds:?}");
    let due = bench.gateway.next_session().await;
    assert_eq!(due.urgency, Urgency::Routine, "nobody has asked for it");
    bench.gateway.wake(MAC).await;
    bench.advance(1);
    bench.gateway.inner.sessions.disarm(&due.mac);
    let mut woken = Vec::new();
    while let Ok(due) = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        bench.gateway.next_session(),
    )
    .await
    {
        if due.urgency == Urgency::Wake {
            woken.push(due.mac);
        }
    }
    assert_eq!(woken, [MAC]);
}

#[tokio::test]
async fn a_connection_request_finds_its_device_after_a_start_and_no_other() {
    let bench = Bench::announced().await;
    let macs = copies(&bench, 3, |_| ());
    let bench = bench.restart().await;
    for mac in macs {
        let segment = format!("segment of {mac}");
        let target = bench.gateway.connection_request_target(&segment).await;
        assert_eq!(target.unwrap().mac, mac);
    }
    let nobody = bench.gateway.connection_request_target("segment of").await;
    assert!(nobody.is_none());
}

#[tokio::test]
async fn a_session_that_changes_nothing_writes_nothing() {
    let bench = Bench::announced().await;
    bench.advance(86_400);
    let due = bench.gateway.next_session().await;
    assert_eq!((due.mac, due.urgency), (MAC, Urgency::Routine));
    let before = bench.gateway.stored_record(MAC).unwrap();
    for _ in 0..20 {
        bench.session_if_due().await;
        bench.advance(86_400);
        bench.gateway.next_session().await;
    }
    assert_eq!(bench.gateway.stored_record(MAC).unwrap(), before);
}

#[tokio::test]
async fn a_phone_that_polls_from_where_it_was_writes_nothing() {
    let bench = Bench::announced().await;
    bench.fetch().await;
    bench.fetch().await;
    let before = bench.gateway.stored_record(MAC).unwrap();
    for _ in 0..20 {
        bench.advance(3_600);
        bench.fetch().await;
    }
    assert_eq!(bench.gateway.stored_record(MAC).unwrap(), before);
}

impl Bench {
    fn clock_now(&self) -> jiff::Timestamp {
        self.gateway.clock().now()
    }

    /// Holds the session that is due, without an event of the ACS's.
    async fn session_if_due(&self) {
        let open = self.gateway.open_session(MAC).await.unwrap().unwrap();
        assert_eq!(open.inform.events.len(), 1, "a period and nothing else");
        self.gateway.delivered(MAC, Delivery::Inform).await.unwrap();
        self.end().await;
    }
}
