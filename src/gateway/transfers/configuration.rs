//! A downloaded configuration takes the place of the phone's own file.

use std::sync::Arc;

use bytes::Bytes;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::super::draft::Draft;
use super::super::file_passwords::Whose;
use super::outcome::transfer_fault;
use crate::cwmp::{Fault, FaultCode, TransferFault};
use crate::device::ChangeAuthor;
use crate::native::{Document, LayerKind, Seal};
use crate::store::MAX_LONG_VALUE_BYTES;

impl Draft {
    /// Puts a downloaded file in the place of the phone's own, if it is a file for this phone.
    pub(super) fn install(
        &mut self,
        gateway: &Gateway,
        content: Bytes,
        file_size: u32,
    ) -> Result<Result<(), TransferFault>, GatewayError> {
        let (mac, name) = (self.mac, self.record.own_file.file_name().to_owned());
        let pack = Arc::clone(&self.pack);
        let model = self.record.model.clone();
        let documents = match self.documents(gateway) {
            Err(error @ GatewayError::Sealed { .. }) => {
                let fault = Fault::from(error);
                return Ok(Err(transfer_fault(fault.code, fault.text)));
            }
            documents => documents?,
        };
        let own_dialect = documents.own_file.role.dialect();
        let corrupted = |text: String| Ok(Err(transfer_fault(FaultCode::FileCorrupted, text)));
        if file_size != 0 && content.len() as u64 != u64::from(file_size) {
            let length = content.len();
            return corrupted(format!(
                "the file has {length} bytes, {file_size} were announced"
            ));
        }
        if content.len() > MAX_LONG_VALUE_BYTES {
            let text = format!(
                "the file has {} bytes; at most {MAX_LONG_VALUE_BYTES} are taken",
                content.len()
            );
            return Ok(Err(transfer_fault(FaultCode::TransferFailure, text)));
        }
        let whose = Whose {
            vendor: Some(pack.vendor()),
            model: model.as_deref(),
            mac: Some(mac),
        };
        let passwords = &gateway.inner.settings.file_passwords;
        let is_plain = !Seal::may_be_on(&content) || pack.identify_own(&name, &content).is_some();
        let (plain, seal) = if is_plain && !Seal::is_on(&content) {
            // A file that was encrypted stays so: the phone's secrets are not to go out in clear.
            (content.to_vec(), documents.seal().cloned())
        } else {
            match passwords.open(whose, &content) {
                Ok((plain, seal)) => (plain, Some(seal)),
                Err(error) => return corrupted(format!("the file can't be read: {error}")),
            }
        };
        let identity = pack.identify_own(&name, &plain);
        let Some(identity) = identity.filter(|identity| identity.layer == LayerKind::Phone) else {
            return corrupted(format!("the file is none that this phone reads as {name}"));
        };
        if Some(identity.dialect) != own_dialect {
            return corrupted(format!(
                "the file is written as {}, the phone's own is not",
                identity.dialect.name()
            ));
        }
        let document = Document::parse(identity.dialect, plain);
        if let Some(problem) = document
            .problems()
            .iter()
            .find(|problem| problem.kind.is_damage())
        {
            return corrupted(problem.to_string());
        }
        match document.declared_mac() {
            Some(Ok(declared)) if declared != mac => {
                return corrupted(format!("the file is for phone {declared}"));
            }
            Some(Err(error)) => return corrupted(error.to_string()),
            Some(Ok(_)) | None => {}
        }
        documents.replace_own(&pack, document, seal);
        self.author = ChangeAuthor::Acs;
        Ok(Ok(()))
    }
}
