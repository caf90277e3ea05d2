//! A change of one device: worked out on a copy, committed whole or not at all.

mod derived_parameters;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::closed::if_open;
use super::core::Gateway;
use super::documents::Documents;
use super::door::GatewayError;
use super::file_passwords::Whose;
use super::live::Live;
use super::own_cpe::{NO_VENDOR, OWN_MAC, place_of};
use super::schedule::after;
use super::view::{View, provisional_identity};
use crate::cwmp::{DeviceId, Event, EventCode};
use crate::datamodel::ParameterPath;
use crate::device::{
    ChangeAuthor, DeviceRecord, FileRecord, FileRole, Mark, TransferOrder, TreePath,
};
use crate::mapping::{Change, NativeEdit, Pack, Refusal};
use crate::native::{Document, Mac, Seal};
use crate::store::{Batch, Record, Table, Ticket, decode, encode};
use crate::wire::ContentHash;

pub(super) use derived_parameters::stored_parameters;

/// How long a phone that is here has to fetch its own file before it is told to.
const PHONE_IS_HERE_WAIT: Duration = Duration::from_secs(30);

/// A device on which a change is worked out.
pub(super) struct Draft {
    pub(super) mac: Mac,
    pub(super) record: DeviceRecord,
    pub(super) pack: Arc<Pack>,
    /// Bytes of the stored record that the change starts from; `None` for a new device.
    original: Option<Vec<u8>>,
    /// A stored record is there and does not read back: whatever it is, this takes its place.
    is_unreadable: bool,
    /// The record as it was loaded; `None` for a new device.
    before: Option<Arc<DeviceRecord>>,
    /// The phone's files, once the change needs them.
    documents: Option<Documents>,
    /// Parameters have to be derived anew although the own document is the same: another layer,
    /// model or mapping pack.
    pub(super) derive_anew: bool,
    /// Something has happened that the ACS is to hear of at once.
    pub(super) news: bool,
    /// What is added to the events was owed before: it ends no wait for a retry.
    pub(super) owed_before: bool,
    /// Parameters that the ACS itself is setting: it need not hear of them (cwmp.md A3).
    pub(super) set_by_acs: BTreeSet<ParameterPath>,
    /// Files besides the phone's own that come or go with the change.
    pub(super) other_files: Vec<(TreePath, Option<FileRecord>)>,
    /// The phone is about to be given its own file: it need not be told to fetch it.
    pub(super) phone_is_here: bool,
    /// Who changes the phone's file.
    pub(super) author: ChangeAuthor,
    /// An image that the phone has taken, and the version that it says it runs since.
    pub(super) proven_firmware: Option<(ContentHash, String)>,
    /// What is changed in it, in one line; made when it is written.
    what: String,
}

/// A stored record does not read back as it was written.
pub(super) struct Unreadable;

/// What a commit leaves to do.
pub(super) struct Written {
    /// Says when it is on disk; `None` when there was nothing to write.
    ticket: Option<Ticket>,
    /// The gateway's ACS is to hear of a new phone.
    pub(super) has_new_row: bool,
}

impl Draft {
    /// Nothing of it is stored, and nothing is changed yet.
    fn new(mac: Mac, record: DeviceRecord, pack: Arc<Pack>) -> Self {
        Self {
            mac,
            record,
            pack,
            original: None,
            is_unreadable: false,
            before: None,
            documents: None,
            derive_anew: false,
            news: false,
            owed_before: false,
            set_by_acs: BTreeSet::new(),
            other_files: Vec::new(),
            phone_is_here: false,
            author: ChangeAuthor::RollOut,
            proven_firmware: None,
            what: String::new(),
        }
    }

    /// A device that has not been known, or whose record or file could not be read: `original` is
    /// what is stored of it.
    pub(super) fn of_tree(
        mac: Mac,
        record: DeviceRecord,
        original: Result<Option<Vec<u8>>, Unreadable>,
        pack: Arc<Pack>,
        mut documents: Documents,
    ) -> Self {
        documents.is_changed = true;
        Self {
            is_unreadable: original.is_err(),
            original: original.unwrap_or_default(),
            documents: Some(documents),
            derive_anew: true,
            author: ChangeAuthor::Import,
            ..Self::new(mac, record, pack)
        }
    }

    /// The phone's files.
    ///
    /// # Errors
    /// [`GatewayError`] when one can't be read.
    pub(super) fn documents(&mut self, gateway: &Gateway) -> Result<&mut Documents, GatewayError> {
        if self.documents.is_none() {
            self.documents = Some(gateway.open_documents(&self.record, &self.pack)?);
        }
        self.documents
            .as_mut()
            .ok_or(GatewayError::UnknownPhone(self.mac))
    }

    /// The phone's files, with a document in the place of its own file that can't be opened.
    ///
    /// # Errors
    /// [`GatewayError`] when another one can't be read.
    pub(super) fn open_as(
        &mut self,
        gateway: &Gateway,
        own: Document,
        seal: Option<Seal>,
    ) -> Result<&mut Documents, GatewayError> {
        let path = &self.record.own_file;
        let own_file = gateway.load_file(path)?;
        let own_file =
            own_file.ok_or_else(|| GatewayError::MissingContent { path: path.clone() })?;
        let layers = gateway.layers(&self.record, own, &self.pack)?;
        let documents = Documents::new(layers, own_file, seal);
        Ok(self.documents.insert(documents))
    }

    /// Sets parameters that lenses cover, all or none.
    pub(super) fn set(
        &mut self,
        gateway: &Gateway,
        changes: &[Change],
    ) -> Result<Result<Vec<NativeEdit>, Vec<Refusal>>, GatewayError> {
        if changes.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let pack = Arc::clone(&self.pack);
        let rows = self.record.rows.clone();
        let documents = self.documents(gateway)?;
        Ok(documents.edit(|layers| pack.write(layers, &rows, changes)))
    }

    /// Takes settings of the phone's own file back.
    pub(super) fn unset(
        &mut self,
        gateway: &Gateway,
        paths: &[ParameterPath],
    ) -> Result<Result<Vec<NativeEdit>, Vec<Refusal>>, GatewayError> {
        if paths.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let pack = Arc::clone(&self.pack);
        let rows = self.record.rows.clone();
        let documents = self.documents(gateway)?;
        Ok(documents.edit(|layers| pack.unset(layers, &rows, paths)))
    }

    /// What the refusals of these changes would be, without making any.
    pub(super) fn refusals(
        &mut self,
        gateway: &Gateway,
        changes: &[Change],
    ) -> Result<Vec<Refusal>, GatewayError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let pack = Arc::clone(&self.pack);
        let rows = self.record.rows.clone();
        let mut layers = self.documents(gateway)?.layers.clone();
        Ok(pack
            .write(&mut layers, &rows, changes)
            .err()
            .unwrap_or_default())
    }

    /// Whether the change so far gives the phone another file.
    pub(super) fn gives_another_file(&self) -> bool {
        self.documents
            .as_ref()
            .is_some_and(|documents| documents.is_changed)
    }

    /// The device has another ACS: it owes the old one nothing, and the new one a `0 BOOTSTRAP`
    /// (cwmp.md G1, V3).
    pub(super) fn begin_with_a_new_acs(&mut self) {
        let cpe = &mut self.record.cpe;
        let is_of_a_person = |order: &TransferOrder| matches!(order, TransferOrder::Assigned(_));
        cpe.transfers
            .retain(|transfer| is_of_a_person(&transfer.order));
        cpe.autonomous_reports.clear();
        cpe.wishes.clear();
        cpe.scheduled_informs.clear();
        cpe.lightweight.changed.clear();
        cpe.retry_count = 0;
        cpe.informed_acs = None;
        cpe.acs_version = None;
        cpe.events.add(Event::plain(EventCode::Bootstrap));
        // A restart that was ordered stands; the key of the order means nothing to the new ACS.
        let ordered = &mut self.record.delivery.reboot.keys;
        if ordered.iter().any(Option::is_some) {
            *ordered = vec![None];
        }
    }

    /// Notes what the change means for what the phone has and should have.
    fn follow_delivery(&mut self, now: Timestamp) {
        let after = &self.record;
        if after.delivery.desired == 0 {
            // No phone stands behind the gateway's own CPE.
            return;
        }
        let before = self.before.as_deref();
        let booted_before = before.and_then(|before| before.booted_at);
        let restarted = after
            .booted_at
            .filter(|booted| booted_before.is_some_and(|before| before != *booted));
        let made = || (self.author, std::mem::take(&mut self.what));
        self.record.changes.follow(
            before.map(|before| &before.delivery),
            &self.record.delivery,
            made,
            restarted,
            now,
        );
    }

    /// The record as it was loaded; `None` for a new device.
    pub(super) fn before(&self) -> Option<&DeviceRecord> {
        self.before.as_deref()
    }

    /// The record as it is now.
    pub(super) fn shared_record(&self) -> Arc<DeviceRecord> {
        match &self.before {
            Some(before) if **before == self.record => Arc::clone(before),
            _ => Arc::new(self.record.clone()),
        }
    }

    /// Whether a commit would write nothing: nothing has changed since it was loaded, and nothing
    /// is to be caught up on.
    fn is_untouched(&self) -> bool {
        let is_of_today = self.original.as_ref().and_then(|bytes| bytes.first())
            == Some(&<DeviceRecord as Record>::VERSION);
        self.before.as_deref() == Some(&self.record)
            && is_of_today
            && self.record.identity.is_some()
            && self.record.lenses == self.pack.id().to_string()
            && !self.derive_anew
            && !self.gives_another_file()
            && self.other_files.is_empty()
    }

    fn events_before(&self) -> Mark {
        self.before
            .as_ref()
            .map(|before| before.cpe.events.mark())
            .unwrap_or_default()
    }
}

impl Gateway {
    /// Loads a device to work on.
    pub(super) fn draft(&self, mac: Mac) -> Result<Draft, GatewayError> {
        let (record, original) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        self.draft_of(mac, Arc::new(record), original)
    }

    /// The same with the device's record, and the bytes that it is stored in.
    pub(super) fn draft_of(
        &self,
        mac: Mac,
        before: Arc<DeviceRecord>,
        original: Vec<u8>,
    ) -> Result<Draft, GatewayError> {
        let pack = self.lenses(&before)?;
        let mut draft = Draft {
            original: Some(original),
            ..Draft::new(mac, DeviceRecord::clone(&before), pack)
        };
        draft.before = Some(before);
        // Rows and parameters of other lenses mean nothing to these. A file that can't be read is
        // told where it is needed.
        if draft.record.lenses != draft.pack.id().to_string() {
            let pack = Arc::clone(&draft.pack);
            let previous = draft.record.rows.clone();
            if let Ok(documents) = draft.documents(self) {
                draft.record.rows = pack.rows(&documents.layers, &previous);
                draft.derive_anew = true;
            }
        }
        Ok(draft)
    }

    /// The phone's files as they are stored.
    pub(super) fn open_documents(
        &self,
        record: &DeviceRecord,
        pack: &Pack,
    ) -> Result<Documents, GatewayError> {
        if record.vendor == NO_VENDOR {
            return Ok(Documents::none(pack));
        }
        let missing = || GatewayError::MissingContent {
            path: record.own_file.clone(),
        };
        let own_file = self.load_file(&record.own_file)?.ok_or_else(missing)?;
        let FileRole::Phone { mac, dialect, .. } = own_file.role else {
            return Err(missing());
        };
        let bytes = self.content_bytes(&record.own_file, &own_file)?;
        let whose = Whose {
            vendor: Some(&record.vendor),
            model: record.model.as_deref(),
            mac: Some(mac),
        };
        let (own, seal) = self.open_document(&record.own_file, dialect, whose, bytes)?;
        let layers = self.layers(record, own, pack)?;
        Ok(Documents::new(layers, own_file, seal))
    }

    /// Changes a device: loads it, lets `work` change the copy, and has the outcome on disk before
    /// it returns. When `work` fails, nothing has happened.
    pub(super) async fn change<T, E>(
        &self,
        mac: Mac,
        work: impl FnOnce(&mut Draft, &mut Live) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<GatewayError>,
    {
        let mut live = self.hold(mac).await;
        let mut draft = self.draft(mac)?;
        let outcome = work(&mut draft, &mut live)?;
        self.commit(draft, &mut live).await?;
        Ok(outcome)
    }

    /// Commits a draft and plans what it makes due. Nothing is written when nothing changed. It is
    /// on disk when this returns.
    pub(super) async fn commit(&self, draft: Draft, live: &mut Live) -> Result<(), GatewayError> {
        let written = self.write(draft, live)?;
        self.finish(written).await
    }

    /// Waits until what was written is on disk, and does what it leaves to do.
    pub(super) async fn finish(&self, written: Written) -> Result<(), GatewayError> {
        if let Some(ticket) = written.ticket {
            ticket.durable().await?;
        }
        if written.has_new_row {
            self.tell_new_row().await;
        }
        Ok(())
    }

    /// The same without the wait for the disk.
    pub(super) fn write(&self, mut draft: Draft, live: &mut Live) -> Result<Written, GatewayError> {
        let mac = draft.mac;
        if draft.is_untouched() {
            self.plan(mac, &draft.record, draft.pack.schema(), live, draft.news);
            return Ok(Written {
                ticket: None,
                has_new_row: false,
            });
        }
        let mut batch = Batch::new();
        if let Some(before) = draft.before.clone() {
            self.take_back_dropped(&mut draft, &before)?;
        }
        let reads_other_files = draft.before.as_ref().is_some_and(|before| {
            before.model != draft.record.model
                || before.software_version != draft.record.software_version
        });
        if reads_other_files {
            if_open(self.read_layers_anew(&mut draft))?;
        }
        if draft.gives_another_file() {
            if_open(self.note_carried(&mut draft))?;
        }
        let mut derived = None;
        if draft.gives_another_file() || draft.derive_anew {
            derived = if_open(self.derive(&mut draft, &mut batch))?.flatten();
        }
        if let Some(before) = draft.before.clone() {
            self.meet_another_tree(&mut draft, &before)?;
        }
        self.identify(&mut draft);
        draft.follow_delivery(self.inner.clock.now());
        self.note_own_changes(&mut draft, derived.as_ref())?;
        if let Some(derived) = &derived {
            self.keep_access(&mut draft, derived)?;
        }
        draft.note_reboot_orders(self.inner.clock.now());
        self.begin_telling(&draft, live);
        self.put_records(&mut draft, &mut batch)?;
        let was_announced = draft
            .before
            .as_ref()
            .is_some_and(|before| before.identity.is_some());
        let has_new_row = !was_announced && self.give_row(mac, &draft.record, &mut batch)?;
        let has_new_event =
            !draft.owed_before && draft.record.cpe.events.mark() != draft.events_before();
        let ticket = if batch.is_empty() {
            None
        } else {
            live.view = None;
            if let Some(session) = &mut live.session {
                session.record.is_outdated = true;
            }
            self.write_log(mac, &mut batch)?;
            let ticket = self.inner.store.commit(batch)?;
            self.count(&draft, has_new_row);
            let segment = &draft.record.cpe.connection_request_segment;
            self.inner.known.note_segment(mac, segment);
            self.index_udp(mac, &draft.record);
            Some(ticket)
        };
        // Planned before the wait for the disk: a caller that goes away while it waits must not
        // leave a device without its timers. Whoever they wake has to get the device first.
        let schema = draft.pack.schema();
        let has_news = draft.news || has_new_event;
        self.plan(mac, &draft.record, schema, live, has_news);
        Ok(Written {
            ticket,
            has_new_row,
        })
    }

    /// The phone is told of another file from the beginning on, however often it was told of the
    /// one before.
    fn begin_telling(&self, draft: &Draft, live: &mut Live) {
        let desired_before = draft.before.as_ref().map(|before| before.delivery.desired);
        if desired_before != Some(draft.record.delivery.desired) && live.control.in_flight.is_none()
        {
            live.control.tries = 0;
            if draft.phone_is_here {
                // As if it had been told: if it does not fetch after all, it is told then.
                live.control.tries = 1;
                let due = after(self.inner.clock.now(), PHONE_IS_HERE_WAIT);
                self.inner.controls.arm(draft.mac, due);
            }
        }
    }

    /// Puts what is changed besides the phone's own file and what is derived from it.
    fn put_records(&self, draft: &mut Draft, batch: &mut Batch) -> Result<(), GatewayError> {
        for (path, file) in std::mem::take(&mut draft.other_files) {
            let key = path.as_str().as_bytes();
            match file {
                Some(file) => batch.put(Table::File, key, encode(&file)?),
                None => batch.delete(Table::File, key),
            }
        }
        if let Some((image, version)) = draft.proven_firmware.take()
            && let Some(mut known) = self.firmware_record(&image)?
            && known.version.is_none()
        {
            known.version = Some(version);
            batch.put(Table::Firmware, image.bytes(), encode(&known)?);
        }
        let record = encode(&draft.record)?;
        if draft.original.as_ref() != Some(&record) {
            let (table, key) = place_of(draft.mac);
            if !draft.is_unreadable {
                batch.require(table, &key, draft.original.clone());
            }
            if let (None, Some(damaged)) = (&draft.before, &draft.original)
                && decode::<DeviceRecord>(damaged).is_err()
            {
                // What is in it may be got out of it by hand.
                let key = [&[table.byte()][..], &key].concat();
                batch.put_long(Table::SetAside, &key, damaged.clone());
            }
            batch.put_long(table, &key, record);
        }
        Ok(())
    }

    /// Counts what a commit has made of a phone.
    fn count(&self, draft: &Draft, has_new_row: bool) {
        if draft.mac == OWN_MAC {
            return;
        }
        let own_cpe = &self.inner.own_cpe;
        if has_new_row {
            own_cpe.virtual_devices.row_added();
        }
        // A device that was taken from the tree anew is counted already if its record was readable.
        let stored: Option<DeviceRecord> = match (&draft.before, &draft.original) {
            (None, Some(bytes)) => decode(bytes).ok(),
            _ => None,
        };
        let before = draft.before.as_deref().or(stored.as_ref());
        own_cpe.health.phone_changed(before, &draft.record);
        self.index_access(draft.mac, &draft.record);
        self.inner.damages.mended(&draft.mac.to_string());
        self.inner.known.note_device(draft.mac, &draft.record);
    }

    fn read_layers_anew(&self, draft: &mut Draft) -> Result<(), GatewayError> {
        let record = draft.record.clone();
        // Another model can have other lenses.
        draft.pack = self.lenses(&record)?;
        let pack = Arc::clone(&draft.pack);
        let documents = draft.documents(self)?;
        let Some(own) = documents.layers.own() else {
            return Ok(());
        };
        documents.layers = self.layers(&record, Arc::clone(&own.document), &pack)?;
        draft.derive_anew = true;
        Ok(())
    }

    /// Announces the device once it can be named: from then on its identity is fixed.
    fn identify(&self, draft: &mut Draft) {
        if draft.record.identity.is_some() {
            return;
        }
        let identity =
            provisional_identity(draft.mac, &draft.record, &draft.pack, &self.inner.settings);
        if identity.product_class.is_empty() || uncovered_model(draft).is_some() {
            return;
        }
        let cpe = &mut draft.record.cpe;
        if cpe.connection_request_username.is_empty() {
            cpe.connection_request_username = conventional_username(&identity);
        }
        cpe.events.add(Event::plain(EventCode::Bootstrap));
        cpe.events.add(Event::plain(EventCode::Boot));
        draft.record.identity = Some(identity);
    }

    /// What the data model of a device shows, made anew only when its record has changed.
    pub(super) fn view(&self, mac: Mac, live: &mut Live) -> Result<Arc<View>, GatewayError> {
        if let Some(view) = &live.view {
            return Ok(Arc::clone(view));
        }
        if mac == OWN_MAC {
            return self.own_view(Vec::new());
        }
        let mut draft = self.draft(mac)?;
        if let Some(model) = uncovered_model(&draft) {
            return Err(GatewayError::UncoveredModel {
                vendor: draft.pack.vendor().to_owned(),
                model: model.to_owned(),
            });
        }
        let pack = Arc::clone(&draft.pack);
        let lenses = self.lens_parameters(&mut draft)?;
        let reachability = self.reachability(mac, &draft.record);
        let settings = &self.inner.settings;
        let key = self.inner.phase_key;
        let view = View::new(mac, draft.record, pack, lenses, settings, reachability, key);
        let view = Arc::new(view);
        if live.session.is_some() {
            live.view = Some(Arc::clone(&view));
        }
        Ok(view)
    }
}

/// The user name that CPEs use by convention (cwmp.md H22).
pub(super) fn conventional_username(identity: &DeviceId) -> String {
    format!(
        "{}-{}-{}",
        identity.oui, identity.product_class, identity.serial_number
    )
}

/// The phone's model, if the lenses of its pack do not hold for it.
pub(super) fn uncovered_model(draft: &Draft) -> Option<&str> {
    let model = draft.record.model.as_deref()?;
    (!draft.pack.covers_model(model)).then_some(model)
}
