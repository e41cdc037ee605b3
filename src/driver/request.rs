//! What somebody outside asks of a running device: to do something, to be looked at, to tell when a condition holds.

use crate::ble;
use std::{sync::Arc, time::Duration};
use thingfleet_control::{
    command as control,
    snapshot::{Colour, State},
};
use thingfleet_device::{
    commissioning::journey::Stage,
    condition::{Condition, ConditionError},
    definition::{Behaviour, Channel, ChannelId, ChoiceOption, Definition, Kind, PublishPolicy, Role},
    device::Device,
    fault::{Active, Fault},
    io::{FaultId, Input, Session},
    model::Origin,
    time::Instant,
    unit::Unit,
    value::Value,
};
use tokio::{sync::oneshot, time::Instant as RealInstant};

/// Stands in conditions for a stage or a light that is not there.
const NONE: &str = "none";

/// What somebody outside does to a device. The channel is bounded; whoever sends waits while it is full.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Sets an actuator by hand at the device.
    Operate(ChannelId, Value),
    /// Replaces a reading until the behaviour moves it on.
    Inject(ChannelId, Value),
    /// Holds a reading, at this value or at the one it has.
    Hold(ChannelId, Option<Value>),
    /// Lets a held reading go.
    Release(ChannelId),
    /// Presses (`true`) or releases the button on the device; held for five seconds it resets the device.
    Button(bool),
    /// Resets it to factory settings.
    Reset,
    /// Cuts it off from network and air.
    Offline,
    /// Lets it come back.
    Online,
    /// Lets time pass at this speed in its world; zero stops it.
    Pace(f64),
    /// Lets something go wrong, for so long or until it is cleared.
    Fault(Box<Fault>, Option<Duration>),
    /// Ends this fault, or all.
    ClearFault(Option<FaultId>),
    /// Says goodbye and leaves.
    Stop,
}

/// Something asked of a running device.
#[derive(Debug)]
pub(crate) enum Request {
    /// To do something.
    Do(Command),
    /// The same, by order of somebody who steers it, which is told.
    Steer(Order),
    /// To be looked at, after everything that was asked before.
    Look(oneshot::Sender<Look>),
    /// To tell when a condition holds.
    Watch(Watch),
    /// To publish the value of a channel, which should have begun then.
    Publish(ChannelId, RealInstant),
}

/// What somebody who steers a device has it do.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// In the words of the control interface.
    pub(crate) command: control::Command,
    /// What that comes to, one after the other.
    pub(crate) acts: Vec<Command>,
}

/// A running device at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Its own time.
    pub(crate) at: Instant,
    /// The time of its world.
    pub(crate) world: Instant,
    /// By how much that is behind.
    pub(crate) lag: Duration,
    pub(crate) session: Session,
    pub(crate) stage: Option<Stage>,
    pub(crate) led: Option<Colour>,
    pub(crate) bluetooth: Option<ble::State>,
    /// Its bare JID.
    pub(crate) jid: Option<String>,
    /// The values of its channels in order, where they come from, and how long they have been there.
    pub(crate) values: Vec<(Value, Origin, Duration)>,
    /// What is wrong with it.
    pub(crate) faults: Vec<Active>,
}

/// A condition over a device: over its channels, and over `state`, `stage` and `led` where it has no channels of
/// those names.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    condition: Condition,
    /// How many channels the device itself has.
    own: u16,
}

/// Somebody who waits for a condition.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) wanted: Wanted,
    pub(crate) reply: oneshot::Sender<Look>,
}

impl Look {
    /// Looks at a device whose peripheral stands there.
    pub(super) fn at(device: &Device<Arc<Definition>>, now: Instant, bluetooth: Option<ble::State>) -> Self {
        let value = |(id, _)| {
            let (origin, age) = device.origin(id);
            (device.value(id).clone(), origin.clone(), age)
        };
        let session = device.session().clone();
        Self {
            at: now,
            world: device.world_time(),
            lag: device.lag(),
            stage: device.stage(),
            led: device.led().map(Colour::from),
            bluetooth: bluetooth.filter(|_| session == Session::Commissioning),
            jid: device.instance().account.as_ref().map(|account| account.jid.as_str().to_owned()),
            values: device.definition().channels().map(value).collect(),
            faults: device.faults().to_vec(),
            session,
        }
    }
}

impl Wanted {
    /// Reads a condition over devices of this definition.
    ///
    /// # Errors
    /// [`ConditionError`] with its place in the text.
    pub(crate) fn parse(text: &str, definition: &Definition) -> Result<Self, ConditionError> {
        let mut channels = definition.channels.clone();
        let own = u16::try_from(channels.len()).unwrap_or(u16::MAX);
        channels.push(choice("state", State::ALL.map(State::name).into()));
        channels.push(choice("stage", [NONE].into_iter().chain(Stage::ALL.map(Stage::name)).collect()));
        channels.push(choice("led", [NONE].into_iter().chain(Colour::ALL.map(Colour::name)).collect()));
        Ok(Self { condition: Condition::parse(text, &channels)?, own })
    }

    /// Whether it holds for a running device.
    pub(super) fn holds_for(&self, device: &Device<Arc<Definition>>) -> bool {
        let led = device.led().map(Colour::from);
        self.holds(device.session().into(), device.stage(), led, |id| device.value(id))
    }

    /// Whether it holds for these values.
    pub(crate) fn holds<'v>(
        &self,
        standing: State,
        stage: Option<Stage>,
        led: Option<Colour>,
        value_of: impl Fn(ChannelId) -> &'v Value,
    ) -> bool {
        let place =
            |found: Option<usize>| found.and_then(|place| u16::try_from(place).ok()).unwrap_or_default();
        let after_none = |found: Option<usize>| place(found.map(|place| place + 1));
        let stage = stage.and_then(|stage| Stage::ALL.iter().position(|one| *one == stage));
        let led = led.and_then(|led| Colour::ALL.iter().position(|one| *one == led));
        let extra =
            [place(State::ALL.iter().position(|one| *one == standing)), after_none(stage), after_none(led)]
                .map(Value::Choice);
        self.condition.holds(|id| match id.0.checked_sub(self.own) {
            Some(place) => &extra[usize::from(place)],
            None => value_of(id),
        })
    }
}

/// A choice between these words, for conditions.
fn choice(name: &str, options: Vec<&str>) -> Channel {
    let option = |name: &str| ChoiceOption { name: name.to_owned(), label: name.to_owned() };
    Channel {
        name: name.to_owned(),
        role: Role::Sensor,
        label: name.to_owned(),
        group: None,
        kind: Kind::Choice(options.into_iter().map(option).collect()),
        unit: Unit::None,
        range: None,
        precision: None,
        step: None,
        starts: Value::Choice(0),
        settable: false,
        behaviour: Behaviour::HOLD,
        publish: PublishPolicy { every: None, change: None, gap: Duration::ZERO, heartbeat: None },
    }
}

impl From<Command> for Input {
    fn from(command: Command) -> Self {
        match command {
            Command::Operate(channel, value) => Self::Operate(channel, value),
            Command::Inject(channel, value) => Self::Inject(channel, value),
            Command::Hold(channel, value) => Self::Hold(channel, value),
            Command::Release(channel) => Self::Release(channel),
            Command::Button(is_down) => Self::Button(is_down),
            Command::Reset => Self::Reset,
            Command::Offline => Self::Offline,
            Command::Online => Self::Online,
            Command::Pace(speed) => Self::Pace(speed),
            Command::Fault(fault, lasts) => Self::Fault(fault, lasts),
            Command::ClearFault(only) => Self::ClearFault(only),
            Command::Stop => Self::Stop,
        }
    }
}
