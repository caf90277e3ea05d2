//! What the data model of one device shows at one moment.

mod assembly;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;

use super::access::MaskedTokens;
use super::cpe_parameters::{OwnParameter, Reading};
use super::own_cpe;
use super::settings::{GatewaySettings, ProductClass};
use super::waking::Reachability;
use crate::cwmp::{DeviceId, ParameterInfo, ParameterValue};
use crate::datamodel::{Entry, ObjectPath, ParameterPath, PathQuery, Schema, ValueType};
use crate::device::DeviceRecord;
use crate::mapping::{Pack, Parameter, ValueState};
use crate::native::Mac;
use crate::wire::ContentHash;

use assembly::{Objects, Sources};

/// The phone's address in its network, and the parameter that says where it has it from: the first
/// that the data model has.
const LAN_ADDRESSES: &[(&str, &str)] = &[
    ("Device.LAN.IPAddress", "Device.LAN.AddressingType"),
    (
        "Device.IP.Interface.1.IPv4Address.1.IPAddress",
        "Device.IP.Interface.1.IPv4Address.1.AddressingType",
    ),
];

/// The AddressingType of a phone whose address its network gives.
pub(super) const DYNAMIC: &str = "DHCP";

/// Which parameter of a data model is the phone's address in its network, and which one says where
/// it has it from.
pub(super) fn lan_address(schema: &Schema) -> Option<(&'static str, &'static str)> {
    let mut addresses = LAN_ADDRESSES.iter().copied();
    addresses.find(|(address, _)| schema.entry(address).is_some())
}

/// One parameter as it is shown, secrets included: who hands it out masks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) path: ParameterPath,
    pub(super) value_type: ValueType,
    pub(super) writable: bool,
    pub(super) hidden: bool,
    pub(super) value: String,
    /// Where the value stands in the phone's files; `None` for the CPE's own parameters.
    pub(super) state: Option<ValueState>,
}

impl Shown {
    /// The parameter as the ACS may see it: a hidden value reads as empty (cwmp.md M28).
    pub(super) fn into_wire(self) -> ParameterValue {
        ParameterValue {
            name: self.path.to_string(),
            value: if self.hidden {
                String::new()
            } else {
                self.value
            },
            value_type: self.value_type,
        }
    }
}

impl From<Parameter> for Shown {
    fn from(parameter: Parameter) -> Self {
        Self {
            path: parameter.path,
            value_type: parameter.value_type,
            writable: parameter.writable,
            hidden: parameter.hidden,
            value: parameter.value,
            state: Some(parameter.state),
        }
    }
}

/// A parameter that a query has named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'v> {
    pub(super) path: &'v ParameterPath,
    source: &'v Source,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
enum Source {
    /// A lens, with its place in [`View::lenses`].
    Lens(usize),
    /// The virtual CPE.
    Cpe(OwnParameter),
    /// The address where the phone is, or the one in its file.
    LanAddress {
        lens: Option<usize>,
        addressing_type: &'static str,
    },
    /// How many rows a table has.
    Count(usize),
}

/// The whole data model of a device, made from one version of its record and files.
#[derive(Debug)]
pub(super) struct View {
    mac: Mac,
    pub(super) record: DeviceRecord,
    pub(super) pack: Arc<Pack>,
    pub(super) identity: DeviceId,
    lenses: Vec<Parameter>,
    /// What is behind those of their values that are shown without a token.
    masked: MaskedTokens,
    sources: BTreeMap<ParameterPath, Source>,
    /// Objects, tables and rows.
    objects: BTreeSet<ObjectPath>,
    /// Tables to which the ACS may add rows, and rows that it may delete.
    changeable: BTreeSet<ObjectPath>,
    acs_url: String,
    acs_username: String,
    periodic_inform_interval: u32,
    reachability: Reachability,
    gateway_serial: String,
    log_bytes: usize,
}

impl View {
    pub(super) fn new(
        mac: Mac,
        record: DeviceRecord,
        pack: Arc<Pack>,
        mut lenses: Vec<Parameter>,
        settings: &GatewaySettings,
        reachability: Reachability,
        phase_key: u64,
    ) -> Self {
        let identity = record
            .identity
            .clone()
            .unwrap_or_else(|| provisional_identity(mac, &record, &pack, settings));
        let schema = pack.schema();
        let is_gateway = mac == own_cpe::OWN_MAC;
        let masked = MaskedTokens::mask(&mut lenses, &record.access);
        let mut sources = Sources::of_lenses(&lenses);
        sources.add_own_parameters(schema, is_gateway);
        if !is_gateway {
            sources.add_lan_address(schema);
        }
        let mut tables = pack.tables(&record.rows);
        tables.extend(sources.add_own_rows(&record, schema));
        let Objects { all, changeable } = Objects::of(tables, &sources, schema, is_gateway);
        sources.add_counters(&all, schema, is_gateway);
        let acs_url = acs_url(mac, &record, settings);
        let acs_username = acs_username(mac, &record, &identity, settings);
        let periodic_inform_interval = periodic_inform_interval(mac, &record, settings);
        Self {
            mac,
            record,
            pack,
            identity,
            lenses,
            masked,
            sources: sources.0,
            objects: all,
            changeable,
            acs_url,
            acs_username,
            periodic_inform_interval,
            reachability,
            gateway_serial: gateway_serial(phase_key),
            log_bytes: settings.log_bytes(),
        }
    }

    /// What the data model says of a path.
    pub(super) fn entry(&self, path: &str) -> Option<&'static Entry> {
        self.pack.schema().entry(path)
    }

    /// One parameter; `None` when there is no such one.
    pub(super) fn parameter(&self, path: &str, now: Timestamp) -> Option<Shown> {
        let (path, source) = self.sources.get_key_value(path)?;
        self.show(path, source, now)
    }

    /// The value that is meant by one that somebody sets: what is shown stands for what is there.
    ///
    /// # Errors
    /// Why it can't be meant.
    pub(super) fn meant(&self, path: &ParameterPath, value: String) -> Result<String, String> {
        self.masked.meant(path, value)
    }

    /// The CPE's own parameter of this path, if it is one.
    pub(super) fn cpe_parameter(&self, path: &str) -> Option<OwnParameter> {
        match self.sources.get(path)? {
            Source::Cpe(parameter) => Some(*parameter),
            _ => None,
        }
    }

    /// The rows of a table.
    pub(super) fn rows(&self, table: &ObjectPath) -> impl Iterator<Item = &ObjectPath> {
        let after = (Bound::Excluded(table.as_str()), Bound::Unbounded);
        let below = self.objects.range::<str, _>(after);
        let below = below.take_while(|path| path.as_str().starts_with(table.as_str()));
        below.filter(|path| is_row(path) && path.parent().as_ref() == Some(table))
    }

    /// Everything that a query names, in order of the paths; `None` when it names nothing known.
    /// A table without rows is known and holds nothing (cwmp.md M41, M42).
    pub(super) fn select(&self, query: &PathQuery) -> Option<Vec<Selected<'_>>> {
        let prefix = match query {
            PathQuery::Everything => "",
            PathQuery::Object(object) => self.objects.get(object)?.as_str(),
            PathQuery::Parameter(path) => {
                let (path, source) = self.sources.get_key_value(path)?;
                return Some(vec![Selected { path, source }]);
            }
        };
        let below = self.below(prefix);
        let selected = below.map(|(path, source)| Selected { path, source });
        Some(selected.collect())
    }

    /// A selected parameter.
    pub(super) fn shown(&self, selected: Selected<'_>, now: Timestamp) -> Option<Shown> {
        self.show(selected.path, selected.source, now)
    }

    /// A selected parameter as the ACS may see it.
    pub(super) fn wire_value(
        &self,
        selected: Selected<'_>,
        now: Timestamp,
    ) -> Option<ParameterValue> {
        // Nearly all are of this kind, and nothing is copied of them that is not told.
        if let Source::Lens(place) = selected.source {
            let lens = self.lenses.get(*place)?;
            let value = if lens.hidden { "" } else { &lens.value };
            return Some(ParameterValue {
                name: lens.path.to_string(),
                value: value.to_owned(),
                value_type: lens.value_type,
            });
        }
        self.shown(selected, now).map(Shown::into_wire)
    }

    /// Names for GetParameterNames (cwmp.md M50–M55); `None` when the path is not known.
    pub(super) fn names(&self, query: &PathQuery, next_level: bool) -> Option<Vec<ParameterInfo>> {
        let prefix = match query {
            PathQuery::Everything => "",
            PathQuery::Object(object) => self.objects.get(object)?.as_str(),
            PathQuery::Parameter(path) => {
                let shown = self.sources.get_key_value(path)?;
                return Some(vec![self.parameter_info(shown.0, shown.1)]);
            }
        };
        let is_wanted = |name: &str| {
            let Some(rest) = name.strip_prefix(prefix) else {
                return false;
            };
            if next_level {
                !rest.is_empty() && !rest.trim_end_matches('.').contains('.')
            } else {
                true
            }
        };
        let mut names: BTreeMap<&str, ParameterInfo> = BTreeMap::new();
        for object in self.objects.iter().filter(|path| is_wanted(path.as_str())) {
            names.insert(
                object.as_str(),
                ParameterInfo {
                    name: object.to_string(),
                    writable: self.changeable.contains(object),
                },
            );
        }
        for (path, source) in &self.sources {
            if is_wanted(path.as_str()) {
                names.insert(path.as_str(), self.parameter_info(path, source));
            }
        }
        Some(names.into_values().collect())
    }

    /// Every parameter that a pattern names: a path with `*` in the place of instance numbers.
    pub(super) fn matching(&self, pattern: &str, now: Timestamp) -> Vec<Shown> {
        let Some((prefix, _)) = pattern.split_once('*') else {
            return self.parameter(pattern, now).into_iter().collect();
        };
        self.below(prefix)
            .filter(|(path, _)| fits(pattern, path.as_str()))
            .filter_map(|(path, source)| self.show(path, source, now))
            .collect()
    }

    fn below<'v>(
        &'v self,
        prefix: &'v str,
    ) -> impl Iterator<Item = (&'v ParameterPath, &'v Source)> {
        self.sources
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(path, _)| path.as_str().starts_with(prefix))
    }

    fn show(&self, path: &ParameterPath, source: &Source, now: Timestamp) -> Option<Shown> {
        let facts = self
            .entry(path.as_str())
            .and_then(|entry| entry.parameter());
        let shown = match source {
            Source::Lens(place) => self.show_lens(*place)?,
            Source::LanAddress {
                lens,
                addressing_type,
            } => {
                let mut shown = match lens {
                    Some(place) => self.show_lens(*place)?,
                    None => Shown {
                        path: path.clone(),
                        value_type: facts?.rule.value_type,
                        writable: false,
                        hidden: false,
                        value: String::new(),
                        state: None,
                    },
                };
                let is_dynamic = self
                    .lens_value(addressing_type)
                    .is_none_or(|value| value == DYNAMIC);
                if let Some(contact) = &self.record.contact
                    && is_dynamic
                {
                    let address = contact.address.to_string();
                    // Device:2 has another table for addresses of IPv6.
                    if facts.is_some_and(|facts| facts.rule.admits(&address).is_ok()) {
                        shown.value = address;
                    }
                }
                shown
            }
            Source::Cpe(parameter) => Shown {
                path: path.clone(),
                value_type: match parameter.own_type() {
                    Some(own_type) => own_type,
                    None => facts?.rule.value_type,
                },
                writable: self.can_write(path, *parameter),
                hidden: facts.is_some_and(|facts| facts.hidden),
                value: parameter.read(&self.reading(now)),
                state: None,
            },
            Source::Count(count) => Shown {
                path: path.clone(),
                value_type: ValueType::UnsignedInt,
                writable: false,
                hidden: false,
                value: count.to_string(),
                state: None,
            },
        };
        Some(shown)
    }

    fn show_lens(&self, place: usize) -> Option<Shown> {
        self.lenses.get(place).cloned().map(Shown::from)
    }

    fn parameter_info(&self, path: &ParameterPath, source: &Source) -> ParameterInfo {
        let writable = match source {
            Source::Lens(place)
            | Source::LanAddress {
                lens: Some(place), ..
            } => self
                .lenses
                .get(*place)
                .is_some_and(|parameter| parameter.writable),
            Source::Cpe(parameter) => self.can_write(path, *parameter),
            Source::LanAddress { lens: None, .. } | Source::Count(_) => false,
        };
        ParameterInfo {
            name: path.to_string(),
            writable,
        }
    }

    /// The value that a lens gives for a path; `None` when no lens covers it.
    pub(super) fn lens_value(&self, path: &str) -> Option<&str> {
        match self.sources.get(path)? {
            Source::Lens(place)
            | Source::LanAddress {
                lens: Some(place), ..
            } => self.lenses.get(*place).map(|lens| lens.value.as_str()),
            _ => None,
        }
    }

    /// Whether the ACS may write a parameter of the CPE: a vendor's own tree may say that one which
    /// others have is read-only there.
    fn can_write(&self, path: &ParameterPath, parameter: OwnParameter) -> bool {
        let entry = self.entry(path.as_str());
        parameter.is_settable() && entry.is_some_and(Entry::writable)
    }

    fn reading(&self, now: Timestamp) -> Reading<'_> {
        Reading {
            mac: self.mac,
            record: &self.record,
            identity: &self.identity,
            acs_url: &self.acs_url,
            acs_username: &self.acs_username,
            periodic_inform_interval: self.periodic_inform_interval,
            reachability: &self.reachability,
            gateway_serial: &self.gateway_serial,
            log_bytes: self.log_bytes,
            now,
        }
    }
}

/// ManagementServer.URL.
pub(super) fn acs_url(mac: Mac, record: &DeviceRecord, settings: &GatewaySettings) -> String {
    let (_, acs) = settings.acs_of(mac, record);
    record.cpe.acs.url.clone().unwrap_or_else(|| {
        let url = acs.url.as_ref();
        url.map(ToString::to_string).unwrap_or_default()
    })
}

/// ManagementServer.Username.
pub(super) fn acs_username(
    mac: Mac,
    record: &DeviceRecord,
    identity: &DeviceId,
    settings: &GatewaySettings,
) -> String {
    let (_, acs) = settings.acs_of(mac, record);
    let set = record.cpe.acs.username.clone();
    set.unwrap_or_else(|| acs.username(identity))
}

/// ManagementServer.PeriodicInformInterval in seconds.
pub(super) fn periodic_inform_interval(
    mac: Mac,
    record: &DeviceRecord,
    settings: &GatewaySettings,
) -> u32 {
    let (_, acs) = settings.acs_of(mac, record);
    let set = record.cpe.periodic_inform_interval;
    set.unwrap_or(acs.periodic_inform_interval)
}

/// Who the device would be if it were announced now.
pub(super) fn provisional_identity(
    mac: Mac,
    record: &DeviceRecord,
    pack: &Pack,
    settings: &GatewaySettings,
) -> DeviceId {
    let product_class = match &settings.product_class {
        ProductClass::Fixed(text) => text.clone(),
        ProductClass::Model => record.model.clone().unwrap_or_default(),
    };
    DeviceId {
        manufacturer: pack.manufacturer().to_owned(),
        oui: mac.oui(),
        product_class,
        serial_number: mac.upper(),
    }
}

/// Whether a path has the segments of a pattern, in which `*` stands for an instance number.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('.');
    let all_fit = pattern.split('.').all(|wanted| {
        segments.next().is_some_and(|segment| match wanted {
            "*" => segment.bytes().all(|byte| byte.is_ascii_digit()),
            _ => segment == wanted,
        })
    });
    all_fit && segments.next().is_none()
}

/// Whether an object is a row of a table: its last segment is a number.
fn is_row(object: &ObjectPath) -> bool {
    let mut segments = object.as_str().trim_end_matches('.').rsplit('.');
    let last = segments.next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A serial number of the gateway itself: fixed for the life of a store, as its phase key is.
pub(super) fn gateway_serial(phase_key: u64) -> String {
    let hash = ContentHash::of(&phase_key.to_be_bytes()).to_string();
    hash.chars().take(12).collect::<String>().to_uppercase()
}
