//! Keeps the tasks of a fleet running: started one after the other, restarted when they fail, stopped together.
//!
//! A task that panics is started again after a growing pause and never takes another with it. What a task does is
//! not known here.

use std::{collections::HashMap, future::Future, time::Duration};
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::{Instant, sleep, timeout},
};

/// Pause before the first restart; doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A task that ran this long is taken for healthy again.
const HEALTHY: Duration = Duration::from_mins(5);

/// Tasks numbered from zero.
pub(super) struct Supervisor<F> {
    start: F,
    tasks: JoinSet<()>,
    numbers: HashMap<Id, usize>,
    records: HashMap<usize, Record>,
    stopping: watch::Sender<bool>,
}

/// What is remembered of a task.
#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    started: Instant,
}

/// A turn in a task's life that its owner may want to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// It ended as it should.
    Ended,
    /// It failed and is started again.
    Restarting { number: usize, why: String, pause: Duration },
}

impl<F, Task> Supervisor<F>
where
    F: Fn(usize) -> Task,
    Task: Future<Output = ()> + Send + 'static,
{
    /// A supervisor whose tasks are made by `start`.
    pub(super) fn new(start: F) -> Self {
        Self {
            start,
            tasks: JoinSet::new(),
            numbers: HashMap::new(),
            records: HashMap::new(),
            stopping: watch::Sender::new(false),
        }
    }

    /// Starts the task with this number after a while.
    pub(super) fn launch(&mut self, number: usize, after: Duration) {
        // Boxed, since a future that is moved into another is twice in it.
        let task = Box::pin((self.start)(number));
        let mut stopping = self.stopping.subscribe();
        let handle = self.tasks.spawn(async move {
            tokio::select! {
                () = sleep(after) => task.await,
                // The guard that it gives is dropped inside, since it must not be held while the task runs.
                () = async { _ = stopping.wait_for(|stopping| *stopping).await } => {}
            }
        });
        self.numbers.insert(handle.id(), number);
        let failures = self.records.get(&number).map_or(0, |record| record.failures);
        self.records.insert(number, Record { failures, started: Instant::now() + after });
    }

    /// Waits until a task ends or fails, and restarts a failed one; `None` when all have ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Turn> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => {
                self.numbers.remove(&id);
                Some(Turn::Ended)
            }
            Err(error) => {
                let number = self.numbers.remove(&error.id())?;
                let why = match error.try_into_panic() {
                    Ok(panic) => panic_text(&*panic),
                    Err(error) => error.to_string(),
                };
                let pause = self.pause(number);
                self.launch(number, pause);
                Some(Turn::Restarting { number, why, pause })
            }
        }
    }

    /// Restarts nothing any more, lets tasks that have not started yet go, and gives the others `grace` to end.
    /// Returns how many had to be aborted.
    pub(super) async fn wind_down(mut self, grace: Duration) -> usize {
        self.stopping.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(grace, all).await.is_ok() {
            return 0;
        }
        let left = self.tasks.len();
        self.tasks.shutdown().await;
        left
    }

    /// The pause before the next start of a task that has just failed, somewhere in the upper half of what is due,
    /// so that a whole fleet that failed at once does not come back at once.
    fn pause(&mut self, number: usize) -> Duration {
        let Some(record) = self.records.get_mut(&number) else { return FIRST_PAUSE };
        if record.started.elapsed() >= HEALTHY {
            record.failures = 0;
        }
        let due = FIRST_PAUSE.saturating_mul(1 << record.failures.min(16)).min(LONGEST_PAUSE);
        record.failures = record.failures.saturating_add(1);
        due.mul_f64(0.5 + 0.5 * random_fraction())
    }
}

/// From 0 to 1. Restarts are outside every simulation, so this need not be reproducible.
fn random_fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
    };

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_restarted_and_the_others_do_not_notice() {
        let starts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let counted = Arc::clone(&starts);
        let mut supervisor = Supervisor::new(move |number| {
            let starts = Arc::clone(&counted);
            async move {
                let before = starts[number].fetch_add(1, SeqCst);
                assert!(number == 0 || before >= 3, "not yet");
                pending::<()>().await;
            }
        });
        supervisor.launch(0, Duration::ZERO);
        supervisor.launch(1, Duration::ZERO);

        let mut pauses = Vec::new();
        for _ in 0..3 {
            let Some(Turn::Restarting { number: 1, why, pause }) = supervisor.next().await else { panic!() };
            assert_eq!(why, "not yet");
            pauses.push(pause);
        }
        assert!(timeout(Duration::from_mins(2), supervisor.next()).await.is_err(), "all is well now");

        assert_eq!((starts[0].load(SeqCst), starts[1].load(SeqCst)), (1, 4));
        assert!(pauses[0] >= FIRST_PAUSE / 2 && pauses[0] <= FIRST_PAUSE, "{pauses:?}");
        assert!(pauses[2] >= FIRST_PAUSE * 2 && pauses[2] <= FIRST_PAUSE * 4, "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn winding_down_waits_for_the_willing_and_aborts_the_rest() {
        let mut supervisor = Supervisor::new(|number| async move {
            match number {
                0 => sleep(Duration::from_secs(1)).await,
                _ => pending().await,
            }
        });
        supervisor.launch(0, Duration::ZERO);
        supervisor.launch(1, Duration::ZERO);
        supervisor.launch(2, Duration::from_hours(1));
        assert!(timeout(Duration::from_millis(10), supervisor.next()).await.is_err(), "two run, one waits");
        let begun = Instant::now();

        let aborted = supervisor.wind_down(Duration::from_secs(5)).await;

        assert_eq!(aborted, 1, "the one that never ends; the late one never started");
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }
}
