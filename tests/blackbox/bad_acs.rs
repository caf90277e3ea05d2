//! An ACS that misbehaves towards one device: the others' sessions go on.

use tokio::net::TcpSocket;
use trestle::sim::acs::Reply;

use crate::bench::Bench;
use crate::managed::{DISPLAY_NAME, Managed, PROVISIONING_CODE};
use crate::phones::{AASTRA, GRANDSTREAM, HTEK};
use crate::support::finish;

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_a_stall_or_a_close_fails_that_session_alone() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let mut stalled = Managed::first_seen(&bench, &gateway, GRANDSTREAM).await;
    let mut mistreated = Managed::first_seen(&bench, &gateway, HTEK).await;
    let mut well = Managed::first_seen(&bench, &gateway, AASTRA).await;

    let mut session = stalled.wake(&gateway).await;
    session.reply(Reply::stall()).unwrap();
    let mut good = well.turn(&gateway).await;

    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    let huge = "<a>".repeat(2_000_000);
    let deep = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let no_answer = [Reply::close(), Reply::message("<a/>").cut_after(30)];
    let rubbish = [
        Reply::raw("rubbish\r\n\r\n"),
        Reply::raw(vec![0_u8, 255, 254, 10, 13]),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        no_answer[0].clone(),
        Reply::message("this is no XML"),
        Reply::message(bomb),
        Reply::message(huge),
        Reply::message(deep),
        no_answer[1].clone(),
        Reply::message(" ".repeat(500)).cut_after(200),
        Reply::status(500),
        Reply::status(503),
        Reply::status(404),
    ];
    for (number, reply) in rubbish.into_iter().enumerate() {
        let shown = format!("{reply:.80?}");
        let at_inform = mistreated.wake(&gateway).await;
        let inform = at_inform.inform();
        assert_eq!(inform.retry_count, 2 * number as u32, "{shown}");
        at_inform.end_with(reply.clone()).unwrap();

        let mut later = mistreated.wake(&gateway).await;
        assert_eq!(later.inform().retry_count, 2 * number as u32 + 1, "{shown}");
        assert!(later.respond_inform().await.unwrap().is_empty_post());
        later.end_with(reply.clone()).unwrap();
        if no_answer.contains(&reply) {
            // The connection could have been closed while it was idle: the POST is sent once more,
            // on another one.
            let again = mistreated.device.next().await.unwrap();
            assert!(again.exchange.is_empty_post());
            again.reply(reply);
        }

        let code = format!("code {number}");
        let set = [(PROVISIONING_CODE, code.as_str(), "xsd:string")];
        good.set_values(&set, "").await.unwrap();
        assert_eq!(good.get_value(PROVISIONING_CODE).await.unwrap(), code);
    }
    good.end().unwrap();
    // None of this has changed anything, and the next good session ends the count.
    let mut session = mistreated.turn(&gateway).await;
    assert_eq!(
        session.get_value(DISPLAY_NAME).await.unwrap(),
        "Werkstatt Süd"
    );
    session.end().unwrap();
    let session = mistreated.wake(&gateway).await;
    assert_eq!(session.inform().retry_count, 0);
    finish(session).await;
    assert_eq!(
        gateway.terminate().code(),
        Some(0),
        "the stall holds nobody up"
    );
    assert!(!bench.gateway_text().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acs_that_is_not_there_costs_no_event_and_phones_are_served() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let nowhere = TcpSocket::new_v4().unwrap();
    nowhere.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nowhere.local_addr().unwrap();
    let bench = Bench::set_with("", "url = \"http://127.0.0.1:7547\"").await;
    let url = format!("http://{address}/acs");
    let gateway = bench.serve_towards(&url);
    let response = GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    assert_eq!(response.body, bench.tree_file(GRANDSTREAM.own_file()));
    bench.show_once(GRANDSTREAM.mac, |shown| {
        shown["retry_count"].as_u64() >= Some(1)
    });
    assert_eq!(gateway.terminate().code(), Some(0));
    // Before the start: the Inform that is owed comes at once, and must find its script.
    let device = bench.acs.device(&GRANDSTREAM.serial());
    let gateway = bench.serve_again();
    let managed = Managed::greet(device).await;
    assert_eq!(
        managed.first_inform.event_codes(),
        ["0 BOOTSTRAP", "1 BOOT"]
    );
    drop(gateway);
}
