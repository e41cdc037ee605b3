//! Devices join and leave a running fleet.

use crate::stage::{Stage, channel, event, refused};
use thingfleet_control::{
    command::{Access, ActuatorMode, Addressing, Commissioning, NewAccount, NewDevice, Selection, Service},
    event::What,
    snapshot::{Bluetooth, State},
    value::Value,
};
use thingfleet_device::{commissioning::qr::QrCode, value::Secret};

fn kettle(name: &str) -> NewDevice {
    NewDevice { name: name.into(), definition: "kettle".into(), ..NewDevice::default() }
}

fn service(host: &str, prefix: &str) -> Addressing {
    Addressing::Service(Service { service: host.into(), prefix: prefix.into() })
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_join_and_leave_a_running_fleet() {
    let stage = Stage::new().await;
    let new = NewDevice { tags: vec!["new".into()], ..kettle("kettle-9") };
    let mut events = stage.client.events(&Selection::device("kettle-9"), None).await.unwrap();
    assert_eq!(stage.client.add(&new).await.unwrap().tags, ["new"]);
    stage.wait("kettle-9", "state == online").await.unwrap();
    assert_eq!(refused(stage.client.add(&new).await.unwrap_err()).status, 409);
    let strange = NewDevice { name: "x".into(), definition: "spaceship".into(), ..new.clone() };
    assert_eq!(refused(stage.client.add(&strange).await.unwrap_err()).status, 400);

    event(&mut events, |event| event.what == What::Added).await;

    stage.client.remove("kettle-9").await.unwrap();
    event(&mut events, |event| event.what == What::Removed).await;
    assert_eq!(refused(stage.client.device("kettle-9").await.unwrap_err()).status, 404);
    assert_eq!(stage.client.fleet().await.unwrap().devices, 3);
    stage.client.add(&new).await.unwrap();
    stage.wait("kettle-9", "state == online").await.unwrap();
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_is_described_as_in_a_profile() {
    let stage = Stage::new().await;
    let password = Secret::new("of its own");
    let new = NewDevice {
        serial: Some("KT-9".into()),
        starts: [("temp".to_owned(), Value::Integer(60))].into(),
        owners: vec!["somebody@example.org".into()],
        commissioning: Commissioning::Handshake,
        access: Access::Whitelist,
        actuator_mode: ActuatorMode::Transient,
        account: Some(NewAccount { jid: format!("boiler@{}", stage.fleet.crew().domain()), password }),
        ..kettle("kettle-9")
    };
    let kettle_9 = stage.client.add(&new).await.unwrap();
    assert_eq!((&*kettle_9.serial, &kettle_9.qr), ("KT-9", &None));
    assert_eq!(kettle_9.jid.as_deref(), Some(&*new.account.as_ref().unwrap().jid));
    let Value::Float(temp) = channel(&kettle_9, "temp").value else { panic!() };
    assert!(temp > 50.0, "{temp}");
    // Its owner does not exist, so it comes as far as greeting, with an account that was made for it.
    stage.wait("kettle-9", "state == setting-up or state == online").await.unwrap();

    for wrong in [
        NewDevice { serial: Some("KT-9".into()), ..kettle("kettle-8") },
        NewDevice { serial: Some("ü".into()), ..kettle("kettle-8") },
        NewDevice { starts: [("tmep".to_owned(), Value::Integer(60))].into(), ..kettle("kettle-8") },
        NewDevice { starts: [("temp".to_owned(), Value::Text("hot".into()))].into(), ..kettle("kettle-8") },
        NewDevice { owners: vec!["a@b@c".into()], ..kettle("kettle-8") },
        NewDevice { access: Access::Roster(Vec::new()), ..kettle("kettle-8") },
        NewDevice { addressing: service("a@b", "{name}."), ..kettle("kettle-8") },
        NewDevice { addressing: service("pubsub.localhost", "home."), ..kettle("kettle-8") },
        NewDevice { commissioning: Commissioning::Bluetooth, name: "kettle-8".into(), ..new.clone() },
        kettle("Kettle"),
    ] {
        let problem = refused(stage.client.add(&wrong).await.unwrap_err());
        assert!([400, 409].contains(&problem.status), "{wrong:?}: {problem:?}");
        assert!(!problem.next_step.is_empty());
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_has_its_nodes_where_it_is_told_and_as_they_are_told_to_be() {
    let stage = Stage::new().await;
    let mut events = stage.client.events(&Selection::default(), None).await.unwrap();
    let new = NewDevice { actuator_mode: ActuatorMode::Transient, ..kettle("kettle-8") };
    stage.client.add(&new).await.unwrap();
    let nodes = event(&mut events, |event| matches!(event.what, What::NodesReady { .. })).await;
    let What::NodesReady { created, actuators, .. } = nodes.what else { unreachable!() };
    assert_eq!((&*nodes.device, created, &*actuators), ("kettle-8", 3, "transient"));

    // The private server lets nobody create nodes there, and says which it did not.
    let host = format!("pubsub.{}", stage.fleet.crew().domain());
    let new = NewDevice { addressing: service(&host, "attic.{name}."), ..kettle("kettle-9") };
    stage.client.add(&new).await.unwrap();
    let nodes = event(&mut events, |event| matches!(event.what, What::SetupFailed { .. })).await;
    let What::SetupFailed { why, .. } = nodes.what else { unreachable!() };
    assert!(why.contains("attic.kettle-9.xmpp.iot.sensors"), "{why}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_waits_over_bluetooth_and_its_code_is_shown_where_it_is_asked_for_alone() {
    let profile =
        "fleet: control-boxes\nadapters: { virtual: \"127.0.0.1:1\" }\ngroups: [{ definition: lamp }]\n";
    let stage = Stage::of(profile).await;
    let new = NewDevice { commissioning: Commissioning::Bluetooth, ..kettle("boxed") };
    stage.client.add(&new).await.unwrap();
    let boxed = stage.wait("boxed", "state == commissioning and stage == unprovisioned").await.unwrap();
    assert_eq!((&boxed.jid, &boxed.qr), (&None, &None), "nobody asked for the code");
    let boxed = stage.client.device("boxed").await.unwrap();
    let code: QrCode = boxed.qr.as_ref().unwrap().reveal().parse().unwrap();
    assert!(!format!("{boxed:?}").contains("iot-register"));
    assert!(boxed.bluetooth.is_none() || matches!(boxed.bluetooth, Some(Bluetooth::Down(_))));
    let all = stage.client.devices(&Selection::default()).await.unwrap();
    assert!(all.iter().all(|device| device.qr.is_none()));
    assert_eq!(stage.client.device("lamp").await.unwrap().qr, None);

    // One that comes back is the same thing.
    stage.client.remove("boxed").await.unwrap();
    assert_eq!(stage.client.add(&new).await.unwrap().state, State::Off);
    stage.wait("boxed", "state == commissioning").await.unwrap();
    let again = stage.client.device("boxed").await.unwrap();
    assert_eq!(again.qr.unwrap().reveal().parse::<QrCode>().unwrap(), code);
    stage.stop().await;
}
