//! Desk phones whose accounts share a profile (htek.md 4.1), with the vendor's own pack.

use super::{Change, Pack, Packs, Rows};
use crate::native::{Document, Layer, LayerKind, Layers};

const NAME: &str = "cfg001fc1a1b2c3.xml";

/// Accounts 1, 2 and 7 use profile 0, account 5 uses profile 4, which no file defines. Which one
/// account 9 uses is not known.
const OWN: &str = r#"<?xml version="1.0" encoding="UTF-8" ?>
<hl_provision version="1"><config version="1">
<P47 para="Profile1_Sipserver">sip.example.net:5070</P47>
<P32 para="Profile1_RegisterExpiration">2</P32>
<P35>201</P35><P24082 para="Account1_Profile">0</P24082>
<P735>202</P735><Account2_Profile>0</Account2_Profile>
<P1704>205</P1704><P24086>4</P24086>
<P24110>207</P24110><P24088>0</P24088>
<P24112>209</P24112>
</config></hl_provision>
"#;

fn phone(packs: &Packs) -> (&Pack, Layers) {
    let (pack, identity) = packs.identify(NAME, OWN.as_bytes()).unwrap();
    let layer = Layer {
        path: NAME.to_owned(),
        kind: LayerKind::Phone,
        document: Document::parse(identity.dialect, OWN).into(),
    };
    (pack, Layers::new(vec![layer], pack.merges_layers()))
}

fn long(path: &str) -> String {
    format!("Device.Services.VoiceService.1.VoiceProfile.{path}")
}

fn value(pack: &Pack, layers: &Layers, path: &str) -> Option<String> {
    let rows = pack.rows(layers, &Rows::default());
    let shown = pack.read(layers, &rows);
    let found = shown
        .into_iter()
        .find(|found| found.path.as_str() == long(path));
    found.map(|found| found.value)
}

#[test]
fn accounts_that_share_a_profile_show_its_server_at_each() {
    let packs = Packs::embedded().unwrap();
    let (pack, layers) = phone(&packs);
    let value = |path: &str| value(pack, &layers, path);
    for account in [1, 2, 7] {
        let server = value(&format!("{account}.SIP.RegistrarServer"));
        assert_eq!(server.as_deref(), Some("sip.example.net"), "{account}");
        let expires = value(&format!("{account}.SIP.RegisterExpires"));
        assert_eq!(expires.as_deref(), Some("120"), "{account}");
    }
    let uri = value("2.Line.1.SIP.URI");
    assert_eq!(uri.as_deref(), Some("sip:202@sip.example.net"));
}

#[test]
fn an_account_shows_no_server_of_a_profile_that_is_not_its_own() {
    let packs = Packs::embedded().unwrap();
    let (pack, layers) = phone(&packs);
    let value = |path: &str| value(pack, &layers, path);
    assert_eq!(value("5.SIP.RegistrarServer").as_deref(), Some(""));
    assert_eq!(value("9.SIP.RegistrarServer"), None);
    assert_eq!(value("9.Line.1.DirectoryNumber").as_deref(), Some("209"));
}

#[test]
fn a_server_that_accounts_share_is_written_at_the_profile() {
    let packs = Packs::embedded().unwrap();
    let (pack, mut layers) = phone(&packs);
    let rows = pack.rows(&layers, &Rows::default());
    let change = Change {
        path: long("7.SIP.RegistrarServer").parse().unwrap(),
        value: "new.example.net".to_owned(),
    };
    pack.write(&mut layers, &rows, &[change]).unwrap();
    let own = layers.own().unwrap().document.bytes();
    let wanted = OWN.replace("sip.example.net:5070", "new.example.net:5070");
    assert_eq!(std::str::from_utf8(own).unwrap(), wanted);
    let first = value(pack, &layers, "1.SIP.RegistrarServer");
    assert_eq!(first.as_deref(), Some("new.example.net"));
}

#[test]
fn a_profile_that_others_use_outlives_its_account() {
    let packs = Packs::embedded().unwrap();
    let (pack, mut layers) = phone(&packs);
    let mut rows = pack.rows(&layers, &Rows::default());
    let row = long("1.").parse().unwrap();
    pack.delete_row(&mut layers, &mut rows, &row).unwrap();
    rows = pack.rows(&layers, &rows);
    let server = long("2.SIP.RegistrarServer").parse().unwrap();
    let shown = pack.parameter(&layers, &rows, &server).unwrap();
    assert_eq!(shown.value, "sip.example.net");
    let user = layers.effective(&crate::native::NativeKey::new("P35"));
    assert_eq!(
        user.map(|user| user.value.into_owned()).as_deref(),
        Some("")
    );
    let change = Change {
        path: server,
        value: "new.example.net".to_owned(),
    };
    pack.write(&mut layers, &rows, &[change]).unwrap();
    rows = pack.rows(&layers, &rows);
    let gone = long("1.Enable").parse().unwrap();
    assert_eq!(pack.parameter(&layers, &rows, &gone), None);
}
