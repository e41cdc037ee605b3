//! The screens, and what a picture of one tells of itself.

use crate::keys::Action;
use ratatui::layout::Rect;
use std::sync::Arc;

/// A screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    /// All devices.
    #[default]
    Fleet,
    /// One device.
    Device,
    /// What a device exchanges with its surroundings.
    Traffic,
    /// What any device told.
    Log,
    /// What can go wrong.
    Faults,
    /// The QR code of a device.
    Code,
    /// How the load stands, where the fleet is one.
    Load,
}

/// What the picture tells of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// What can be clicked, the topmost last.
    pub hits: Vec<(Rect, Hit)>,
    /// The first line of the list that is shown.
    pub offset: usize,
    /// Lines of the list that fit.
    pub rows: usize,
    /// Cells of the map in a line; 0 without a map.
    pub columns: usize,
    /// Devices in a cell of the map.
    pub per_cell: usize,
    /// Devices that are on the screen.
    pub visible: Vec<Arc<str>>,
}

/// Something that can be clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The name of a screen.
    Screen(Screen),
    /// A line of a list.
    Line(usize),
    /// A head of a column.
    Column(crate::listing::Sort),
    /// Cells of the map, from the first one.
    Map,
    /// The slider of a channel, from its least to its largest value.
    Slider(usize),
    /// The switch, button or choice of a channel.
    Control(usize),
    /// A key in the last line.
    Key(Action),
}

impl Screen {
    /// All screens, in the order of their keys.
    pub const ALL: [Self; 7] =
        [Self::Fleet, Self::Device, Self::Traffic, Self::Log, Self::Faults, Self::Code, Self::Load];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Device => "device",
            Self::Traffic => "traffic",
            Self::Log => "log",
            Self::Faults => "faults",
            Self::Code => "code",
            Self::Load => "load",
        }
    }
}
