//! That hour in simulated time: the device alone, without bytes, connections or tasks.

use crate::{
    script::{Act, SPAN, instance, script},
    trace,
};
use alloc::{string::ToString, vec};
use core::fmt::{self, Write};
use thingfleet_device::{
    definition::Definition,
    io::{FailureKind, Input, Output, StreamFailure},
    jid,
    time::Instant,
    xml::Element,
};
use thingfleet_simulated::{OWNER, Rig, Server};

/// The server that devices have in that hour. The owner is in the roster already: a device that adds one asks for its turn at
/// creating nodes at the same moment, and bodies grant that sooner or later than the roster push comes.
pub fn server() -> Server {
    Server { roster: vec![jid::bare(OWNER).to_string()], ..Server::new("Prosody") }
}

/// A stanza as a server has it that read it: attributes have no order, and a reader gives them one.
fn as_read(stanza: Element) -> Element {
    Element::parse(&stanza.to_string()).unwrap_or(stanza)
}

/// Lets a device live it, and writes its trace.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, definition: &Definition) -> fmt::Result {
    trace::heading(out, definition)?;
    let mut rig = Rig::new(definition.clone(), instance(), server());
    let end = Instant::START.plus(SPAN);
    let mut acts = script(definition).into_iter().peekable();
    loop {
        for stanza in rig.sent.drain(..) {
            trace::line(out, rig.now, &as_read(stanza))?;
        }
        rig.events.clear();
        let Output::WaitUntil(deadline) = rig.device.poll_output() else {
            unreachable!("the rig drains the outputs")
        };
        let (deadline, act) = (trace::whole(deadline), acts.peek().map(|(at, _)| *at));
        let next = act.map_or(deadline, |at| at.min(deadline));
        if next > end {
            return Ok(());
        }
        rig.now = rig.now.max(next);
        rig.feed(match acts.next_if(|(at, _)| *at < deadline) {
            None => Input::Timeout,
            Some((_, Act::Stanza(stanza))) => Input::Stanza(stanza.into()),
            Some((_, Act::Break)) => {
                Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: "it broke".into() })
            }
        });
    }
}
