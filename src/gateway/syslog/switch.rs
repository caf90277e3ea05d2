//! Making a phone send its log to the gateway, by its own file, and letting it be again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::core::Gateway;
use super::super::draft::Draft;
use super::switch_report::{SyslogOrder, SyslogSwitchError, SyslogSwitched};
use crate::device::SyslogSwitch;
use crate::mapping::{SyslogRule, SyslogTarget};
use crate::native::Mac;

/// What a phone is told, worked out before anything is changed.
struct Plan {
    host: String,
    port: u16,
    model: String,
}

impl Gateway {
    /// Writes into a phone's file that it is to send its log here, or takes that back: then what
    /// stood there before stands there again. The phone is told to fetch its file as after every
    /// change.
    ///
    /// # Errors
    /// [`SyslogSwitchError`]; nothing has changed then.
    pub async fn switch_syslog(
        &self,
        mac: Mac,
        order: SyslogOrder,
    ) -> Result<SyslogSwitched, SyslogSwitchError> {
        self.change(mac, |draft, _| {
            let plan = if order.on {
                Some(self.syslog_plan(draft)?)
            } else {
                None
            };
            // Taken back first: what is kept is what stood there before the first order.
            let was_on = !draft.record.syslog.pointers.is_empty();
            if was_on {
                let pointers = std::mem::take(&mut draft.record.syslog.pointers);
                let pack = Arc::clone(&draft.pack);
                let documents = draft.documents(self)?;
                documents.edit(|layers| pack.point_back(layers, &pointers));
            }
            let mut switched = SyslogSwitched {
                on: order.on,
                ..SyslogSwitched::default()
            };
            if let Some(plan) = plan {
                switched.server = Some(format!("{}:{}", plan.host, plan.port));
                switched.level = self.point_syslog(draft, &plan, order.level.as_deref())?;
            }
            let state = match (order.on, was_on) {
                (true, _) => Some("the phone is to send its log here"),
                (false, true) => Some("the phone is no longer to send its log here"),
                (false, false) => None,
            };
            if let Some(state) = state {
                self.log(mac, state);
            }
            switched.changed = draft.gives_another_file();
            switched.applied_later = switched.changed || draft.record.delivery.is_outstanding();
            let model = draft.record.model.as_deref();
            let rule = model.and_then(|model| draft.pack.syslog_rule(model));
            switched.needs_reboot = switched.changed && rule.is_some_and(SyslogRule::needs_reboot);
            Ok(switched)
        })
        .await
    }

    fn syslog_plan(&self, draft: &Draft) -> Result<Plan, SyslogSwitchError> {
        let port = self.inner.syslog.port.load(Ordering::Relaxed);
        if port == 0 {
            return Err(SyslogSwitchError::NotListening);
        }
        let model = draft.record.model.clone();
        let host = self
            .reached_by(&draft.record)
            .and_then(|url| url.host_str().map(str::to_owned));
        Ok(Plan {
            model: model.ok_or(SyslogSwitchError::UnknownModel)?,
            host: host.ok_or(SyslogSwitchError::UnknownHost)?,
            port,
        })
    }

    /// Points the phone's file here. The level that was written.
    fn point_syslog(
        &self,
        draft: &mut Draft,
        plan: &Plan,
        level: Option<&str>,
    ) -> Result<Option<String>, SyslogSwitchError> {
        let pack = Arc::clone(&draft.pack);
        let model = &plan.model;
        let rule = pack
            .syslog_rule(model)
            .ok_or_else(|| SyslogSwitchError::UnknownWay {
                model: model.clone(),
            })?;
        if !rule.reaches(plan.port) {
            return Err(SyslogSwitchError::OtherPort {
                model: model.clone(),
                port: plan.port,
            });
        }
        let level = level.or(rule.usual_level());
        if let Some(level) = level
            && !rule.levels().any(|known| known == level)
        {
            let known: Vec<&str> = rule.levels().collect();
            return Err(SyslogSwitchError::UnknownLevel {
                model: model.clone(),
                level: level.to_owned(),
                known: known.join(", "),
            });
        }
        let target = SyslogTarget {
            host: &plan.host,
            port: plan.port,
            level,
        };
        let documents = draft.documents(self)?;
        let pointers = documents.edit(|layers| pack.point_syslog(layers, rule, &target))?;
        draft.record.syslog = SyslogSwitch { pointers };
        Ok(level.map(str::to_owned))
    }
}
