//! What runs while the gateway serves: each door in a task, all closed by one token.

use std::io;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A door has closed while the gateway was running.
#[derive(Debug, thiserror::Error)]
#[error("{door} has stopped: {source}")]
pub struct DoorError {
    /// Which.
    pub door: &'static str,
    /// Why.
    pub source: io::Error,
}

/// The doors that are open.
#[derive(Default)]
pub(super) struct Doors {
    shutdown: CancellationToken,
    tasks: JoinSet<Result<(), DoorError>>,
}

impl Doors {
    /// Lets a door run until the token that it gets is cancelled. Its end before that closes the
    /// others, when it is an error.
    pub(super) fn open<R, F>(&mut self, door: &'static str, run: R)
    where
        R: FnOnce(CancellationToken) -> F,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let running = run(self.shutdown.clone());
        self.tasks
            .spawn(async move { running.await.map_err(|source| DoorError { door, source }) });
    }

    /// The same for a door that can't fail.
    pub(super) fn open_lasting<R, F>(&mut self, door: &'static str, run: R)
    where
        R: FnOnce(CancellationToken) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let running = run(self.shutdown.clone());
        self.open(door, |_| async move {
            running.await;
            Ok(())
        });
    }

    /// Waits until a door has ended; its outcome, or `None` when there is none left.
    pub(super) async fn next_ended(&mut self) -> Option<Result<(), DoorError>> {
        let ended = self.tasks.join_next().await?;
        Some(ended.unwrap_or_else(|error| {
            Err(DoorError {
                door: "a task",
                source: io::Error::other(error),
            })
        }))
    }

    /// Closes all, and lets what is under way come to its end. The first thing that went wrong.
    pub(super) async fn close(&mut self) -> Result<(), DoorError> {
        self.shutdown.cancel();
        let mut outcome = Ok(());
        while let Some(ended) = self.next_ended().await {
            outcome = outcome.and(ended);
        }
        outcome
    }
}
