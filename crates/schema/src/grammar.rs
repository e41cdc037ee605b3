//! The keys of all kinds of file, once: the readers check against these tables and the JSON Schema is made of them.

pub(crate) mod definition;
pub(crate) mod fault;
pub(crate) mod load;
pub(crate) mod profile;

/// The keys of one kind of mapping.
pub(crate) struct Table {
    /// What the mapping is, with its article: `a sensor`.
    pub(crate) what: &'static str,
    /// The keys it may have.
    pub(crate) keys: &'static [Key],
    /// Whether it may have other keys as well, with values of this shape.
    pub(crate) open: bool,
}

impl Table {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    /// For help lines and editors: what it says, its default.
    pub(crate) doc: &'static str,
}

/// What may stand as a value.
pub(crate) enum Shape {
    /// Text on one line; numbers are taken as text.
    Text,
    /// A name that is part of an item id.
    Name,
    /// `true` or `false`.
    Boolean,
    /// A finite number.
    Number,
    /// A whole number in these bounds.
    Integer(u64, u64),
    /// `90s`
    Duration,
    /// `2/min`
    Rate,
    /// `20 %`
    Share,
    /// `-67dBm`
    Signal,
    /// The name of a unit.
    Unit,
    /// The name of a kind of fault.
    Fault,
    /// A number, truth value or text.
    Scalar,
    /// `[min, max]`
    Range,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A mapping of this kind.
    Table(&'static Table),
    /// A mapping from names the file makes up to this.
    Map(&'static Shape),
    /// A list of this.
    List(&'static Shape),
    /// One of these.
    Either(&'static [Shape]),
}

/// A key that may be left out.
const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, required: false, shape, doc }
}

/// A key that must be there.
const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, required: true, shape, doc }
}
