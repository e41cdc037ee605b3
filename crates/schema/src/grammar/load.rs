//! The keys of the load that a fleet is for its server.

use super::{
    Shape, Table, optional,
    profile::{ACCOUNT, ACCOUNTS},
    required,
};
use crate::load::Arrivals;
use Shape::{Duration, Either, Integer, List, Rate, Share, Table as Of, Text, Words};

/// The load of a profile.
pub(crate) const LOAD: Table = Table {
    what: "a load",
    open: false,
    keys: &[
        required("phases", List(&Of(&PHASE)), "what happens, one after the other"),
        optional("thresholds", List(&Text), "what has to hold at the end, such as `publish.p99 < 200ms`"),
        optional(
            "observers",
            Either(&[Integer(0, 100), Of(&OBSERVERS)]),
            "clients that watch each device; without it 0",
        ),
        optional("lateness", Duration, "how late the generator may be itself; without it 50ms"),
    ],
};

/// Who watches.
pub(crate) const OBSERVERS: Table = Table {
    what: "a choice of observers",
    open: false,
    keys: &[
        required("per_device", Integer(0, 100), "how many watch each device"),
        optional("devices_each", Integer(1, 1000), "how many devices each of them watches; without it 10"),
        optional(
            "accounts",
            Either(&[Of(&ACCOUNTS), List(&Of(&ACCOUNT))]),
            "accounts that they take in turn; without it theirs are registered as the devices' are",
        ),
    ],
};

/// One phase.
pub(crate) const PHASE: Table = Table {
    what: "a phase",
    open: false,
    keys: &[
        optional("name", Text, "what reports call it; without it what it does"),
        // What it does, exactly one of them.
        optional(
            "ramp",
            Either(&[Duration, Words(&["spike", "flat-out"])]),
            "switches devices on over this time, all at once, or as fast as the server takes them",
        ),
        optional("hold", Duration, "leaves them as they are for this time"),
        optional(
            "storm",
            Duration,
            "cuts connections all at once and waits at most so long until they are back",
        ),
        optional("stop", Duration, "switches them off over this time"),
        // How.
        optional("to", Share, "with `ramp`: until so much of the fleet is on; without it 100 %"),
        optional(
            "steps",
            Integer(1, 1000),
            "with a `ramp` over time: in so many groups; without it one by one",
        ),
        optional(
            "concurrency",
            Integer(1, 10_000),
            "with `ramp: flat-out`: so many at a time; without it 50",
        ),
        optional("share", Share, "with `storm`: how many are cut; without it 100 %"),
        // What goes on meanwhile.
        optional(
            "publish",
            Rate,
            "readings published besides the devices' own, over the whole fleet, such as `200/s`",
        ),
        optional("actuate", Rate, "actuators set by observers, over the whole fleet"),
        optional("churn", Rate, "devices that leave, over the whole fleet"),
        optional("away", Duration, "with `churn`: how long each stays away; without it 10s"),
        optional(
            "arrivals",
            Words(&["poisson", "uniform"]),
            "how the moments of these rates lie; without it poisson",
        ),
        optional(
            "until",
            List(&Text),
            "ends the phase as soon as one of these holds, such as `publish.count >= 10000`",
        ),
    ],
};

/// The keys of [`PHASE`] that say what it does.
pub(crate) const STEPS: [&str; 4] = ["ramp", "hold", "storm", "stop"];

/// The words for arrivals.
pub(crate) const ARRIVALS: [(&str, Arrivals); 2] =
    [("poisson", Arrivals::Poisson), ("uniform", Arrivals::Uniform)];
