//! What is learned from the old server, on a gateway with the fixtures imported.

use std::net::SocketAddr;

use bytes::Bytes;

use super::super::tests::{Bench, MAC};
use super::super::{FetchAnswer, FetchRequest, Gateway, MissBudgets, MissRules};
use super::{FilePlace, Lesson, UpstreamFile, UpstreamLine, UpstreamNote, WouldAsk};
use crate::native::Mac;
use crate::wire::ContentHash;

const NEW: Mac = Mac::new([0x00, 0x0b, 0x82, 0x00, 0x00, 0x42]);
const NEW_FILE: &str = "cfg000b82000042.xml";
const NEW_CONTENT: &str = "<?xml version=\"1.0\"?>\n<gs_provision version=\"1\">\n\
    <mac>000b82000042</mac>\n<config version=\"1\">\n<P271>1</P271>\n</config>\n</gs_provision>\n";
const USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82000042";

fn request(path: &str) -> FetchRequest {
    let mut request = FetchRequest::new(path, SocketAddr::from(([192, 0, 2, 42], 40_000)));
    request.user_agent = Some(USER_AGENT.to_owned());
    request.shown.target = format!("/{path}");
    request
}

async fn learn(gateway: &Gateway, request: &FetchRequest, content: &str) -> Lesson {
    learn_with(gateway, request, content, None).await
}

async fn learn_with(
    gateway: &Gateway,
    request: &FetchRequest,
    content: &str,
    doubt: Option<UpstreamNote>,
) -> Lesson {
    let body = Bytes::from(content.to_owned());
    let file = UpstreamFile {
        request,
        body: &body,
        protected: false,
        doubt,
    };
    gateway.learn(file).await.unwrap()
}

#[tokio::test]
async fn a_phones_own_file_makes_it_a_device_as_an_import_does() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let request = request(NEW_FILE);
    assert_eq!(gateway.place_of_file(&request).unwrap(), FilePlace::Nowhere);
    let lesson = learn(gateway, &request, NEW_CONTENT).await;
    assert_eq!(lesson, Lesson::Learned);
    assert_eq!(gateway.place_of_file(&request).unwrap(), FilePlace::Tree);
    assert_eq!(gateway.show(NEW).await.unwrap().device.file, NEW_FILE);
    let FetchAnswer::File { body, receipt, .. } = gateway.fetch(request).await else {
        panic!("no file");
    };
    assert_eq!(body, NEW_CONTENT);
    assert_eq!((receipt.mac, receipt.revision), (Some(NEW), Some(1)));
    let shown = gateway.show(NEW).await.unwrap().device;
    assert_eq!(shown.model.as_deref(), Some("GXP2170"));

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(NEW_FILE), NEW_CONTENT).unwrap();
    let report = gateway
        .import(
            folder.path(),
            super::super::ImportOptions::default(),
            &|_, _| {},
        )
        .await
        .unwrap();
    assert_eq!(report.summary.unchanged, 1, "{report:?}");
    let report = gateway.upstream_report().unwrap();
    assert_eq!(report.learned.len(), 1);
    assert_eq!(report.learned[0].user_agents, [USER_AGENT]);
    assert_eq!(report.learned[0].mac, Some(NEW));
    assert_eq!(report.summary.same, 1);
    assert!(report.never_seen.iter().all(|phone| phone.mac != NEW));
    assert!(report.never_seen.iter().any(|phone| phone.mac == MAC));
}

#[tokio::test]
async fn a_server_that_has_a_file_for_any_phone_lets_no_source_make_devices_without_end() {
    let budgets = MissBudgets {
        source: 3,
        ..MissBudgets::default()
    };
    let rules = MissRules {
        budgets,
        ..MissRules::default()
    };
    let bench = Bench::new().await.restart_by(rules).await;
    let gateway = &bench.gateway;
    let lesson = async |number: u8, source: u8| {
        let mac = Mac::new([0x00, 0x0b, 0x82, 0x00, 0x07, number]);
        let mut request = request(&format!("cfg{mac}.xml"));
        request.source.set_ip([198, 51, 100, source].into());
        let content = NEW_CONTENT.replace("000b82000042", &mac.to_string());
        let lesson = learn(gateway, &request, &content).await;
        assert_eq!(gateway.show(mac).await.is_ok(), lesson == Lesson::Learned);
        lesson
    };
    for number in 0..3 {
        assert_eq!(lesson(number, 1).await, Lesson::Learned);
    }
    assert_eq!(lesson(3, 1).await, Lesson::Passed);
    let report = gateway.upstream_report().unwrap();
    let is_it = |line: &UpstreamLine| line.path == "cfg000b82000703.xml";
    assert!(report.only_there.iter().any(is_it), "{report:?}");
    // Phones that are known, and those of others, are none of that.
    assert_eq!(lesson(0, 1).await, Lesson::Learned);
    assert_eq!(lesson(3, 2).await, Lesson::Learned);
    // A person may let more in.
    assert_eq!(lesson(4, 1).await, Lesson::Passed);
    let back = gateway.give_budgets_back(Some([198, 51, 100, 1].into()));
    assert!(back.had_spent);
    assert_eq!(lesson(4, 1).await, Lesson::Learned);
}

#[tokio::test]
async fn a_shared_file_counts_for_the_phones_beside_it() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let mac: Mac = "00085d112233".parse().unwrap();
    let fixture = |name| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tree");
        std::fs::read_to_string(format!("{folder}/{name}")).unwrap()
    };
    let own = fixture("00085D7890AB.cfg");
    learn(gateway, &request("new/00085D112233.cfg"), &own).await;
    let shared = fixture("startup.cfg").replace("vlan id: 120", "vlan id: 130");
    learn(gateway, &request("new/startup.cfg"), &shared).await;
    let parameters = gateway.parameters(mac, "").await.unwrap();
    let is_it = |line: &super::super::ParameterLine| {
        line.value == "130" && line.file.as_deref() == Some("new/startup.cfg")
    };
    assert!(parameters.iter().any(is_it));
}

#[tokio::test]
async fn a_second_file_of_a_phone_does_not_take_the_place_of_its_own() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let path = "elsewhere/cfg000b82a1b2c3.xml";
    let before = gateway.show(MAC).await.unwrap();
    let lesson = learn(gateway, &request(path), NEW_CONTENT).await;
    assert_eq!(lesson, Lesson::Learned);
    assert_eq!(gateway.show(MAC).await.unwrap(), before);
    assert!(matches!(
        gateway.fetch(request(path)).await,
        FetchAnswer::File { body, .. } if body == NEW_CONTENT
    ));
}

#[tokio::test]
async fn what_is_in_doubt_is_noted_and_not_learned() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let mut by_query = request("prov.php");
    by_query.shown.target.push_str("?mac=000b82000042");
    learn(gateway, &by_query, NEW_CONTENT).await;
    learn(gateway, &request("cfg000b82000043.xml"), "").await;
    let page = Some(UpstreamNote::Page);
    learn_with(gateway, &request(NEW_FILE), "<html>", page).await;
    let report = gateway.upstream_report().unwrap();
    let notes: Vec<_> = report.only_there.iter().map(|line| line.note).collect();
    let wanted = [
        UpstreamNote::Page,
        UpstreamNote::Empty,
        UpstreamNote::ByQuery,
    ];
    assert_eq!(notes, wanted);
    assert!(report.has_findings());
    assert!(gateway.show(NEW).await.is_err());
}

#[tokio::test]
async fn a_file_that_the_old_server_has_otherwise_is_listed() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    // As another phone's firmware may write it.
    let request = request("cfg000B82A1B2C3.xml");
    let body = Bytes::from_static(b"<gs_provision/>");
    let file = UpstreamFile {
        request: &request,
        body: &body,
        protected: true,
        doubt: None,
    };
    gateway.compare_with_upstream(file).await.unwrap();
    let report = gateway.upstream_report().unwrap();
    assert_eq!(report.different.len(), 1);
    let line = &report.different[0];
    assert_eq!(line.path, "cfg000b82a1b2c3.xml");
    assert_eq!((line.hash, line.mac), (ContentHash::of(&body), Some(MAC)));
    assert!(line.protected && !line.edited_here);
    assert_eq!(report.summary.learned, 0);
}

#[tokio::test]
async fn a_question_what_would_be_answered_moves_nothing() {
    let bench = Bench::new().await;
    let gateway = &bench.gateway;
    let before = gateway.show(MAC).await.unwrap();
    let asked = WouldAsk {
        path: "cfg000B82A1B2C3.xml".to_owned(),
        user_agent: Some(USER_AGENT.to_owned()),
    };
    let answer = gateway.would_answer(&asked).unwrap();
    assert!(answer.file.is_some());
    assert_eq!((answer.phone, answer.is_known), (Some(NEW), false));
    let anonymous = WouldAsk {
        user_agent: None,
        ..asked
    };
    let answer = gateway.would_answer(&anonymous).unwrap();
    assert_eq!((answer.phone, answer.is_known), (Some(MAC), true));
    assert_eq!(gateway.show(MAC).await.unwrap(), before);
}
