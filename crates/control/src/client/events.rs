//! Events as they come: server-sent events (HTML standard, section 9.2), as far as a fleet uses them.

use super::{ClientError, broken};
use crate::event::{Event, Gap};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Longest event; a fleet's are well below.
const LONGEST: usize = 1024 * 1024;

/// A stream of events, or of whatever else a fleet tells as it happens. It ends with the fleet.
#[derive(Debug)]
pub struct EventStream<T = Event> {
    body: Incoming,
    parser: Parser<T>,
}

/// What a stream of events tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<T = Event> {
    /// An event.
    Event(T),
    /// Events that are not kept any more, or that came too fast for whoever reads.
    Gap(Gap),
}

impl<T: DeserializeOwned> EventStream<T> {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, parser: Parser::new() }
    }

    /// Waits for the next event; `None` when the fleet has ended. Cancel-safe.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<Option<Told<T>>, ClientError> {
        loop {
            if let Some(told) = self.parser.next()? {
                return Ok(Some(told));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                self.parser.unread.extend_from_slice(&data);
            }
        }
    }
}

/// Cuts events out of a stream of bytes.
#[derive(Debug)]
struct Parser<T> {
    unread: Vec<u8>,
    events: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Parser<T> {
    const fn new() -> Self {
        Self { unread: Vec::new(), events: PhantomData }
    }

    /// The next event that is there as a whole. Comments, which keep the connection alive, are skipped.
    fn next(&mut self) -> Result<Option<Told<T>>, ClientError> {
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.unread.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
            };
            let data = field("data");
            if !data.is_empty() {
                let told = match field("event") {
                    "gap" => serde_json::from_str(data).map(Told::Gap),
                    _ => serde_json::from_str(data).map(Told::Event),
                };
                return told.map(Some).map_err(|error| ClientError::Nonsense(error.to_string()));
            }
        }
        if self.unread.len() > LONGEST {
            return Err(ClientError::Nonsense("an event that does not end".into()));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::What;

    #[test]
    fn events_are_found_however_the_bytes_come() {
        let text = ": hello\n\nid: 4\nevent: published\ndata: {\"seq\":4,\"device\":\"kettle\",\
                    \"device_seconds\":1.0,\"event\":\"published\",\"channel\":\"temp\"}\n\n\
                    id: 9\nevent: gap\ndata: {\"from\":5,\"to\":9}\n\n";
        let published = What::Published { channel: "temp".into() };
        let event = Event { seq: 4, device: "kettle".into(), device_seconds: 1.0, what: published };
        for size in [1, 7, 4096] {
            let mut parser = Parser::<Event>::new();
            let mut told = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                parser.unread.extend_from_slice(bytes);
                while let Some(one) = parser.next().unwrap() {
                    told.push(one);
                }
            }
            assert_eq!(told, [Told::Event(event.clone()), Told::Gap(Gap { from: 5, to: 9 })], "{size}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_not_collected_for_ever() {
        let mut parser = Parser::<Event>::new();
        parser.unread = vec![b'x'; LONGEST + 1];
        assert!(parser.next().is_err());
    }
}
