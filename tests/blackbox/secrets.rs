//! No password is ever printed or logged.

use trestle::sim::acs::ScriptError;
use trestle::sim::acs::digest::Authentication;
use trestle::sim::file_server::Behaviour;

use crate::bench::{Bench, CPE_PASSWORD, CPE_USERNAME};
use crate::command::Ended;
use crate::gateway::Gateway;
use crate::managed::{DISPLAY_NAME, DOWNLOAD_TYPE, Managed, PROFILE, WAKE_PASSWORD, transfer};
use crate::phones::PHONES;

/// The passwords in the fixtures, as they are and as their files write them.
const FIXTURES: [&str; 22] = [
    "harbour-Lamp-71",
    "deck42",
    "Vx7!kelp#Row",
    "tidal<Pool>88",
    "tidal&lt;Pool&gt;88",
    "anchor9Winch",
    "loft-Needle-05",
    "Thread=and#Palm;3",
    "Canvas_77",
    "Tar&Oakum4",
    "Oakum4",
    "shed-Winch-33",
    "unclaimed-Buoy-00",
    "100%Oak_Plank",
    "Oak_Plank",
    "Foghorn.12",
    "chisel-Mallet-9",
    "sawdust",
    "74119",
    "Bell#Rope 31",
    "Sextant_58",
    "Crate.Lid-06",
];
const NEW_PASSWORD: &str = "brand-Bollard-3";
const BAD_PASSWORD: &str = "bad-Bollard-4";
const FILE_PASSWORD: &str = "file-Bollard-5";

/// Whether a text holds a secret; digits of a longer number are none.
fn shows(text: &str, secret: &str) -> bool {
    let is_word = |character: char| character.is_ascii_alphanumeric();
    text.match_indices(secret).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + secret.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_in_no_output_and_no_log() {
    let bench = Bench::set().await;
    let tree = bench.tree();
    let tree = tree.to_str().unwrap();
    let gateway =
        Gateway::start_with_log(bench.folder(), &["--import", tree], "trestle=trace,info");
    let asked = Authentication::digest(CPE_USERNAME, CPE_PASSWORD);
    bench.acs.require(Some(asked));
    let file_server = Authentication::basic("store", FILE_PASSWORD);
    let mut ended: Vec<Ended> = Vec::new();
    let auth_password = format!("{PROFILE}Line.1.SIP.AuthPassword");
    for phone in PHONES {
        let account = Some(phone.account);
        let (mut running, mut managed) =
            Managed::switched_on(&bench, &gateway, phone, account).await;
        managed.set(&gateway, DISPLAY_NAME, "Watched").await;
        running.fetched().await;

        let content = bench.tree_file(phone.own_file());
        let path = format!("/{}", phone.mac);
        let behaviour = Behaviour::Serve(content);
        bench.files.set(&path, behaviour, Some(file_server.clone()));
        let url = bench.files.url(&path);
        let mut session = managed.turn(&gateway).await;
        let mut order = transfer("restore", DOWNLOAD_TYPE, &url);
        order.username = "store";
        order.password = FILE_PASSWORD;
        session.download(&order).await.unwrap();
        // The change stays without effect at the phone: it goes on asking for its old password.
        let new = [(auth_password.as_str(), NEW_PASSWORD, "xsd:string")];
        session.set_values(&new, "").await.unwrap();
        let too_long = format!("{BAD_PASSWORD}\n{}", BAD_PASSWORD.repeat(100));
        let bad = [(auth_password.as_str(), too_long.as_str(), "xsd:string")];
        let refused = session.set_values(&bad, "").await;
        let Err(ScriptError::Fault(fault)) = refused else {
            panic!("{refused:?}");
        };
        assert!(!format!("{fault:?}").contains(BAD_PASSWORD), "{fault:?}");
        session.end().unwrap();
        assert_eq!(managed.transfer_complete().await.fault_code, 0);

        let assignment = format!("{auth_password}={too_long}");
        let set = ["device", "set", phone.mac, assignment.as_str()];
        ended.push(bench.command(&set).with_code(2));
    }
    let list = bench
        .command(&["device", "list", "--format", "json"])
        .json();
    for device in list.as_array().unwrap() {
        let mac = device["mac"].as_str().unwrap();
        for format in ["text", "json"] {
            let native = "Device.X_TRESTLE_Native.";
            for arguments in [
                &["device", "show", mac][..],
                &["device", "get", mac],
                &["device", "get", mac, native],
            ] {
                let arguments = [arguments, &["--format", format]].concat();
                ended.push(bench.command(&arguments));
            }
        }
    }
    for arguments in [
        &["import", tree][..],
        &["import", tree, "--dry-run", "--format", "json"],
        &["verify", tree],
    ] {
        ended.push(bench.command(arguments));
    }
    ended.push(crate::command::run(["check", tree]));
    assert_eq!(gateway.terminate().code(), Some(0));

    let mut texts = vec![bench.gateway_text()];
    texts.extend(
        ended
            .iter()
            .map(|one| format!("{}{}", one.stdout, one.stderr)),
    );
    let own = [
        CPE_PASSWORD,
        WAKE_PASSWORD,
        NEW_PASSWORD,
        BAD_PASSWORD,
        FILE_PASSWORD,
    ];
    for secret in FIXTURES.into_iter().chain(own) {
        for text in &texts {
            let line = text.lines().find(|line| shows(line, secret));
            assert_eq!(line, None, "{secret} is shown");
        }
    }
    // The search finds what is there.
    assert!(texts.iter().any(|text| shows(text, "Werkstatt")));
}
