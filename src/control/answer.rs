//! Answers and problems as HTTP has them.

use super::metrics;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;
use std::convert::Infallible;
use thingfleet_control::{
    command::Refusal,
    problem::{self, Problem},
    snapshot::Device,
};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(super) type Answer = Response<Body>;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The `Host` is not this one: a page elsewhere has a name that leads here (DNS rebinding).
    Host,
    /// A page from elsewhere asks.
    Origin,
    /// There is no token, or a wrong one.
    Unauthorized,
    /// There is nothing at this address.
    NoRoute,
    /// The address takes other methods.
    Method(String),
    /// The fleet has no such device, or none at all that was meant.
    NoDevice(String),
    /// The fleet is no load.
    NoLoad,
    /// The body is not JSON.
    MediaType,
    /// The body is too large.
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    /// The request makes no sense.
    Bad { detail: String, next_step: &'static str },
    /// A condition did not come to hold in time.
    NotYet { detail: String, device: Box<Device> },
    /// No device has done what it was told.
    NotDone(Vec<Refusal>),
    /// The state of the fleet does not allow it.
    Conflict { detail: String, next_step: String },
}

/// Answers with JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).expect("the vocabulary is plain data");
    with_body(status, "application/json", body)
}

/// Answers with metrics as Prometheus reads them.
pub(super) fn metrics(text: String) -> Answer {
    with_body(StatusCode::OK, metrics::MEDIA_TYPE, text.into_bytes())
}

/// Answers that it is done.
pub(super) fn nothing() -> Answer {
    let mut answer = Response::new(Full::default().boxed_unsync());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Answers with a body that comes bit by bit.
pub(super) fn stream(body: Body) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn with_body(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::from(body).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

impl Refused {
    /// The request makes no sense.
    pub(super) fn bad(detail: impl Into<String>, next_step: &'static str) -> Self {
        Self::Bad { detail: detail.into(), next_step }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoRoute | Self::NoDevice(_) | Self::NoLoad => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow | Self::NotYet { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Bad { .. } => StatusCode::BAD_REQUEST,
            Self::NotDone(_) | Self::Conflict { .. } => StatusCode::CONFLICT,
        }
    }

    /// Short name and words, what happened, and what a person can do about it.
    fn words(&self) -> (&'static str, &'static str, String, String) {
        let (name, title, detail, next_step) = match self {
            Self::Host => (
                "wrong-host",
                "wrong host",
                "the request is for another host".to_owned(),
                "use the address the fleet printed at its start".to_owned(),
            ),
            Self::Origin => (
                "foreign-origin",
                "foreign origin",
                "pages from elsewhere may not steer the fleet".to_owned(),
                "send the request from a program instead of a browser's page".to_owned(),
            ),
            Self::Unauthorized => (
                "unauthorized",
                "unauthorized",
                "the request has no token, or a wrong one".to_owned(),
                "send `Authorization: Bearer TOKEN` with the token the fleet printed at its start".to_owned(),
            ),
            Self::NoRoute => (
                "not-found",
                "not found",
                "there is nothing at this address".to_owned(),
                "see /openapi.json for what there is".to_owned(),
            ),
            Self::Method(allowed) => (
                "method-not-allowed",
                "method not allowed",
                format!("this address takes {allowed}"),
                "see /openapi.json".to_owned(),
            ),
            Self::NoDevice(detail) => (
                "no-device",
                "no such device",
                detail.clone(),
                "GET /v1/devices lists the devices".to_owned(),
            ),
            Self::NoLoad => (
                "no-load",
                "no load",
                "this fleet is no load".to_owned(),
                "start it with `thingfleet load`, and a profile that has `load` (docs/LOAD.md)".to_owned(),
            ),
            Self::MediaType => (
                "media-type",
                "unsupported media type",
                "the body has to be JSON".to_owned(),
                "send `Content-Type: application/json`".to_owned(),
            ),
            Self::TooLarge => (
                "too-large",
                "body too large",
                format!("a body has at most {} bytes", super::desk::LARGEST),
                "send less".to_owned(),
            ),
            Self::TooSlow => (
                "too-slow",
                "body too slow",
                "the body did not come in time".to_owned(),
                "send it at once".to_owned(),
            ),
            Self::Bad { detail, next_step } => {
                ("bad-request", "bad request", detail.clone(), (*next_step).to_owned())
            }
            Self::NotYet { detail, .. } => (
                "not-yet",
                "condition does not hold",
                detail.clone(),
                "`device` is its last state; wait longer, or for something else".to_owned(),
            ),
            Self::NotDone(_) => (
                "not-done",
                "not done",
                "no device has done it".to_owned(),
                "`refused` says why for each".to_owned(),
            ),
            Self::Conflict { detail, next_step } => {
                ("conflict", "conflict", detail.clone(), next_step.clone())
            }
        };
        (name, title, detail, next_step)
    }

    /// The answer, as a problem document (RFC 9457).
    pub(super) fn answer(self) -> Answer {
        let status = self.status();
        let (name, title, detail, next_step) = self.words();
        let mut problem = Problem {
            r#type: format!("urn:thingfleet:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            next_step,
            device: None,
            refused: Vec::new(),
        };
        let mut header = None;
        match self {
            Self::NotYet { device, .. } => problem.device = Some(device),
            // One device says itself what is wrong.
            Self::NotDone(refused) => {
                if let [only] = &*refused {
                    problem.detail = format!("{}: {}", only.device, only.why);
                    problem.next_step.clone_from(&only.next_step);
                }
                problem.refused = refused;
            }
            Self::Unauthorized => header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Method(allowed) => {
                header = HeaderValue::from_str(&allowed).ok().map(|allowed| (ALLOW, allowed));
            }
            Self::Host
            | Self::Origin
            | Self::NoRoute
            | Self::NoDevice(_)
            | Self::NoLoad
            | Self::MediaType
            | Self::TooLarge
            | Self::TooSlow
            | Self::Bad { .. }
            | Self::Conflict { .. } => {}
        }
        let body = serde_json::to_vec(&problem).expect("a problem is plain data");
        let mut answer = with_body(status, problem::MEDIA_TYPE, body);
        answer.headers_mut().extend(header);
        answer
    }
}
