//! Lines of phones through the gateway, with the fixtures' phones.

use std::net::IpAddr;

use super::super::tests::{Bench, MAC};
use super::super::{LogOrigin, LogQuery, SyslogOrder, SyslogSwitchError};
use crate::native::Mac;
use crate::wire::syslog::Severity;

const SAID: LogQuery = LogQuery {
    origin: Some(LogOrigin::Phone),
    since: None,
};

/// Where the phone of the tests fetches from.
const AT_PHONE: [u8; 4] = [192, 0, 2, 41];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 9];

/// A phone of the fixtures that was not seen yet.
const OTHER: Mac = Mac::new([0x00, 0x1f, 0xc1, 0xd4, 0xe5, 0xf6]);

fn said(bench: &Bench, mac: Mac) -> Vec<String> {
    let entries = bench.gateway.device_log(mac, SAID).unwrap();
    entries.into_iter().map(|entry| entry.text).collect()
}

fn take(bench: &Bench, source: impl Into<IpAddr>, line: &str) {
    bench.gateway.take_syslog(source.into(), line.as_bytes());
}

#[tokio::test]
async fn a_line_is_a_phones_by_its_address_or_by_the_mac_at_its_head() {
    let bench = Bench::new().await;
    bench.fetch().await;
    take(&bench, AT_PHONE, "<12>no name");
    take(
        &bench,
        ELSEWHERE,
        "<12>GS_LOG: [00:0B:82:A1:B2:C3][000] by name",
    );
    take(&bench, AT_PHONE, "<12>001fc1d4e5f6 of a neighbour");
    take(&bench, AT_PHONE, "<12>001fc1d4e5f6 calls 000b82a1b2c3");
    take(&bench, ELSEWHERE, "<12>000b82ffffff of nobody");
    let far = format!("<12>{} 000b82a1b2c3", "x".repeat(200));
    take(&bench, ELSEWHERE, &far);
    take(&bench, ELSEWHERE, " \n");
    assert_eq!(
        said(&bench, MAC),
        [
            "no name",
            "GS_LOG: [00:0B:82:A1:B2:C3][000] by name",
            "001fc1d4e5f6 calls 000b82a1b2c3"
        ]
    );
    assert_eq!(said(&bench, OTHER), ["001fc1d4e5f6 of a neighbour"]);
    let report = bench.gateway.syslog_report();
    assert_eq!((report.kept, report.of_nobody), (4, 2));
    assert_eq!(report.unknown[0].text, "000b82ffffff of nobody");
    assert_eq!(report.unknown[0].source, IpAddr::from(ELSEWHERE));
}

#[tokio::test]
async fn lines_of_nobody_are_counted_and_the_last_ones_are_shown() {
    let bench = Bench::new().await;
    for number in 0..1000 {
        take(&bench, ELSEWHERE, &format!("line {number}"));
    }
    let report = bench.gateway.syslog_report();
    assert_eq!(report.of_nobody, 1000);
    assert_eq!(report.unknown.len(), 64);
    assert_eq!(report.unknown.last().unwrap().text, "line 999");
}

#[tokio::test]
async fn what_is_kept_is_bounded_survives_a_restart_and_is_read_with_what_waits() {
    let bench = Bench::new().await;
    bench.fetch().await;
    for number in 0..3000 {
        take(
            &bench,
            AT_PHONE,
            &format!("<14>line {number:04} {}", "x".repeat(60)),
        );
        if number % 700 == 0 {
            bench.gateway.write_syslog().await.unwrap();
        }
    }
    let before = said(&bench, MAC);
    assert!(before.last().unwrap().starts_with("line 2999"));
    bench.gateway.write_syslog().await.unwrap();
    let bench = bench.restart().await;
    let after = said(&bench, MAC);
    let size: usize = after.iter().map(String::len).sum();
    assert!((32 << 10..=64 << 10).contains(&size), "{size}");
    assert!(before.ends_with(&after) || after.ends_with(&before));
    for (number, line) in after.iter().rev().enumerate() {
        assert!(
            line.starts_with(&format!("line {:04}", 2999 - number)),
            "{line}"
        );
    }
    take(&bench, AT_PHONE, "<11>and on");
    bench.gateway.write_syslog().await.unwrap();
    let entries = bench.gateway.device_log(MAC, SAID).unwrap();
    let last = entries.last().unwrap();
    assert_eq!(
        (last.text.as_str(), last.severity),
        ("and on", Some(Severity::Error))
    );
}

#[tokio::test]
async fn the_log_is_in_order_of_time_and_shows_no_secret_of_the_phone() {
    let bench = Bench::new().await;
    bench.fetch().await;
    bench.advance(10);
    take(&bench, AT_PHONE, "<15>auth desk-2170 Vx7!kelp#Row sent");
    bench.advance(10);
    bench.fetch().await;
    let log = bench.gateway.device_log(MAC, LogQuery::default()).unwrap();
    assert!(log.is_sorted_by_key(|entry| entry.at), "{log:?}");
    let place = log
        .iter()
        .position(|entry| entry.origin == LogOrigin::Phone)
        .unwrap();
    assert!(place > 0 && place < log.len() - 1, "{log:?}");
    assert_eq!(log[place].text, "auth desk-2170 *** sent");
    let file = bench.gateway.log_file(MAC).unwrap();
    assert!(
        file.contains("Z phone debug: auth desk-2170 *** sent\n"),
        "{file}"
    );
    let since = LogQuery {
        origin: None,
        since: Some(log[place].at),
    };
    let later = bench.gateway.device_log(MAC, since).unwrap();
    assert_eq!(later.len(), log.len() - place);
    let unknown = Mac::new([2, 0, 0, 0, 0, 1]);
    assert!(bench.gateway.device_log(unknown, SAID).is_err());
}

#[tokio::test]
async fn a_phone_is_told_to_send_its_log_and_told_off_to_the_byte() {
    let bench = Bench::new().await;
    let order = |on: bool, level: Option<&str>| SyslogOrder {
        on,
        level: level.map(str::to_owned),
    };
    let error = bench.gateway.switch_syslog(MAC, order(true, None)).await;
    assert!(matches!(error, Err(SyslogSwitchError::NotListening)));
    bench.gateway.listen_for_syslog(5514);
    let error = bench.gateway.switch_syslog(MAC, order(true, None)).await;
    assert!(matches!(error, Err(SyslogSwitchError::UnknownModel)));
    bench.fetch().await;
    let (_, before) = bench.gateway.own_file(MAC).unwrap();
    let error = bench
        .gateway
        .switch_syslog(MAC, order(true, Some("loud")))
        .await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`loud`") && text.contains("debug"), "{text}");

    for (level, value) in [(None, "2"), (Some("debug"), "1")] {
        let switched = bench
            .gateway
            .switch_syslog(MAC, order(true, level))
            .await
            .unwrap();
        assert_eq!(switched.server.as_deref(), Some("192.0.2.1:5514"));
        assert!(switched.changed && switched.applied_later);
        let (_, file) = bench.gateway.own_file(MAC).unwrap();
        let file = String::from_utf8(file).unwrap();
        assert!(file.contains("<P207>192.0.2.1:5514</P207>"), "{file}");
        assert!(file.contains(&format!("<P208>{value}</P208>")), "{file}");
    }
    let switched = bench
        .gateway
        .switch_syslog(MAC, order(false, None))
        .await
        .unwrap();
    assert!(switched.changed && !switched.on);
    assert_eq!(bench.gateway.own_file(MAC).unwrap().1, before);
    let again = bench
        .gateway
        .switch_syslog(MAC, order(false, None))
        .await
        .unwrap();
    assert!(!again.changed);
}
