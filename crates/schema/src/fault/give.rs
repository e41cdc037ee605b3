//! Faults meet devices: which of them an entry is for, and whether it fits them.

use super::{Written, time::Time};
use crate::{
    context::Context,
    definition::{behaviour, known},
    profile::Device,
};
use std::{sync::Arc, time::Duration};
use thingfleet_device::{
    condition::Condition,
    definition::{Channel, Definition, Role},
    fault::{
        Fault, Kind, Unfit,
        catalogue::{Family, Parameter},
        plan::{Phase, Planned, When},
    },
    instance::Commissioning,
};

/// Why an entry does not fit a device.
#[derive(Clone, Debug)]
enum Misfit {
    /// It has no such channel.
    NoChannel,
    /// It has neither sensors, nor actuators, of which the kind needs one.
    NoneOf(Role),
    /// The condition cannot be understood with its channels.
    Condition,
    /// It does not live through that, as it is commissioned.
    Commissioning(Commissioning),
    /// The channel is of the wrong sort.
    Unfit(Unfit),
}

/// Gives the entries of a plan to the devices of a fleet, in order. Returns how many devices have got one.
pub(crate) fn give(
    context: &mut Context,
    entries: &[Written],
    devices: &mut [Device],
    seed: u64,
    plan: &str,
) -> usize {
    let mut has_one = vec![false; devices.len()];
    for entry in entries {
        let chosen = entry.devices.among(context, devices);
        let fitting = entry.fitting(context, &chosen, devices);
        let places: Vec<usize> = fitting.iter().map(|(place, _)| *place).collect();
        let drawn = entry.devices.drawn(places, devices, seed, plan);
        for (place, planned) in fitting {
            if drawn.binary_search(&place).is_err() {
                continue;
            }
            let device = &mut devices[place];
            let planned = match entry.time {
                Time::Clock(_) => on_its_clock(planned, device.starts_after),
                Time::Start | Time::Phase(..) | Time::Condition(..) => Some(planned),
            };
            has_one[place] |= planned.is_some();
            device.faults.extend(planned);
        }
    }
    has_one.into_iter().filter(|has_one| *has_one).count()
}

impl Written<'_> {
    /// What it is for each of the chosen devices that it fits; nothing after a complaint.
    fn fitting(&self, context: &mut Context, chosen: &[usize], devices: &[Device]) -> Vec<(usize, Planned)> {
        // Large fleets have few definitions.
        let mut met: Vec<(&Arc<Definition>, Commissioning, Result<Planned, Misfit>)> = Vec::new();
        let mut fitting = Vec::new();
        let mut misfit: Option<(usize, Misfit)> = None;
        for place in chosen {
            let Device { definition, commissioning, .. } = &devices[*place];
            let known =
                met.iter().find(|(other, how, _)| Arc::ptr_eq(other, definition) && how == commissioning);
            let found = if let Some((.., found)) = known {
                found.clone()
            } else {
                let found = self.for_device(definition, *commissioning);
                met.push((definition, *commissioning, found.clone()));
                found
            };
            match found {
                Ok(planned) => fitting.push((*place, planned)),
                Err(why) => misfit = misfit.or(Some((*place, why))),
            }
        }
        if let Some((place, why)) = misfit
            && (fitting.is_empty() || self.devices.names_them())
        {
            let met: Vec<&Definition> = met.iter().map(|(definition, ..)| &***definition).collect();
            self.complain(context, &why, &devices[place].name, &met, fitting.is_empty());
            return Vec::new();
        }
        fitting
    }

    /// What it is for devices of this definition that are commissioned like this.
    fn for_device(&self, definition: &Definition, commissioning: Commissioning) -> Result<Planned, Misfit> {
        if !is_lived_through(self.kind, commissioning) {
            return Err(Misfit::Commissioning(commissioning));
        }
        let mut settings = self.settings.clone();
        if let Some((_, name)) = self.channel {
            let (id, _) = definition.find(name).ok_or(Misfit::NoChannel)?;
            settings.channel = Some(id);
        } else if let Some(Parameter::Channel(Some(role))) = self.kind.entry().parameter("channel")
            && !definition.channels.iter().any(|channel| channel.role == *role)
        {
            return Err(Misfit::NoneOf(*role));
        }
        let when = match &self.time {
            Time::Start => When::At(Duration::ZERO),
            Time::Phase(_, phase, _)
                if needs_bluetooth(*phase) && commissioning != Commissioning::Bluetooth =>
            {
                return Err(Misfit::Commissioning(commissioning));
            }
            Time::Clock(when) | Time::Phase(.., when) => when.clone(),
            Time::Condition(_, text) => {
                let condition = Condition::parse(text, &definition.channels);
                When::Condition(condition.map_err(|_| Misfit::Condition)?)
            }
        };
        let fault = Fault::new(self.kind, settings, definition).map_err(Misfit::Unfit)?;
        Ok(Planned { fault, when, chance: self.chance, lasts: self.lasts, times: self.times })
    }

    /// Tells why it does not fit this device, which is one of those with these definitions; `none` if it fits none.
    fn complain(&self, context: &mut Context, why: &Misfit, device: &str, met: &[&Definition], none: bool) {
        const LEFT_OUT: &str =
            "without `name` and `definition` in `devices`, a fault leaves out devices that it does not fit";
        let several = none && met.len() > 1;
        let channels = pool(met);
        let (span, message, label) = match (why, self.channel, &self.time) {
            (Misfit::NoChannel, Some((written, name)), _) => {
                // With the channels of all of them, the general complaint has the better advice.
                if none && known(context, written.span, name, &channels).is_none() {
                    return;
                }
                (
                    written.span,
                    format!("`{device}` has no sensor or actuator `{name}`"),
                    "unknown to this device",
                )
            }
            (Misfit::Condition, _, Time::Condition(written, _)) => {
                if none && behaviour::condition(context, written, &channels).is_none() {
                    return;
                }
                let whom = if several { "any of these devices".to_owned() } else { format!("`{device}`") };
                (written.span, format!("this condition does not fit {whom}"), "names what is not there")
            }
            (Misfit::Unfit(unfit), Some((written, _)), _) => {
                (written.span, format!("for `{device}`, {unfit}"), "of the wrong sort")
            }
            (Misfit::NoneOf(role), ..) => {
                let (role, label) = match role {
                    Role::Sensor => ("sensor", "goes wrong with sensors"),
                    Role::Actuator => ("actuator", "goes wrong with actuators"),
                };
                let message = if several {
                    format!("none of these devices has any {role}")
                } else {
                    format!("`{device}` has no {role}")
                };
                (self.place, message, label)
            }
            (Misfit::Commissioning(how), _, time) => {
                let span = match time {
                    Time::Phase(written, ..) if is_lived_through(self.kind, *how) => written.span,
                    Time::Start | Time::Clock(_) | Time::Phase(..) | Time::Condition(..) => self.place,
                };
                let whom = if several {
                    "none of these devices is".to_owned()
                } else {
                    format!("`{device}` is not")
                };
                (span, format!("{whom} commissioned so that this could happen"), "never happens")
            }
            (Misfit::NoChannel | Misfit::Condition | Misfit::Unfit(_), ..) => {
                (self.place, format!("this does not fit `{device}`"), "does not fit")
            }
        };
        let help = match why {
            _ if !none => Some(LEFT_OUT),
            Misfit::Commissioning(_) if matches!(self.kind, Kind::HelloNotSent | Kind::MirrorIgnored) => {
                Some("add `commissioning: handshake` or `commissioning: bluetooth` to the devices")
            }
            Misfit::Commissioning(_) => Some("add `commissioning: bluetooth` to the devices"),
            Misfit::NoChannel | Misfit::NoneOf(_) | Misfit::Condition | Misfit::Unfit(_) => None,
        };
        context.mistake(span, message).label(label).maybe_help(help.map(str::to_owned));
    }
}

/// The same on the clock of a device that is switched on so long after the start of the fleet; nothing if it is over
/// before. So a power cut reaches all devices at the same moment, also those of a staggered group.
fn on_its_clock(planned: Planned, starts_after: Duration) -> Option<Planned> {
    let when = match planned.when {
        When::At(at) => match at.checked_sub(starts_after) {
            Some(at) => When::At(at),
            None if planned.fault.kind().entry().is_instant => return None,
            None => {
                let missed = starts_after.saturating_sub(at);
                let lasts = match planned.lasts {
                    Some(lasts) => Some(lasts.checked_sub(missed).filter(|left| !left.is_zero())?),
                    None => None,
                };
                return Some(Planned { when: When::At(Duration::ZERO), lasts, ..planned });
            }
        },
        When::Every { first, period } => {
            let first = first.checked_sub(starts_after).unwrap_or_else(|| {
                let missed = starts_after.saturating_sub(first).as_nanos() % period.as_nanos().max(1);
                let missed = Duration::from_nanos(u64::try_from(missed).unwrap_or(u64::MAX));
                if missed.is_zero() { missed } else { period.saturating_sub(missed) }
            });
            When::Every { first, period }
        }
        when @ (When::Randomly { .. } | When::After(..) | When::During(_) | When::Condition(_)) => when,
    };
    Some(Planned { when, ..planned })
}

/// Whether devices that come to their owners like this can have a fault of this kind.
fn is_lived_through(kind: Kind, commissioning: Commissioning) -> bool {
    match (kind.entry().family, commissioning) {
        // The greeting is the same after Bluetooth and without it.
        (Family::Bluetooth, Commissioning::Handshake) => {
            matches!(kind, Kind::HelloNotSent | Kind::MirrorIgnored)
        }
        (Family::Bluetooth, Commissioning::Preset) => false,
        (Family::Bluetooth, Commissioning::Bluetooth)
        | (
            Family::Sensor | Family::Actuator | Family::Device | Family::Network | Family::Xmpp,
            Commissioning::Preset | Commissioning::Handshake | Commissioning::Bluetooth,
        ) => true,
    }
}

/// Whether only a device that is commissioned over Bluetooth comes to this phase.
fn needs_bluetooth(phase: Phase) -> bool {
    match phase {
        Phase::Commissioning | Phase::Joining | Phase::Stage(_) | Phase::Writing(_) => true,
        Phase::Connecting | Phase::SettingUp | Phase::Online | Phase::Waiting => false,
    }
}

/// The channels of several definitions, each name once.
fn pool(definitions: &[&Definition]) -> Vec<Channel> {
    let mut pool: Vec<Channel> = Vec::new();
    for channel in definitions.iter().flat_map(|definition| &definition.channels) {
        if pool.iter().all(|other| other.name != channel.name) {
            pool.push(channel.clone());
        }
    }
    pool
}
