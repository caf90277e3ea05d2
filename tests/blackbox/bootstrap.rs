//! The first Inform of each device: its events, and its form by the schema of the Broadband Forum.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::Bench;
use crate::managed::Managed;
use crate::phones::PHONES;

#[tokio::test(flavor = "multi_thread")]
async fn each_phone_announces_itself_once_it_has_told_its_model() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for (phone, manufacturer, model) in [
        (PHONES[0], "Grandstream", "GXP2170"),
        (PHONES[1], "Htek", "UC926"),
        (PHONES[2], "Aastra", "6867i"),
    ] {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        let inform = &managed.first_inform;
        let device = &inform.device_id;
        assert_eq!(inform.event_codes(), ["0 BOOTSTRAP", "1 BOOT"]);
        assert_eq!(device.serial_number, phone.serial());
        assert_eq!(device.oui, phone.serial()[..6]);
        assert_eq!(device.product_class, model);
        assert!(device.manufacturer.contains(manufacturer), "{device:?}");
    }
    assert_eq!(bench.acs.serials().len(), 3, "the others told no model");
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_inform_is_valid_by_the_schema_of_cwmp_1_2() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let schema = shared.join("datamodel/bbf/cwmp-1-2.xsd");
    let Ok(schema) = fs::read_to_string(schema) else {
        println!("skipped: no schema");
        return;
    };
    if Command::new("xmllint").arg("--version").output().is_err() {
        println!("skipped: no xmllint");
        return;
    }
    // This ACS is spoken to in version 1.2.
    let bench = Bench::set_with("profile = \"genieacs\"", "").await;
    let gateway = bench.serve();
    let folder = bench.folder().join("schema");
    write_schemas(&folder, &schema);
    for phone in PHONES {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        let exchanges = managed.device.exchanges();
        let mut kinds = Vec::new();
        for exchange in exchanges.iter().filter(|one| !one.body.is_empty()) {
            assert_valid(&folder, &exchange.body);
            kinds.push(exchange.rpc().to_owned());
        }
        assert_eq!(kinds, ["Inform", "SetParameterValuesResponse"]);
    }
    let broken = b"<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
        <c:Inform xmlns:c=\"urn:dslforum-org:cwmp-1-2\"/></e:Body></e:Envelope>";
    assert!(validate(&folder, broken).is_err(), "the schema is in force");
}

fn assert_valid(folder: &Path, message: &[u8]) {
    if let Err(why) = validate(folder, message) {
        panic!("{why}\n{}", String::from_utf8_lossy(message));
    }
}

fn validate(folder: &Path, message: &[u8]) -> Result<(), String> {
    fs::write(folder.join("message.xml"), message).unwrap();
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", "all.xsd", "message.xml"])
        .current_dir(folder)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The schema of CWMP, and as much of the two of SOAP as it needs.
fn write_schemas(folder: &Path, cwmp: &str) {
    const SOAP: &str = "http://schemas.xmlsoap.org/soap/";
    let local = ["envelope", "encoding"]
        .iter()
        .fold(cwmp.to_owned(), |text, part| {
            text.replace(
                &format!("schemaLocation=\"{SOAP}{part}/\""),
                &format!("schemaLocation=\"{part}.xsd\""),
            )
        });
    assert!(!local.contains("schemaLocation=\"http"), "no net is needed");
    let schema = |target: &str, content: &str| {
        format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:t=\"{target}\" \
             targetNamespace=\"{target}\">{content}</xs:schema>"
        )
    };
    let envelope = "
        <xs:attribute name='mustUnderstand'>
          <xs:simpleType><xs:restriction base='xs:boolean'><xs:pattern value='0|1'/></xs:restriction></xs:simpleType>
        </xs:attribute>
        <xs:attribute name='encodingStyle' type='xs:anyURI'/>
        <xs:complexType name='Part'>
          <xs:sequence><xs:any namespace='##other' minOccurs='0' maxOccurs='unbounded' processContents='strict'/></xs:sequence>
          <xs:anyAttribute namespace='##other' processContents='lax'/>
        </xs:complexType>
        <xs:element name='Header' type='t:Part'/>
        <xs:element name='Body' type='t:Part'/>
        <xs:element name='Envelope'>
          <xs:complexType>
            <xs:sequence><xs:element ref='t:Header' minOccurs='0'/><xs:element ref='t:Body'/></xs:sequence>
            <xs:attribute ref='t:encodingStyle'/>
          </xs:complexType>
        </xs:element>";
    let encoding = "
        <xs:attribute name='arrayType' type='xs:string'/>
        <xs:simpleType name='base64'><xs:restriction base='xs:base64Binary'/></xs:simpleType>
        <xs:complexType name='Array'>
          <xs:sequence><xs:any namespace='##any' minOccurs='0' maxOccurs='unbounded' processContents='lax'/></xs:sequence>
          <xs:attribute ref='t:arrayType'/>
          <xs:anyAttribute namespace='##other' processContents='lax'/>
        </xs:complexType>";
    let all = format!(
        "<xs:import namespace=\"{SOAP}envelope/\" schemaLocation=\"envelope.xsd\"/>\
         <xs:import namespace=\"urn:dslforum-org:cwmp-1-2\" schemaLocation=\"cwmp.xsd\"/>"
    );
    fs::create_dir(folder).unwrap();
    for (name, text) in [
        ("cwmp.xsd", local),
        (
            "envelope.xsd",
            schema(&format!("{SOAP}envelope/"), envelope),
        ),
        (
            "encoding.xsd",
            schema(&format!("{SOAP}encoding/"), encoding),
        ),
        ("all.xsd", schema("urn:all", &all)),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}
