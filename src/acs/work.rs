//! Takes jobs as they come, some at once, until told to stop.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long jobs under way may take to end once trestle stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Fetches jobs with `next` and runs each with `run`, at most `at_once` together. A job is fetched
/// only when there is room for it. On `shutdown` no further job is fetched; those under way get
/// five seconds and are then dropped, as in a crash.
pub(super) async fn run_jobs<Job, Next, Run>(
    at_once: u16,
    shutdown: CancellationToken,
    next: impl Fn() -> Next,
    run: impl Fn(Job) -> Run,
) where
    Next: Future<Output = Job>,
    Run: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(usize::from(at_once)));
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let fetched = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((slot, next().await))
        };
        let (slot, job) = tokio::select! {
            () = shutdown.cancelled() => break,
            fetched = fetched => match fetched {
                Some(fetched) => fetched,
                None => break,
            },
        };
        let work = run(job);
        running.spawn(async move {
            work.await;
            drop(slot);
        });
    }
    let all_ended = async { while running.join_next().await.is_some() {} };
    if timeout(STOP_GRACE, all_ended).await.is_err() {
        tracing::warn!(jobs = running.len(), "jobs dropped because trestle stops");
    }
}

/// A future has panicked; what it says of that was printed already.
#[derive(Debug, thiserror::Error)]
#[error("it panicked")]
pub(super) struct Panicked;

/// Runs a future so that its panic is an error of the caller's and nothing more: after it, the future
/// is never asked again, and what it shares with others is behind locks that can be poisoned.
pub(super) async fn contained<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(Err(Panicked)), |polled| polled.map(Ok))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const JOBS: usize = 10;

    #[derive(Default)]
    struct Counts {
        fetched: AtomicUsize,
        running: AtomicUsize,
        most: AtomicUsize,
        ended: AtomicUsize,
    }

    #[tokio::test]
    async fn no_more_jobs_run_at_once_than_allowed_and_a_panic_frees_its_place() {
        let counts = Arc::new(Counts::default());
        let shutdown = CancellationToken::new();
        let next = || async {
            let number = counts.fetched.fetch_add(1, Ordering::SeqCst);
            if number == JOBS {
                std::future::pending::<()>().await;
            }
            number
        };
        let run = |number: usize| {
            let (counts, shutdown) = (Arc::clone(&counts), shutdown.clone());
            async move {
                let running = counts.running.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(running, Ordering::SeqCst);
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
                counts.running.fetch_sub(1, Ordering::SeqCst);
                if counts.ended.fetch_add(1, Ordering::SeqCst) + 1 == JOBS {
                    shutdown.cancel();
                }
                assert!(!number.is_multiple_of(3), "a job that panics");
            }
        };
        run_jobs(2, shutdown.clone(), next, run).await;
        assert_eq!(counts.most.load(Ordering::SeqCst), 2);
        assert_eq!(counts.ended.load(Ordering::SeqCst), JOBS);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_caller() {
        assert!(contained(async { panic!("inside") }).await.is_err());
        assert_eq!(contained(async { 7 }).await.ok(), Some(7));
    }
}
