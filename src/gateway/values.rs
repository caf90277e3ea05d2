//! SetParameterValues: all or nothing (cwmp.md M20–M31).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use url::Url;

use super::core::Gateway;
use super::cpe_parameters::OwnParameter;
use super::door::GatewayError;
use super::draft::Draft;
use super::edit_report::{EditReport, SetReport};
use super::rpc::printable;
use super::unique_keys::{self, Wanted};
use super::view::{Shown, View};
use crate::cwmp::{Fault, FaultCode, ParameterFault, SetValue};
use crate::datamodel::{ParameterPath, ValueProblem, ValueType};
use crate::device::ChangeAuthor;
use crate::mapping::{Change, Refusal, RefusalReason};
use crate::native::Mac;

/// A parameter of the CPE itself, with the text it gets.
struct OwnChange {
    path: ParameterPath,
    parameter: OwnParameter,
    value: String,
}

/// A change that a person ordered was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The device is not known, or the store failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The fault that an ACS would get.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a call changes, checked as far as it can be without trying.
#[derive(Default)]
struct Checked {
    own: Vec<OwnChange>,
    /// The ACS is another one from now on.
    another_acs: bool,
    lens: Vec<Change>,
    /// What no file has a place for, in canonical form.
    kept: Vec<KeptChange>,
}

/// A parameter that no file has a place for, with the text it gets.
struct KeptChange {
    path: ParameterPath,
    /// Under which it is kept, whatever the data model calls it.
    kept_as: ParameterPath,
    value: String,
}

impl Gateway {
    /// Sets values for the ACS. Says whether they take effect only once the phone has fetched
    /// its file (Status 1).
    pub(super) async fn set_values(
        &self,
        mac: Mac,
        parameters: Vec<SetValue>,
        parameter_key: String,
    ) -> Result<bool, Fault> {
        self.change(mac, |draft, live| {
            let names = names(&parameters);
            let view = match self.view_to_set(draft, live, &names)? {
                Some(view) => Arc::new(view),
                None => self.view_naming(mac, live, names, false)?,
            };
            let checked = self.check(draft, &view, &parameters)?;
            draft.set_by_acs = checked.paths();
            draft.author = ChangeAuthor::Acs;
            let report = self.apply(draft, checked)?;
            draft.record.cpe.parameter_key = parameter_key;
            Ok(report.applied_later)
        })
        .await
    }

    /// Sets values for a person, who sees the same checks as an ACS.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed then.
    pub async fn set_by_operator(
        &self,
        mac: Mac,
        values: Vec<(String, String)>,
    ) -> Result<SetReport, ChangeError> {
        let parameters: Vec<SetValue> = values
            .into_iter()
            .map(|(name, value)| SetValue {
                name,
                value,
                value_type: None,
            })
            .collect();
        self.change(mac, |draft, live| {
            let view = match self.view_to_set(draft, live, &names(&parameters))? {
                Some(view) => Arc::new(view),
                None => self.view(mac, live)?,
            };
            draft.author = ChangeAuthor::Operator;
            Ok(self.set_on(draft, &view, &parameters)?)
        })
        .await
    }

    /// Sets values on a draft, checked as those of a person are.
    pub(super) fn set_on(
        &self,
        draft: &mut Draft,
        view: &View,
        parameters: &[SetValue],
    ) -> Result<SetReport, Fault> {
        let checked = self.check(draft, view, parameters)?;
        self.apply(draft, checked)
    }

    /// Takes settings of the phone's own file back for a person: where a file is a patch, by
    /// writing the phone's default, because the phone keeps what a file does not name; elsewhere by
    /// removing the phone's own line. What an ACS had set and no file has a place for goes back to
    /// its default.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed then.
    pub async fn unset_by_operator(
        &self,
        mac: Mac,
        paths: Vec<String>,
    ) -> Result<SetReport, ChangeError> {
        self.change(mac, |draft, live| {
            draft.author = ChangeAuthor::Operator;
            // Refuses a model whose keys mean other things, as setting does.
            let view = self.view(mac, live)?;
            let mut in_files = Vec::new();
            let mut refused = Vec::new();
            for name in paths {
                match name.parse::<ParameterPath>() {
                    Ok(path) if view.cpe_parameter(path.as_str()).is_some() => {
                        refused.push(ParameterFault {
                            name,
                            code: FaultCode::NotWritable,
                            text: "it is the virtual CPE's own and stands in no file; set it \
                                   instead, if it can be set"
                                .to_owned(),
                        });
                    }
                    Ok(path) => {
                        let kept_as = view.pack.kept_as(&path, &view.record.rows);
                        match kept_as.and_then(|kept_as| draft.record.kept.remove(&kept_as)) {
                            Some(_) => draft.derive_anew = true,
                            None => in_files.push(path),
                        }
                    }
                    Err(_) => refused.push(ParameterFault {
                        name,
                        code: FaultCode::InvalidParameterName,
                        text: "no such parameter".to_owned(),
                    }),
                }
            }
            if !refused.is_empty() {
                return Err(invalid_arguments(refused).into());
            }
            let edits = draft.unset(self, &in_files)?.map_err(faults_of)?;
            let was_outstanding = draft.record.delivery.is_outstanding();
            Ok(SetReport {
                applied_later: draft.gives_another_file()
                    || was_outstanding && !in_files.is_empty(),
                edits: edits.into_iter().map(EditReport::from).collect(),
            })
        })
        .await
    }

    fn check(
        &self,
        draft: &mut Draft,
        view: &View,
        parameters: &[SetValue],
    ) -> Result<Checked, Fault> {
        let mut names = HashSet::new();
        if let Some(twice) = parameters
            .iter()
            .find(|parameter| !names.insert(parameter.name.as_str()))
        {
            return Err(Fault::new(
                FaultCode::InvalidArguments,
                format!("{} is set twice", printable(&twice.name)),
            ));
        }
        let now = self.inner.clock.now();
        let mut checked = Checked::default();
        let mut faults = Vec::new();
        for parameter in parameters {
            let shown = match view.parameter(&parameter.name, now) {
                Some(shown) => Some(shown),
                None => self.unshown(draft, &parameter.name)?,
            };
            let outcome = shown
                .ok_or((
                    FaultCode::InvalidParameterName,
                    "no such parameter".to_owned(),
                ))
                .and_then(|shown| {
                    let value = check_one(view, &shown, parameter)?;
                    checked.add(view, shown, value)
                });
            if let Err((code, text)) = outcome {
                faults.push(ParameterFault {
                    name: parameter.name.clone(),
                    code,
                    text,
                });
            }
        }
        if faults.is_empty() {
            faults = unique_keys::clashes(view, &checked.wanted(), now);
        }
        if faults.is_empty() {
            return Ok(checked);
        }
        // The others may be bad too, in a way that only writing them shows (cwmp.md M22).
        let refusals = draft.refusals(self, &checked.lens)?;
        faults.extend(refusals.into_iter().map(parameter_fault));
        Err(invalid_arguments(faults))
    }
}

impl Gateway {
    /// A parameter that is not shown as long as no file sets it, but can be written.
    fn unshown(&self, draft: &mut Draft, name: &str) -> Result<Option<Shown>, GatewayError> {
        let Ok(path) = name.parse::<ParameterPath>() else {
            return Ok(None);
        };
        let pack = Arc::clone(&draft.pack);
        let rows = draft.record.rows.clone();
        let documents = draft.documents(self)?;
        let parameter = pack.parameter(&documents.layers, &rows, &path);
        Ok(parameter.map(Shown::from))
    }
}

impl Checked {
    /// Every parameter that the call names.
    fn paths(&self) -> BTreeSet<ParameterPath> {
        let own = self.own.iter().map(|change| &change.path);
        let lens = self.lens.iter().map(|change| &change.path);
        let kept = self.kept.iter().map(|change| &change.path);
        own.chain(lens).chain(kept).cloned().collect()
    }

    /// What the call gives each of them.
    fn wanted(&self) -> Wanted<'_> {
        let own = self.own.iter().map(|change| (&change.path, &change.value));
        let lens = self.lens.iter().map(|change| (&change.path, &change.value));
        let kept = self.kept.iter().map(|change| (&change.path, &change.value));
        let all = own.chain(lens).chain(kept);
        all.map(|(path, value)| (path.as_str(), value.as_str()))
            .collect()
    }

    fn add(&mut self, view: &View, shown: Shown, value: String) -> Result<(), (FaultCode, String)> {
        match view.cpe_parameter(shown.path.as_str()) {
            Some(own) => {
                if !own.is_settable() {
                    return Err(not_writable());
                }
                own.check(&value)
                    .map_err(|why| (FaultCode::InvalidParameterValue, why))?;
                if shown.path.as_str() == "Device.ManagementServer.URL" {
                    // The same URL in another spelling is no other ACS.
                    self.another_acs |= Url::parse(&value) != Url::parse(&shown.value);
                }
                self.own.push(OwnChange {
                    path: shown.path,
                    parameter: own,
                    value,
                });
            }
            None if view.pack.is_kept(&shown.path, &view.record.rows) => {
                let rows = &view.record.rows;
                let kept = view.pack.check_kept(&shown.path, rows, &value);
                let (kept_as, value) = kept.map_err(fault_of)?;
                self.kept.push(KeptChange {
                    path: shown.path,
                    kept_as,
                    value,
                });
            }
            None => {
                let value = view
                    .meant(&shown.path, value)
                    .map_err(|why| (FaultCode::InvalidParameterValue, why))?;
                self.lens.push(Change {
                    path: shown.path,
                    value,
                });
            }
        }
        Ok(())
    }
}

fn names(parameters: &[SetValue]) -> Vec<&str> {
    let names = parameters.iter().map(|parameter| parameter.name.as_str());
    names.collect()
}

fn check_one(
    view: &View,
    shown: &Shown,
    parameter: &SetValue,
) -> Result<String, (FaultCode, String)> {
    if !shown.writable {
        return Err(not_writable());
    }
    // Many ACSs send everything as a string: what counts then is whether the text can be read
    // as the parameter's type (cwmp.md M26).
    let given = parameter.value_type.unwrap_or(ValueType::String);
    if given != ValueType::String && !is_compatible(given, shown.value_type) {
        return Err((
            FaultCode::InvalidParameterType,
            format!(
                "{} was given, {} is wanted",
                given.xsd_name(),
                shown.value_type.xsd_name()
            ),
        ));
    }
    match view.entry(shown.path.as_str()) {
        Some(entry) => entry
            .check(&parameter.value)
            .map_err(|problem| (value_fault(&problem), problem.to_string())),
        None => shown
            .value_type
            .canonical(&parameter.value)
            .map_err(|error| (FaultCode::InvalidParameterValue, error.to_string())),
    }
}

/// Whether a value of one type may be given for another: whole numbers of any kind for each
/// other, their range is checked besides.
fn is_compatible(given: ValueType, wanted: ValueType) -> bool {
    let is_number = |value_type| {
        matches!(
            value_type,
            ValueType::Int | ValueType::Long | ValueType::UnsignedInt | ValueType::UnsignedLong
        )
    };
    given == wanted || is_number(given) && is_number(wanted)
}

fn value_fault(problem: &ValueProblem) -> FaultCode {
    match problem {
        ValueProblem::WrongType(_) => FaultCode::InvalidParameterType,
        _ => FaultCode::InvalidParameterValue,
    }
}

fn not_writable() -> (FaultCode, String) {
    (
        FaultCode::NotWritable,
        "the parameter is read-only".to_owned(),
    )
}

impl Gateway {
    /// Makes the changes on the draft. Says what came of them.
    fn apply(&self, draft: &mut Draft, checked: Checked) -> Result<SetReport, Fault> {
        let edits = draft.set(self, &checked.lens)?.map_err(faults_of)?;
        for KeptChange { kept_as, value, .. } in checked.kept {
            let before = draft.record.kept.insert(kept_as, value.clone());
            draft.derive_anew |= before.as_ref() != Some(&value);
        }
        for change in checked.own {
            change.parameter.write(&mut draft.record.cpe, &change.value);
        }
        if checked.another_acs {
            draft.begin_with_a_new_acs();
        }
        let was_outstanding = draft.record.delivery.is_outstanding();
        Ok(SetReport {
            applied_later: draft.gives_another_file()
                || was_outstanding && !checked.lens.is_empty(),
            edits: edits.into_iter().map(EditReport::from).collect(),
        })
    }
}

/// The fault for changes that a file does not take.
pub(super) fn faults_of(refusals: Vec<Refusal>) -> Fault {
    invalid_arguments(refusals.into_iter().map(parameter_fault).collect())
}

fn parameter_fault(refusal: Refusal) -> ParameterFault {
    let (code, text) = fault_of(refusal.reason);
    ParameterFault {
        name: refusal.path.to_string(),
        code,
        text,
    }
}

fn fault_of(reason: RefusalReason) -> (FaultCode, String) {
    match reason {
        RefusalReason::Unknown => (
            FaultCode::InvalidParameterName,
            "no such parameter".to_owned(),
        ),
        RefusalReason::ReadOnly => not_writable(),
        RefusalReason::WrongType => (
            FaultCode::InvalidParameterType,
            "the value is of another type".to_owned(),
        ),
        RefusalReason::BadValue { why } => (FaultCode::InvalidParameterValue, why),
    }
}

fn invalid_arguments(mut parameters: Vec<ParameterFault>) -> Fault {
    // One entry per bad parameter (cwmp.md M22), whatever found it.
    let mut seen = HashSet::new();
    parameters.retain(|fault| seen.insert(fault.name.clone()));
    Fault {
        code: FaultCode::InvalidArguments,
        text: "invalid arguments".to_owned(),
        parameters,
    }
}
