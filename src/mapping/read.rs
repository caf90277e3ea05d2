//! From native files to parameters.

use std::collections::HashMap;

use super::lens::Seen;
use super::native_names::path_of;
use super::pack::{Pack, Parameter, ValueState};
use super::rows::Rows;
use crate::datamodel::ValueType;
use crate::native::{Effective, Layers};

impl Pack {
    /// All parameters of a phone, sorted by path: those of the lenses, and one under
    /// `Device.X_TRESTLE_Native.` for every key that no lens covers.
    pub fn read(&self, layers: &Layers, rows: &Rows) -> Vec<Parameter> {
        let mut parameters = Vec::with_capacity(512);
        let mut own_sets: HashMap<(usize, u32), bool> = HashMap::new();
        for (set, line_set) in self.line_sets.iter().enumerate() {
            let Some(index) = self.indexes.get(line_set.index) else {
                continue;
            };
            for row in rows.instances(&index.name) {
                let own = self.set_is_own(layers, set, row.slot);
                own_sets.insert((set, row.slot), own);
            }
        }
        for lens in &self.lenses {
            for (instance, slot) in self.instances(lens, rows) {
                let is_own = |set| own_sets.get(&(set, slot)).copied().unwrap_or(false);
                let Some(cells) = lens.cells(layers, slot, is_own) else {
                    continue;
                };
                let first = cells.iter().find_map(|cell| cell.found.as_ref());
                for (face, seen) in lens.read(&cells, slot) {
                    let Some(path) = face.path(instance) else {
                        continue;
                    };
                    let (value, state) = match seen {
                        Seen::Set(value) => (value, first.map_or(ValueState::Default, set_state)),
                        Seen::Default(value) => (value, ValueState::Default),
                        Seen::Unreadable { native, default } => {
                            (default, ValueState::Unreadable { native })
                        }
                    };
                    parameters.push(Parameter {
                        path: path.into_owned(),
                        value_type: face.value_type(),
                        writable: face.writable,
                        hidden: face.hidden,
                        value,
                        state,
                    });
                }
            }
        }
        self.read_uncovered(layers, &mut parameters);
        parameters.sort_unstable_by(|one, two| one.path.cmp(&two.path));
        parameters
    }

    fn read_uncovered(&self, layers: &Layers, parameters: &mut Vec<Parameter>) {
        for (key, found) in layers.effective_settings() {
            if self.covered.contains(key) {
                continue;
            }
            let Some(path) = path_of(key) else { continue };
            parameters.push(Parameter {
                path,
                value_type: ValueType::String,
                writable: true,
                hidden: self.is_secret_key(key),
                state: set_state(&found),
                value: found.value.into_owned(),
            });
        }
    }
}

fn set_state(found: &Effective<'_>) -> ValueState {
    ValueState::Set {
        layer: found.layer.path.clone(),
        line: found.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::Phone;

    #[test]
    fn values_come_from_the_file_or_are_the_phones_defaults() {
        let phone = Phone::p_codes("P271 = 0\nP47 = sip.example.net:5080\nP32=10\nP91=1\n");
        assert_eq!(phone.value("VP1.Enable"), "Disabled");
        assert_eq!(phone.value("L1.Enable"), "Disabled");
        assert_eq!(phone.value("VP1.SIP.ProxyServer"), "sip.example.net");
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5080");
        assert_eq!(phone.value("VP1.SIP.RegisterExpires"), "600");
        assert_eq!(phone.value("L1.CallingFeatures.CallWaitingEnable"), "0");
        let enable = phone.parameter("VP1.Enable").unwrap();
        let layer = "cfg.txt".to_owned();
        assert_eq!(enable.state, ValueState::Set { layer, line: 1 });
        let port = phone.parameter("VP1.SIP.UserAgentPort").unwrap();
        assert_eq!(
            (port.value.as_str(), port.state),
            ("5060", ValueState::Default)
        );
        assert_eq!(phone.value("VP1.SignalingProtocol"), "SIP");
    }

    #[test]
    fn an_account_exists_when_the_file_names_it() {
        let phone = Phone::p_codes("P501 = 1\nP91 = 1\n");
        let numbers: Vec<u32> = phone
            .rows
            .instances("account")
            .iter()
            .map(|row| row.instance)
            .collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(phone.value("VP3.Enable"), "Enabled");
        assert!(phone.parameter("VP2.Enable").is_none());
        // The third account has no key for it.
        assert!(phone.parameter("VP3.SIP.UserAgentPort").is_none());
    }

    #[test]
    fn a_line_takes_a_line_set_as_a_whole() {
        let shared = "sip proxy ip: shared.example.net\nsip proxy port: 5070\nsip auth name: all\n";
        let phone = Phone::key_value(shared, "sip line2 proxy ip: own.example.net\n");
        assert_eq!(phone.value("VP1.SIP.ProxyServer"), "shared.example.net");
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5070");
        assert_eq!(phone.value("VP2.SIP.ProxyServer"), "own.example.net");
        assert_eq!(phone.value("VP2.SIP.ProxyServerPort"), "5060");
        assert_eq!(phone.value("L2.SIP.AuthUserName"), "all");
    }

    #[test]
    fn what_no_lens_covers_is_a_native_parameter() {
        let phone = Phone::p_codes("P91=1\nP8888=x y\nP99=hush\n");
        let other = phone.parameter("Device.X_TRESTLE_Native.P8888").unwrap();
        assert_eq!((other.value.as_str(), other.hidden), ("x y", false));
        assert!(
            phone
                .parameter("Device.X_TRESTLE_Native.P99")
                .unwrap()
                .hidden
        );
        assert!(phone.parameter("Device.X_TRESTLE_Native.P91").is_none());
    }

    #[test]
    fn what_a_lens_does_not_know_is_unreadable_and_shows_the_default() {
        let phone = Phone::p_codes("P271=7\nP9=10\nP10=999\nP11=0\nP12=1\nP32=often\n");
        for (path, value, native) in [
            ("VP1.Enable", "Enabled", "7"),
            ("Device.LAN.IPAddress", "", "10 999 0 1"),
            ("VP1.SIP.RegisterExpires", "3600", "often"),
        ] {
            let found = phone.parameter(path).unwrap();
            let native = native.to_owned();
            assert_eq!(found.state, ValueState::Unreadable { native }, "{path}");
            assert_eq!(found.value, value, "{path}");
        }
        let long = Phone::p_codes(&format!("P270={}\n", "x".repeat(65)));
        let name = long.parameter("VP1.Name").unwrap();
        assert!(matches!(name.state, ValueState::Unreadable { .. }));
    }

    #[test]
    fn codecs_are_rows_with_a_place() {
        let phone = Phone::p_codes("P57=9\nP58=77\nP59=0\n");
        let field = |row: u32, field: &str| phone.value(&format!("L1.Codec.List.{row}.{field}"));
        assert_eq!(field(3, "Codec"), "G.722");
        let places: Vec<(String, String)> = (1..=4)
            .map(|row| (field(row, "Enable"), field(row, "Priority")))
            .collect();
        let places: Vec<(&str, &str)> = places
            .iter()
            .map(|(enable, priority)| (enable.as_str(), priority.as_str()))
            .collect();
        assert_eq!(places, [("1", "2"), ("0", "3"), ("1", "1"), ("0", "4")]);
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let phone = Phone::p_codes("P34=hunter2\n");
        let password = phone.parameter("L1.SIP.AuthPassword").unwrap();
        assert_eq!(password.value, "hunter2");
        assert!(!format!("{password:?}").contains("hunter2"));
    }

    #[test]
    fn parameters_are_sorted_and_of_one_path_each() {
        let phone = Phone::p_codes("P401=1\nP1=2\nP8888=1\n");
        let all = phone.pack.read(&phone.layers, &phone.rows);
        assert!(all.is_sorted_by(|one, two| one.path < two.path));
    }
}
