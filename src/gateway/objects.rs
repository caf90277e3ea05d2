//! AddObject and DeleteObject (cwmp.md M70 to M75): all or nothing, on disk before the answer.

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::inform_parameters::{self, INFORM_PARAMETERS};
use super::rpc::{printable, unknown_name};
use crate::cwmp::{CpeResponse, Fault, FaultCode};
use crate::datamodel::{Entry, ObjectPath, ParameterPath};
use crate::device::ChangeAuthor;
use crate::mapping::{Pack, RowProblem, Rows};
use crate::native::{Layers, Mac};

impl Gateway {
    pub(super) async fn add_object(
        &self,
        mac: Mac,
        object_name: &str,
        parameter_key: String,
    ) -> Result<CpeResponse, Fault> {
        let table = read_object(object_name)?;
        self.change(mac, |draft, live| {
            draft.author = ChangeAuthor::Acs;
            // Refuses a model whose keys mean other things, as setting values does.
            self.view(mac, live)?;
            let added = if draft.is_own_table(&table) {
                draft.add_own_row()
            } else {
                draft.change_rows(self, |pack, layers, rows| {
                    pack.add_row(layers, rows, &table)
                })?
            };
            let instance = added.map_err(|problem| fault(&table, &problem))?;
            draft.settle_rows(&table);
            draft.record.cpe.parameter_key = parameter_key;
            Ok(CpeResponse::AddObject {
                instance,
                applied_later: draft.is_applied_later(&table),
            })
        })
        .await
    }

    pub(super) async fn delete_object(
        &self,
        mac: Mac,
        object_name: &str,
        parameter_key: String,
    ) -> Result<CpeResponse, Fault> {
        let row = read_object(object_name)?;
        self.change(mac, |draft, live| {
            draft.author = ChangeAuthor::Acs;
            self.view(mac, live)?;
            let is_own = row.parent().is_some_and(|table| draft.is_own_table(&table));
            let deleted = if is_own {
                draft.delete_own_row(&row)
            } else {
                draft.change_rows(self, |pack, layers, rows| {
                    pack.delete_row(layers, rows, &row)
                })?
            };
            deleted.map_err(|problem| fault(&row, &problem))?;
            draft.forget_below(&row);
            let table = row.parent().unwrap_or_else(|| row.clone());
            draft.settle_rows(&table);
            draft.record.cpe.parameter_key = parameter_key;
            Ok(CpeResponse::DeleteObject {
                applied_later: draft.is_applied_later(&table),
            })
        })
        .await
    }
}

impl Draft {
    /// Changes which rows there are, with what that means for the phone's file.
    fn change_rows<T>(
        &mut self,
        gateway: &Gateway,
        work: impl FnOnce(&Pack, &mut Layers, &mut Rows) -> Result<T, RowProblem>,
    ) -> Result<Result<T, RowProblem>, GatewayError> {
        let pack = std::sync::Arc::clone(&self.pack);
        let mut rows = self.record.rows.clone();
        let documents = self.documents(gateway)?;
        let outcome = documents.edit(|layers| work(&pack, layers, &mut rows));
        if outcome.is_ok() {
            self.record.rows = rows;
            self.derive_anew = true;
        }
        Ok(outcome)
    }

    /// Whether the rows of a table are the CPE's own, and no places of the phone.
    fn is_own_table(&self, table: &ObjectPath) -> bool {
        let is_known = self.pack.schema().entry(table.as_str()).is_some();
        is_known && table.as_str() == INFORM_PARAMETERS
    }

    fn add_own_row(&mut self) -> Result<u32, RowProblem> {
        let cpe = &mut self.record.cpe;
        if cpe.inform_parameters.len() >= inform_parameters::MAX_ROWS {
            return Err(RowProblem::Full {
                slots: u32::try_from(inform_parameters::MAX_ROWS).unwrap_or(u32::MAX),
            });
        }
        Ok(inform_parameters::add(cpe))
    }

    fn delete_own_row(&mut self, row: &ObjectPath) -> Result<(), RowProblem> {
        let number = row.as_str().strip_prefix(INFORM_PARAMETERS);
        let number = number.and_then(|rest| rest.strip_suffix('.')?.parse().ok());
        let number =
            number.filter(|number| row.as_str() == format!("{INFORM_PARAMETERS}{number}."));
        let is_gone =
            number.is_some_and(|number| inform_parameters::remove(&mut self.record.cpe, number));
        is_gone.then_some(()).ok_or(RowProblem::Unknown)
    }

    /// Whether the phone still has to fetch what the change means for it (cwmp.md M4).
    fn is_applied_later(&self, table: &ObjectPath) -> bool {
        let is_outstanding = self.record.delivery.is_outstanding();
        self.gives_another_file() || is_outstanding && !self.is_own_table(table)
    }

    /// The ACS that adds or deletes a row knows itself that their number is another one. Whether it
    /// is to hear of it all the same, cwmp.md A3 and check C186 leave open.
    fn settle_rows(&mut self, table: &ObjectPath) {
        let entry = self.pack.schema().entry(table.as_str());
        let count = entry
            .and_then(Entry::table)
            .and_then(|table| table.count.as_ref());
        if let (Some(count), Some(holder)) = (count, table.parent())
            && let Ok(counter) = format!("{holder}{count}").parse::<ParameterPath>()
        {
            self.set_by_acs.insert(counter);
        }
    }

    /// Forgets what was kept of the parameters of a row that is gone (cwmp.md A9). Names below the
    /// tables of a phone are the same in every view.
    fn forget_below(&mut self, row: &ObjectPath) {
        let is_gone = |path: &ParameterPath| path.as_str().starts_with(row.as_str());
        let record = &mut self.record;
        record.cpe.attributes.retain(|path, _| !is_gone(path));
        record.kept.retain(|path, _| !is_gone(path));
    }
}

/// A path of another form is that of nothing.
fn read_object(name: &str) -> Result<ObjectPath, Fault> {
    name.parse().map_err(|_| unknown_name(name))
}

fn fault(object: &ObjectPath, problem: &RowProblem) -> Fault {
    let code = match problem {
        RowProblem::Unknown | RowProblem::Fixed => FaultCode::InvalidParameterName,
        RowProblem::Full { .. } => FaultCode::ResourcesExceeded,
        RowProblem::Refused(_) => FaultCode::RequestDenied,
    };
    Fault::new(code, format!("{}: {problem}", printable(object.as_str())))
}
