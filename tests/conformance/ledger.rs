//! The ledger of the invariants: every message that any ACS of the run receives is looked at, and
//! C001 to C012 answer for all of them at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trestle::sim::acs::{Exchange, Observer};

use crate::model::Model;
use crate::runner::Outcome;
use crate::variant::{Template, Variant};

/// Highest id of an invariant.
pub(crate) const LAST_INVARIANT: u16 = 12;
/// So many findings of an invariant are shown.
const SHOWN: usize = 12;

/// What was seen of one variant.
#[derive(Debug, Default)]
struct Account {
    messages: u64,
    /// By id; each says once what is wrong, with the first device that it was seen of.
    findings: BTreeMap<String, BTreeMap<String, String>>,
}

static LEDGER: Mutex<BTreeMap<Variant, Account>> = Mutex::new(BTreeMap::new());

/// Enters what an ACS receives from devices with this template, for this thread's variant.
pub(crate) fn observer(template: Template) -> Arc<Observer> {
    let (variant, model) = (Variant::current(), Model::of(template));
    Arc::new(move |exchange| enter(variant, model, exchange))
}

/// What became of the invariants; empty for a variant that sent no message.
pub(crate) fn outcomes(variant: Variant) -> Vec<(u16, Outcome)> {
    let ledger = lock();
    let Some(account) = ledger.get(&variant) else {
        return Vec::new();
    };
    let of = |id: u16| match account.findings.get(&format!("C{id:03}")) {
        None => Outcome::Passed,
        Some(findings) => {
            let shown: Vec<String> = findings
                .iter()
                .take(SHOWN)
                .map(|(text, device)| format!("{device}: {text}"))
                .collect();
            Outcome::Failed(format!(
                "{} kinds of findings in {} messages:\n    {}",
                findings.len(),
                account.messages,
                shown.join("\n    ")
            ))
        }
    };
    (1..=LAST_INVARIANT).map(|id| (id, of(id))).collect()
}

fn enter(variant: Variant, model: &Model, exchange: &Exchange) {
    let device = exchange.serial.clone().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for finding in &exchange.findings {
        seen.insert((finding.id.to_owned(), finding.text.clone()));
    }
    if let Some(message) = &exchange.message {
        for (id, text) in model.findings(message) {
            seen.insert((id.to_owned(), text));
        }
    }
    let mut ledger = lock();
    let account = ledger.entry(variant).or_default();
    account.messages += 1;
    for (id, text) in seen {
        let findings = account.findings.entry(id).or_default();
        findings.entry(text).or_insert_with(|| device.clone());
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<Variant, Account>> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}
