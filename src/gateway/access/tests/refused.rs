//! What is refused, and what a refusal tells.

use super::*;

#[tokio::test]
async fn a_replayed_or_old_answer_is_asked_again_and_rubbish_is_refused() {
    let bench = Bench::new(all(&[Proof::Digest], UntilUsed::Refuse)).await;
    bench.order(MAC, CredentialsOrder::default()).await;
    bench.order(OTHER, CredentialsOrder::default()).await;
    let password = bench.own_value("P1361");
    let user = MAC.to_string();
    let challenges = bench.phone(FILE).await.challenge();
    assert_eq!(challenges.len(), 1, "no Basic without TLS");
    let header = answer(&challenges, FILE, &user, &password);
    bench.ask(with(phone(FILE), &header)).await.file();
    let replayed = bench.ask(with(phone(FILE), &header)).await.challenge();
    assert!(replayed[0].contains("stale=true"), "{replayed:?}");
    let header = answer(&bench.phone(FILE).await.challenge(), FILE, &user, &password);
    bench.advance(61);
    let old = bench.ask(with(phone(FILE), &header)).await.challenge();
    assert!(old[0].contains("stale=true"), "{old:?}");
    assert!(
        bench
            .gateway
            .show(MAC)
            .await
            .unwrap()
            .access
            .refused
            .is_none()
    );

    // An answer for one file is none for another, and one phone's is none for another phone.
    let header = answer(&old, FILE, &user, &password);
    let elsewhere = bench
        .ask(with(phone(OTHER_FILE), &header))
        .await
        .challenge();
    assert!(!elsewhere[0].contains("stale"), "{elsewhere:?}");
    assert!(bench.log(OTHER).contains("the user name of another phone"));
    let absurd = format!("Digest username=\"{}\"", "x".repeat(100_000));
    let basic = {
        use base64::Engine as _;
        let text = format!("{user}:{password}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(text)
        )
    };
    for header in [
        "",
        "Digest",
        "Digest username=\"000b82a1b2c3\"",
        "Digest ,,,==\"\"\u{e9}",
        "Bearer x",
        absurd.as_str(),
        basic.as_str(),
    ] {
        bench.ask(with(phone(FILE), header)).await.challenge();
    }
    assert!(bench.log(MAC).contains("sends a password over plain http"));
    // Over TLS the same is good.
    let mut request = with(phone(FILE), &basic);
    request.transport = Transport::Https;
    bench.ask(request).await.file();
    let mut request = phone(FILE);
    request.transport = Transport::Https;
    assert_eq!(bench.ask(request).await.challenge().len(), 2);
}

#[tokio::test]
async fn known_and_unknown_phones_are_refused_alike() {
    let mut access = all(&[Proof::Digest], UntilUsed::Refuse);
    access.groups.push(AccessGroup {
        phones: toml::from_str("vendor = \"aastra\"").unwrap(),
        policy: policy("desks", &[Proof::Token], UntilUsed::Refuse),
    });
    let bench = Bench::new(access).await;
    let shape = |got: Got| match got {
        Got::File(_) => panic!("a file"),
        Got::NotFound => "nothing".to_owned(),
        Got::Challenge(challenges) => {
            let parts: Vec<&str> = challenges[0].split("nonce=\"").collect();
            let (nonce, rest) = parts[1].split_once('"').unwrap();
            format!("{} {} {rest}", parts[0], nonce.len())
        }
    };
    let tcp: fn(&str) -> FetchRequest = phone;
    let tftp = |path: &str| {
        let mut request = phone(path);
        request.transport = Transport::Tftp;
        request
    };
    let dead = "AAAAAAAAAAAAAAAAAAAAAA";
    for (known, unknown) in [
        (FILE, UNKNOWN_FILE),
        ("00085D7890AB.cfg", "00085D7890AC.cfg"),
        ("warehouse/00085D55AA11.cfg", "warehouse/00085D55AA12.cfg"),
    ] {
        for prefix in ["", "AAAAAAAAAAAAAAAAAAAAAA/"] {
            let (known, unknown) = (format!("{prefix}{known}"), format!("{prefix}{unknown}"));
            for request in [tcp, tftp] {
                let (known, unknown) = (request(&known), request(&unknown));
                assert_eq!(
                    shape(bench.ask(known.clone()).await),
                    shape(bench.ask(unknown.clone()).await),
                    "{known:?}"
                );
            }
            let header = "Basic MDAwYjgyYTFiMmMzOng=";
            assert_eq!(
                shape(bench.ask(with(phone(&known), header)).await),
                shape(bench.ask(with(phone(&unknown), header)).await),
            );
        }
    }
    assert!(shape(bench.phone(FILE).await).starts_with("Digest"));
    bench.phone(&format!("{dead}/nothing.bin")).await.nothing();
}

#[tokio::test]
async fn a_phone_that_has_shown_who_it_is_is_told_which_files_there_are() {
    let bench = Bench::new(all(&[Proof::Digest], UntilUsed::Refuse)).await;
    bench.order(MAC, CredentialsOrder::default()).await;
    let password = bench.own_value("P1361");
    // Phones ask for names that are not there before they come to the one that is.
    let missing = "cfg000b82a1b2c3";
    bench.phone_with(missing, &password).await.nothing();
    bench.phone_with(missing, "wrong").await.challenge();
    bench.phone("cfggxp2170.xml").await.nothing();
}

#[tokio::test]
async fn a_network_is_enough_where_it_is_named_and_until_a_proof_is_used() {
    let bench = Bench::new(all(&[Proof::Network], UntilUsed::Open)).await;
    bench.ask(from_network(phone(FILE))).await.file();
    bench.phone(FILE).await.nothing();
    assert!(
        bench
            .log(MAC)
            .contains("its address is in none of the networks")
    );
    let mut request = from_network(phone(FILE));
    request.transport = Transport::Tftp;
    bench.ask(request).await.file();

    let bench = bench.restart(all(&[Proof::Token], UntilUsed::Network));
    bench.phone(FILE).await.nothing();
    bench.ask(from_network(phone(FILE))).await.file();
    bench.order(MAC, CredentialsOrder::default()).await;
    let path = format!("{}/{FILE}", bench.token());
    bench.phone(&path).await.file();
    bench.ask(from_network(phone(FILE))).await.nothing();
    let mut request = from_network(phone(&path));
    request.transport = Transport::Tftp;
    bench.ask(request).await.nothing();
    let mut request = phone(FILE);
    request.transport = Transport::Tftp;
    bench.ask(request).await.nothing();
    assert!(
        bench.log(MAC).contains("nothing can be shown by TFTP"),
        "{}",
        bench.log(MAC)
    );
}

#[tokio::test]
async fn another_phones_token_opens_nothing_but_what_both_read() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Refuse)).await;
    bench.phone("startup.cfg").await.nothing();
    bench.phone("lang_de.txt").await.file();
    bench.phone("gxp2170fw.bin").await.file();
    for mac in [MAC, AASTRA] {
        assert_eq!(
            bench.order(mac, CredentialsOrder::default()).await,
            given(GivenProof::Token)
        );
    }
    let grandstreams = bench.token();
    let text = bench.own_text(AASTRA);
    let aastras = text
        .lines()
        .find_map(|line| line.strip_prefix("http path: "))
        .unwrap();
    let as_aastra = |path: String| stranger_as(&path, AASTRA_USER_AGENT);
    bench
        .ask(as_aastra(format!("{aastras}/startup.cfg")))
        .await
        .file();
    bench
        .ask(as_aastra(format!("{aastras}/00085D7890AB.cfg")))
        .await
        .file();
    bench
        .ask(as_aastra(format!("{aastras}/lang_de.txt")))
        .await
        .file();
    bench.phone(&format!("{aastras}/{FILE}")).await.nothing();
    assert!(
        bench.log(MAC).contains("the token of another phone"),
        "{}",
        bench.log(MAC)
    );
    bench
        .phone(&format!("{grandstreams}/startup.cfg"))
        .await
        .nothing();
    assert!(
        bench.log(MAC).contains("does not read this file"),
        "{}",
        bench.log(MAC)
    );
    for path in ["x/startup.cfg", "AAAAAAAAAAAAAAAAAAAAAA/startup.cfg"] {
        bench.phone(path).await.nothing();
    }
}

#[tokio::test]
async fn a_shared_file_is_open_as_long_as_a_phone_that_may_read_it_has_shown_nothing() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Open)).await;
    bench.phone("startup.cfg").await.file();
    let mut access = AccessSettings::default();
    let group = |text: &str, name: &str, until_used| AccessGroup {
        phones: toml::from_str(text).unwrap(),
        policy: policy(name, &[Proof::Token], until_used),
    };
    access.groups = vec![group("vendor = \"aastra\"", "aastras", UntilUsed::Refuse)];
    let bench = bench.restart(access.clone());
    bench.phone("startup.cfg").await.nothing();
    // Others are not held to it.
    bench.phone(FILE).await.file();
    access.groups = vec![group("model = \"6867i\"", "some", UntilUsed::Refuse)];
    let bench = bench.restart(access);
    bench.phone("startup.cfg").await.file();
}
