//! What can be asked, as one table: it leads a request to what is done, and it is what the OpenAPI document is made of.

use super::{answer::Refused, metrics};
use hyper::Method;
use schemars::{Schema, SchemaGenerator};
use thingfleet_control::{
    command::{FleetChange, NewDevice, Order, Outcome, Wait},
    event::Event,
    fault::FaultKind,
    load::Load,
    snapshot::{Device, Entry, Fleet},
    traffic::Exchange,
};

/// One thing that can be asked.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// With `{device}` for a device's name.
    pub(super) path: &'static str,
    pub(super) action: Action,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Field],
    /// The schema of the JSON that the request carries.
    pub(super) body: Option<MakeSchema>,
    /// The status of a good answer, what it means, its media type and its schema.
    pub(super) status: u16,
    pub(super) meaning: &'static str,
    pub(super) answer: Option<(&'static str, MakeSchema)>,
    /// The statuses of its refusals, besides those that every request may meet.
    pub(super) refusals: &'static [u16],
}

pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// A field of a query, or a header.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) is_number: bool,
    pub(super) meaning: &'static str,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    ShowFleet,
    ChangeFleet,
    ListDevices,
    Roster,
    AddDevice,
    ShowDevice,
    RemoveDevice,
    Wait,
    Command,
    ListFaults,
    ShowLoad,
    Events,
    Traffic,
    Metrics,
    OpenApi,
}

impl Action {
    /// Its name in the OpenAPI document.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::ShowFleet => "showFleet",
            Self::ChangeFleet => "changeFleet",
            Self::ListDevices => "listDevices",
            Self::Roster => "roster",
            Self::AddDevice => "addDevice",
            Self::ShowDevice => "showDevice",
            Self::RemoveDevice => "removeDevice",
            Self::Wait => "wait",
            Self::Command => "command",
            Self::ListFaults => "listFaults",
            Self::ShowLoad => "showLoad",
            Self::Events => "events",
            Self::Traffic => "traffic",
            Self::Metrics => "metrics",
            Self::OpenApi => "openApi",
        }
    }
}

const JSON: &str = "application/json";

const NAME: Field = Field {
    name: "name",
    is_number: false,
    meaning: "only devices whose names are of this pattern: `kettle-*`",
};
const KIND: Field = Field { name: "kind", is_number: false, meaning: "only devices of this definition" };
const TAG: Field = Field { name: "tag", is_number: false, meaning: "only devices with this tag" };
const SINCE: Field = Field {
    name: "since",
    is_number: true,
    meaning: "events after the one with this sequence number; the header `Last-Event-ID` does the same",
};

/// The table.
pub(super) static ROUTES: [Route; 15] = [
    Route {
        method: Method::GET,
        path: "/v1/fleet",
        action: Action::ShowFleet,
        summary: "Shows the fleet as a whole",
        query: &[],
        body: None,
        status: 200,
        meaning: "the fleet",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Fleet>)),
        refusals: &[],
    },
    Route {
        method: Method::PATCH,
        path: "/v1/fleet",
        action: Action::ChangeFleet,
        summary: "Pauses and resumes the devices' world, or changes its speed",
        query: &[],
        body: Some(SchemaGenerator::subschema_for::<FleetChange>),
        status: 200,
        meaning: "the fleet, changed",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Fleet>)),
        refusals: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/devices",
        action: Action::ListDevices,
        summary: "Shows the devices, or some of them",
        query: &[NAME, KIND, TAG],
        body: None,
        status: 200,
        meaning: "the devices, in the order of the fleet",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Vec<Device>>)),
        refusals: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/roster",
        action: Action::Roster,
        summary: "Shows all devices in one line each, cheaply",
        query: &[],
        body: None,
        status: 200,
        meaning: "the devices, in the order of the fleet",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Vec<Entry>>)),
        refusals: &[],
    },
    Route {
        method: Method::POST,
        path: "/v1/devices",
        action: Action::AddDevice,
        summary: "Adds a device and switches it on",
        query: &[],
        body: Some(SchemaGenerator::subschema_for::<NewDevice>),
        status: 201,
        meaning: "the device",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Device>)),
        refusals: &[409],
    },
    Route {
        method: Method::GET,
        path: "/v1/devices/{device}",
        action: Action::ShowDevice,
        summary: "Shows a device",
        query: &[],
        body: None,
        status: 200,
        meaning: "the device",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Device>)),
        refusals: &[404],
    },
    Route {
        method: Method::DELETE,
        path: "/v1/devices/{device}",
        action: Action::RemoveDevice,
        summary: "Removes a device, which says goodbye first",
        query: &[],
        body: None,
        status: 204,
        meaning: "it is removed",
        answer: None,
        refusals: &[404],
    },
    Route {
        method: Method::POST,
        path: "/v1/devices/{device}/wait",
        action: Action::Wait,
        summary: "Waits until a condition holds over a device",
        query: &[],
        body: Some(SchemaGenerator::subschema_for::<Wait>),
        status: 200,
        meaning: "it holds, and this is the device",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Device>)),
        refusals: &[404],
    },
    Route {
        method: Method::POST,
        path: "/v1/commands",
        action: Action::Command,
        summary: "Has devices do something, and answers when they have",
        query: &[],
        body: Some(SchemaGenerator::subschema_for::<Order>),
        status: 200,
        meaning: "what has become of it; at least one device has done it",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Outcome>)),
        refusals: &[404, 409],
    },
    Route {
        method: Method::GET,
        path: "/v1/faults",
        action: Action::ListFaults,
        summary: "Shows every kind of fault with its settings",
        query: &[],
        body: None,
        status: 200,
        meaning: "the kinds, in the order of the catalogue",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Vec<FaultKind>>)),
        refusals: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/load",
        action: Action::ShowLoad,
        summary: "Shows how a load stands: its phase, its operations, its generator, and the latest seconds",
        query: &[],
        body: None,
        status: 200,
        meaning: "the load",
        answer: Some((JSON, SchemaGenerator::subschema_for::<Load>)),
        refusals: &[404],
    },
    Route {
        method: Method::GET,
        path: "/v1/events",
        action: Action::Events,
        summary: "Tells what devices tell, as server-sent events, for as long as the fleet runs",
        query: &[SINCE, NAME, KIND, TAG],
        body: None,
        status: 200,
        meaning: "events; each has its sequence number as `id`, its kind as `event`, and this as `data`",
        answer: Some(("text/event-stream", SchemaGenerator::subschema_for::<Event>)),
        refusals: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/devices/{device}/traffic",
        action: Action::Traffic,
        summary: "Tells what a device exchanges from now on, as server-sent events, for as long as the fleet has it",
        query: &[],
        body: None,
        status: 200,
        meaning: "stanzas and GATT operations; each has its number as `id`, its kind as `event`, and this as `data`",
        answer: Some(("text/event-stream", SchemaGenerator::subschema_for::<Exchange>)),
        refusals: &[404],
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        action: Action::Metrics,
        summary: "Shows counters of the fleet, of a load and of the process, for Prometheus",
        query: &[],
        body: None,
        status: 200,
        meaning: "metrics, as OpenMetrics text",
        answer: Some((metrics::MEDIA_TYPE, |_| schemars::json_schema!({ "type": "string" }))),
        refusals: &[],
    },
    Route {
        method: Method::GET,
        path: "/openapi.json",
        action: Action::OpenApi,
        summary: "Shows this document",
        query: &[],
        body: None,
        status: 200,
        meaning: "an OpenAPI 3.1 document",
        answer: Some((JSON, |_| schemars::json_schema!({ "type": "object" }))),
        refusals: &[],
    },
];

/// The route of a request, and the device it is about.
///
/// # Errors
/// [`Refused::NoRoute`], [`Refused::Method`], and [`Refused::Bad`] for a name that is no text.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Option<String>), Refused> {
    let of_path = |route: &&Route| segments(route.path, path).is_some();
    let Some(route) = ROUTES.iter().filter(of_path).find(|route| route.method == *method) else {
        let allowed: Vec<&str> = ROUTES.iter().filter(of_path).map(|route| route.method.as_str()).collect();
        return Err(if allowed.is_empty() { Refused::NoRoute } else { Refused::Method(allowed.join(", ")) });
    };
    let device = segments(route.path, path).filter(|device| !device.is_empty());
    let device = device.map(|name| {
        let name = percent_encoding::percent_decode_str(name).decode_utf8();
        name.map(std::borrow::Cow::into_owned)
            .map_err(|_| Refused::bad("the name of the device is no UTF-8", "encode it as UTF-8"))
    });
    Ok((route, device.transpose()?))
}

/// What stands for `{device}` in a path of this pattern, empty where nothing does.
fn segments<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let mut device = "";
    let (mut wanted, mut there) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), there.next()) {
            (None, None) => return Some(device),
            (Some("{device}"), Some(name)) if !name.is_empty() => device = name,
            (Some(wanted), Some(name)) if wanted == name => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_finds_its_route_and_its_device() {
        let found = |method: Method, path| find(&method, path).map(|(route, device)| (route.action, device));
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(found(Method::GET, "/v1/devices").unwrap(), (Action::ListDevices, None));
        assert_eq!(found(Method::GET, "/v1/devices/k-1").unwrap(), (Action::ShowDevice, named("k-1")));
        assert_eq!(found(Method::POST, "/v1/devices/k%2F1/wait").unwrap(), (Action::Wait, named("k/1")));
        for path in ["/", "/v1", "/v1/devices/", "/v1/devices/k/", "//v1/fleet", "/v1/devices/k/wait/x"] {
            assert!(matches!(found(Method::GET, path), Err(Refused::NoRoute)), "{path}");
        }
        assert!(matches!(found(Method::GET, "/v1/devices/%ff"), Err(Refused::Bad { .. })));
        let Err(Refused::Method(allowed)) = found(Method::PUT, "/v1/devices/k") else { panic!() };
        assert_eq!(allowed, "GET, DELETE");
    }
}
