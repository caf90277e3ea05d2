//! `trestle serve`

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::arguments::Place;
use super::exit::{CommandError, Ending};
use super::import;
use super::output::{self, Bar};
use super::trace;
use crate::app::{Server, SystemClock, open_gateway_by, raise_open_files};
use crate::gateway::ImportOptions;

/// What the command line says in place of the settings.
pub(super) struct Instead {
    pub(super) acs: Option<Url>,
    pub(super) upstream: Option<Url>,
}

pub(super) async fn run(
    place: &Place,
    tree: Option<&Path>,
    instead: Instead,
    clock: SystemClock,
    soap: bool,
) -> Result<Ending, CommandError> {
    let mut settings = place.settings()?;
    settings.acs.url = instead.acs.or(settings.acs.url);
    settings.phones.upstream = instead.upstream.or(settings.phones.upstream);
    settings.check()?;
    if let Some(limit) = raise_open_files() {
        tracing::info!(limit, "files and sockets that may be open at once");
    }
    // Asked for before anything is acknowledged, so that no signal finds the process unready.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let gateway = open_gateway_by(clock, &settings)?;
    if let Some(tree) = tree {
        let bar = Bar::new("importing");
        let show = |done, total| bar.set(done, total);
        let importing = gateway.import(tree, ImportOptions::default(), &show);
        let report = tokio::select! {
            report = importing => report?,
            _ = terminate.recv() => return Ok(Ending::Clean),
            _ = interrupt.recv() => return Ok(Ending::Clean),
        };
        drop(bar);
        import::print(&report);
    }
    let server = Server::start(gateway, &settings).await?;
    let addresses = server.addresses();
    if let Some(address) = addresses.phones_http {
        output::line(&format!("listening phones http {address}"));
    }
    if let Some(address) = addresses.phones_https {
        output::line(&format!("listening phones https {address}"));
    }
    if let Some(address) = addresses.phones_tftp {
        output::line(&format!("listening phones tftp {address}"));
    }
    if let Some(address) = addresses.phones_https_legacy {
        output::line(&format!("listening phones https-legacy {address}"));
    }
    for address in &addresses.connection_requests {
        output::line(&format!("listening connection-request http {address}"));
    }
    if let Some(address) = addresses.udp_connection_requests {
        output::line(&format!("listening connection-request udp {address}"));
    }
    if let Some(address) = addresses.syslog_udp {
        output::line(&format!("listening syslog udp {address}"));
    }
    if let Some(address) = addresses.syslog_tcp {
        output::line(&format!("listening syslog tcp {address}"));
    }
    if let Some(address) = addresses.admin {
        output::line(&format!("listening admin http {address}"));
    }
    if clock.speed().get() > 1 {
        tracing::warn!(
            speed = clock.speed(),
            "the clock is hastened: for rehearsals and tests only"
        );
    }
    for risk in server.gateway().access_risks() {
        tracing::warn!("{risk}");
    }
    for url in settings.acs.urls() {
        tracing::info!(acs = %url, "devices inform this ACS");
    }
    if settings.acs.urls().next().is_none() {
        tracing::info!("no ACS is set: phones are served only");
    }
    if soap && let Some(watch) = server.gateway().watch_sessions() {
        tokio::spawn(trace::follow(watch));
    }
    let certificates = server.certificates();
    server
        .run_until(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hangup.recv() => certificates.reload(),
                }
            }
        })
        .await?;
    Ok(Ending::Clean)
}
