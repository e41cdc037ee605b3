//! Where the keys of a fleet's passwords are derived: two at a time, if two are wanted.
//!
//! One after the other they keep a processor waiting for most of the time; [`Derivation::finish_both`] says why.

use std::{
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
};
use thingfleet_link::xmpp::salted::Derivation;
use tokio::{sync::oneshot, task::yield_now};

/// Rounds that are done without a pause: those of twice a common key, a few milliseconds. Whoever wants more waits its turn.
const AT_ONCE: u32 = 20_000;

/// Keys that are to be derived.
#[derive(Debug, Default)]
pub(super) struct Deriver(Mutex<Vec<Job>>);

#[derive(Debug)]
struct Job {
    derivation: Derivation,
    done: oneshot::Sender<Derivation>,
}

impl Deriver {
    /// Does what is left of a derivation, on this thread or on one that wants the same at the moment.
    pub(super) async fn finish(&self, mut derivation: Derivation) -> Derivation {
        while derivation.left() > AT_ONCE {
            derivation.go_on(AT_ONCE);
            yield_now().await;
        }
        let (done, mut told) = oneshot::channel();
        self.lock().push(Job { derivation: derivation.clone(), done });
        // Whoever has its challenge comes here meanwhile.
        yield_now().await;
        loop {
            if let Ok(derivation) = told.try_recv() {
                return derivation;
            }
            if !self.work() {
                break;
            }
        }
        // Another thread is at it.
        if let Ok(derivation) = told.await {
            return derivation;
        }
        derivation.go_on(u32::MAX);
        derivation
    }

    /// Does two derivations, or the last one; returns whether there was any.
    fn work(&self) -> bool {
        let mut waiting = self.lock();
        // Those whose connection is gone.
        waiting.retain(|job| !job.done.is_closed());
        let (Some(mut one), other) = (waiting.pop(), waiting.pop()) else { return false };
        if waiting.is_empty() {
            take(&mut *waiting);
        }
        drop(waiting);
        if let Some(mut other) = other {
            Derivation::finish_both(&mut one.derivation, &mut other.derivation);
            // Whoever does not take it any more has no need for it.
            _ = other.done.send(other.derivation);
        } else {
            one.derivation.go_on(u32::MAX);
        }
        // As above.
        _ = one.done.send(one.derivation);
        true
    }

    /// Nothing can panic under it.
    fn lock(&self) -> MutexGuard<'_, Vec<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use thingfleet_device::{instance::Account, jid::BareJid, ns, value::Secret, xml::Element};
    use thingfleet_link::xmpp::signing_on::SigningOn;

    /// Somebody who has the server's challenge.
    fn challenged(password: &str, rounds: u32) -> SigningOn {
        let account = Account {
            jid: BareJid::parse("kettle@example.org").unwrap(),
            password: Secret::new(password),
            resource: "kettle".into(),
        };
        let mut signing_on = SigningOn::new(account, [7; 18], None, true);
        let scram = Element::new(ns::SASL, "mechanism").text("SCRAM-SHA-256");
        let mechanisms = Element::new(ns::SASL, "mechanisms").child(scram);
        let challenge = format!("r={}x,s=QSXCR+Q6sek8bf92,i={rounds}", BASE64.encode([7; 18]));
        for element in [
            Element::new(ns::STREAMS, "stream"),
            Element::new(ns::STREAMS, "features").child(mechanisms),
            Element::new(ns::SASL, "challenge").text(BASE64.encode(challenge)),
        ] {
            signing_on.take(element).unwrap();
        }
        signing_on
    }

    fn response(mut signing_on: SigningOn) -> String {
        let response = std::iter::repeat_with(|| signing_on.work()).flatten().next().unwrap();
        response.get_text().into_owned()
    }

    async fn elsewhere(deriver: &Deriver, mut signing_on: SigningOn) -> String {
        let derivation = signing_on.derivation().unwrap();
        *derivation = deriver.finish(derivation.clone()).await;
        assert_eq!(derivation.left(), 0);
        response(signing_on)
    }

    async fn three(of: impl AsyncFn(u32) -> String) -> [String; 3] {
        tokio::join!(of(4096), of(5000), of(50_000)).into()
    }

    #[tokio::test]
    async fn what_is_derived_together_is_what_each_derives_alone() {
        let deriver = Deriver::default();
        let together = three(async |rounds| elsewhere(&deriver, challenged("secret", rounds)).await).await;
        let alone = [4096, 5000, 50_000].map(|rounds| response(challenged("secret", rounds)));
        assert_eq!(together, alone);
        assert!(deriver.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_leaves_is_not_waited_for() {
        let deriver = Deriver::default();
        {
            let mut left = std::pin::pin!(elsewhere(&deriver, challenged("gone", 4096)));
            let waker = std::task::Waker::noop();
            assert!(left.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        }
        assert_eq!(
            elsewhere(&deriver, challenged("secret", 4096)).await,
            response(challenged("secret", 4096))
        );
        assert!(deriver.lock().is_empty());
    }
}
