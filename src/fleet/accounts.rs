//! The accounts of a fleet: given, or registered in band before the first device is switched on.
//!
//! On somebody's server the passwords live in the fleet's [`State`]; on the private server they live for the run.

use super::crew::Recruiting;
use crate::{
    label::is_commissioned,
    state::{State, StateError, random_password},
    xmpp::{
        connect::Connector,
        failure::OpenError,
        register::{Registrar, Registration},
    },
};
use std::{collections::VecDeque, sync::Arc};
use thingfleet_device::{
    instance::Account,
    io::StreamFailure,
    jid::{BareJid, JidError},
    value::Secret,
};
use thingfleet_schema::profile::{Accounts, Device, Fleet};
use tokio::task::JoinSet;

/// Streams on which a private server registers accounts at the same time.
const PRIVATE_STREAMS: usize = 8;
/// The same for somebody's server, which may well limit registrations.
const REMOTE_STREAMS: usize = 2;

/// Why devices have no accounts.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The fleet's state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The device's name makes no JID.
    #[error("the device {device:?} cannot have an account of that name")]
    Name {
        /// The device.
        device: String,
        /// What is wrong with it.
        #[source]
        source: JidError,
    },
    /// No account is given for a device.
    #[error("no account is given for the device {device:?}")]
    Missing {
        /// The device.
        device: String,
    },
    /// The server cannot be reached.
    #[error("cannot register {jid}: {}", failure.text)]
    Unreachable {
        /// The account.
        jid: BareJid,
        /// Why, with a next step.
        failure: StreamFailure,
    },
    /// The server does not make an account.
    #[error("cannot register {jid}: {why}")]
    Refused {
        /// The account.
        jid: BareJid,
        /// The server's condition and text.
        why: String,
        /// What a person can do about it.
        next_step: &'static str,
    },
}

impl AccountsError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::State(error) => error.next_step(),
            Self::Name { .. } => "choose another name in the profile",
            Self::Missing { .. } => "give it one in the profile, or use `accounts: register`",
            Self::Unreachable { failure, .. } => failure.kind.next_step(),
            Self::Refused { next_step, .. } => next_step,
        }
    }
}

/// Called with how many accounts are done, of how many.
pub(super) type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// An account to be registered.
type Wanted = (BareJid, Secret);

/// Makes the accounts of a fleet and its person on a private server, in the order of the devices.
pub(super) async fn on_private_server(
    fleet: &Fleet,
    connector: &Arc<Connector>,
    domain: &str,
    person: &Account,
    progress: Progress<'_>,
) -> Result<Vec<Option<Account>>, AccountsError> {
    let mut accounts = Vec::with_capacity(fleet.devices.len());
    for device in &fleet.devices {
        if is_commissioned(device) {
            accounts.push(None);
            continue;
        }
        let (jid, password) = match &device.account {
            Some(given) => given.clone(),
            None => (own_jid(device, domain)?, random_password()),
        };
        accounts.push(Some(account(device, jid, password)));
    }
    let wanted = std::iter::once(person).chain(accounts.iter().flatten());
    let wanted = wanted.map(|account| (account.jid.clone(), account.password.clone())).collect();
    let made = register(wanted, connector, domain, PRIVATE_STREAMS, progress).await;
    match made.failure {
        Some(error) => Err(error),
        None => match made.existed.into_iter().next() {
            // The server is empty when it starts, so an account that exists was wanted twice.
            Some(jid) => Err(AccountsError::Refused {
                jid,
                why: "two of the fleet want this account".into(),
                next_step: "give the device another name; the person's account is `me`",
            }),
            None => Ok(accounts),
        },
    }
}

/// Finds or makes the accounts of a fleet on somebody's server, in the order of the devices. Accounts that are
/// registered need the `state`, which is opened for that; it is held as long as the fleet runs, so that no other run
/// uses the same accounts.
pub(super) async fn on_remote_server(
    fleet: &Fleet,
    connector: &Arc<Connector>,
    domain: &str,
    state: &mut Option<State>,
    progress: Progress<'_>,
) -> Result<Vec<Option<Account>>, AccountsError> {
    match fleet.accounts {
        Accounts::Given => given(fleet),
        Accounts::Register => {
            let state = match state {
                Some(state) => state,
                None => state.insert(State::open(&fleet.name)?),
            };
            let own =
                |device| if is_commissioned(device) { Ok(None) } else { own_jid(device, domain).map(Some) };
            let jids = fleet.devices.iter().map(own).collect::<Result<Vec<_>, _>>()?;
            state.prepare(jids.iter().flatten())?;
            let known = |jid: &BareJid| state.account(jid).expect("every account was prepared");
            let wanted = jids.iter().flatten().filter(|jid| !known(jid).1);
            let wanted = wanted.map(|jid| (jid.clone(), known(jid).0.clone())).collect();
            let made = register(wanted, connector, domain, REMOTE_STREAMS, progress).await;
            // What was made is remembered even if the rest failed. An account that existed is not: whether the
            // password is ours shows at sign-on.
            state.mark_registered(&made.created)?;
            if let Some(error) = made.failure {
                return Err(error);
            }
            let accounts = fleet.devices.iter().zip(jids);
            let accounts = accounts.map(|(device, jid)| {
                let jid = jid?;
                let password = state.account(&jid).expect("every account was prepared").0.clone();
                Some(account(device, jid, password))
            });
            Ok(accounts.collect())
        }
    }
}

/// Finds or makes the account of a device that joins a running fleet.
pub(super) async fn for_new_device(
    device: &Device,
    domain: &str,
    recruiting: &mut Recruiting,
) -> Result<Account, AccountsError> {
    let (name, kind) = (&*device.name, &*device.definition.kind);
    for_newcomer((name, kind), device.account.clone(), domain, recruiting).await
}

/// Finds or makes an account of this name, and with this resource, besides those of a running fleet.
pub(super) async fn for_newcomer(
    (name, resource): (&str, &str),
    given: Option<(BareJid, Secret)>,
    domain: &str,
    recruiting: &mut Recruiting,
) -> Result<Account, AccountsError> {
    let account = |jid, password| Account { jid, password, resource: resource.to_owned() };
    let jid = match &given {
        // A private server has no accounts but those that are made there.
        Some((jid, password)) if recruiting.person.is_none() => {
            return Ok(account(jid.clone(), password.clone()));
        }
        Some((jid, _)) => jid.clone(),
        None => jid_of(name, domain)?,
    };
    let password = match (&mut recruiting.state, &recruiting.accounts) {
        _ if recruiting.person.is_some() => given.map_or_else(random_password, |(_, password)| password),
        (Some(state), Accounts::Register) => {
            state.prepare([&jid])?;
            state.account(&jid).expect("it was just prepared").0.clone()
        }
        (_, Accounts::Register | Accounts::Given) => {
            return Err(AccountsError::Missing { device: name.to_owned() });
        }
    };
    let is_known = recruiting.person.is_none()
        && recruiting.state.as_ref().and_then(|state| state.account(&jid)).is_some_and(|known| known.1);
    if !is_known {
        let wanted = VecDeque::from([(jid.clone(), password.clone())]);
        let made = register(wanted, &recruiting.connector, domain, 1, &|_, _| {}).await;
        if let Some(error) = made.failure {
            return Err(error);
        }
        if recruiting.person.is_some() && !made.existed.is_empty() {
            let (why, next_step) = ("there is an account of this name".into(), "choose another name");
            return Err(AccountsError::Refused { jid, why, next_step });
        }
        if let Some(state) = recruiting.state.as_mut().filter(|_| recruiting.person.is_none()) {
            state.mark_registered(&made.created)?;
        }
    }
    Ok(account(jid, password))
}

fn given(fleet: &Fleet) -> Result<Vec<Option<Account>>, AccountsError> {
    let of = |device: &Device| match &device.account {
        _ if is_commissioned(device) => Ok(None),
        Some((jid, password)) => Ok(Some(account(device, jid.clone(), password.clone()))),
        None => Err(AccountsError::Missing { device: device.name.clone() }),
    };
    fleet.devices.iter().map(of).collect()
}

fn own_jid(device: &Device, domain: &str) -> Result<BareJid, AccountsError> {
    jid_of(&device.name, domain)
}

fn jid_of(name: &str, domain: &str) -> Result<BareJid, AccountsError> {
    BareJid::parse(&format!("{name}@{domain}"))
        .map_err(|source| AccountsError::Name { device: name.to_owned(), source })
}

fn account(device: &Device, jid: BareJid, password: Secret) -> Account {
    Account { jid, password, resource: device.definition.kind.clone() }
}

/// What became of a batch of accounts.
#[derive(Default)]
struct Made {
    created: Vec<BareJid>,
    existed: Vec<BareJid>,
    /// The first failure; the rest was left undone then.
    failure: Option<AccountsError>,
}

/// Registers accounts over a few streams, each taking the next one from a common list.
async fn register(
    wanted: VecDeque<Wanted>,
    connector: &Arc<Connector>,
    domain: &str,
    streams: usize,
    progress: Progress<'_>,
) -> Made {
    let total = wanted.len();
    let mut wanted = wanted;
    let mut made = Made::default();
    let mut tasks = JoinSet::new();
    let start = |tasks: &mut JoinSet<_>, registrar: Registrar, (jid, password): Wanted| {
        tasks.spawn(one(registrar, jid, password));
    };
    for _ in 0..streams {
        let Some(next) = wanted.pop_front() else { break };
        start(&mut tasks, Registrar::new(Arc::clone(connector), domain), next);
    }
    let mut done = 0;
    while let Some(outcome) = tasks.join_next().await {
        let Ok((registrar, jid, outcome)) = outcome else { continue };
        match outcome {
            Ok(Registration::Created) => made.created.push(jid),
            Ok(Registration::Exists) => made.existed.push(jid),
            Ok(Registration::Refused { why, next_step }) => {
                made.failure.get_or_insert(AccountsError::Refused { jid, why, next_step });
            }
            Err(error) => {
                made.failure.get_or_insert(AccountsError::Unreachable { jid, failure: error.into() });
            }
        }
        done += 1;
        progress(done, total);
        match wanted.pop_front().filter(|_| made.failure.is_none()) {
            Some(next) => start(&mut tasks, registrar, next),
            None => registrar.close().await,
        }
    }
    made
}

async fn one(
    mut registrar: Registrar,
    jid: BareJid,
    password: Secret,
) -> (Registrar, BareJid, Result<Registration, OpenError>) {
    let outcome = registrar.register(&jid, &password).await;
    (registrar, jid, outcome)
}
