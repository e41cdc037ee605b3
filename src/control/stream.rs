//! Events, and what a device exchanges, as server-sent events (HTML standard, section 9.2).
//!
//! A client takes events out of the fleet's history at its own pace, so that a slow one holds nobody up and costs no
//! memory; what it is too slow for is told as a gap. The same goes for exchanges, of which only a few are kept.

use super::{answer::Body, show};
use crate::fleet::{Crew, Seat, tap::Listener};
use futures::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use std::{convert::Infallible, fmt::Write as _, sync::Arc, time::Duration};
use thingfleet_control::{
    command::Selection,
    event::{Event, Gap},
};
use tokio::{sync::watch, time::sleep};

/// Events that are looked at before anything is sent.
const BATCH: usize = 256;
/// Longest silence; a client or a proxy in between may take a longer one for a broken connection.
const SILENCE: Duration = Duration::from_secs(15);
/// What is said instead, which clients skip.
const STILL_THERE: &str = ": still there\n\n";

/// The events of a selection after this one, until `stopping`.
pub(super) fn events(
    crew: Arc<Crew>,
    selection: Selection,
    since: Option<u64>,
    stopping: watch::Receiver<bool>,
) -> Body {
    let history = crew.health().history();
    history.begin();
    let latest = history.latest();
    // A number of another run may be ahead of this one.
    let seq = since.map_or(latest, |since| since.min(latest));
    let changes = history.changes();
    let follower = Follower { crew, selection, seq, changes, stopping };
    let told =
        stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) });
    body(": the events of a fleet\n\n", told)
}

/// What a listener hears from now on, until `stopping`.
pub(super) fn traffic(listener: Listener, stopping: watch::Receiver<bool>) -> Body {
    let heard = stream::unfold((listener, stopping), |(mut listener, mut stopping)| async move {
        let text = heard(&mut listener, &mut stopping).await?;
        Some((text, (listener, stopping)))
    });
    body(": what a device exchanges\n\n", heard)
}

/// A comment that tells that the stream is there, and the stream.
fn body(hello: &'static str, texts: impl Stream<Item = String> + Send + 'static) -> Body {
    let texts = stream::iter([hello.to_owned()]).chain(texts);
    StreamBody::new(texts.map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))))).boxed_unsync()
}

/// Waits for the next exchanges; `None` when the device is removed or the fleet is being stopped.
async fn heard(listener: &mut Listener, stopping: &mut watch::Receiver<bool>) -> Option<String> {
    let mut exchanges = Vec::new();
    tokio::select! {
        count = listener.exchanges.recv_many(&mut exchanges, BATCH) => {
            if count == 0 {
                return None;
            }
        }
        _ = stopping.wait_for(|stopping| *stopping) => return None,
        () = sleep(SILENCE) => return Some(STILL_THERE.to_owned()),
    }
    let mut text = String::new();
    for exchange in exchanges {
        let missing = (listener.before + 1, exchange.seq - 1);
        if missing.0 <= missing.1 {
            append(&mut text, missing.1, "gap", &Gap { from: missing.0, to: missing.1 });
        }
        listener.before = exchange.seq;
        append(&mut text, exchange.seq, exchange.what.name(), &*exchange);
    }
    Some(text)
}

struct Follower {
    crew: Arc<Crew>,
    selection: Selection,
    /// The event that was looked at last.
    seq: u64,
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl Follower {
    /// Waits for the next events; `None` when the fleet is being stopped.
    async fn next(&mut self) -> Option<String> {
        loop {
            self.changes.mark_unchanged();
            let excerpt = self.crew.health().history().after(self.seq, BATCH);
            let mut text = String::new();
            if let Some((from, to)) = excerpt.missing {
                self.seq = to;
                append(&mut text, to, "gap", &Gap { from, to });
            }
            let is_behind = !excerpt.events.is_empty();
            for (seq, notice) in excerpt.events {
                self.seq = seq;
                let seat = notice.device.and_then(|place| self.crew.seat(place));
                let takes =
                    |seat: &Seat| self.selection.takes(&notice.name, &seat.definition.kind, &seat.tags);
                // What is about the fleet is about whichever of its devices somebody watches.
                if seat.as_deref().is_some_and(|seat| !takes(seat)) {
                    continue;
                }
                if let Some(what) = show::told(&notice, seat.as_ref().map(|seat| &*seat.definition)) {
                    let (device, device_seconds) = (notice.name.to_string(), notice.at.as_secs_f64());
                    let name = what.name();
                    append(&mut text, seq, name, &Event { seq, device, device_seconds, what });
                }
            }
            if !text.is_empty() {
                return Some(text);
            }
            if is_behind {
                continue;
            }
            tokio::select! {
                // It cannot fail: the history is part of the crew.
                _ = self.changes.changed() => {}
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = sleep(SILENCE) => return Some(STILL_THERE.to_owned()),
            }
        }
    }
}

fn append(text: &mut String, seq: u64, name: &str, data: &impl serde::Serialize) {
    let data = serde_json::to_string(data).expect("the vocabulary is plain data");
    writeln!(text, "id: {seq}\nevent: {name}\ndata: {data}\n").expect("a text takes everything");
}
