//! A look at the nodes now and then, because nobody tells the device when they change behind its back.
//!
//! A node that somebody deletes comes back with the next publish, made by the server in a form of its own (one item,
//! measured on both servers), and nobody complains. So the device asks for the configuration of its nodes every few
//! minutes, and goes through the set-up again where one is missing or not as it should be.

use super::{Agent, Context, nodes, nodes::Node, requests::Purpose, setup::Phase, stanza::Failure};
use crate::xml::Element;
use core::time::Duration;

/// Time between two looks: three small requests a device, and values are out of order for no longer than this.
const EVERY: Duration = Duration::from_mins(5);

/// How much earlier a look may come, in milliseconds, so that a fleet that was started at once does not ask at once.
const EARLIER_BY: u32 = 60_000;

impl Agent {
    /// Sets the time of the next look.
    pub(super) fn inspect_later(&mut self, cx: &mut Context<'_>) {
        let earlier = Duration::from_millis(cx.random.below(EARLIER_BY).into());
        self.setup.inspect_at = cx.now.plus(EVERY.saturating_sub(earlier));
    }

    /// Asks how the nodes are configured.
    pub(super) fn inspect(&mut self, cx: &mut Context<'_>) {
        self.inspect_later(cx);
        for node in Node::ALL {
            let request = nodes::read_config(node.full_name(cx.instance));
            self.ask(cx, "get", nodes::service(cx.instance), request, Purpose::Inspect(node));
        }
    }

    /// Takes a node's configuration, or the answer that there is no such node.
    pub(super) fn inspected(
        &mut self,
        cx: &mut Context<'_>,
        node: Node,
        outcome: Result<&Element, &Failure>,
    ) {
        let is_right = match outcome {
            Ok(answer) => {
                let wanted = nodes::config(node, cx.definition, cx.instance, self.setup.mode);
                nodes::differences(answer, &wanted).is_empty()
            }
            Err(failure) => !failure.is("item-not-found"),
        };
        // The first answer that is not right sends all nodes through the set-up, so the others are late.
        if !is_right && self.setup.phase == Phase::Ready {
            self.enter(cx, Phase::Queueing);
        }
    }
}
