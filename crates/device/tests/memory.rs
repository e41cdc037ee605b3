//! What a device keeps of the faults it has had: nothing.
//!
//! One test alone in its program, as it counts what the whole program has on the heap.

use peak_alloc::PeakAlloc;
use std::time::Duration;
use thingfleet_device::{
    fault::{
        Fault,
        catalogue::{CATALOGUE, Entry},
    },
    io::{Input, Session},
};
use thingfleet_simulated::{OWNER, Rig, written};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Rounds before the first look, and between any two looks. Each goes through every kind.
const WARM_UP: usize = 3;
const HALF: usize = 12;

#[test]
fn a_thousand_faults_later_a_device_has_as_much_on_the_heap_as_before() {
    let mut rig = Rig::online("Prosody");
    rig.keeps_history = false;
    for _ in 0..WARM_UP {
        suffer_each_kind(&mut rig);
    }
    // No heap of its own: it would be counted.
    let (mut first, mut second) = ([0; HALF], [0; HALF]);
    for bytes in first.iter_mut().chain(&mut second) {
        *bytes = suffer_each_kind(&mut rig);
    }

    assert!(2 * HALF * CATALOGUE.len() > 1000);
    assert!(second.iter().max() <= first.iter().max(), "{first:?}, then {second:?}");
}

/// Has each kind begin and end, once as it is cleared and once as its time is over, while somebody sets an actuator.
/// Returns how many bytes are on the heap once everything is well again.
fn suffer_each_kind(rig: &mut Rig) -> usize {
    for (number, Entry { kind, .. }) in CATALOGUE.iter().enumerate() {
        let lasts = number.is_multiple_of(2).then_some(Duration::from_secs(3));
        rig.feed(Input::Fault(Fault::of(*kind).into(), lasts));
        rig.run_for(Duration::from_secs(2));
        rig.receive(written(OWNER, "powerOn", if lasts.is_some() { "1" } else { "0" }));
        rig.run_for(Duration::from_secs(2));
        rig.feed(Input::ClearFault(None));
        rig.run_for(Duration::from_secs(2));
    }
    rig.run_for(Duration::from_mins(2));
    assert_eq!(rig.device.session(), &Session::Online);
    assert!(rig.device.faults().is_empty());
    // What the rig notes for tests, and not what the device keeps.
    rig.cuts = Vec::new();
    rig.raw = Vec::new();
    rig.answers = Vec::new();
    HEAP.current_usage()
}
