//! Devices that join a running fleet: an account or a key, a place, and people who know them.

use super::{AbortOnDrop, Crew, Seat};
use crate::{
    fleet::{
        accounts::{self, AccountsError},
        befriend::befriend,
    },
    label,
    memory::{Memories, Memory},
    state::{State, StateError},
    xmpp::connect::Connector,
};
use std::{
    collections::HashSet,
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};
use thingfleet_device::{commissioning::qr::Address, instance::Account, jid::BareJid, value::Secret};
use thingfleet_schema::profile::{self, Accounts};

/// What it takes to add a device.
#[derive(Debug)]
pub(in crate::fleet) struct Recruiting {
    pub(in crate::fleet) seed: u64,
    pub(in crate::fleet) connector: Arc<Connector>,
    pub(in crate::fleet) accounts: Accounts,
    /// The person of the private server, if the fleet is on one.
    pub(in crate::fleet) person: Option<Account>,
    /// Held until everything in it is written down.
    pub(in crate::fleet) state: Option<State>,
    /// Only of a fleet with commissioned devices.
    pub(in crate::fleet) memories: Option<Memories>,
    /// Make friends of the person and the devices that were added; end with the fleet.
    pub(in crate::fleet) befriending: Vec<AbortOnDrop>,
}

/// Why a device was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The fleet has a device of this name.
    #[error("the fleet has a device {0:?} already")]
    Taken(String),
    /// It has no account.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The fleet's state, which what it is given goes into, cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no thread that writes that down.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl AddError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Taken(_) => "choose another name",
            Self::Accounts(error) => error.next_step(),
            Self::State(error) => error.next_step(),
            Self::Thread(_) => "end other programs, or raise the limit of threads",
        }
    }
}

impl Crew {
    /// Adds a device and switches it on.
    ///
    /// # Errors
    /// [`AddError`]; the fleet is as it was then.
    pub async fn add(&self, device: &profile::Device) -> Result<(), AddError> {
        let mut recruiting = self.recruiting.lock().await;
        if self.find(&device.name).is_some() {
            return Err(AddError::Taken(device.name.clone()));
        }
        let known = self.account_of_removed(&device.name).filter(|_| device.account.is_none());
        let (account, wireless) = if label::is_commissioned(device) {
            (None, Some(self.equip(&device.name, &mut recruiting)?))
        } else {
            let account = match known {
                Some(account) => account,
                None => accounts::for_new_device(device, &self.domain, &mut recruiting).await?,
            };
            (Some(account), None)
        };
        let person = recruiting.person.clone();
        let owner = person.as_ref().map(|person| &person.jid);
        let seat = Seat::new(recruiting.seed, device, account, wireless, owner);
        if let (Some(person), Some(friend)) = (person.clone(), seat.friend())
            && seat.instance.owners.contains(&person.jid)
        {
            let befriending = befriend(Arc::clone(&recruiting.connector), person, vec![friend]);
            recruiting.befriending.retain(|task| !task.0.is_finished());
            recruiting.befriending.push(AbortOnDrop(tokio::spawn(befriending)));
        }
        let place = {
            let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
            self.health.add(&device.name);
            seats.push(Arc::new(seat));
            seats.len() - 1
        };
        self.health.reporter(place).added();
        self.switch_on(place, Duration::ZERO);
        Ok(())
    }

    /// Takes the account that is given, or finds or makes one of this name, that is no device's.
    ///
    /// # Errors
    /// [`AddError`].
    pub(crate) async fn account(
        &self,
        name: &str,
        given: Option<(BareJid, Secret)>,
    ) -> Result<Account, AddError> {
        let mut recruiting = self.recruiting.lock().await;
        Ok(accounts::for_newcomer((name, name), given, &self.domain, &mut recruiting).await?)
    }

    /// A memory and an address for a new device that is commissioned over Bluetooth.
    fn equip(&self, name: &str, recruiting: &mut Recruiting) -> Result<(Memory, Address), AddError> {
        let Recruiting { memories, state, .. } = recruiting;
        let memories = if let Some(memories) = memories {
            memories
        } else {
            let state = match state {
                Some(state) => state,
                None => state.insert(State::open(&self.name)?),
            };
            let made = match recruiting.person {
                Some(_) => Memories::volatile(state.devices()?),
                None => Memories::lasting(state.devices()?),
            };
            memories.insert(made.map_err(AddError::Thread)?)
        };
        let own = |seat: &Seat| seat.wireless.as_ref().map(|(_, address)| *address);
        // One that was removed may come back, with the address it had.
        let others = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let taken: HashSet<_> =
            others.iter().filter(|seat| seat.instance.name != name).filter_map(|seat| own(seat)).collect();
        let address =
            label::own_address(recruiting.seed, &self.name, name, |address| taken.contains(&address));
        Ok((memories.made_for(name), address))
    }

    /// Gives the devices' memories away, so that whoever ends the fleet can close them.
    pub(in crate::fleet) async fn take_memories(&self) -> Option<Memories> {
        self.recruiting.lock().await.memories.take()
    }

    /// The account of a device of this name that was in the fleet before.
    fn account_of_removed(&self, name: &str) -> Option<Account> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let before = seats.iter().rev().find(|seat| seat.instance.name == name)?;
        before.instance.account.clone()
    }
}
