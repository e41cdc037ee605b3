//! The whole transition table of the set-up, so that a change of it is seen as a change of this text.

use super::*;
use crate::{agent::Context, faults::Faults, random::Stream, testing, world::World};
use alloc::{collections::VecDeque, string::String, vec};
use core::fmt::Write as _;

/// The answers to the request of a phase: it worked, try later, never.
const ANSWERS: [&str; 3] = ["result", "wait", "cancel"];

/// Each phase with the requests it makes, in the order of the diagram.
fn phases() -> Vec<(Phase, Purpose)> {
    let mut phases = vec![
        (Phase::Greeting { roster: false, server: true }, Purpose::Roster),
        (Phase::Greeting { roster: true, server: false }, Purpose::ServerInfo),
        (Phase::Adding, Purpose::AddContact),
        (Phase::Listing, Purpose::ListNodes),
    ];
    for node in Node::ALL {
        phases.push((Phase::Preparing(node), Purpose::Create(node)));
        phases.push((Phase::Preparing(node), Purpose::ReadConfig(node)));
        phases.push((Phase::Preparing(node), Purpose::WriteConfig(node)));
    }
    for node in Node::ALL {
        phases.push((Phase::Affiliating(node), Purpose::ReadAffiliations(node)));
        phases.push((Phase::Affiliating(node), Purpose::Affiliate(node)));
    }
    phases.push((Phase::Subscribing, Purpose::Subscribe));
    phases.push((Phase::Fetching, Purpose::FetchActuators));
    phases
}

fn next(phase: Phase, purpose: &Purpose, answer: &str) -> Phase {
    let (definition, instance) = (testing::kettle(), testing::instance());
    let mut agent = Agent::new(&definition);
    agent.jid = Some("kettle-1@example.org/thingfleet".into());
    agent.setup.phase = phase;
    let mut cx = Context {
        now: Instant::START,
        definition: &definition,
        instance: &instance,
        world: &mut World::of(&definition, &instance),
        random: &mut Stream::new(1, "", "", ""),
        faults: &mut Faults::new(&instance),
        outputs: &mut VecDeque::new(),
    };
    let iq = Element::new(ns::CLIENT, "iq");
    let error = Element::new(ns::CLIENT, "error").attr("type", String::from(answer));
    let failure = Failure::of(&iq.clone().child(error.child(Element::new(ns::STANZAS, "not-allowed"))));
    let outcome = if answer == "result" { Ok(&iq) } else { Err(&failure) };
    agent.answered(&mut cx, purpose.clone(), outcome);
    agent.setup.phase
}

#[test]
fn the_transition_table_is_this_one() {
    let mut table = String::new();
    for (phase, purpose) in phases() {
        let cells = ANSWERS.map(|answer| format!("{:?}", next(phase, &purpose, answer)));
        writeln!(table, "{purpose:?}: {}", cells.join(" | ")).unwrap();
    }
    assert_eq!(
        table,
        "\
Roster: Queueing | Queueing | Queueing
ServerInfo: Queueing | Queueing | Queueing
AddContact: Queueing | Mirroring { again: Instant(60000000) } | Mirroring { again: Instant(60000000) }
ListNodes: Preparing(Sensors) | Queueing | Refused
Create(Sensors): Preparing(Ui) | Queueing | Refused
ReadConfig(Sensors): Preparing(Ui) | Queueing | Refused
WriteConfig(Sensors): Preparing(Ui) | Queueing | Refused
Create(Ui): Preparing(Actuators) | Queueing | Refused
ReadConfig(Ui): Preparing(Actuators) | Queueing | Refused
WriteConfig(Ui): Preparing(Actuators) | Queueing | Refused
Create(Actuators): Affiliating(Actuators) | Queueing | Refused
ReadConfig(Actuators): Affiliating(Actuators) | Queueing | Refused
WriteConfig(Actuators): Affiliating(Actuators) | Queueing | Refused
ReadAffiliations(Sensors): Affiliating(Sensors) | Queueing | Refused
Affiliate(Sensors): Affiliating(Actuators) | Queueing | Refused
ReadAffiliations(Ui): Affiliating(Ui) | Queueing | Refused
Affiliate(Ui): Affiliating(Actuators) | Queueing | Refused
ReadAffiliations(Actuators): Affiliating(Actuators) | Queueing | Refused
Affiliate(Actuators): Ready | Queueing | Refused
Subscribe: Ready | Queueing | Refused
FetchActuators: Ready | Ready | Ready
"
    );
}
