//! SetParameterAttributes: all or nothing (cwmp.md M60–M65).

use super::core::Gateway;
use super::notifications::unasked;
use super::own_cpe::is_unwatched;
use super::rpc::{printable, unknown_name};
use crate::cwmp::{CwmpVersion, Fault, FaultCode, Notification, SetAttribute};
use crate::datamodel::{ActiveNotification, PathQuery};
use crate::device::Attribute;
use crate::native::Mac;

/// The only entity that the standard defines for an access list (cwmp.md A1).
const SUBSCRIBER: &str = "Subscriber";

/// The access list of a parameter that no ACS has touched (cwmp.md M64).
pub(super) fn default_access_list() -> Vec<String> {
    vec![SUBSCRIBER.to_owned()]
}

impl Gateway {
    pub(super) async fn set_attributes(
        &self,
        mac: Mac,
        attributes: Vec<SetAttribute>,
    ) -> Result<(), Fault> {
        self.change(mac, |draft, live| {
            let names = attributes.iter().map(|wanted| wanted.name.as_str());
            let view = self.view_naming(mac, live, names, false)?;
            let version = match &live.session {
                Some(session) => session.version,
                None => draft.record.cpe.acs_version.unwrap_or_default(),
            };
            for wanted in attributes {
                let query: PathQuery = wanted
                    .name
                    .parse()
                    .map_err(|_| unknown_name(&wanted.name))?;
                let parameters = view
                    .select(&query)
                    .ok_or_else(|| unknown_name(&wanted.name))?;
                let notification = wanted
                    .notification
                    .map(|number| read_notification(number, version))
                    .transpose()?;
                if let Some(list) = &wanted.access_list {
                    check_access_list(list)?;
                }
                for path in parameters.iter().map(|selected| selected.path) {
                    let can_deny = view
                        .entry(path.as_str())
                        .and_then(|entry| entry.parameter())
                        .is_some_and(|facts| {
                            facts.active_notification == ActiveNotification::Deniable
                        });
                    if is_unwatched(mac, &view, path)
                        && notification.is_some_and(|wanted| wanted != Notification::Off)
                    {
                        return Err(Fault::new(
                            FaultCode::NotificationRejected,
                            format!("{path} is not watched for changes"),
                        ));
                    }
                    if can_deny && notification.is_some_and(opens_a_session) {
                        return Err(Fault::new(
                            FaultCode::NotificationRejected,
                            format!("{path} has no active notification"),
                        ));
                    }
                    let unasked = unasked(view.pack.schema(), path);
                    let stored = &mut draft.record.cpe.attributes;
                    let old = stored.remove(path);
                    let attribute = Attribute {
                        notification: notification
                            .or(old.as_ref().map(|old| old.notification))
                            .unwrap_or(unasked),
                        access_list: wanted
                            .access_list
                            .clone()
                            .or(old.and_then(|old| old.access_list)),
                    };
                    let is_default = attribute.notification == unasked
                        && attribute
                            .access_list
                            .as_ref()
                            .is_none_or(|list| *list == default_access_list());
                    if !is_default {
                        stored.insert(path.clone(), attribute);
                    }
                }
            }
            Ok(())
        })
        .await
    }
}

/// Reads a number on the wire, of those that the ACS's version of CWMP has (cwmp.md A1).
fn read_notification(number: i64, version: CwmpVersion) -> Result<Notification, Fault> {
    let last = if version >= CwmpVersion::V1_4 { 6 } else { 2 };
    u8::try_from(number)
        .ok()
        .filter(|number| *number <= last)
        .and_then(Notification::from_number)
        .ok_or_else(|| {
            Fault::new(
                FaultCode::InvalidArguments,
                format!("notification {number} is none of 0 to {last}, as CWMP {version} has them"),
            )
        })
}

/// Whether it is what a CPE may refuse for some parameters (cwmp.md A6): a session, or a packet, for
/// each change.
fn opens_a_session(notification: Notification) -> bool {
    matches!(
        notification,
        Notification::Active | Notification::ActiveLightweight | Notification::ActiveBoth
    )
}

fn check_access_list(list: &[String]) -> Result<(), Fault> {
    match list.iter().find(|entity| *entity != SUBSCRIBER) {
        None => Ok(()),
        Some(entity) => Err(Fault::new(
            FaultCode::InvalidArguments,
            format!(
                "access list entity {} is not {SUBSCRIBER}",
                printable(entity)
            ),
        )),
    }
}
