//! Looks at the store's space from time to time, and says aloud when it runs short.

use std::time::Duration;

use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(60);
/// An alarm that stays is repeated after so long.
const REPEAT: Duration = Duration::from_secs(3600);
/// The records are measured so long after the start, when it is over what a start brings…
const FIRST_MEASURE: Duration = Duration::from_secs(600);
/// … and then at this interval: all of them are gone through.
const MEASURE: Duration = Duration::from_secs(86_400);

/// Looks until `stop`.
pub(super) async fn watch_space(gateway: Gateway, stop: CancellationToken) {
    let mut looks = interval(LOOK);
    // How many alarms there were: their texts change with every byte.
    let mut said: Option<(usize, Instant)> = None;
    let mut measure_at = Instant::now() + FIRST_MEASURE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        if Instant::now() >= measure_at {
            measure_at = Instant::now() + MEASURE;
            let gateway = gateway.clone();
            let measured = tokio::task::spawn_blocking(move || gateway.measure_live_size());
            match measured.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the store's records can't be measured"),
                Err(error) => tracing::warn!(%error, "the store's records were not measured"),
            }
        }
        let alarms = match gateway.store_status() {
            Ok(status) => status.alarms,
            Err(error) => {
                tracing::warn!(%error, "the space of the store is not known");
                continue;
            }
        };
        let is_news =
            said.is_none_or(|(count, at)| count != alarms.len() || at.elapsed() >= REPEAT);
        if is_news {
            for alarm in &alarms {
                tracing::warn!("{alarm}");
            }
            said = Some((alarms.len(), Instant::now()));
        }
    }
}
