//! Events as they happen, as server-sent events (HTML standard, section 9.2).
//!
//! A client takes them out of the fleet's history at its own pace, so that a slow one holds nobody up and costs no
//! memory; what it is too slow for is told as a gap.

use super::{answer::Body, show};
use crate::fleet::Crew;
use futures::{Stream, stream};
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
    StreamBody::new(follower.frames()).boxed_unsync()
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
    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        let hello = Frame::data(Bytes::from_static(b": the events of a fleet\n\n"));
        let rest = stream::unfold(self, |mut follower| async move {
            let text = follower.next().await?;
            Some((Ok(Frame::data(Bytes::from(text))), follower))
        });
        futures::StreamExt::chain(stream::iter([Ok(hello)]), rest)
    }

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
                let Some(seat) = self.crew.seat(notice.device) else { continue };
                let definition = &seat.definition;
                if self.selection.takes(&notice.name, &definition.kind, &seat.tags) {
                    let what = show::told(&notice, definition);
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
                () = sleep(SILENCE) => return Some(": still there\n\n".to_owned()),
            }
        }
    }
}

fn append(text: &mut String, seq: u64, name: &str, data: &impl serde::Serialize) {
    let data = serde_json::to_string(data).expect("the vocabulary is plain data");
    writeln!(text, "id: {seq}\nevent: {name}\ndata: {data}\n").expect("a text takes everything");
}
