//! A made-up pack whose files are patches, with aliases, models and rows, for tests.

use super::example::Phone;
use crate::native::{Dialect, LayerKind};

/// The text of the pack.
pub(super) const PATCH: &str = r#"
rows = [
  { path = "Device.X_EX_Ring", key = "P8001", only_if_set = true },
  { path = "VP.X_EX_Tone", key = "P8002", only_if_set = true },
  { path = "L.X_EX_Rate", key = "P{9000 + account}", convert = "integer", type = "int", only_if_set = true, reboot = true },
  { path = "Device.X_EX_Lamp", key = "P8100", models = ['^A'], convert = "boolean", type = "boolean", default = true },
  { path = "Device.X_EX_Lamp", key = "P8200", models = ['^B'], convert = "boolean", type = "boolean", default = true },
]
aliases = [
  { name = "account.{account}.sip.userid", key = ["P35", "P404", "P504"], index = "account" },
  { name = "Account{account}_SipUserId", key = ["P35", "P404", "P504"], index = "account" },
  { name = "account.{account}.sip.password", key = ["P34", "P406", "P506"], index = "account" },
  { name = "call.callWaiting.enable", key = "P91", values = { Yes = "0", No = "1" } },
  { name = "only.on.b", key = "P8200", models = ['^B'] },
]
[pack]
vendor = "patched"
manufacturer = "Patched"
version = 1
default_passwords = { "P34" = ["1234", "admin"] }
[identity]
other_models = ['^Other']
[control]
resync = "check-sync"
reboot = "check-sync;reboot=true"
[layers]
merge = true
patch = true
local_wins = true
[[file]]
name = '^(?<mac>[0-9A-F]{12})\.cfg$'
layer = "phone"
dialect = "key-value"
[[new_file]]
name = "cfg{mac}.xml"
dialect = "p-code-xml"
text = "<mac>{MAC}</mac>"
models = ['^A']
[[new_file]]
name = "{MAC}.cfg"
dialect = "key-value"
text = ""
[index.account]
table = "Device.Services.VoiceService.1.VoiceProfile."
slots = 3
always = [1]
[prefix]
VP = "Device.Services.VoiceService.1.VoiceProfile.{account}"
L = "Device.Services.VoiceService.1.VoiceProfile.{account}.Line.1"
[[lens]]
path = "L.SIP.AuthUserName"
key = ["P35", "P404", "P504"]
[[lens]]
path = "L.SIP.AuthPassword"
key = ["P34", "P406", "P506"]
default = ""
[[lens]]
path = "L.CallingFeatures.CallWaitingEnable"
key = "P91"
convert = "boolean"
yes = "0"
no = "1"
default = true
[[lens]]
path = "VP.DTMFMethod"
key = ["P2001", "P2002", "P2003"]
convert = "enum"
values = { RFC2833 = "a%b", InBand = "c" }
percent = true
reboot = true
default = "RFC2833"
[[lens]]
path = "L.Codec.List."
convert = "codec_rows"
count = 3
codec = "Config.Account{account}.Audio{codec}.Name"
enable = "Config.Account{account}.Audio{codec}.Enable"
priority = "Config.Account{account}.Audio{codec}.Priority"
codecs = [ { name = "G.711MuLaw", native = "PCMU" }, { name = "G.711ALaw", native = "PCMA" } ]
"#;

/// A phone of that vendor.
pub(super) fn patched(own: &str) -> Phone {
    let own = super::example::layer("02AABB000001.cfg", LayerKind::Phone, Dialect::KeyValue, own);
    Phone::new(PATCH, vec![own])
}
