//! Two made-up packs with every conversion, one a dialect family, for tests.

use super::{Change, NativeEdit, Pack, Parameter, Refusal, Rows};
use crate::native::{Dialect, Document, Layer, LayerKind, Layers};

const HEAD: &str = r#"
[pack]
vendor = "example"
manufacturer = "Example"
version = 3
secret_keys = ["P99", "*secret*"]
[identity]
ouis = ["02aabb"]
user_agents = ['^Example (?<model>\S+) (?<version>\S+) (?<mac>\S+)$']
models = { "X1" = "Example-1" }
[control]
resync = "check-sync"
reboot = "check-sync;reboot=true"
[index.account]
table = "Device.Services.VoiceService.1.VoiceProfile."
slots = 3
always = [1]
[prefix]
VP = "Device.Services.VoiceService.1.VoiceProfile.{account}"
L = "Device.Services.VoiceService.1.VoiceProfile.{account}.Line.1"
"#;

const P_CODES: &str = r#"
[layers]
merge = false
[[file]]
name = '^cfg(?<mac>[0-9a-f]{12})\.txt$'
layer = "phone"
dialect = "p-code-text"
served_as = "cfg{mac}.txt"
[[lens]]
paths = ["VP.Enable", "L.Enable"]
key = ["P271", "P401", "P501"]
convert = "enum"
values = { Disabled = "0", Enabled = "1" }
also = { Enabled = ["yes"] }
default = ["Enabled", "Disabled", "Disabled"]
[[lens]]
path = "VP.Name"
key = "P{270 + 10 * (account - 1)}"
percent = true
[[lens]]
path = "L.SIP.URI"
keys = [["P35", "P404", "P504"], ["P47", "P402", "P502"]]
convert = "uri"
[[lens]]
paths = ["VP.SIP.ProxyServer", "VP.SIP.RegistrarServer"]
key = ["P47", "P402", "P502"]
convert = "host"
[[lens]]
path = "VP.SIP.ProxyServerPort"
key = ["P47", "P402", "P502"]
convert = "port"
absent = 5060
[[lens]]
path = "VP.SIP.UserAgentPort"
key = ["P40", "P413", ""]
convert = "integer"
default = "{5060 + 2 * (account - 1)}"
[[lens]]
path = "VP.SIP.RegisterExpires"
key = ["P32", "P412", "P512"]
convert = "integer"
scale = 60
range = [60, 3888000]
default = 3600
[[lens]]
path = "L.SIP.AuthPassword"
key = ["P34", "P406", "P506"]
[[lens]]
path = "VP.DTMFMethod"
keys = [["P2301", "P2401", "P2501"], ["P2302", "P2402", "P2502"], ["P2303", "P2403", "P2503"]]
convert = "cases"
[[lens.case]]
value = "RFC2833"
read = ["*", "1", "*"]
write = ["0", "1", "0"]
[[lens.case]]
value = "SIPInfo"
read = ["*", "*", "1"]
write = ["0", "0", "1"]
[[lens.case]]
value = "InBand"
read = ["*", "*", "*"]
write = ["1", "0", "0"]
[[lens]]
path = "L.Codec.List."
convert = "codecs"
keys = [["P57", "P451", "P551"], ["P58", "P452", "P552"], ["P59", "P453", "P553"]]
codecs = [
  { name = "G.711MuLaw", native = "0" },
  { name = "G.711ALaw", native = "8" },
  { name = "G.722", native = "9" },
  { name = "X_TRESTLE_Opus", native = "123" },
]
[[lens]]
path = "L.CallingFeatures.CallWaitingEnable"
key = "P91"
convert = "boolean"
yes = "0"
no = "1"
default = true
[[lens]]
paths = ["VP.SIP.VLANIDMark", "VP.RTP.VLANIDMark"]
key = "P51"
convert = "integer"
special = { "-1" = "0" }
default = -1
[[lens]]
path = "Device.LAN.IPAddress"
keys = ["P9", "P10", "P11", "P12"]
convert = "octets"
empty = "0.0.0.0"
[[lens]]
path = "Device.LAN.DNSServers"
keys = ["P21", "P22", "P23", "P24", "P25", "P26", "P27", "P28"]
convert = "list"
group = 4
empty = ["0.0.0.0", ""]
[[lens]]
path = "Device.Time.LocalTimeZone"
keys = ["P64", "P246"]
convert = "cases"
default = ""
[[lens.case]]
value = "$"
read = ["$", "*"]
write = ["$", "*"]
one_of = ["UTC+3", "MSK-3"]
[[lens.case]]
value = "$"
read = ["customize", "$"]
write = ["customize", "$"]
[[lens]]
paths = ["Device.Services.VoiceService.1.Capabilities.SignalingProtocols", "VP.SignalingProtocol"]
convert = "constant"
value = "SIP"
"#;

const KEY_VALUE: &str = r#"
[layers]
merge = true
[[file]]
name = '^(?<mac>[0-9A-F]{12})\.cfg$'
layer = "phone"
dialect = "key-value"
[[file]]
name = '^example\.cfg$'
layer = "shared"
dialect = "key-value"
[[line_set]]
index = "account"
keys = ["sip line{account} proxy ip", "sip line{account} proxy port"]
globals = ["sip proxy ip", "sip proxy port"]
[[lens]]
path = "VP.SIP.ProxyServer"
key = "sip line{account} proxy ip"
fallback = "sip proxy ip"
empty = "0.0.0.0"
[[lens]]
path = "VP.SIP.ProxyServerPort"
key = "sip line{account} proxy port"
fallback = "sip proxy port"
convert = "integer"
[[lens]]
path = "L.SIP.AuthUserName"
key = "sip line{account} auth name"
fallback = "sip auth name"
[[lens]]
path = "L.Codec.List."
convert = "codecs"
key = "sip customized codec"
separator = ","
item_pattern = 'payload=(?<codec>-?\d+)'
item = "payload={codec};ptime=20;silsupp=off"
codecs = [ { name = "G.711MuLaw", native = "0" }, { name = "G.711ALaw", native = "8" }, { name = "G.722", native = "9" } ]
[[lens]]
path = "Device.LAN.DNSServers"
keys = ["dns1", "dns2"]
convert = "list"
empty = ["0.0.0.0", ""]
[[lens]]
path = "Device.X_TRESTLE_PhoneTR069.URL"
keys = ["tr69 server", "tr69 server port", "tr69 server path"]
convert = "url"
[[lens]]
path = "Device.X_TRESTLE_PhoneTR069.Enable"
key = "tr69"
convert = "boolean"
also_yes = ["true"]
also_no = ["false"]
type = "boolean"
[[lens]]
path = "Device.X_TRESTLE_PhoneTR069.PeriodicInformTime"
key = "tr69 time"
type = "dateTime"
"#;

/// The text of the pack for P codes.
pub(super) fn p_code_text() -> String {
    format!("{HEAD}{P_CODES}")
}

/// The text of the pack for `key: value` files.
pub(super) fn key_value_text() -> String {
    format!("{HEAD}{KEY_VALUE}")
}

/// A pack with the files of one phone.
pub(super) struct Phone {
    pub(super) pack: Pack,
    pub(super) layers: Layers,
    pub(super) rows: Rows,
}

impl Phone {
    /// A phone with P codes.
    pub(super) fn p_codes(own: &str) -> Self {
        let own = layer("cfg.txt", LayerKind::Phone, Dialect::PCodeText, own);
        Self::new(&p_code_text(), vec![own])
    }

    /// A phone with `key: value` files.
    pub(super) fn key_value(shared: &str, own: &str) -> Self {
        let shared = layer("example.cfg", LayerKind::Shared, Dialect::KeyValue, shared);
        let own = layer("02AABB000001.cfg", LayerKind::Phone, Dialect::KeyValue, own);
        Self::new(&key_value_text(), vec![shared, own])
    }

    pub(super) fn new(pack: &str, layers: Vec<Layer>) -> Self {
        let pack = Pack::parse("example.toml", pack).unwrap();
        let layers = pack.layers(layers);
        let rows = pack.rows(&layers, &Rows::default());
        Self { pack, layers, rows }
    }

    /// One parameter, its path with the prefixes of the packs.
    pub(super) fn parameter(&self, path: &str) -> Option<Parameter> {
        let path = long(path);
        let all = self.pack.read(&self.layers, &self.rows);
        all.into_iter().find(|found| found.path.as_str() == path)
    }

    pub(super) fn value(&self, path: &str) -> String {
        self.parameter(path).expect(path).value
    }

    pub(super) fn set(
        &mut self,
        changes: &[(&str, &str)],
    ) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(path, value)| Change {
                path: long(path).parse().unwrap(),
                value: (*value).to_owned(),
            })
            .collect();
        self.pack.write(&mut self.layers, &self.rows, &changes)
    }

    /// The phone's own file.
    pub(super) fn own(&self) -> &str {
        let own = self.layers.own().unwrap();
        std::str::from_utf8(own.document.bytes()).unwrap()
    }
}

/// `VP2.x` and `L2.x` written out.
pub(super) fn long(path: &str) -> String {
    const PROFILE: &str = "Device.Services.VoiceService.1.VoiceProfile.";
    if let Some(rest) = path.strip_prefix("VP") {
        return format!("{PROFILE}{rest}");
    }
    match path.strip_prefix('L').and_then(|rest| rest.split_once('.')) {
        Some((number, rest)) => format!("{PROFILE}{number}.Line.1.{rest}"),
        None => path.to_owned(),
    }
}

pub(super) fn layer(path: &str, kind: LayerKind, dialect: Dialect, text: &str) -> Layer {
    Layer {
        path: path.to_owned(),
        kind,
        document: Document::parse(dialect, text).into(),
    }
}
