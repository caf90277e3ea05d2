//! One thread that puts everybody's commits on disk.
//!
//! Many commits share one flush, and nobody who handles a request calls it (facts/rust-stack.md
//! §2.3 rule 3).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::progress::Progress;
use crate::store::{StoreError, Ticket};

/// Which part of the time that is a stall a flush waits for those who are about to commit.
const GATHERING: u32 = 50;

/// Numbers commits and makes them durable. Dropping it makes the last of them durable and ends
/// its threads.
pub(super) struct GroupCommit {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Somebody who is about to commit. It ends when it is dropped, also without a commit.
pub(super) struct Entered<'group> {
    shared: &'group Shared,
}

struct Shared {
    progress: Arc<Progress>,
    state: Mutex<State>,
    /// Tells the flushing thread, when it rests, of a commit or of the end.
    committed: Condvar,
    /// Tells the flushing thread that those have ended whom it waited for.
    gathered: Condvar,
    /// Tells the watching thread that a flush has begun or ended. It is not told of commits: there
    /// are many of them in a flush, and each would cost a change of threads.
    flushed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the last commit.
    committed: u64,
    /// How many are about to commit.
    entered: u64,
    /// How many were and no longer are, whatever became of it.
    left: u64,
    /// At which count of those a flush begins; none when none waits for them.
    gathering: Option<u64>,
    /// Up to which number a flush is under way; none when the flushing thread rests.
    flushing: Option<u64>,
    stopping: bool,
}

impl GroupCommit {
    /// Starts the threads. `flush` puts all that was committed before it on disk, or says why not;
    /// it may be called by two threads at once.
    ///
    /// A flush that takes longer than `stall` is helped along by a second one. When sled's I/O
    /// thread fails to write, a flush that already waits may never be woken
    /// (`Log::exit_reservation` of 0.34.7 records the error but tells nobody); a second flush
    /// finds the error, returns it, and wakes the first.
    pub(super) fn start(
        flush: impl Fn() -> Result<(), String> + Send + Sync + 'static,
        stall: Duration,
    ) -> io::Result<Self> {
        let mut group = Self {
            shared: Arc::new(Shared {
                progress: Progress::new(),
                state: Mutex::new(State::default()),
                committed: Condvar::new(),
                gathered: Condvar::new(),
                flushed: Condvar::new(),
            }),
            threads: Vec::new(),
        };
        let flush = Arc::new(flush);
        group.spawn("store-commit", {
            let (shared, flush) = (Arc::clone(&group.shared), Arc::clone(&flush));
            move || shared.flush_commits(&*flush, stall / GATHERING)
        })?;
        group.spawn("store-watch", {
            let shared = Arc::clone(&group.shared);
            move || shared.help_stalled_flush(&*flush, stall)
        })?;
        Ok(group)
    }

    /// Counts a commit, or several that were made as one.
    pub(super) fn committed(&self) -> Ticket {
        let mut state = self.shared.state();
        state.committed += 1;
        let ticket = self.shared.progress.ticket(state.committed);
        if state.flushing.is_none() && state.gathering.is_none() {
            self.shared.committed.notify_one();
        }
        ticket
    }

    /// Says that a commit is about to be made. Those who have said so before a flush begins are
    /// in that flush.
    pub(super) fn enter(&self) -> Entered<'_> {
        self.shared.state().entered += 1;
        Entered {
            shared: &self.shared,
        }
    }

    /// A ticket for all commits so far.
    pub(super) fn latest(&self) -> Ticket {
        self.shared.progress.ticket(self.shared.state().committed)
    }

    /// An error once something could not be written.
    pub(super) fn healthy(&self) -> Result<(), StoreError> {
        self.shared.progress.healthy()
    }

    /// Ends all promises: a commit failed and nobody knows what of it is there.
    pub(super) fn poison(&self, cause: &str) {
        self.shared.progress.fail(cause);
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.entered -= 1;
        state.left += 1;
        if state.gathering.is_some_and(|goal| state.left >= goal) {
            self.shared.gathered.notify_one();
        }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.shared.state().stopping = true;
        self.shared.committed.notify_all();
        self.shared.flushed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic inside was turned into a failure that the tickets told.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn flush_commits(&self, flush: &impl Fn() -> Result<(), String>, patience: Duration) {
        let mut durable = 0;
        let mut state = self.state();
        loop {
            if state.committed > durable {
                state = self.gather(state, patience);
                let target = state.committed;
                state.flushing = Some(target);
                self.flushed.notify_all();
                drop(state);
                let outcome = outcome_of(flush);
                match &outcome {
                    Ok(()) => self.progress.durable(target),
                    Err(cause) => self.progress.fail(cause),
                }
                state = self.state();
                state.flushing = None;
                self.flushed.notify_all();
                if outcome.is_err() {
                    return;
                }
                durable = target;
            } else if state.stopping {
                return;
            } else {
                state = rest(&self.committed, state);
            }
        }
    }

    /// Waits for all who were about to commit. sled lets nobody commit during a flush, and whoever
    /// waited for the end of one would not have begun before the next: each flush would have one
    /// commit.
    fn gather<'state>(
        &self,
        mut state: MutexGuard<'state, State>,
        patience: Duration,
    ) -> MutexGuard<'state, State> {
        if state.entered == 0 {
            return state;
        }
        let goal = state.left + state.entered;
        state.gathering = Some(goal);
        let (mut state, _) = self
            .gathered
            .wait_timeout_while(state, patience, |state| state.left < goal)
            .unwrap_or_else(PoisonError::into_inner);
        state.gathering = None;
        state
    }

    fn help_stalled_flush(&self, flush: &impl Fn() -> Result<(), String>, stall: Duration) {
        let mut state = self.state();
        loop {
            let Some(watched) = state.flushing else {
                if state.stopping {
                    return;
                }
                state = rest(&self.flushed, state);
                continue;
            };
            let (now, patience) = self
                .flushed
                .wait_timeout_while(state, stall, |state| state.flushing == Some(watched))
                .unwrap_or_else(PoisonError::into_inner);
            state = now;
            if patience.timed_out() {
                drop(state);
                if let Err(cause) = outcome_of(flush) {
                    self.progress.fail(&cause);
                }
                state = self.state();
            }
        }
    }

    /// The state is whole between any two of its lines, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rest<'state>(change: &Condvar, state: MutexGuard<'state, State>) -> MutexGuard<'state, State> {
    change.wait(state).unwrap_or_else(PoisonError::into_inner)
}

/// sled may panic instead of returning an error; waiting tickets must hear of that too.
fn outcome_of(flush: &impl Fn() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(flush))
        .unwrap_or_else(|_| Err("the database panicked while it was writing".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// A group, and how often it flushes.
    fn counted() -> (GroupCommit, Arc<AtomicUsize>) {
        let flushes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&flushes);
        let flush = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        (GroupCommit::start(flush, LONG).unwrap(), flushes)
    }

    #[test]
    fn a_ticket_waits_for_a_flush_that_began_after_its_commit() {
        let (begun, beginnings) = mpsc::sync_channel(0);
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let flush = move || {
            begun.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            Ok(())
        };
        let group = GroupCommit::start(flush, LONG).unwrap();
        let first = group.committed();
        beginnings.recv().unwrap();
        let late = group.committed();
        release.send(()).unwrap();
        first.wait().unwrap();
        beginnings.recv().unwrap();
        let early = group.shared.state().flushing;
        assert_eq!(early, Some(2), "the late commit has a flush of its own");
        release.send(()).unwrap();
        late.wait().unwrap();
    }

    #[test]
    fn a_failed_flush_poisons_every_waiting_and_every_later_promise() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let flush = move || match released.lock().unwrap().recv() {
            Ok(()) => Ok(()),
            Err(_) => Err("no space left on device".to_owned()),
        };
        let group = GroupCommit::start(flush, LONG).unwrap();
        let kept = group.committed();
        release.send(()).unwrap();
        kept.clone().wait().unwrap();

        let waiting: Vec<_> = (0..4)
            .map(|_| group.committed())
            .map(|ticket| thread::spawn(move || ticket.wait()))
            .collect();
        drop(release);
        for waiter in waiting {
            let error = waiter.join().unwrap().unwrap_err();
            assert!(error.to_string().contains("no space left on device"));
        }
        assert!(matches!(
            group.healthy(),
            Err(StoreError::Poisoned { cause }) if cause == "no space left on device"
        ));
        assert!(group.committed().wait().is_err());
        kept.wait()
            .expect("what was on disk before stays a kept promise");
    }

    #[test]
    fn a_flush_that_panics_is_a_failure_and_not_a_silence() {
        let group = GroupCommit::start(|| panic!("a bug in the engine"), LONG).unwrap();
        assert!(group.committed().wait().is_err());
    }

    #[test]
    fn a_flush_that_is_never_woken_is_helped_along() {
        let calls = AtomicUsize::new(0);
        let (wake, woken) = mpsc::channel();
        let (wake, woken) = (Mutex::new(Some(wake)), Mutex::new(woken));
        let flush = move || -> Result<(), String> {
            if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                // Sleeps until the second call lets go of its end.
                let _: Result<(), _> = woken.lock().unwrap().recv();
            } else {
                wake.lock().unwrap().take();
            }
            Err("input/output error".to_owned())
        };
        let group = GroupCommit::start(flush, Duration::from_millis(1)).unwrap();
        assert!(group.committed().wait().is_err());
    }

    #[test]
    fn whoever_is_about_to_commit_is_in_the_next_flush() {
        let (group, flushes) = counted();
        let (gives_up, commits) = (group.enter(), group.enter());
        let first = group.committed();
        drop(gives_up);
        let last = group.committed();
        drop(commits);
        first.wait().unwrap();
        last.wait().unwrap();
        assert_eq!(flushes.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn dropping_puts_the_last_commits_on_disk() {
        let (group, flushes) = counted();
        let ticket = group.committed();
        drop(group);
        assert_eq!(flushes.load(Ordering::SeqCst), 1);
        ticket.wait().unwrap();
    }
}
