//! Numbers of a fleet that is no load.

use crate::stage::{Stage, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_no_load_says_so_and_is_counted_all_the_same() {
    let stage = Stage::new().await;
    assert!(!stage.client.fleet().await.unwrap().load);
    let problem = refused(stage.client.load().await.unwrap_err());
    assert_eq!((problem.status, &*problem.r#type), (404, "urn:thingfleet:problem:no-load"));
    assert!(problem.next_step.contains("thingfleet load"), "{}", problem.next_step);

    let head = "Host: HOST\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\n\r\n";
    let page = stage.raw(&format!("GET /metrics HTTP/1.1\r\n{head}"));
    assert!(page.contains("thingfleet_devices{state=\"online\"} 3.0\n"), "{page}");
    assert!(page.ends_with("# EOF\n") && !page.contains("thingfleet_operations"), "{page}");
    let stranger = stage.raw("GET /metrics HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    stage.stop().await;
}
