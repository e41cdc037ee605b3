//! What can go wrong is listed, begun and ended.

use crate::stage::{Stage, refused};
use thingfleet_control::{command::Command, fault::FaultSpec};

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_listed_begun_and_cleared() {
    let stage = Stage::new().await;
    let library = stage.client.faults().await.unwrap();
    assert!(library.iter().any(|kind| kind.fault == "sensor-offset" && kind.settings.len() == 2));

    let spec = |text: &str| serde_json::from_str::<FaultSpec>(text).unwrap();
    let offset = spec(r#"{"fault":"sensor-offset","channel":"temp","amount":400.0,"for_seconds":600.0}"#);
    let begin = |fault: &FaultSpec| Command::Fault { fault: fault.clone() };
    stage.order("kettle-1", begin(&offset)).await.unwrap();
    stage.order("kettle-1", begin(&spec(r#"{"fault":"latency"}"#))).await.unwrap();
    let kettle = stage.wait("kettle-1", "temp > 300").await.unwrap();
    let [first, second] = &kettle.faults[..] else { panic!("{:?}", kettle.faults) };
    assert_eq!(first.fault, FaultSpec { for_seconds: None, ..offset });
    assert!(first.left_seconds.is_some_and(|left| left <= 600.0) && second.left_seconds.is_none());

    let clear = |id, kind: Option<&str>| Command::Clear { id, kind: kind.map(str::to_owned) };
    stage.order("kettle-1", clear(None, Some("latency"))).await.unwrap();
    assert_eq!(stage.client.device("kettle-1").await.unwrap().faults.len(), 1);
    stage.order("kettle-1", clear(Some(first.id), None)).await.unwrap();
    let kettle = stage.wait("kettle-1", "temp < 300").await.unwrap();
    assert_eq!(kettle.faults, []);

    let nonsense = stage.order("kettle-1", begin(&spec(r#"{"fault":"sensor-stuck","amount":1.0}"#))).await;
    assert_eq!(refused(nonsense.unwrap_err()).status, 409);
    stage.stop().await;
}
