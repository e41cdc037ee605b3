//! The client's part of commissioning (thesis 4.1 to 4.3): from the text of a QR code to a device that answers its
//! owner. It commissions a real board as well as ours, and says where either differs from the protocol.
//!
//! ```text
//!  sign in ─ find ─ connect ─ (pair) ─ discover ─ read ─ register ─ write ─ Setup Done ─ leave    Bluetooth
//!     values ─ befriend ─ mirror ─ hello ◄───────────────────────────────────────────────┘        XMPP
//! ```
//!
//! Each step has its time. A failure before Setup Done takes the device's account back; after it the device has it, unless it gives up.

mod air;
mod att;
mod bluez;
pub mod central;
mod error;
mod greeting;
mod hci;
mod inspect;
mod owner;
mod report;
mod sighting;
#[cfg(test)]
mod testing;

pub use bluez::BlueZ;
pub use error::{Blame, CommissionError};
pub use hci::Hci;
pub use report::{Code, Deviation, Known, Report, Step, Told, Took, Watcher, Weight};
pub use sighting::{Announced, Sighting};

use crate::{
    state::random_password,
    xmpp::{
        client::{Client, IqError},
        connect::Connector,
        register::{Registrar, Registration},
    },
};
use central::{AirError, Central};
use report::Log;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thingfleet_device::{
    commissioning::{
        credentials::Network,
        qr::{Address, QrCode},
    },
    instance::Account,
    jid::BareJid,
    value::Secret,
};
use tokio::time::{sleep, timeout};

/// Names that are tried for an account when the first is taken.
const NAMES: usize = 9;
/// Time for taking back what was begun.
const CLEANING: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Order {
    /// The device.
    pub code: QrCode,
    /// Who will own it.
    pub owner: Account,
    /// The network it is to join.
    pub network: Network,
    /// The account it is to have.
    pub account: DeviceAccount,
    /// Whether values are sealed to the key in the code.
    pub seal: Seal,
    /// How long each step may take, instead of [`Step::limit`].
    pub limit: Option<Duration>,
}

/// A device's account.
#[derive(Debug, Clone)]
pub enum DeviceAccount {
    /// One is made, with a name of the device's own.
    Made,
    /// One is made with this name.
    Named(BareJid),
    /// It exists.
    Existing(BareJid, Secret),
}

/// Whether values are sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seal {
    /// As the device announces it.
    #[default]
    Auto,
    /// Never.
    Never,
    /// Always.
    Always,
}

/// Commissions a device. Ends early, and cleanly, when `stop` does.
pub async fn commission(
    central: &mut dyn Central,
    order: &Order,
    connector: Arc<Connector>,
    watcher: Watcher<'_>,
    stop: impl Future<Output = ()>,
) -> Report {
    let mut log = Log::new(watcher, order.limit);
    let mut journey = Journey { central, order, connector, made: None, given: None };
    let outcome = tokio::select! {
        outcome = journey.go(&mut log) => outcome,
        () = stop => Err(CommissionError::Stopped),
    };
    if let Err(CommissionError::GaveUp(_)) = outcome {
        // The device has forgotten it.
        journey.made = journey.given.take();
    }
    journey.clean_up().await;
    log.report(outcome)
}

/// Looks for `span` at what waits to be commissioned.
///
/// # Errors
/// [`AirError`] if the adapter cannot scan.
pub async fn scan(central: &mut dyn Central, span: Duration) -> Result<Vec<Sighting>, AirError> {
    let mut seen = BTreeMap::<Address, Sighting>::new();
    let mut over = std::pin::pin!(sleep(span));
    let done = loop {
        tokio::select! {
            () = &mut over => break Ok(()),
            sighting = central.sighting() => match sighting {
                Ok(sighting) => air::note(&mut seen, sighting),
                Err(error) => break Err(error),
            },
        }
    };
    central.disconnect().await;
    done?;
    Ok(seen.into_values().filter(Sighting::is_waiting).collect())
}

/// One commissioning on its way.
struct Journey<'j> {
    central: &'j mut dyn Central,
    order: &'j Order,
    connector: Arc<Connector>,
    /// An account that was made, and that the device does not have yet.
    made: Option<Account>,
    /// An account that was made, and given to the device.
    given: Option<Account>,
}

impl Journey<'_> {
    async fn go(&mut self, log: &mut Log<'_>) -> Result<(), CommissionError> {
        let (owner, connector) = (&self.order.owner, Arc::clone(&self.connector));
        let mut client = log
            .step(Step::SignIn, async |_| {
                let mut client = Client::sign_in(connector, owner).await?;
                client.send(owner::Owner::presence());
                // With any answer to this the server has the presence. Without it the greeting of a device that is
                // quick goes to another client of the owner's.
                if let Err(IqError::Down(failure)) = client.roster().await {
                    return Err(failure.into());
                }
                Ok((client, owner.jid.to_string()))
            })
            .await?;

        let mut met = self.meet(log).await?;
        let account = self.account(log).await?;
        self.provision(log, &mut met, &account).await?;
        self.finish(log, &met, &account.jid, &mut client).await?;

        self.greet(log, &account.jid, &mut client).await?;
        client.sign_out().await;
        Ok(())
    }

    /// The account to give to the device.
    async fn account(&mut self, log: &mut Log<'_>) -> Result<Account, CommissionError> {
        let account = match &self.order.account {
            DeviceAccount::Existing(jid, password) => account(jid.clone(), password.clone()),
            DeviceAccount::Named(jid) => {
                let names = [jid.clone()];
                log.step(Step::Register, async |_| self.register(names).await).await?
            }
            DeviceAccount::Made => {
                let names = names(&log.known, self.order);
                log.step(Step::Register, async |_| self.register(names).await).await?
            }
        };
        log.known.jid = Some(account.jid.clone());
        log.known.is_registered = self.made.is_some();
        Ok(account)
    }

    async fn register(
        &mut self,
        names: impl IntoIterator<Item = BareJid>,
    ) -> Result<(Account, String), CommissionError> {
        let mut taken = None;
        for jid in names {
            let mut registrar = Registrar::new(Arc::clone(&self.connector), jid.domain());
            let account = account(jid, random_password());
            let done = registrar.register(&account.jid, &account.password).await;
            let done = done.map_err(|error| CommissionError::Owner(error.into()))?;
            registrar.close().await;
            match done {
                Registration::Created => {
                    self.made = Some(account.clone());
                    let words = account.jid.to_string();
                    return Ok((account, words));
                }
                Registration::Exists => taken = taken.or(Some(account.jid)),
                Registration::Refused { why, next_step } => {
                    return Err(CommissionError::NotRegistered { why, next_step });
                }
            }
        }
        Err(CommissionError::Exists(taken.expect("at least one name was tried")))
    }

    /// Leaves the air, and takes back an account that nobody has.
    async fn clean_up(&mut self) {
        // A radio that does not answer any more keeps nobody from ending.
        _ = timeout(CLEANING, self.central.disconnect()).await;
        if let Some(account) = self.made.take() {
            let removed = async {
                let client = Client::sign_in(Arc::clone(&self.connector), &account).await.ok()?;
                client.unregister().await.ok()
            };
            if timeout(CLEANING, removed).await.ok().flatten().is_none() {
                tracing::warn!(jid = %account.jid, "the account that was made could not be removed again");
            }
        }
    }
}

fn account(jid: BareJid, password: Secret) -> Account {
    Account { jid, password, resource: "thingfleet-commission".into() }
}

/// Names for the device's account, at the owner's server: after its name and serial number, then with a number.
fn names(known: &Known, order: &Order) -> Vec<BareJid> {
    let serial = known.information.iter().find(|(name, _)| *name == "Serial Number").map(|(_, value)| value);
    let words = [known.name.as_ref(), serial].map(|word| slug(word.map_or("", String::as_str)));
    let base = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let base = if base.is_empty() { slug(&format!("thing {}", order.code.address)) } else { base };
    let name = |number: usize| if number == 1 { base.clone() } else { format!("{base}-{number}") };
    let jid = |name: String| BareJid::parse(&format!("{name}@{}", order.owner.jid.domain()));
    (1..=NAMES).map(name).filter_map(|name| jid(name).ok()).collect()
}

/// A text as part of an address: letters and digits, all else a hyphen.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    // A local part has up to 1,023 bytes (RFC 7622 section 3.3), but people read it.
    slug.truncate(48);
    slug
}
