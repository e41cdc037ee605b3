//! The keys of a device definition.

use super::{Key, Shape, Table, optional, required};
use crate::definition::bluetooth::MOST_ATTEMPTS;
use Shape::{
    Boolean, Duration, Either, Integer, List, Map, Name, Number, Range, Rate, Scalar, Table as Of, Text,
    Unit, Words,
};
use thingfleet_device::binding::Driver;

/// The whole file.
pub(crate) const DEFINITION: Table = Table {
    what: "a definition",
    open: false,
    keys: &[
        required("device", Name, "short name of this kind of device, such as `kettle`"),
        required("title", Text, "what people call it, such as `Electric kettle`"),
        optional("description", Text, "one sentence for the list of devices"),
        optional("manufacturer", Text, "who makes it; without it Thingfleet"),
        optional("hardware", Text, "hardware revision; without it 1.0"),
        optional("software", Text, "software revision; without it 1.0"),
        optional("language", Text, "language of the labels, such as `en`, `de` or `pt-BR`; without it en"),
        optional("tick", Duration, "step of the simulation, 10ms to 1h; without it 1s"),
        optional("hello", Text, "what a new device says to its owner and expects back"),
        optional(
            "actuator_mode",
            Words(ACTUATOR_MODES),
            "how actuator values live on the server; without it auto",
        ),
        optional("dialect", Words(&["thesis", "firmware"]), "words for types on the wire; without it thesis"),
        optional("sensors", Map(&Of(&SENSOR)), "what it measures, by name"),
        optional("actuators", Map(&Of(&ACTUATOR)), "what can be set, by name"),
        optional("rules", List(&Of(&RULE)), "what it does by itself, in order"),
        optional(
            "bluetooth",
            Of(&BLUETOOTH),
            "how a new device is met over Bluetooth, and how long it waits",
        ),
        optional("firmware", Map(&Of(&BINDING)), "drivers of a real board, by name of sensor or actuator"),
    ],
};

/// The words for [`thingfleet_device::definition::ActuatorMode`].
pub(crate) const ACTUATOR_MODES: &[&str] = &["auto", "persistent", "transient"];
/// The words for [`thingfleet_device::definition::Kind`].
pub(crate) const KINDS: &[&str] = &["boolean", "integer", "float", "text", "choice", "button"];

/// The names of [`thingfleet_device::binding::Driver`].
const DRIVERS: [&str; Driver::ALL.len()] = {
    let mut names = [""; Driver::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Driver::ALL[at].name();
        at += 1;
    }
    names
};

const LABEL: Key = optional("label", Text, "what people call it; without it the name");
const GROUP: Key = optional("group", Text, "heading under which clients show it and its followers");
const OPTIONS: Key = optional(
    "options",
    Either(&[List(&Name), Map(&Text)]),
    "the words of a choice: a list of names, or a mapping of names to labels",
);
const UNIT: Key = optional("unit", Unit, "unit of its numbers");
const RANGE: Key = optional("range", Range, "smallest and largest value, [min, max]");
const PRECISION: Key = optional("precision", Integer(0, 9), "decimals of a float");
const MAX_LENGTH: Key = optional("max_length", Integer(1, 65_535), "most bytes of a text; without it 256");
const STARTS: Key = optional("starts", Scalar, "value at power-on");
const BEHAVIOUR: Key = optional(
    "behaviour",
    Either(&[Words(&["hold"]), Of(&BEHAVIOUR_TABLE)]),
    "how it moves by itself; without it, it stays where it is put",
);
const PUBLISH: Key = optional("publish", Of(&PUBLISH_TABLE), "when its value is sent");

/// A sensor.
pub(crate) const SENSOR: Table = Table {
    what: "a sensor",
    open: false,
    keys: &[
        LABEL,
        GROUP,
        required("type", Words(&["boolean", "integer", "float", "text", "choice"]), "type of its values"),
        OPTIONS,
        UNIT,
        RANGE,
        PRECISION,
        MAX_LENGTH,
        STARTS,
        BEHAVIOUR,
        PUBLISH,
    ],
};

/// An actuator.
pub(crate) const ACTUATOR: Table = Table {
    what: "an actuator",
    open: false,
    keys: &[
        LABEL,
        GROUP,
        required("type", Words(KINDS), "type of its values"),
        OPTIONS,
        UNIT,
        RANGE,
        PRECISION,
        optional("step", Number, "distance between two settable values of a number"),
        MAX_LENGTH,
        STARTS,
        optional("settable", Boolean, "whether clients may set it; without it true"),
        BEHAVIOUR,
        PUBLISH,
    ],
};

/// When a value is sent.
pub(crate) const PUBLISH_TABLE: Table = Table {
    what: "a publish policy",
    open: false,
    keys: &[
        optional(
            "every",
            Either(&[Duration, Words(&["tick"])]),
            "look at the value this often; 10s for the numbers of sensors, else tick",
        ),
        optional(
            "change",
            Either(&[Number, Words(&["always"])]),
            "send if it differs by this much; `0` by anything, `always` even if it does not",
        ),
        optional("gap", Duration, "shortest time between two publishes; without it 0s"),
        optional(
            "heartbeat",
            Either(&[Duration, Words(&["never"])]),
            "send an unchanged value after this long; 5min for the numbers of sensors, else never",
        ),
    ],
};

/// The drivers of a value, one of which stands in a behaviour or case.
macro_rules! sources {
    ($($key:expr),* $(,)?) => {
        /// What drives a value.
        pub(crate) const SOURCES: &[Key] = &[$($key),*];

        /// How a value moves by itself.
        pub(crate) const BEHAVIOUR_TABLE: Table = Table {
            what: "a behaviour",
            open: false,
            keys: &[
                $($key,)*
                optional("when", List(&Of(&CASE)), "other drivers while a condition holds; the first that holds counts"),
                optional("noise", Number, "standard deviation of added noise"),
                optional("rate_limit", Rate, "fastest change, as in 2/min"),
                optional("clamp", Range, "keeps the value in [min, max]"),
                optional("quantise", Number, "rounds to multiples of this"),
            ],
        };

        /// A driver under a condition.
        pub(crate) const CASE: Table = Table {
            what: "a case",
            open: false,
            keys: &[required("if", Text, "a condition, such as `powerOn and temp < 90`"), $($key,)*],
        };
    };
}

sources![
    optional("hold", Boolean, "`true`: stays at its last value"),
    optional("constant", Scalar, "a fixed value, or the name of another channel"),
    optional("lag", Of(&LAG), "approaches a value, fast at first and ever slower"),
    optional("ramp", Of(&RAMP), "a straight line"),
    optional("sine", Of(&SINE), "a wave"),
    optional("daily", Map(&Number), "values at times of day, joined by straight lines"),
    optional("random-walk", Of(&RANDOM_WALK), "wanders"),
    optional("ornstein-uhlenbeck", Of(&ORNSTEIN_UHLENBECK), "wanders around a mean"),
    optional("square", Of(&SQUARE), "alternates between two values"),
    optional("markov", Map(&Of(&MARKOV_STATE)), "goes through states that last a random time"),
    optional("counter", Of(&COUNTER), "counts up"),
    optional("integral", Of(&INTEGRAL), "sums another channel up over time"),
    optional("replay", Of(&REPLAY), "plays a column of a CSV file"),
];

const TOWARD: Key = required("toward", Scalar, "a number or the name of a channel");

/// First-order lag.
pub(crate) const LAG: Table = Table {
    what: "a lag",
    open: false,
    keys: &[TOWARD, required("over", Duration, "time in which it covers 63 % of the distance")],
};

/// Straight line.
pub(crate) const RAMP: Table = Table {
    what: "a ramp",
    open: false,
    keys: &[
        required("from", Number, "first value"),
        required("to", Number, "last value"),
        required("over", Duration, "time from first to last"),
        optional("repeat", Boolean, "whether it starts again; without it false"),
    ],
};

/// Sine wave.
pub(crate) const SINE: Table = Table {
    what: "a sine",
    open: false,
    keys: &[
        required("mean", Number, "centre line"),
        required("amplitude", Number, "height above the centre line"),
        required("period", Duration, "length of a wave"),
        optional("phase", Duration, "shift of the wave to the left; without it 0s"),
    ],
};

/// Random walk.
pub(crate) const RANDOM_WALK: Table = Table {
    what: "a random walk",
    open: false,
    keys: &[
        required("step", Number, "standard deviation of a step"),
        optional("each", Duration, "time of such a step; without it 1s"),
    ],
};

/// Random walk with a way home.
pub(crate) const ORNSTEIN_UHLENBECK: Table = Table {
    what: "an Ornstein-Uhlenbeck process",
    open: false,
    keys: &[
        required("mean", Scalar, "the value it is pulled to: a number or the name of a channel"),
        required("deviation", Number, "how far it typically strays"),
        required("over", Duration, "how long it typically stays astray"),
    ],
};

/// Two values in turn.
pub(crate) const SQUARE: Table = Table {
    what: "a square wave",
    open: false,
    keys: &[
        required("low", Scalar, "value of the second part of a period"),
        required("high", Scalar, "value of the first part of a period"),
        required("period", Duration, "length of a period"),
        optional("duty", Number, "share of a period spent high, between 0 and 1; without it 0.5"),
    ],
};

/// A state of a Markov chain.
pub(crate) const MARKOV_STATE: Table = Table {
    what: "a state",
    open: false,
    keys: &[
        optional("value", Scalar, "value in this state; a choice takes the state's own name"),
        required("for", Duration, "mean time in this state"),
        optional("exactly", Boolean, "whether it lasts exactly that long; without it false"),
        optional(
            "next",
            Either(&[Name, Map(&Number)]),
            "the state that follows, or several with their weights; without it the one below",
        ),
    ],
};

/// Counter.
pub(crate) const COUNTER: Table = Table {
    what: "a counter",
    open: false,
    keys: &[required("per_hour", Scalar, "growth an hour: a number or the name of a channel")],
};

/// Integral.
pub(crate) const INTEGRAL: Table = Table {
    what: "an integral",
    open: false,
    keys: &[
        required("of", Name, "the channel that is summed up"),
        optional("per", Duration, "time in which it grows by the other's value; without it 1h"),
        optional("scale", Number, "factor on the result; without it 1"),
    ],
};

/// Replay of a recording.
pub(crate) const REPLAY: Table = Table {
    what: "a replay",
    open: false,
    keys: &[
        required("file", Text, "CSV file with a line of column names, relative to this file"),
        required("column", Text, "column of the values"),
        optional(
            "time",
            Text,
            "column of the times, in seconds or as 2024-05-01T12:00:00Z; without it `time`",
        ),
        optional("interpolate", Boolean, "straight lines between samples; without it true for floats"),
        optional("repeat", Boolean, "whether it starts again; without it true"),
    ],
};

/// A rule.
pub(crate) const RULE: Table = Table {
    what: "a rule",
    open: false,
    keys: &[
        required("when", Text, "a condition, such as `temp >= 100`"),
        required("set", Map(&Scalar), "what is set when the condition becomes true"),
        optional("delay", Duration, "how long the condition must hold before; without it 0s"),
        optional(
            "hysteresis",
            Number,
            "how far a threshold must be left before the rule can fire again; without it 0",
        ),
    ],
};

/// A new device, over Bluetooth.
pub(crate) const BLUETOOTH: Table = Table {
    what: "a Bluetooth peripheral",
    open: false,
    keys: &[
        optional("name", Text, "name over the air, at most 29 bytes; without it the title"),
        optional(
            "appearance",
            Integer(0, 0xFFFF),
            "appearance, as Bluetooth's list has it; without it 0, unknown",
        ),
        optional(
            "company",
            Integer(0, 0xFFFF),
            "company identifier in the advertisement; without it 0xFFFF, none",
        ),
        optional(
            "setup_done",
            Words(&["same-service", "own-service"]),
            "whether Setup Done is in the service of the credentials; without it same-service",
        ),
        optional("notify", Boolean, "whether clients may subscribe to Device Information; without it false"),
        optional(
            "security",
            Words(&["open", "encrypted", "sealed"]),
            "how what clients write is protected; without it open",
        ),
        optional("idle", Duration, "how long a client may do nothing; without it 1min"),
        optional("join_attempts", Integer(1, MOST_ATTEMPTS), "how often a network is tried; without it 3"),
        optional("join", Duration, "how long one attempt to join may take; without it 20s"),
        optional("session", Duration, "how long the first sign-on may take; without it 2min"),
        optional("mirror", Duration, "how long the owner may take to answer; without it 10min"),
    ],
};

/// A driver of a real board.
pub(crate) const BINDING: Table = Table {
    what: "a driver binding",
    // The pins are named by the driver.
    open: true,
    keys: &[required("driver", Words(&DRIVERS), "name of the driver")],
};
