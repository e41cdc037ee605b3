//! The keys of a fleet profile.

use super::{Key, Shape, Table, definition::ACTUATOR_MODES, fault::FAULTS, load::LOAD, optional, required};
use Shape::{
    Boolean, Duration, Either, Integer, List, Map, Number, Scalar, Signal, Table as Of, Text, Words,
};

/// The largest fleet.
pub(crate) const MOST_DEVICES: u64 = 100_000;

const TEXTS: Shape = Either(&[Text, List(&Text)]);
const OWNERS: Key = optional("owners", TEXTS, "JIDs of the people of a device");
const COMMISSIONING: Key = optional(
    "commissioning",
    Words(&["preset", "handshake", "bluetooth"]),
    "owners known from the start, greeted first, or met over Bluetooth; without it preset",
);
const ACCESS: Key = optional(
    "access",
    Either(&[Words(&["presence", "open", "whitelist"]), Of(&ACCESS_TABLE)]),
    "who may read the nodes; without it presence",
);
const ADDRESSING: Key = optional(
    "addressing",
    Either(&[Words(&["pep"]), Of(&ADDRESSING_TABLE)]),
    "where the nodes live; without it pep, at the device's own address",
);
const ACTUATOR_MODE: Key =
    optional("actuator_mode", Words(ACTUATOR_MODES), "overrides the definition's unless auto");
const TAGS: Key = optional("tags", TEXTS, "free words to select devices by");

/// The whole file.
pub(crate) const PROFILE: Table = Table {
    what: "a profile",
    open: false,
    keys: &[
        required("fleet", Text, "short name of the fleet, such as `demo`"),
        optional("description", Text, "one sentence for people"),
        optional("seed", Integer(0, u64::MAX), "seed of everything random; without it 1"),
        optional("speed", Number, "device seconds a real second; without it 1"),
        optional(
            "server",
            Either(&[Words(&["private"]), Of(&SERVER)]),
            "`private` (a server of our own, the default) or how to reach one",
        ),
        optional(
            "accounts",
            Either(&[Words(&["register"]), Of(&ACCOUNTS), List(&Of(&ACCOUNT))]),
            "where accounts come from; without it they are registered",
        ),
        optional("setup_concurrency", Integer(1, 1000), "how many devices create their nodes at a time"),
        optional(
            "adapters",
            Either(&[Words(&["auto", "virtual"]), List(&Text), Of(&VIRTUAL)]),
            "Bluetooth adapters of the devices that wait to be commissioned; without it auto",
        ),
        optional(
            "networks",
            List(&Of(&NETWORK)),
            "wireless networks in reach; without it all, with any password",
        ),
        OWNERS,
        COMMISSIONING,
        ACCESS,
        ADDRESSING,
        ACTUATOR_MODE,
        TAGS,
        required("groups", List(&Of(&GROUP)), "the devices"),
        optional("faults", FAULTS, "what goes wrong with them, and when"),
        optional("load", Of(&LOAD), "what load they are for the server, for `thingfleet load`"),
    ],
};

/// A server.
pub(crate) const SERVER: Table = Table {
    what: "a server",
    open: false,
    keys: &[
        optional("private", Text, "domain of a server of our own"),
        optional("domain", Text, "XMPP domain of the accounts"),
        optional("host", Text, "host to connect to; without it DNS says"),
        optional("port", Integer(1, 65_535), "port to connect to, with `host`"),
        optional(
            "from",
            TEXTS,
            "addresses of this machine that devices connect from, in turns; without it the system chooses",
        ),
        optional("security", Words(&["starttls", "direct", "plain"]), "without it starttls"),
        optional("ca_file", Text, "PEM file of the certificates to believe, relative to this file"),
        optional("pin", Text, "SHA-256 of the server's certificate, 64 hexadecimal digits"),
        optional("insecure", Boolean, "`true` believes any certificate"),
    ],
};

/// Virtual Bluetooth controllers.
pub(crate) const VIRTUAL: Table = Table {
    what: "a choice of virtual adapters",
    open: false,
    keys: &[required("virtual", Text, "host and port of virtual controllers, such as \"127.0.0.1:6402\"")],
};

/// A wireless network.
pub(crate) const NETWORK: Table = Table {
    what: "a network",
    open: false,
    keys: &[
        required("ssid", Text, "its name, at most 32 bytes"),
        optional(
            "password",
            Either(&[Text, Of(&FROM_ENVIRONMENT)]),
            "its password, or { env: VARIABLE }; without it the network is open",
        ),
        optional(
            "signal",
            Signal,
            "signal at the devices; without it -50dBm, and under -90dBm it is out of reach",
        ),
        optional("present", Boolean, "whether it is there; without it true"),
    ],
};

/// Accounts from elsewhere.
pub(crate) const ACCOUNTS: Table = Table {
    what: "a source of accounts",
    open: false,
    keys: &[
        optional("file", Text, "CSV file with the columns name, jid and password, relative to this file"),
        optional("environment", Text, "prefix P of the variables P_<NAME>_JID and P_<NAME>_PASSWORD"),
    ],
};

/// One account.
pub(crate) const ACCOUNT: Table = Table {
    what: "an account",
    open: false,
    keys: &[
        required("name", Text, "name of the device or observer it is for"),
        required("jid", Text, "its bare JID"),
        required("password", Either(&[Text, Of(&FROM_ENVIRONMENT)]), "its password, or { env: VARIABLE }"),
    ],
};

/// A secret that stands elsewhere.
pub(crate) const FROM_ENVIRONMENT: Table = Table {
    what: "a password",
    open: false,
    keys: &[required("env", Text, "environment variable that contains it")],
};

/// An access model with arguments.
pub(crate) const ACCESS_TABLE: Table = Table {
    what: "an access model",
    open: false,
    keys: &[required("roster", List(&Text), "the roster groups whose contacts may read")],
};

/// Nodes on a service.
pub(crate) const ADDRESSING_TABLE: Table = Table {
    what: "an addressing",
    open: false,
    keys: &[
        required("service", Text, "address of the pubsub service"),
        optional("prefix", Text, "put before node names, with {name}; without it `{name}.`"),
    ],
};

/// A group of like devices.
pub(crate) const GROUP: Table = Table {
    what: "a group",
    open: false,
    keys: &[
        required("definition", Text, "a shipped name such as `kettle`, or the path of a .yaml file"),
        optional("count", Integer(1, MOST_DEVICES), "how many; without it 1"),
        optional("names", Text, "pattern of their names with {n}; without it the definition's name and {n}"),
        optional("serials", Text, "pattern of their serial numbers with {n} or {name}; without it the name"),
        optional("after", Duration, "time after the start at which the first is switched on; without it 0s"),
        optional("stagger", Duration, "time between one and the next being switched on; without it 0s"),
        STARTS,
        OWNERS,
        COMMISSIONING,
        ACCESS,
        ADDRESSING,
        ACTUATOR_MODE,
        TAGS,
        optional("devices", Map(&Of(&DEVICE)), "what differs for single devices, by name"),
    ],
};

const STARTS: Key =
    optional("starts", Map(&Scalar), "start values that differ from the definition's, by channel");

/// What differs for one device.
pub(crate) const DEVICE: Table = Table {
    what: "a device",
    open: false,
    keys: &[
        optional("serial", Text, "its serial number"),
        optional("after", Duration, "time after the start at which it is switched on"),
        STARTS,
        OWNERS,
        COMMISSIONING,
        ACCESS,
        ADDRESSING,
        ACTUATOR_MODE,
        TAGS,
    ],
};
