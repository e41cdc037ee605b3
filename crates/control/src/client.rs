//! A client for the control interface: one request, one connection, and a stream of events.
//!
//! It speaks plain HTTP, because a fleet listens on loopback only; a fleet elsewhere is reached through a tunnel.

mod events;

pub use events::{EventStream, Told};

use crate::{
    command::{FleetChange, NewDevice, Order, Outcome, Selection, Wait},
    fault::FaultKind,
    load::Load,
    problem::Problem,
    snapshot::{Device, Entry, Fleet},
    traffic::Exchange,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::{io, time::Duration};
use thingfleet_device::value::Secret;
use tokio::{net::TcpStream, time::timeout};

/// Largest answer that is read; ten thousand devices with all their channels are some twenty megabytes.
const LARGEST: usize = 256 * 1024 * 1024;
/// How long a fleet may take to answer what does not wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The way to one fleet's control interface.
#[derive(Clone, Debug)]
pub struct Client {
    /// Host and port.
    authority: String,
    token: Secret,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("{0:?} is no address of a fleet; it looks like http://127.0.0.1:4040")]
    Address(String),
    /// Nobody listens there.
    #[error("no fleet answers at {address}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The connection broke, or what listens there does not speak HTTP.
    #[error("the connection to the fleet broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The fleet did not answer in time.
    #[error("the fleet did not answer within {} s", PATIENCE.as_secs())]
    Late,
    /// The fleet refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer makes no sense; probably another program, or another version of this one, listens there.
    #[error("the fleet's answer makes no sense: {0}")]
    Nonsense(String),
}

impl Client {
    /// A client for the fleet at this address, `http://127.0.0.1:4040`.
    ///
    /// # Errors
    /// [`ClientError::Address`].
    pub fn new(url: &str, token: Secret) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        authority.port_u16().ok_or_else(wrong)?;
        Ok(Self { authority: authority.as_str().to_owned(), token })
    }

    /// The fleet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn fleet(&self) -> Result<Fleet, ClientError> {
        self.ask(Method::GET, "/v1/fleet", None::<&()>, PATIENCE).await
    }

    /// Changes the whole fleet, and answers how it is then.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change(&self, change: FleetChange) -> Result<Fleet, ClientError> {
        self.ask(Method::PATCH, "/v1/fleet", Some(&change), PATIENCE).await
    }

    /// The devices of a selection, in the order of the fleet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn devices(&self, selection: &Selection) -> Result<Vec<Device>, ClientError> {
        self.ask(Method::GET, &with_query("/v1/devices", selection, None), None::<&()>, PATIENCE).await
    }

    /// All devices in one line each, in the order of the fleet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn roster(&self) -> Result<Vec<Entry>, ClientError> {
        self.ask(Method::GET, "/v1/roster", None::<&()>, PATIENCE).await
    }

    /// One device.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn device(&self, name: &str) -> Result<Device, ClientError> {
        self.ask(Method::GET, &path(name), None::<&()>, PATIENCE).await
    }

    /// Adds a device and switches it on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add(&self, device: &NewDevice) -> Result<Device, ClientError> {
        self.ask(Method::POST, "/v1/devices", Some(device), PATIENCE).await
    }

    /// Removes a device, which says goodbye first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn remove(&self, name: &str) -> Result<(), ClientError> {
        let path = path(name);
        timeout(PATIENCE, self.send(Method::DELETE, &path, None::<&()>))
            .await
            .map_err(|_| ClientError::Late)?
            .map(drop)
    }

    /// Has some devices do something, and answers once they have.
    ///
    /// # Errors
    /// [`ClientError`]; also if none of them has done it.
    pub async fn command(&self, order: &Order) -> Result<Outcome, ClientError> {
        self.ask(Method::POST, "/v1/commands", Some(order), PATIENCE).await
    }

    /// The kinds of faults that the fleet knows, with their settings.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn faults(&self) -> Result<Vec<FaultKind>, ClientError> {
        self.ask(Method::GET, "/v1/faults", None::<&()>, PATIENCE).await
    }

    /// How the load stands.
    ///
    /// # Errors
    /// [`ClientError`]; a [`Problem`] of status 404 if the fleet is no load.
    pub async fn load(&self) -> Result<Load, ClientError> {
        self.ask(Method::GET, "/v1/load", None::<&()>, PATIENCE).await
    }

    /// Waits until a condition holds over a device, and answers how the device is then.
    ///
    /// # Errors
    /// [`ClientError`]; a [`Problem`] of status 408 with the device's last state if it did not hold in time.
    pub async fn wait(&self, device: &str, wait: &Wait) -> Result<Device, ClientError> {
        let span = Duration::try_from_secs_f64(wait.timeout_seconds).unwrap_or_default();
        let path = format!("{}/wait", path(device));
        self.ask(Method::POST, &path, Some(wait), PATIENCE.saturating_add(span)).await
    }

    /// The events of a selection: those after the one with the sequence number `since`, or those from now on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn events(
        &self,
        selection: &Selection,
        since: Option<u64>,
    ) -> Result<EventStream, ClientError> {
        self.stream(&with_query("/v1/events", selection, since)).await
    }

    /// What a device exchanges from now on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn traffic(&self, device: &str) -> Result<EventStream<Exchange>, ClientError> {
        self.stream(&format!("{}/traffic", path(device))).await
    }

    async fn stream<T: DeserializeOwned>(&self, path: &str) -> Result<EventStream<T>, ClientError> {
        let answer = self.send(Method::GET, path, None::<&()>);
        let answer = timeout(PATIENCE, answer).await.map_err(|_| ClientError::Late)?;
        Ok(EventStream::new(answer?.into_body()))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let answer = async { whole(self.send(method, path, body).await?.into_body()).await };
        let body = timeout(patience, answer).await.map_err(|_| ClientError::Late)??;
        serde_json::from_slice(&body).map_err(|error| ClientError::Nonsense(error.to_string()))
    }

    /// Sends a request, and gives the answer if it is a good one.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Response<Incoming>, ClientError> {
        let address = &self.authority;
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| ClientError::Unreachable { address: address.clone(), source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let body = body.map(|body| serde_json::to_vec(body).expect("the vocabulary is plain data"));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, address)
            .header(AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = whole(answer.into_body()).await?;
        Err(match serde_json::from_slice(&body) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => ClientError::Nonsense(format!("status {}", StatusCode::as_u16(&status))),
        })
    }
}

async fn whole(body: Incoming) -> Result<Bytes, ClientError> {
    let body = Limited::new(body, LARGEST).collect().await.map_err(ClientError::Broken)?;
    Ok(body.to_bytes())
}

fn broken(error: hyper::Error) -> ClientError {
    ClientError::Broken(Box::new(error))
}

fn path(device: &str) -> String {
    format!("/v1/devices/{}", encoded(device))
}

fn with_query(path: &str, selection: &Selection, since: Option<u64>) -> String {
    // A query says it by a pattern; names one by one are for commands.
    let Selection { name, names: _, kind, tag } = selection;
    let since = since.map(|since| since.to_string());
    let fields = [("name", name), ("kind", kind), ("tag", tag), ("since", &since)];
    let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    fields
        .zip(std::iter::once('?').chain(std::iter::repeat('&')))
        .fold(path.to_owned(), |path, ((key, value), sign)| format!("{path}{sign}{key}={}", encoded(value)))
}

/// A text as a part of an address (RFC 3986 section 2).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            text + &char::from(byte).to_string()
        }
        other => format!("{text}%{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        for (url, is_good) in [
            ("http://127.0.0.1:4040", true),
            ("http://[::1]:4040/", true),
            ("http://localhost", false),
            ("https://127.0.0.1:4040", false),
            ("127.0.0.1:4040", false),
            ("", false),
        ] {
            assert_eq!(Client::new(url, Secret::new("x")).is_ok(), is_good, "{url}");
        }
    }

    #[test]
    fn what_an_address_cannot_hold_is_encoded() {
        let selection =
            Selection { name: Some("a*&b".into()), tag: Some("ü".into()), ..Selection::default() };
        let path = with_query("/v1/events", &selection, Some(3));
        assert_eq!(path, "/v1/events?name=a%2A%26b&tag=%C3%BC&since=3");
        assert_eq!(with_query("/v1/devices", &Selection::default(), None), "/v1/devices");
    }
}
