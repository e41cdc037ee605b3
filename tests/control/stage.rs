//! A fleet on a private Prosody with its control interface, and what tests do with it.

use serde::de::DeserializeOwned;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};
use thingfleet::{control::Control, fleet::Fleet};
use thingfleet_control::{
    client::{Client, ClientError, EventStream, Told},
    command::{Command, Order, Selection, Wait},
    problem::Problem,
    snapshot::{Channel, Device},
};
use thingfleet_schema::profile;
use tokio::time::timeout;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

const PROFILE: &str = "\
fleet: control-test
seed: 7
server: private
groups:
  - { definition: kettle, names: 'kettle-{n}', count: 2, tags: [kitchen] }
  - { definition: lamp }
";

pub(crate) struct Stage {
    pub(crate) fleet: Fleet,
    pub(crate) control: Control,
    pub(crate) client: Client,
}

impl Stage {
    /// Three devices that are online.
    pub(crate) async fn new() -> Self {
        let stage = Self::of(PROFILE).await;
        for device in ["kettle-1", "kettle-2", "lamp"] {
            stage.wait(device, "state == online").await.unwrap();
        }
        stage
    }

    /// The fleet of this profile, as soon as it can be asked.
    pub(crate) async fn of(text: &str) -> Self {
        let profile = profile::read("control.yaml", text, &profile::Surroundings::default()).unwrap();
        let (fleet, _) = Fleet::start(&profile, &|_| {}).await.unwrap();
        let control = Control::start(Control::ANYWHERE, Arc::clone(fleet.crew())).await.unwrap();
        let client = Client::new(control.url(), control.token().clone()).unwrap();
        Self { fleet, control, client }
    }

    pub(crate) async fn wait(&self, device: &str, condition: &str) -> Result<Device, ClientError> {
        let wait = Wait { condition: condition.into(), timeout_seconds: DEADLINE.as_secs_f64() };
        self.client.wait(device, &wait).await
    }

    pub(crate) async fn order(&self, name: &str, command: Command) -> Result<Vec<String>, ClientError> {
        let outcome = self.client.command(&Order { devices: Selection::device(name), command }).await?;
        assert_eq!(outcome.refused, []);
        Ok(outcome.done)
    }

    pub(crate) async fn stop(self) {
        self.control.stop().await;
        self.fleet.stop().await;
    }

    /// What the listener answers to these bytes, until it closes the connection or a whole answer is there.
    pub(crate) fn raw(&self, request: &str) -> String {
        let address = self.control.url().strip_prefix("http://").unwrap();
        let request = request.replace("HOST", address).replace("TOKEN", self.control.token().reveal());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

pub(crate) fn channel<'d>(device: &'d Device, name: &str) -> &'d Channel {
    device.channels.iter().find(|channel| channel.name == name).unwrap()
}

pub(crate) fn refused(error: ClientError) -> Problem {
    match error {
        ClientError::Refused(problem) => *problem,
        other => panic!("{other}"),
    }
}

/// Waits for an event, or whatever else the stream tells.
pub(crate) async fn event<T: DeserializeOwned>(stream: &mut EventStream<T>, is_it: impl Fn(&T) -> bool) -> T {
    timeout(DEADLINE, async {
        loop {
            match stream.next().await.unwrap().expect("the stream goes on") {
                Told::Event(event) if is_it(&event) => return event,
                Told::Event(_) | Told::Gap(_) => {}
            }
        }
    })
    .await
    .expect("the event comes")
}
