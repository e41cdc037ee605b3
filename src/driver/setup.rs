//! One device's turn at creating nodes, out of the few the fleet has at a time.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A device's place at the gate. Dropping it gives the turn back.
pub(super) struct SetupTurn {
    gate: Arc<Semaphore>,
    state: State,
}

enum State {
    None,
    Asking(Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>),
    Granted(
        #[expect(dead_code, reason = "held for its Drop, which gives the turn back")] OwnedSemaphorePermit,
    ),
}

impl SetupTurn {
    /// A place at `gate`, whose permits are the turns.
    pub(super) fn new(gate: Arc<Semaphore>) -> Self {
        Self { gate, state: State::None }
    }

    /// Queues for a turn, once.
    pub(super) fn request(&mut self) {
        if matches!(self.state, State::None) {
            let gate = Arc::clone(&self.gate);
            self.state = State::Asking(Box::pin(async move {
                gate.acquire_owned().await.expect("the gate is never closed")
            }));
        }
    }

    /// Gives the turn back, or leaves the queue.
    pub(super) fn release(&mut self) {
        self.state = State::None;
    }

    /// Waits for the turn; for ever if none was asked for or it was given already. Cancel-safe: the place in the
    /// queue is kept.
    pub(super) async fn granted(&mut self) {
        match &mut self.state {
            State::None | State::Granted(_) => pending().await,
            State::Asking(turn) => {
                let permit = turn.as_mut().await;
                self.state = State::Granted(permit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    async fn is_granted(turn: &mut SetupTurn) -> bool {
        timeout(Duration::from_millis(1), turn.granted()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_round_and_are_never_more_than_the_gate_has() {
        let gate = Arc::new(Semaphore::new(1));
        let (mut first, mut second) = (SetupTurn::new(Arc::clone(&gate)), SetupTurn::new(Arc::clone(&gate)));
        first.request();
        assert!(is_granted(&mut first).await);
        second.request();
        assert!(!is_granted(&mut second).await);
        assert!(!is_granted(&mut first).await, "it is granted only once");
        first.release();
        assert!(is_granted(&mut second).await);
        drop(second);
        assert_eq!(gate.available_permits(), 1);
    }
}
