//! How faults go on: the plan by which they begin and end, what recurs while they last, and what comes late.

use crate::{
    agent::Agent,
    commissioning::{gatt::Characteristic, journey::Stage},
    condition::Condition,
    definition::{ChannelId, Definition, Role},
    device::{Device, Session},
    fault::{Kind, link::Cut, plan::Phase},
    faults::{Active, BOOT, Lately, Moment, Situation},
    random::Stream,
    world::World,
};
use core::ops::Deref;

impl<D: Deref<Target = Definition>> Device<D> {
    pub(super) fn follow_plan(&mut self) {
        if self.faults.schedule.is_empty() {
            return;
        }
        loop {
            let situation = Now {
                session: &self.session,
                stage: self.stage(),
                writing: self.writing,
                world: &self.world,
            };
            match self.faults.schedule.next(self.now, &situation) {
                Some(Moment::Begins(place, fault, lasts)) => self.begin_fault(&fault, lasts, Some(place)),
                Some(Moment::Ends(place)) => {
                    let of_it = |active: &&Active| active.planned == Some(place);
                    let id = self.faults.active().iter().find(of_it).map(|active| active.id);
                    if let Some(id) = id {
                        self.end(id);
                    }
                }
                None => return,
            }
        }
    }

    pub(super) fn do_again(&mut self, active: &Active) {
        match active.fault.kind() {
            Kind::PresenceFlood => self.with_agent(Agent::announce),
            Kind::PublishFlood => {
                let definition = &self.definition;
                self.agent.repeat(definition, |id| {
                    active.fault.concerns(id) && definition.channel(id).role == Role::Sensor
                });
                self.with_agent(Agent::flush);
            }
            Kind::CrashLoop if self.session != Session::Off => self.lose_power(Some(BOOT)),
            // Begun without a network: with every second turn it has one.
            Kind::Flapping if active.count % 2 == 1 => {
                self.tell_link();
                self.come_back();
            }
            Kind::Flapping => {
                self.tell_link();
                self.cut(Cut::Silent);
            }
            _ => {}
        }
    }

    pub(super) fn arrives(&mut self, thing: Lately) {
        match thing {
            Lately::Input(input) => self.react(input),
            Lately::Output(output) => self.on_time.push(output),
            Lately::Actuate { channel, value, by } => {
                self.with_agent(|agent, cx| agent.apply(cx, channel, &value, by));
                self.with_agent(Agent::flush);
            }
        }
    }

    /// Lets these sensors show what they show with the faults there are now.
    pub(super) fn renew_readings(&mut self, concerned: impl Fn(ChannelId) -> bool) {
        let Self { definition, instance, world, faults, .. } = self;
        for (id, channel) in definition.channels() {
            if channel.role == Role::Sensor && concerned(id) {
                let stream = || Stream::new(instance.seed, &instance.name, &channel.name, "fault");
                world.distort(self.now, id, &faults.distortions(id), stream);
            }
        }
    }
}

/// What the device is like now.
struct Now<'a> {
    session: &'a Session,
    stage: Option<Stage>,
    writing: Option<Characteristic>,
    world: &'a World,
}

impl Situation for Now<'_> {
    fn is_in(&self, phase: Phase) -> bool {
        match phase {
            Phase::Commissioning => *self.session == Session::Commissioning,
            Phase::Joining => *self.session == Session::Joining,
            Phase::Connecting => *self.session == Session::Connecting,
            Phase::SettingUp => *self.session == Session::SettingUp,
            Phase::Online => *self.session == Session::Online,
            Phase::Waiting => matches!(self.session, Session::Waiting { .. }),
            Phase::Stage(stage) => self.stage == Some(stage),
            Phase::Writing(characteristic) => self.writing == Some(characteristic),
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        condition.holds(|id: ChannelId| self.world.value(id))
    }
}
