//! Every key there is, in one table: it leads a key to what it does, and it is what `?`, `:` and docs/DASHBOARD.md show.

use crate::app::Screen;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;

/// A key, and what it does.
#[derive(Debug)]
pub struct Binding {
    /// Where it does that.
    pub scope: Scope,
    /// The keys, all of which do the same.
    pub keys: &'static [Key],
    /// What it does.
    pub action: Action,
    /// The same for people.
    pub title: &'static str,
    /// Whether it changes something about the fleet, which `--read-only` rules out.
    pub steers: bool,
}

/// A key as it is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A character with Control.
    Ctrl(char),
    /// A key with a name.
    Code(KeyCode),
}

/// Where keys do what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On every screen.
    Everywhere,
    /// Where devices are: the fleet and a device.
    Devices,
    /// On the fleet.
    Fleet,
    /// On a device.
    Device,
    /// Where lists can be filtered.
    Lists,
    /// Where things come by: traffic and log.
    Streams,
    /// In the library of faults.
    Library,
    /// While something is typed.
    Prompt,
    /// While something is asked.
    Question,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Shows the keys.
    Help,
    /// Looks for a command or a device by its name.
    Palette,
    /// Goes back.
    Back,
    /// Leaves.
    Quit,
    /// Has the picture stand still.
    Freeze,
    /// Takes the mouse, or leaves it to the terminal.
    Mouse,
    /// Draws everything anew.
    Redraw,
    /// Shows a screen.
    Show(Screen),
    /// Moves the cursor.
    Down,
    /// Moves the cursor.
    Up,
    /// Moves the cursor.
    PageDown,
    /// Moves the cursor.
    PageUp,
    /// Moves the cursor.
    Top,
    /// Moves the cursor.
    Bottom,
    /// Undoes what was done last.
    Undo,
    /// Has the devices' world stand still, or go on.
    Pause,
    /// Doubles the speed of the world.
    Faster,
    /// Halves it.
    Slower,
    /// Writes down what was done.
    Export,
    /// Opens what the cursor is on.
    Open,
    /// Types a filter.
    Filter,
    /// Sorts by the next column.
    Sort,
    /// Turns the order around.
    Reverse,
    /// Groups by the next thing.
    Group,
    /// Folds or unfolds a group.
    Fold,
    /// Shows a map in place of the table.
    Map,
    /// Marks a device, or takes the mark away.
    Mark,
    /// Marks all that pass the filter.
    MarkAll,
    /// Takes all marks away.
    Unmark,
    /// Types a value.
    Inject,
    /// Holds a reading, or releases it.
    Hold,
    /// A smaller value, or the option before.
    Less,
    /// A larger value, or the option after.
    More,
    /// A much smaller value.
    MuchLess,
    /// A much larger value.
    MuchMore,
    /// Switches, presses, or goes to the next option.
    Toggle,
    /// The next device of the list.
    NextDevice,
    /// The device before.
    PreviousDevice,
    /// Cuts devices off.
    Offline,
    /// Lets them come back.
    Online,
    /// Ends faults.
    Clear,
    /// Presses the button on a device.
    Press,
    /// Resets to factory settings.
    Reset,
    /// Removes devices.
    Remove,
    /// Copies what the cursor is on.
    Copy,
    /// Does what was typed.
    Accept,
    /// Goes through the devices that are meant.
    Reach,
    /// Yes.
    Yes,
    /// No.
    No,
}

const fn binding(scope: Scope, keys: &'static [Key], action: Action, title: &'static str) -> Binding {
    Binding { scope, keys, action, title, steers: false }
}

const fn steering(scope: Scope, keys: &'static [Key], action: Action, title: &'static str) -> Binding {
    Binding { scope, keys, action, title, steers: true }
}

use Key::{Char, Code, Ctrl};
use Scope::{Device, Devices, Everywhere, Fleet, Lists, Prompt, Question, Streams};

/// The table. Within a scope no key stands twice.
pub static BINDINGS: &[Binding] = &[
    binding(Everywhere, &[Char('?')], Action::Help, "show the keys"),
    binding(Everywhere, &[Char(':'), Ctrl('p')], Action::Palette, "find a command or a device"),
    binding(Everywhere, &[Code(KeyCode::Esc), Code(KeyCode::Backspace)], Action::Back, "go back"),
    binding(Everywhere, &[Char('q'), Ctrl('c')], Action::Quit, "leave"),
    binding(Everywhere, &[Char('1')], Action::Show(Screen::Fleet), "the fleet"),
    binding(Everywhere, &[Char('2')], Action::Show(Screen::Device), "the device"),
    binding(Everywhere, &[Char('3'), Char('t')], Action::Show(Screen::Traffic), "the traffic of the device"),
    binding(Everywhere, &[Char('4')], Action::Show(Screen::Log), "the log of events"),
    binding(Everywhere, &[Char('5'), Char('x')], Action::Show(Screen::Faults), "the library of faults"),
    binding(Everywhere, &[Char('6'), Char('c')], Action::Show(Screen::Code), "the QR code of the device"),
    binding(Everywhere, &[Char('7'), Char('L')], Action::Show(Screen::Load), "the load that the fleet is"),
    binding(Everywhere, &[Char('j'), Code(KeyCode::Down)], Action::Down, "down"),
    binding(Everywhere, &[Char('k'), Code(KeyCode::Up)], Action::Up, "up"),
    binding(Everywhere, &[Code(KeyCode::PageDown), Ctrl('d')], Action::PageDown, "a page down"),
    binding(Everywhere, &[Code(KeyCode::PageUp), Ctrl('u')], Action::PageUp, "a page up"),
    binding(Everywhere, &[Char('g'), Code(KeyCode::Home)], Action::Top, "to the top"),
    binding(Everywhere, &[Char('G'), Code(KeyCode::End)], Action::Bottom, "to the bottom"),
    binding(Everywhere, &[Char('f')], Action::Freeze, "freeze the picture, or let it go on"),
    binding(Everywhere, &[Char('M')], Action::Mouse, "mouse on or off"),
    binding(Everywhere, &[Ctrl('l')], Action::Redraw, "draw everything anew"),
    steering(Everywhere, &[Char('p')], Action::Pause, "pause the world, or let it go on"),
    steering(Everywhere, &[Char('>')], Action::Faster, "double the speed of the world"),
    steering(Everywhere, &[Char('<')], Action::Slower, "halve the speed of the world"),
    steering(Everywhere, &[Char('u')], Action::Undo, "undo what was done last"),
    binding(Everywhere, &[Char('E')], Action::Export, "write what was done to a file"),
    binding(Fleet, &[Code(KeyCode::Enter), Char('l'), Code(KeyCode::Right)], Action::Open, "open the device"),
    binding(Lists, &[Char('/')], Action::Filter, "filter: words, ~regex, !not"),
    binding(Fleet, &[Char('s')], Action::Sort, "sort by the next column"),
    binding(Fleet, &[Char('S')], Action::Reverse, "turn the order around"),
    binding(Fleet, &[Char('b')], Action::Group, "group by kind, by state, or not"),
    binding(Fleet, &[Char('z')], Action::Fold, "fold or unfold the group"),
    binding(Fleet, &[Char('m')], Action::Map, "map or table"),
    binding(Fleet, &[Char(' ')], Action::Mark, "mark the device"),
    binding(Fleet, &[Char('a')], Action::MarkAll, "mark everything filtered"),
    binding(Fleet, &[Char('A')], Action::Unmark, "take all marks away"),
    steering(Devices, &[Char('i')], Action::Inject, "type a value"),
    steering(Device, &[Code(KeyCode::Enter)], Action::Inject, "type a value"),
    steering(Device, &[Char('H')], Action::Hold, "hold the reading, or release it"),
    steering(
        Device,
        &[Char('-'), Char('h'), Code(KeyCode::Left)],
        Action::Less,
        "less, or the option before",
    ),
    steering(Device, &[Char('+'), Char('l'), Code(KeyCode::Right)], Action::More, "more, or the next option"),
    steering(Device, &[Char('[')], Action::MuchLess, "ten steps less"),
    steering(Device, &[Char(']')], Action::MuchMore, "ten steps more"),
    steering(Device, &[Char(' ')], Action::Toggle, "switch, press, next option"),
    binding(Device, &[Char('n'), Code(KeyCode::Tab)], Action::NextDevice, "the next device"),
    binding(Device, &[Char('N'), Code(KeyCode::BackTab)], Action::PreviousDevice, "the device before"),
    steering(Devices, &[Char('X')], Action::Clear, "end the fault under the cursor, or all of the device"),
    steering(Devices, &[Char('o')], Action::Offline, "cut off from the network"),
    steering(Devices, &[Char('O')], Action::Online, "let come back"),
    steering(Devices, &[Char('B')], Action::Press, "press the button on it"),
    steering(Devices, &[Char('R')], Action::Reset, "reset to factory settings"),
    steering(Devices, &[Char('D')], Action::Remove, "remove from the fleet"),
    steering(Scope::Library, &[Code(KeyCode::Enter)], Action::Open, "set the fault up, and let it happen"),
    binding(Streams, &[Code(KeyCode::Enter)], Action::Open, "open the device, or show the whole stanza"),
    binding(Everywhere, &[Char('y')], Action::Copy, "copy what the cursor is on"),
    binding(Prompt, &[Code(KeyCode::Enter)], Action::Accept, "do it"),
    binding(Prompt, &[Code(KeyCode::Esc), Ctrl('c')], Action::Back, "leave it"),
    binding(Prompt, &[Code(KeyCode::Tab)], Action::Reach, "this one, all marked, everything filtered"),
    binding(Prompt, &[Code(KeyCode::Down), Ctrl('n')], Action::Down, "the next one"),
    binding(Prompt, &[Code(KeyCode::Up), Ctrl('p')], Action::Up, "the one before"),
    binding(Question, &[Char('y'), Code(KeyCode::Enter)], Action::Yes, "yes"),
    binding(Question, &[Char('n'), Code(KeyCode::Esc), Char('q'), Ctrl('c')], Action::No, "no"),
];

impl Scope {
    /// All scopes, in the order in which `?` shows them.
    pub const ALL: [Self; 9] = [
        Self::Everywhere,
        Self::Fleet,
        Self::Device,
        Self::Devices,
        Self::Lists,
        Self::Streams,
        Self::Library,
        Self::Prompt,
        Self::Question,
    ];

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Devices => "fleet and device",
            Self::Fleet => "fleet",
            Self::Device => "device",
            Self::Lists => "lists",
            Self::Streams => "traffic and log",
            Self::Library => "faults",
            Self::Prompt => "while typing",
            Self::Question => "when asked",
        }
    }

    /// Whether it is in force on a screen with nothing in front of it.
    pub const fn is_on(self, screen: Screen) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Devices => matches!(screen, Screen::Fleet | Screen::Device),
            Self::Fleet => matches!(screen, Screen::Fleet),
            Self::Device => matches!(screen, Screen::Device),
            Self::Lists => {
                matches!(screen, Screen::Fleet | Screen::Traffic | Screen::Log | Screen::Faults)
            }
            Self::Streams => matches!(screen, Screen::Traffic | Screen::Log),
            Self::Library => matches!(screen, Screen::Faults),
            Self::Prompt | Self::Question => false,
        }
    }
}

/// The binding of a key where these scopes are in force.
pub fn find(key: KeyEvent, is_on: impl Fn(Scope) -> bool) -> Option<&'static Binding> {
    let key = Key::of(key)?;
    BINDINGS.iter().find(|binding| is_on(binding.scope) && binding.keys.contains(&key))
}

impl Key {
    /// The key that was pressed; `None` for combinations that mean nothing here.
    pub fn of(event: KeyEvent) -> Option<Self> {
        let is_plain =
            !event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META);
        match event.code {
            KeyCode::Char(letter) if event.modifiers == KeyModifiers::CONTROL => {
                Some(Self::Ctrl(letter.to_ascii_lowercase()))
            }
            KeyCode::Char(letter) => {
                (is_plain && !event.modifiers.contains(KeyModifiers::CONTROL)).then_some(Self::Char(letter))
            }
            code => is_plain.then_some(Self::Code(code)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(letter) => write!(f, "{letter}"),
            Self::Ctrl(letter) => write!(f, "Ctrl-{}", letter.to_ascii_uppercase()),
            Self::Code(KeyCode::Up) => f.write_str("↑"),
            Self::Code(KeyCode::Down) => f.write_str("↓"),
            Self::Code(KeyCode::Left) => f.write_str("←"),
            Self::Code(KeyCode::Right) => f.write_str("→"),
            Self::Code(KeyCode::BackTab) => f.write_str("Shift-Tab"),
            Self::Code(code) => write!(f, "{code}"),
        }
    }
}

impl Binding {
    /// Its keys for people: `j ↓`.
    pub fn keys(&self) -> String {
        self.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_at_a_time() {
        let mut places: Vec<Vec<Scope>> = Screen::ALL
            .map(|screen| Scope::ALL.into_iter().filter(|scope| scope.is_on(screen)).collect())
            .into();
        places.extend([vec![Scope::Prompt], vec![Scope::Question]]);
        for scopes in places {
            let mut seen: Vec<(Key, Action)> = Vec::new();
            for binding in BINDINGS.iter().filter(|binding| scopes.contains(&binding.scope)) {
                for key in binding.keys {
                    let other = seen.iter().find(|(other, _)| other == key);
                    assert!(other.is_none(), "{key} is {other:?} and {:?} in {scopes:?}", binding.action);
                    seen.push((*key, binding.action));
                }
            }
        }
    }
}
