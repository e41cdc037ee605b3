//! The half over Bluetooth: from the advertisement to Setup Done.

use super::{
    CommissionError, Journey, Seal, Sighting, Step, att,
    central::{AirError, Peer},
    inspect::{self, Table},
    owner::{Heard, Owner},
    report::{Code, Log},
    sighting::Announced,
};
use crate::xmpp::client::Client;
use futures::FutureExt as _;
use rand_core_06::OsRng;
use std::{collections::BTreeMap, time::Duration};
use thingfleet_device::{
    commissioning::{
        gatt::{Characteristic, MAX_VALUE},
        qr::Address,
        seal::MAX_SEALED,
    },
    definition::Security,
    instance::Account,
    jid::BareJid,
};
use tokio::time::{sleep, timeout};

/// How long a scan response may come after the advertisement.
const SCAN_RESPONSE: Duration = Duration::from_millis(1200);
/// Attempts to connect: a connection over the air often fails at first.
const ATTEMPTS: u32 = 3;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(300);

/// What is needed to commission a device at all. A network without a password needs none written.
const NEEDED: [Characteristic; 5] = [
    Characteristic::Ssid,
    Characteristic::Jid,
    Characteristic::JidPassword,
    Characteristic::JidSender,
    Characteristic::SetupDone,
];

/// A device that is connected, with what it takes to write to it.
pub(super) struct Met {
    table: Table,
    is_encrypted: bool,
    is_sealed: bool,
}

impl Journey<'_> {
    /// Finds the device, connects to it and reads what it shows.
    pub(super) async fn meet(&mut self, log: &mut Log<'_>) -> Result<Met, CommissionError> {
        let sighting = self.find(log).await?;
        log.notice_all(inspect::advertisement(&sighting));
        log.known.name.clone_from(&sighting.name);
        self.connect(log, sighting.peer).await?;

        let announced = sighting.announced();
        let is_encrypted = announced == Announced::Security(Security::Encrypted);
        let is_sealed = match self.order.seal {
            Seal::Auto => announced == Announced::Security(Security::Sealed),
            Seal::Never => false,
            Seal::Always => true,
        };
        let mut met = Met { table: Table::new(), is_encrypted, is_sealed };
        log.known.security = Some(met.security());
        if is_encrypted {
            log.step(Step::Pair, async |_| {
                self.central.pair().await?;
                Ok(((), "the link is encrypted".to_owned()))
            })
            .await?;
        }
        met.table = self.discover(log).await?;
        self.read(log, &met.table, &sighting).await?;
        Ok(met)
    }

    async fn find(&mut self, log: &mut Log<'_>) -> Result<Sighting, CommissionError> {
        let address = self.order.code.address;
        let mut seen = BTreeMap::new();
        let late = CommissionError::NotFound { address, waiting: Vec::new() };
        let found = log
            .patiently(Step::Find, late, async |_| {
                let mut found = self.first_sighting(&mut seen, address).await?;
                let more = timeout(SCAN_RESPONSE, async {
                    while found.name.is_none() {
                        let more = self.central.sighting().await?;
                        if more.peer.address == address {
                            found.merge(more);
                        }
                    }
                    Ok::<_, AirError>(())
                });
                // Without a scan response it has no name; that is for the inspection to say.
                more.await.unwrap_or(Ok(()))?;
                let words = describe(&found);
                Ok((found, words))
            })
            .await;
        if let Err(CommissionError::NotFound { .. }) = found {
            let waiting: Vec<_> = seen.into_values().filter(Sighting::is_waiting).collect();
            for other in &waiting {
                let text = format!("{} waits, and the code says {address}", other.peer.address);
                log.notice(Code::AddressDiffers, text);
            }
            return Err(CommissionError::NotFound { address, waiting });
        }
        found
    }

    async fn first_sighting(
        &mut self,
        seen: &mut BTreeMap<Address, Sighting>,
        address: Address,
    ) -> Result<Sighting, AirError> {
        loop {
            let sighting = self.central.sighting().await?;
            if sighting.peer.address == address {
                return Ok(sighting);
            }
            note(seen, sighting);
        }
    }

    async fn connect(&mut self, log: &mut Log<'_>, peer: Peer) -> Result<(), CommissionError> {
        log.step(Step::Connect, async |_| {
            let mut attempt = 1;
            while let Err(error) = self.central.connect(peer).await {
                let may_pass = matches!(error, AirError::NoConnection(_) | AirError::Lost);
                if !may_pass || attempt == ATTEMPTS {
                    return Err(error.into());
                }
                tracing::debug!(attempt, %error, "connecting again");
                attempt += 1;
                sleep(PAUSE).await;
            }
            Ok(((), if attempt == 1 { String::new() } else { format!("at attempt {attempt}") }))
        })
        .await
    }

    async fn discover(&mut self, log: &mut Log<'_>) -> Result<Table, CommissionError> {
        log.step(Step::Discover, async |log| {
            let found = self.central.table().await?;
            let (table, deviations) = inspect::table(&found);
            log.notice_all(deviations);
            let mut needed = NEEDED.to_vec();
            if !self.order.network.password.reveal().is_empty() {
                needed.push(Characteristic::NetworkPassword);
            }
            needed.retain(|characteristic| !table.contains_key(characteristic));
            if !needed.is_empty() {
                return Err(CommissionError::Missing(needed));
            }
            let words = format!("{} characteristics", table.len());
            Ok((table, words))
        })
        .await
    }

    async fn read(
        &mut self,
        log: &mut Log<'_>,
        table: &Table,
        sighting: &Sighting,
    ) -> Result<(), CommissionError> {
        log.step(Step::Read, async |log| {
            let name = self.central.name().await?;
            log.notice_all(inspect::name(sighting, &name));
            for characteristic in Characteristic::INFORMATION {
                let Some(found) = table.get(&characteristic) else { continue };
                match self.central.read(found.handle).await {
                    Ok(value) => {
                        log.notice_all(inspect::information(characteristic, &value));
                        log.known.information.push((characteristic.name(), inspect::text(&value)));
                    }
                    Err(error @ AirError::Att(_)) => {
                        log.notice(Code::NotReadable, format!("{}: {error}", characteristic.name()));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            let words = name.clone();
            log.known.name = Some(name);
            Ok(((), words))
        })
        .await
    }

    /// Writes the credentials, in the order of the reference client.
    pub(super) async fn provision(
        &mut self,
        log: &mut Log<'_>,
        met: &mut Met,
        account: &Account,
    ) -> Result<(), CommissionError> {
        let order = self.order;
        log.step(Step::Write, async |log| {
            for (characteristic, value) in [
                (Characteristic::Jid, account.jid.as_str()),
                (Characteristic::JidPassword, account.password.reveal()),
                (Characteristic::JidSender, order.owner.jid.as_str()),
                (Characteristic::Ssid, order.network.ssid.as_str()),
                (Characteristic::NetworkPassword, order.network.password.reveal()),
            ] {
                let written = self.write(log, met, characteristic, value.as_bytes()).await;
                if let Err(error) = written {
                    // A device that takes no empty value is as well off without one.
                    if characteristic != Characteristic::NetworkPassword || !value.is_empty() {
                        return Err(error);
                    }
                    log.notice(Code::EmptyPasswordRefused, error.to_string());
                }
            }
            let words = met.security().to_owned();
            log.known.security = Some(met.security());
            Ok(((), words))
        })
        .await
    }

    async fn write(
        &mut self,
        log: &mut Log<'_>,
        met: &mut Met,
        characteristic: Characteristic,
        value: &[u8],
    ) -> Result<(), CommissionError> {
        let Some(found) = met.table.get(&characteristic).copied() else { return Ok(()) };
        loop {
            let most = if met.is_sealed { MAX_SEALED } else { MAX_VALUE };
            let too_long = CommissionError::TooLong { characteristic, length: value.len(), most };
            if value.len() > most {
                return Err(too_long);
            }
            let sealed = if met.is_sealed {
                Some(self.order.code.key.seal(characteristic, value, &mut OsRng).ok_or(too_long)?)
            } else {
                None
            };
            let written = self.central.write(found.handle, sealed.as_deref().unwrap_or(value)).await;
            let Err(error) = written else { return Ok(()) };
            let name = characteristic.name();
            match error {
                AirError::Att(code) if att::wants_encryption(code) && !met.is_encrypted => {
                    log.notice(Code::EncryptionNotAnnounced, format!("{name} takes only encrypted writes"));
                    self.central.pair().await?;
                    met.is_encrypted = true;
                }
                AirError::Att(code)
                    if att::wants_sealing(code) && !met.is_sealed && self.order.seal == Seal::Auto =>
                {
                    log.notice(Code::SealingNotAnnounced, format!("{name} takes only sealed values"));
                    met.is_sealed = true;
                }
                AirError::Att(code) => {
                    // Values that are sealed to another key, or not at all on purpose, are refused for good reason.
                    if !att::wants_sealing(code) {
                        log.notice(Code::WriteRefused, format!("{name}: {error}"));
                    }
                    return Err(CommissionError::Refused { characteristic, error });
                }
                error => return Err(CommissionError::Refused { characteristic, error }),
            }
        }
    }

    /// Writes Setup Done, and sees the device off.
    pub(super) async fn finish(
        &mut self,
        log: &mut Log<'_>,
        met: &Met,
        device: &BareJid,
        client: &mut Client,
    ) -> Result<(), CommissionError> {
        let owner = Owner::new(self.order.owner.jid.clone(), device.clone());
        while let Some(stanza) = client.next().now_or_never() {
            if let (Some(Heard::Words { .. }), _) = owner.hear(&stanza?) {
                log.notice(Code::HelloTooEarly, "it greeted before Setup Done was written");
            }
        }
        let characteristic = Characteristic::SetupDone;
        let handle = met.table.get(&characteristic).map(|found| found.handle);
        // With Setup Done the account is the device's, unless it says no; no answer is no such word.
        self.given = self.made.take();
        log.step(Step::SetupDone, async |log| {
            let handle = handle.ok_or(CommissionError::Missing(vec![characteristic]))?;
            match self.central.write(handle, &[1]).await {
                Ok(()) => {}
                // A device in a hurry leaves before its answer is out.
                Err(AirError::Lost) => tracing::debug!("the device left without an answer to Setup Done"),
                Err(error) => {
                    if let AirError::Att(_) = error {
                        self.made = self.given.take();
                        log.notice(Code::WriteRefused, format!("{}: {error}", characteristic.name()));
                    }
                    return Err(CommissionError::Refused { characteristic, error });
                }
            }
            Ok(((), String::new()))
        })
        .await?;
        // The step has this time for itself, so that a device that stays does not end the journey.
        let patience = log.limit(Step::Leave) / 2;
        log.step(Step::Leave, async |log| {
            let words = if timeout(patience, self.central.gone()).await.is_ok() {
                "it ended the connection"
            } else {
                let seconds = patience.as_secs_f32();
                let text = format!("it kept the connection for {seconds} s after Setup Done");
                log.notice(Code::StillConnected, text);
                "it did not, and was left"
            };
            self.central.disconnect().await;
            Ok(((), words.to_owned()))
        })
        .await
    }
}

impl Met {
    const fn security(&self) -> &'static str {
        match (self.is_sealed, self.is_encrypted) {
            (true, _) => "sealed",
            (false, true) => "encrypted",
            (false, false) => "open",
        }
    }
}

/// Adds a sighting to what was seen.
pub(super) fn note(seen: &mut BTreeMap<Address, Sighting>, sighting: Sighting) {
    match seen.get_mut(&sighting.peer.address) {
        Some(known) => known.merge(sighting),
        None => {
            seen.insert(sighting.peer.address, sighting);
        }
    }
}

fn describe(sighting: &Sighting) -> String {
    let name = sighting.name.as_deref().unwrap_or("without a name");
    match sighting.rssi {
        Some(rssi) => format!("{name}, {rssi} dBm"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commission::{
            DeviceAccount, Order, Report,
            testing::{ADDRESS, FakeCentral},
        },
        xmpp::connect::Connector,
    };
    use std::sync::Arc;
    use thingfleet_device::{
        commissioning::{credentials::Network, qr::QrCode, seal::DeviceKey},
        value::Secret,
    };
    use thingfleet_schema::profile::{Remote, Security as StreamSecurity, Trust};

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn key() -> DeviceKey {
        DeviceKey::from_seed([7; 32])
    }

    fn order(seal: Seal) -> Order {
        Order {
            code: QrCode { address: ADDRESS, key: key().public() },
            owner: Account {
                jid: jid("me@example.org"),
                password: Secret::new("secret"),
                resource: "test".into(),
            },
            network: Network { ssid: "home".into(), password: Secret::new("") },
            account: DeviceAccount::Existing(jid("kettle@example.org"), Secret::new("hidden")),
            seal,
            limit: None,
        }
    }

    /// Goes from the advertisement to the last credential.
    async fn provisioned(central: &mut FakeCentral, seal: Seal) -> Report {
        let remote = Remote {
            domain: "example.org".into(),
            host: Some("127.0.0.1".into()),
            port: Some(1),
            from: Vec::new(),
            security: StreamSecurity::Plain,
            trust: Trust::System,
        };
        let order = order(seal);
        let mut log = Log::new(&|_| {}, None);
        let connector = Arc::new(Connector::new(remote).unwrap());
        let mut journey = Journey { central, order: &order, connector, made: None, given: None };
        let outcome = async {
            let mut met = journey.meet(&mut log).await?;
            let account = journey.account(&mut log).await?;
            journey.provision(&mut log, &mut met, &account).await
        };
        let outcome = outcome.await;
        log.report(outcome)
    }

    fn codes(report: &Report) -> Vec<Code> {
        report.deviations.iter().map(|one| one.code).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_go_out_in_the_order_of_the_reference_client() {
        let mut central = FakeCentral::new(Security::Open);
        let report = provisioned(&mut central, Seal::Auto).await;
        assert!(report.outcome.is_ok(), "{report:?}");
        assert_eq!(report.deviations, []);
        let order = ["connect", "JID", "JID password", "JID sender", "Wi-Fi SSID", "Wi-Fi password"];
        assert_eq!(central.done, order);
        assert_eq!(central.written[0].1, b"kettle@example.org");
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_wants_it_is_paired_with_before_anything_else() {
        let mut central = FakeCentral::new(Security::Encrypted);
        let report = provisioned(&mut central, Seal::Auto).await;
        assert_eq!(report.known.security, Some("encrypted"));
        assert_eq!(central.done[..2], ["connect", "pair"]);
    }

    #[tokio::test(start_paused = true)]
    async fn sealed_values_can_be_opened_by_the_device_alone() {
        let mut central = FakeCentral::new(Security::Sealed);
        let report = provisioned(&mut central, Seal::Auto).await;
        assert_eq!(report.known.security, Some("sealed"));
        let (characteristic, sealed) = &central.written[1];
        assert_eq!(key().open(*characteristic, sealed).as_deref(), Some(&b"hidden"[..]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_announced_is_found_out_and_noticed() {
        let mut central = FakeCentral::new(Security::Open);
        central.answers = [Err(AirError::Att(0x0F)), Err(AirError::Att(0x81))].into();
        let report = provisioned(&mut central, Seal::Auto).await;
        assert!(report.outcome.is_ok(), "{report:?}");
        assert_eq!(codes(&report), [Code::EncryptionNotAnnounced, Code::SealingNotAnnounced]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_value_ends_it_with_a_deviation() {
        let mut central = FakeCentral::new(Security::Open);
        central.answers = [Err(AirError::Att(0x13))].into();
        let report = provisioned(&mut central, Seal::Auto).await;
        assert_eq!(codes(&report), [Code::WriteRefused]);
        let Err((Step::Write, error)) = report.outcome else { panic!("{report:?}") };
        assert!(error.to_string().contains("0x13, the value is not allowed"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_without_a_password_needs_none() {
        let mut central = FakeCentral::new(Security::Open);
        central.answers = [Ok(()), Ok(()), Ok(()), Ok(()), Err(AirError::Att(0x0D))].into();
        let report = provisioned(&mut central, Seal::Auto).await;
        assert!(report.outcome.is_ok(), "{report:?}");
        assert!(codes(&report).contains(&Code::EmptyPasswordRefused));
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_is_tried_again_but_not_for_ever() {
        let mut central = FakeCentral::new(Security::Open);
        central.failures = ATTEMPTS - 1;
        assert!(provisioned(&mut central, Seal::Auto).await.outcome.is_ok());
        let mut central = FakeCentral::new(Security::Open);
        central.failures = ATTEMPTS;
        let report = provisioned(&mut central, Seal::Auto).await;
        assert!(matches!(
            report.outcome,
            Err((Step::Connect, CommissionError::Air(AirError::NoConnection(_))))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_hangs_is_left_in_time() {
        let mut central = FakeCentral::new(Security::Open);
        central.hangs = true;
        let report = provisioned(&mut central, Seal::Auto).await;
        assert!(matches!(report.outcome, Err((Step::Discover, CommissionError::TimedOut { .. }))));
        assert!(report.total < Step::Discover.limit() + Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_is_elsewhere_is_told_of() {
        let mut central = FakeCentral::new(Security::Open);
        central.sightings[0].peer.address = Address([0xC0; 6]);
        let report = provisioned(&mut central, Seal::Auto).await;
        assert_eq!(codes(&report), [Code::AddressDiffers]);
        let Err((Step::Find, error)) = report.outcome else { panic!("{report:?}") };
        assert!(error.to_string().contains("C0:C0:C0:C0:C0:C0 waits"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_without_what_is_needed_ends_it() {
        let mut central = FakeCentral::new(Security::Open);
        central.table.retain(|found| found.uuid != Characteristic::Jid.uuid());
        let report = provisioned(&mut central, Seal::Auto).await;
        assert_eq!(codes(&report), [Code::MissingCharacteristic]);
        assert!(matches!(report.outcome, Err((Step::Discover, CommissionError::Missing(_)))));
    }
}
