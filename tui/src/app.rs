//! The state of the dashboard, and the one function that changes it: [`App::update`].
//!
//! Nothing here draws, waits or talks to anybody; what is to be done comes out as [`Effect`]s. What was drawn comes back
//! as [`Shown`], because only the picture knows what is where.

pub mod device;
pub mod fleet;
mod go;
mod levers;
pub mod library;
pub mod load;
mod message;
mod mouse;
pub mod overlay;
mod screen;
pub mod steer;
pub mod stream;

pub use message::{Effect, Message, Options};
pub use screen::{Hit, Screen, Shown};

use crate::{
    feed::{News, Request},
    keys::{self, Scope},
    world::World,
};
use crossterm::event::KeyEvent;
use device::DeviceScreen;
use fleet::FleetScreen;
use library::LibraryScreen;
use load::LoadScreen;
use overlay::Overlay;
use std::{sync::Arc, time::Duration};
use steer::Deeds;
use stream::Stream;
use thingfleet_control::{event::Event, snapshot::Device, traffic::Exchange};

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(6);
/// Distance between two looks at what is on the screen.
const LOOK: Duration = Duration::from_millis(500);

/// A line for the person, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// Whether something went wrong.
    pub is_bad: bool,
    until: Duration,
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    /// How it is used.
    pub options: Options,
    /// What is known of the fleet.
    world: World,
    /// What was known when the picture was frozen.
    frozen: Option<Box<World>>,
    /// The screen that is shown.
    pub screen: Screen,
    /// The screens that `Esc` goes back to.
    before: Vec<Screen>,
    /// The fleet.
    pub fleet: FleetScreen,
    /// One device.
    pub device: DeviceScreen,
    /// The log.
    pub log: Stream<Event>,
    /// What a device exchanges.
    pub traffic: Stream<Exchange>,
    /// Whether what the cursor of the traffic is on has the whole screen.
    pub is_traffic_large: bool,
    /// The library of faults.
    pub library: LibraryScreen,
    /// The load.
    pub load: LoadScreen,
    /// What is in front of the screen.
    pub overlay: Option<Overlay>,
    /// What the last line says.
    pub notice: Option<Notice>,
    /// What was done.
    pub deeds: Deeds,
    /// What was drawn last.
    pub shown: Shown,
    now: Duration,
    looked: Option<Duration>,
    is_stale: bool,
    is_roster_asked: bool,
}

impl App {
    /// A dashboard that knows nothing yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            world: World::default(),
            frozen: None,
            screen: Screen::default(),
            before: Vec::new(),
            fleet: FleetScreen::default(),
            device: DeviceScreen::default(),
            log: Stream::default(),
            traffic: Stream::default(),
            is_traffic_large: false,
            library: LibraryScreen::default(),
            load: LoadScreen::default(),
            overlay: None,
            notice: None,
            deeds: Deeds::default(),
            shown: Shown::default(),
            now: Duration::ZERO,
            looked: None,
            is_stale: true,
            is_roster_asked: false,
        }
    }

    /// What is shown of the fleet: how it is, or how it was when the picture was frozen.
    pub fn world(&self) -> &World {
        self.frozen.as_deref().unwrap_or(&self.world)
    }

    /// Whether the picture stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether the picture is not what it should be any more.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Takes what was drawn.
    pub fn drawn(&mut self, shown: Shown) {
        match self.screen {
            Screen::Fleet => self.fleet.offset = shown.offset,
            Screen::Device | Screen::Traffic | Screen::Log | Screen::Faults | Screen::Code | Screen::Load => {
            }
        }
        self.shown = shown;
        self.is_stale = false;
    }

    /// Whether the fleet is a load.
    pub fn is_load(&self) -> bool {
        self.world.fleet.as_ref().is_some_and(|fleet| fleet.load)
    }

    /// The device that is on the screen with all it has, if it was looked at.
    pub fn looked_at(&self) -> Option<&Arc<Device>> {
        self.world().device(self.device.name.as_deref()?)
    }

    /// Takes a message.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Key(key) => {
                self.is_stale = true;
                self.key(key)
            }
            Message::Mouse(event) => self.mouse(event),
            Message::Paste(text) => {
                self.is_stale = true;
                self.paste(&text);
                Vec::new()
            }
            Message::Resized => {
                self.is_stale = true;
                Vec::new()
            }
            Message::News(news) => self.news(news),
            Message::Time(now) => self.time(now),
            Message::Frame => {
                self.refresh();
                Vec::new()
            }
            Message::Saved(saved) => {
                match saved {
                    Ok(path) => self.say(format!("written to {path}")),
                    Err(why) => self.complain(why),
                }
                Vec::new()
            }
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let screen = self.screen;
        let found = match &self.overlay {
            None => keys::find(key, |scope| scope.is_on(screen)),
            Some(Overlay::Help { .. }) => keys::find(key, |scope| scope == Scope::Everywhere),
            Some(Overlay::Question(_)) => keys::find(key, |scope| scope == Scope::Question),
            Some(Overlay::Filter(_) | Overlay::Palette(_) | Overlay::Value(_) | Overlay::Fault(_)) => {
                match keys::find(key, |scope| scope == Scope::Prompt) {
                    Some(binding) => Some(binding),
                    None => return self.typed(key),
                }
            }
        };
        let Some(binding) = found else { return Vec::new() };
        if binding.steers && self.options.is_read_only {
            self.complain("this dashboard may only look: --read-only");
            return Vec::new();
        }
        self.act(binding.action)
    }

    fn news(&mut self, news: News) -> Vec<Effect> {
        // A frozen picture changes only by what a person does.
        self.is_stale |= !self.is_frozen();
        match news {
            News::Connected => {
                self.is_stale = true;
                self.world.connection = Some(Ok(()));
            }
            News::Lost(why) => {
                self.is_stale = true;
                self.world.connection = Some(Err(why));
            }
            News::Load(load) => self.world.load = Some(load),
            News::Fleet(fleet) => {
                // A load is looked at as one first.
                if self.world.fleet.is_none() && fleet.load {
                    self.screen = Screen::Load;
                }
                let restarts = self.world.fleet.as_ref().map_or(0, |fleet| fleet.counters.restarts);
                // A device whose task is started again loses its faults without a word.
                let is_other =
                    fleet.devices != self.world.roster.rows().len() || fleet.counters.restarts != restarts;
                self.world.note_fleet(self.now, fleet);
                if is_other {
                    return self.ask_roster();
                }
            }
            News::Roster(entries) => {
                self.is_roster_asked = false;
                self.world.roster.replace(entries);
            }
            News::Devices(devices) => self.world.note_devices(devices),
            News::Told(told) => {
                if !self.world.note(told) {
                    return self.ask_roster();
                }
            }
            News::Followed(device, told) => self.world.note_followed(&device, told),
            News::Exchanged(device, told) => self.world.note_exchange(&device, told),
            News::Steered(steered) => {
                self.is_stale = true;
                return self.steered(steered);
            }
            News::Failed(why) => {
                self.is_roster_asked = false;
                self.complain(why);
            }
        }
        Vec::new()
    }

    fn ask_roster(&mut self) -> Vec<Effect> {
        if std::mem::replace(&mut self.is_roster_asked, true) {
            return Vec::new();
        }
        vec![Effect::Ask(Request::Roster)]
    }

    fn time(&mut self, now: Duration) -> Vec<Effect> {
        self.now = now;
        if self.notice.as_ref().is_some_and(|notice| notice.until <= now) {
            self.notice = None;
            self.is_stale = true;
        }
        let is_due = self.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK);
        if !is_due || self.world.connection != Some(Ok(())) {
            return Vec::new();
        }
        self.looked = Some(now);
        let names = self.to_look_at();
        if names.is_empty() { Vec::new() } else { vec![Effect::Ask(Request::Look(names))] }
    }

    /// The devices that are on the screen and not known well enough.
    fn to_look_at(&self) -> Vec<String> {
        match self.screen {
            Screen::Device | Screen::Code => self.device.name.iter().map(ToString::to_string).collect(),
            // Their values come as events; the first ones do not.
            Screen::Fleet => {
                let is_unknown = |name: &&Arc<str>| {
                    let row = self.world.roster.row(name);
                    row.is_some_and(|row| row.latest.is_none()) && self.world.device(name).is_none()
                };
                self.shown.visible.iter().filter(is_unknown).map(ToString::to_string).collect()
            }
            Screen::Traffic | Screen::Log | Screen::Faults | Screen::Load => Vec::new(),
        }
    }

    /// Makes the lists anew that are about to be drawn.
    fn refresh(&mut self) {
        let world = self.frozen.as_deref().unwrap_or(&self.world);
        self.fleet.refresh(&world.roster);
        self.log.refresh(&world.log);
        self.traffic.refresh(&world.traffic.exchanges);
    }

    /// Tells the person something.
    fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), is_bad: false, until: self.now + NOTICE });
        self.is_stale = true;
    }

    /// Tells the person that something went wrong.
    fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), is_bad: true, until: self.now + NOTICE });
        self.is_stale = true;
    }
}
