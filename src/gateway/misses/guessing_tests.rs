//! Budgets, decoys and known phones, with a clock that is moved by hand.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::settings::{MissBudgets, MissRules};
use crate::gateway::tests::{Bench, MAC};
use crate::gateway::{FetchAnswer, FetchRequest, MissReason};
use crate::native::Mac;

const OWN_FILE: &str = "cfg000b82a1b2c3.xml";
/// Where the phones of the fixtures are.
const SITE: [u8; 4] = [192, 0, 2, 41];
const GUESSER: [u8; 4] = [198, 51, 100, 7];

fn request(address: impl Into<std::net::IpAddr>, path: &str) -> FetchRequest {
    FetchRequest::new(path, SocketAddr::new(address.into(), 40_000))
}

/// Whether a file comes.
async fn is_served(bench: &Bench, address: impl Into<std::net::IpAddr>, path: &str) -> bool {
    let answer = bench.gateway.fetch(request(address, path)).await;
    match answer {
        FetchAnswer::File { .. } => true,
        FetchAnswer::NotFound | FetchAnswer::Unavailable => false,
        FetchAnswer::Challenge { .. } => panic!("nobody asked for a proof"),
    }
}

/// Guesses as many files of phones that nobody knows.
async fn guess(bench: &Bench, address: impl Into<std::net::IpAddr>, count: u16) {
    let address = address.into();
    for number in 0..count {
        let path = format!("cfg000b82ff{number:04x}.xml");
        assert!(!is_served(bench, address, &path).await);
    }
}

fn budgets(source: u32, network: u32, oui: u32, all: u32) -> MissRules {
    MissRules {
        budgets: MissBudgets {
            source,
            network,
            oui,
            all,
            refill: NonZeroU32::new(1_000).unwrap(),
        },
        decoys: Vec::new(),
    }
}

async fn bench(rules: MissRules) -> Bench {
    Bench::new().await.restart_by(rules).await
}

fn used_up(bench: &Bench) -> Vec<String> {
    let list = bench.gateway.quarantine();
    list.used_up.into_iter().map(|budget| budget.of).collect()
}

fn refused(bench: &Bench, reason: MissReason) -> u64 {
    let list = bench.gateway.quarantine();
    let mut counts = list.refused.iter();
    counts.find(|one| one.reason == reason).unwrap().count
}

#[tokio::test]
async fn whoever_guesses_too_often_gets_no_phones_file_until_the_budget_refills() {
    let bench = bench(budgets(10, 100, 100, 100)).await;
    guess(&bench, GUESSER, 9).await;
    assert!(is_served(&bench, GUESSER, "cfg001fc1d4e5f6.xml").await);
    guess(&bench, GUESSER, 10).await;
    assert_eq!(used_up(&bench), ["source 198.51.100.7"]);
    assert!(!is_served(&bench, GUESSER, OWN_FILE).await);
    assert!(!is_served(&bench, GUESSER, "CFG000B82A1B2C3.xml").await);
    assert_eq!(refused(&bench, MissReason::BudgetUsedUp), 2);
    // What he has already he may have again: nothing is learned from it.
    assert!(is_served(&bench, GUESSER, "cfg001fc1d4e5f6.xml").await);
    // What is nobody's own is served, and others are not concerned.
    assert!(is_served(&bench, GUESSER, "startup.cfg").await);
    assert!(is_served(&bench, [198, 51, 100, 8], OWN_FILE).await);
    bench.advance(99);
    assert!(!is_served(&bench, GUESSER, OWN_FILE).await);
    bench.advance(1);
    assert!(is_served(&bench, GUESSER, OWN_FILE).await);
}

#[tokio::test]
async fn a_site_with_a_guesser_behind_its_address_goes_on() {
    let bench = bench(budgets(10, 100, 100, 100)).await;
    // It was seen here, as it says in its User-Agent.
    bench.fetch().await;
    let bench = bench.restart_by(budgets(10, 100, 100, 100)).await;
    guess(&bench, SITE, 500).await;
    assert_eq!(used_up(&bench), ["source 192.0.2.41"]);
    bench.fetch().await;
    assert!(is_served(&bench, SITE, OWN_FILE).await);
    assert!(!is_served(&bench, SITE, "cfg001fc1d4e5f6.xml").await);
    // A new phone waits until the operator gives the budget back.
    let reopened = bench.gateway.give_budgets_back(Some(SITE.into()));
    assert!(reopened.had_spent);
    assert!(is_served(&bench, SITE, "cfg001fc1d4e5f6.xml").await);
    guess(&bench, SITE, 500).await;
    assert!(!is_served(&bench, SITE, "00085D7890AB.cfg").await);
    assert!(bench.gateway.give_budgets_back(None).had_spent);
    assert!(is_served(&bench, SITE, "00085D7890AB.cfg").await);
}

#[tokio::test]
async fn hits_and_files_that_phones_just_ask_for_cost_nothing() {
    let bench = bench(budgets(1, 1, 1, 1)).await;
    for _ in 0..3 {
        for path in [
            OWN_FILE,
            "security.tuz",
            "cfg.xml",
            "cfgGXP2170.xml",
            "6867i.cfg",
            "r000000000029.cfg",
            "gs_phonebook.xml",
            "ring1.bin",
            "gxp2170fw.bin",
            "lang_de.txt",
            "000000000000.cfg",
            // Of a phone that is known, under a name that no server ever had.
            "cfg000b82a1b2c3",
            "00085D7890AB.tuz",
            "a name with spaces",
        ] {
            is_served(&bench, GUESSER, path).await;
        }
    }
    assert!(used_up(&bench).is_empty());
    assert_eq!(refused(&bench, MissReason::UnknownPhone), 0);
    // A phone that nobody knows and that asks again and again is one miss.
    for path in [
        "cfg000b82000001.xml",
        "cfg000b82000001",
        "cfg000b82000001.xml",
    ] {
        assert!(!is_served(&bench, GUESSER, path).await);
    }
    let quarantine = bench.gateway.quarantine();
    let phone = &quarantine.phones[0];
    assert_eq!((quarantine.phones.len(), phone.count), (1, 3));
    assert_eq!(phone.paths[0].as_str(), "cfg000b82000001.xml");
    assert_eq!(phone.vendor.as_deref(), Some("grandstream"));
}

#[tokio::test]
async fn networks_ouis_and_all_together_have_budgets_of_their_own() {
    let bench = bench(budgets(100, 20, 1_000, 1_000)).await;
    for host in 1..=4 {
        guess(&bench, [198, 51, 100, host], 5).await;
        bench.gateway.drop_all().await;
    }
    assert_eq!(used_up(&bench), ["network 198.51.100.0/24"]);
    assert!(!is_served(&bench, [198, 51, 100, 200], OWN_FILE).await);
    assert!(is_served(&bench, [198, 51, 101, 1], OWN_FILE).await);

    let bench = bench.restart_by(budgets(100, 100, 10, 100)).await;
    guess(&bench, GUESSER, 10).await;
    assert_eq!(used_up(&bench), ["OUI 000b82"]);
    assert!(!is_served(&bench, [203, 0, 113, 1], OWN_FILE).await);
    assert!(is_served(&bench, [203, 0, 113, 1], "cfg001fc1d4e5f6.xml").await);

    let bench = bench.restart_by(budgets(100, 100, 100, 10)).await;
    guess(&bench, GUESSER, 10).await;
    assert_eq!(used_up(&bench), ["all"]);
    assert!(!is_served(&bench, [203, 0, 113, 1], "cfg001fc1d4e5f6.xml").await);

    // An IPv6 customer has a /64 of addresses, his provider's others are in the /48.
    let bench = bench.restart_by(budgets(10, 0, 0, 0)).await;
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap();
    guess(&bench, address("2001:db8:1:2::1"), 10).await;
    assert!(!is_served(&bench, address("2001:db8:1:2::2"), OWN_FILE).await);
    assert!(is_served(&bench, address("2001:db8:1:3::2"), OWN_FILE).await);
}

#[tokio::test]
async fn a_decoy_uses_up_the_budget_at_once() {
    let decoy: Mac = "000b82decafe".parse().unwrap();
    let rules = MissRules {
        decoys: vec![decoy, MAC],
        ..MissRules::default()
    };
    let bench = bench(rules).await;
    assert!(!is_served(&bench, GUESSER, "cfg000B82DECAFE.xml").await);
    assert_eq!(refused(&bench, MissReason::Decoy), 1);
    assert_eq!(used_up(&bench), ["source 198.51.100.7"]);
    assert!(!is_served(&bench, GUESSER, OWN_FILE).await);
    let quarantine = bench.gateway.quarantine();
    assert!(quarantine.phones[0].is_decoy && quarantine.phones[0].mac == decoy);
    assert!(!is_served(&bench, GUESSER, "cfg000B82DECAFE.xml").await);
    assert_eq!(refused(&bench, MissReason::Decoy), 2);
    // A phone that is known is no decoy, whatever the settings say.
    assert!(is_served(&bench, SITE, OWN_FILE).await);
}

#[tokio::test]
async fn a_refused_proof_costs_each_time() {
    let bench = bench(budgets(3, 10, 10, 10)).await;
    for _ in 0..3 {
        let request = request(GUESSER, OWN_FILE);
        bench.gateway.note_refused_proof(&request, Some(MAC));
    }
    assert_eq!(refused(&bench, MissReason::RefusedProof), 3);
    assert_eq!(used_up(&bench), ["source 198.51.100.7"]);
    // The phone is known, so it is in no quarantine.
    assert!(bench.gateway.quarantine().phones.is_empty());
}

#[tokio::test]
async fn while_a_budget_is_used_up_known_and_unknown_phones_are_answered_alike() {
    let bench = bench(budgets(10, 100, 100, 100)).await;
    bench.fetch().await;
    guess(&bench, GUESSER, 10).await;
    let mut times = Vec::new();
    for path in [OWN_FILE, "CFG000B82A1B2C3.XML", "cfg000b82000001.xml"] {
        let started = std::time::Instant::now();
        for _ in 0..1_000 {
            assert!(!is_served(&bench, GUESSER, path).await);
        }
        times.push(started.elapsed() / 1_000);
    }
    println!("known, known in capitals, unknown: {times:?} each");
}

#[tokio::test]
async fn phones_whose_files_no_pack_knows_are_known_too() {
    let bench = bench(budgets(2, 2, 2, 2)).await;
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("0004f2aabbcc-phone.cfg"), "<PHONE/>").unwrap();
    let options = crate::gateway::ImportOptions::default();
    let imported = bench.gateway.import(tree.path(), options, &|_, _| {}).await;
    imported.unwrap();
    for bench in [&bench] {
        assert!(is_served(bench, SITE, "0004f2aabbcc-phone.cfg").await);
        assert!(!is_served(bench, SITE, "0004f2aabbcc-directory.xml").await);
        assert_eq!(refused(bench, MissReason::UnknownPhone), 0);
    }
    guess(&bench, SITE, 5).await;
    assert!(!used_up(&bench).is_empty());
    assert!(is_served(&bench, SITE, "0004f2aabbcc-phone.cfg").await);
    assert!(!is_served(&bench, GUESSER, "0004f2aabbcc-phone.cfg").await);
    let bench = bench.restart_by(budgets(2, 2, 2, 2)).await;
    assert!(!is_served(&bench, SITE, "0004f2aabbcc-directory.xml").await);
    assert_eq!(refused(&bench, MissReason::UnknownPhone), 0);
}

impl crate::gateway::Gateway {
    /// Forgets all unknown phones.
    async fn drop_all(&self) {
        for phone in self.quarantine().phones {
            self.drop_from_quarantine(phone.mac).await.unwrap();
        }
    }
}
