//! What a phone's asking tells about it, and what follows from a fetch.

use jiff::Timestamp;

use super::super::core::Gateway;
use super::super::door::{FetchReceipt, GatewayError};
use super::super::draft::Draft;
use super::super::live::Live;
use super::super::transfers::Take;
use crate::cwmp::{Event, EventCode};
use crate::device::{Contact, RebootOrders, SeenBy, Served};
use crate::mapping::Recognised;
use crate::native::Mac;

impl Gateway {
    /// Notes what a request tells about the phone.
    pub(super) async fn observe(
        &self,
        mac: Mac,
        recognised: Recognised,
        contact: Contact,
        reached_by: Option<String>,
    ) -> Result<(), GatewayError> {
        self.change(mac, |draft, _| {
            draft.record.model = recognised.model.or(draft.record.model.take());
            draft.record.reached_by = reached_by.or(draft.record.reached_by.take());
            draft.note_version(self, recognised.version, contact.at)?;
            let moved = draft
                .record
                .contact
                .as_ref()
                .is_none_or(|known| known.address != contact.address);
            draft.record.seen_by = SeenBy::UserAgent;
            if moved {
                // When a phone was seen is written only with something that matters: a fleet that
                // polls must not keep the disk busy.
                draft.record.contact = Some(contact);
            }
            Ok(())
        })
        .await
    }
}

impl Draft {
    /// Notes the firmware that a phone says it runs.
    fn note_version(
        &mut self,
        gateway: &Gateway,
        version: Option<String>,
        at: Timestamp,
    ) -> Result<(), GatewayError> {
        let record = &mut self.record;
        let Some(version) = version else {
            return Ok(());
        };
        let before = record.software_version.replace(version);
        if before.is_some() && before != record.software_version {
            self.note_new_firmware(gateway, at)?;
        }
        Ok(())
    }

    pub(super) fn note_fetch(
        &mut self,
        gateway: &Gateway,
        revision: u64,
        receipt: &FetchReceipt,
        now: Timestamp,
        live: &mut Live,
    ) -> Take {
        let delivery = &mut self.record.delivery;
        let before = delivery.clone();
        match &delivery.served {
            // The end of a fetch that began before a newer revision was there: the phone has that one.
            Some(served) if served.revision > revision => {}
            Some(served) if served.revision == revision => {
                // The phone has had this file before it asked again: it lives with it. Two fetches of
                // it that overlap are one. (A time to come is of a clock that was set back since.)
                if served.at <= receipt.at || served.at > now {
                    delivery.confirmed = Some(revision);
                }
            }
            _ => {
                delivery.served = Some(Served {
                    revision,
                    at: now,
                    address: receipt.source,
                });
            }
        }
        if let Some(hand_over) = &mut self.record.hand_over
            && revision >= hand_over.revision
            && hand_over.fetched_at.is_none()
        {
            hand_over.fetched_at = Some(now);
            gateway.log(
                self.mac,
                "knows its ACS now: its own TR-069 client is to speak",
            );
        }
        // Two fetches may end in another order than they began in: the phone is where it asked last.
        let known = self.record.contact.as_ref();
        let is_latest = known.is_none_or(|known| known.at <= receipt.at);
        if *delivery != before && is_latest {
            self.record.contact = Some(Contact {
                address: receipt.source,
                at: receipt.at,
            });
        }
        self.record.control.has_fetched(revision);
        gateway.note_means_worked(self.mac, now);
        // A phone that was told to restart and fetches its file has restarted (cwmp.md M83),
        // whether or not its answer has come through.
        let told_at = delivery.reboot.told_at;
        let restart_told_at = told_at.filter(|told_at| *told_at <= receipt.at);
        if restart_told_at.is_some() {
            self.note_restart(gateway, receipt.at);
        } else if self.record.booted_at.is_none() {
            self.record.booted_at = Some(receipt.at);
        }
        if live.control.in_flight.is_none() && !self.record.delivery.is_outstanding() {
            live.control.tries = 0;
        }
        Take::OwnFile { restart_told_at }
    }

    /// The phone has restarted. What it was told before is carried out with that.
    pub(in crate::gateway) fn note_restart(&mut self, gateway: &Gateway, at: Timestamp) {
        gateway.log(self.mac, "has restarted");
        self.record.booted_at = Some(at);
        let orders = &mut self.record.delivery.reboot;
        let orders = match orders.told_at {
            Some(_) => std::mem::take(orders),
            None => RebootOrders::default(),
        };
        let events = &mut self.record.cpe.events;
        events.add(Event::plain(EventCode::Boot));
        for command_key in orders.keys.into_iter().flatten() {
            events.add(Event {
                code: EventCode::Reboot,
                command_key,
            });
        }
    }
}
