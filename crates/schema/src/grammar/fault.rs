//! The keys of plans of faults, in files of their own and in fleet profiles.

use super::{Shape, Table, optional, required};
use Shape::{Duration, Either, Fault, Integer, List, Number, Share, Table as Of, Text, Words};
use thingfleet_device::{
    commissioning::{gatt::Characteristic, journey::Stage},
    fault::{Direction, plan::Phase},
};

/// The whole file.
pub(crate) const PLAN: Table = Table {
    what: "a plan",
    open: false,
    keys: &[
        required("name", Text, "short name of the plan, such as `flaky-wifi`"),
        optional("description", Text, "what it does, in a sentence for people"),
        required("faults", FAULTS, "what goes wrong"),
    ],
};

/// What goes wrong, as it stands in a plan and in a profile.
pub(crate) const FAULTS: Shape = List(&Of(&FAULT));

/// One entry of a plan.
pub(crate) const FAULT: Table = Table {
    what: "a fault",
    open: false,
    keys: &[
        required("fault", Fault, "the kind; `thingfleet faults` lists them"),
        optional("devices", Either(&[Text, Of(&DEVICES)]), "which devices; without it all that it fits"),
        // What the kind can be set to.
        optional("channel", Text, "which sensor or actuator; without it all of them"),
        optional("amount", Either(&[Number, Text]), "how much, in the unit that the kind says"),
        optional("delay", Duration, "how late or how long"),
        optional("jitter", Duration, "how much that differs from time to time"),
        optional("share", Share, "of how many, such as `20 %` of the stanzas"),
        optional("direction", Words(&DIRECTION_WORDS), "which way, as the device sees it; without it both"),
        optional(
            "characteristic",
            Words(&CHARACTERISTIC_WORDS),
            "which characteristic of commissioning; without it any",
        ),
        optional("text", Text, "a text; the kind says which"),
        // When, at most one of them.
        optional("at", Duration, "so long after the device is switched on; 0s where nothing says when"),
        optional("every", Duration, "again and again after that time"),
        optional("randomly", Duration, "at random, with that time between two of them on average"),
        optional("after", Words(&PHASE_WORDS), "each time that the device enters a phase"),
        optional("during", Words(&PHASE_WORDS), "as long as the device is in a phase"),
        optional("when", Text, "each time that a condition over its channels comes to hold"),
        // How.
        optional("first", Duration, "with `every`: the first time; without it as long as `every`"),
        optional("wait", Duration, "with `after`: so long after; without it 0s"),
        optional("for", Duration, "how long it lasts; without it until it is cleared, or the phase ends"),
        optional("chance", Share, "how likely it is each time; without it 100 %"),
        optional(
            "times",
            Integer(1, u32::MAX as u64),
            "how many times at most; without it any number of times",
        ),
    ],
};

/// The settings of kinds among the keys of [`FAULT`].
pub(crate) const SETTINGS: [&str; 8] =
    ["channel", "amount", "delay", "jitter", "share", "direction", "characteristic", "text"];

/// The keys of [`FAULT`] that say when, of which one stands.
pub(crate) const TIMES: [&str; 6] = ["at", "every", "randomly", "after", "during", "when"];

/// Some devices.
pub(crate) const DEVICES: Table = Table {
    what: "a choice of devices",
    open: false,
    keys: &[
        optional("name", Text, "their names, as a pattern: `*` stands for any characters, `?` for one"),
        optional("definition", Text, "the short name of their definition"),
        optional("tag", Text, "one of their tags"),
        optional("share", Share, "so many of them, drawn from seed and names, at least one; without it all"),
    ],
};

/// The words for directions.
pub(crate) const DIRECTIONS: [(&str, Direction); 3] =
    [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];

/// The words for characteristics that a client writes.
pub(crate) const CHARACTERISTICS: [(&str, Characteristic); 6] = [
    ("wi-fi-ssid", Characteristic::Ssid),
    ("wi-fi-password", Characteristic::NetworkPassword),
    ("jid", Characteristic::Jid),
    ("jid-password", Characteristic::JidPassword),
    ("jid-sender", Characteristic::JidSender),
    ("setup-done", Characteristic::SetupDone),
];

/// The words for phases of a device's life.
pub(crate) const PHASES: [(&str, Phase); 20] = [
    ("commissioning", Phase::Commissioning),
    ("commissioning.write-wi-fi-ssid", Phase::Writing(Characteristic::Ssid)),
    ("commissioning.write-wi-fi-password", Phase::Writing(Characteristic::NetworkPassword)),
    ("commissioning.write-jid", Phase::Writing(Characteristic::Jid)),
    ("commissioning.write-jid-password", Phase::Writing(Characteristic::JidPassword)),
    ("commissioning.write-jid-sender", Phase::Writing(Characteristic::JidSender)),
    ("commissioning.write-setup-done", Phase::Writing(Characteristic::SetupDone)),
    ("joining", Phase::Joining),
    ("connecting", Phase::Connecting),
    ("setting-up", Phase::SettingUp),
    ("online", Phase::Online),
    ("waiting", Phase::Waiting),
    ("stage.unprovisioned", Phase::Stage(Stage::Unprovisioned)),
    ("stage.collecting", Phase::Stage(Stage::Collecting)),
    ("stage.joining-network", Phase::Stage(Stage::JoiningNetwork)),
    ("stage.opening-session", Phase::Stage(Stage::OpeningSession)),
    ("stage.hello-sent", Phase::Stage(Stage::HelloSent)),
    ("stage.mirrored", Phase::Stage(Stage::Mirrored)),
    ("stage.owner-in-roster", Phase::Stage(Stage::OwnerInRoster)),
    ("stage.done", Phase::Stage(Stage::Done)),
];

const DIRECTION_WORDS: [&str; 3] = words(&DIRECTIONS);
const CHARACTERISTIC_WORDS: [&str; 6] = words(&CHARACTERISTICS);
const PHASE_WORDS: [&str; 20] = words(&PHASES);

/// The words of such a list, alone.
const fn words<T: Copy, const N: usize>(list: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut place = 0;
    while place < N {
        words[place] = list[place].0;
        place += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_direction_and_written_characteristic_has_its_word() {
        let word = |phase| PHASES.iter().find(|(_, one)| *one == phase).map(|(word, _)| *word);
        for stage in Stage::ALL {
            assert_eq!(word(Phase::Stage(stage)), Some(&*format!("stage.{}", stage.name())));
        }
        let written: Vec<_> = Characteristic::ALL.into_iter().filter(|one| one.is_writable()).collect();
        assert_eq!(CHARACTERISTICS.map(|(_, one)| one), *written);
        for (name, characteristic) in CHARACTERISTICS {
            assert_eq!(name, characteristic.name().to_lowercase().replace(' ', "-"));
            assert_eq!(word(Phase::Writing(characteristic)), Some(&*format!("commissioning.write-{name}")));
        }
        assert_eq!(DIRECTIONS.map(|(word, _)| word), Direction::ALL.map(Direction::name));
    }

    #[test]
    fn settings_and_times_are_keys() {
        assert!(SETTINGS.iter().chain(&TIMES).all(|name| FAULT.key(name).is_some()));
    }
}
