//! From a fresh connection to a bound resource: STARTTLS, registration, SASL, binding (RFC 6120 sections 5 to 7).

use crate::{
    accounts::Mechanism,
    house::{Bound, House},
    scram::{Exchange, Refusal},
    stream::{Received, StreamEnd, XmlStream},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use thingfleet_device::{ns, xml::Element};
use thingfleet_simulated::{answer_to, refusal_of};
use tokio::io::{AsyncRead, AsyncWrite};

const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// The stream feature of XEP-0077.
const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";

/// Failed attempts after which a client is sent away.
const ATTEMPTS: u8 = 3;

/// Up to where TLS begins.
pub(crate) async fn start_tls<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    house: &House,
) -> Result<(), StreamEnd> {
    let required = Element::new(TLS, "starttls").child(Element::new(TLS, "required"));
    stream.open(house.domain(), &features([required])).await?;
    let request = element(stream).await?;
    if !request.is(TLS, "starttls") {
        stream.end("policy-violation").await;
        return Err(StreamEnd::Unexpected(request.name().to_owned()));
    }
    stream.send(&Element::new(TLS, "proceed"));
    stream.flush().await
}

/// From there to a bound resource.
pub(crate) async fn sign_on<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    house: &House,
) -> Result<Bound, StreamEnd> {
    let user = authenticate(stream, house).await?;
    stream.restart();
    let management = Element::new(ns::STREAM_MANAGEMENT, "sm");
    stream.open(house.domain(), &features([Element::new(ns::BIND, "bind"), management])).await?;
    loop {
        let request = element(stream).await?;
        if request.is(ns::STREAM_MANAGEMENT, "resume") {
            // As of a server that was started anew.
            let condition = Element::new(ns::STANZAS, "item-not-found");
            stream.send(&Element::new(ns::STREAM_MANAGEMENT, "failed").child(condition));
            continue;
        }
        let Some(bind) = request.get(ns::BIND, "bind") else {
            stream.end("not-authorized").await;
            return Err(StreamEnd::Unexpected(request.name().to_owned()));
        };
        let wanted = bind.get(ns::BIND, "resource").map(|resource| resource.get_text().into_owned());
        let bound = house.bind(user, wanted.filter(|wanted| !wanted.is_empty()));
        let jid = Element::new(ns::BIND, "jid").text(bound.full.clone());
        stream.send(&answer_to(&request, Some(Element::new(ns::BIND, "bind").child(jid))));
        return Ok(bound);
    }
}

/// Lets accounts be made, and one of them sign on.
async fn authenticate<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    house: &House,
) -> Result<String, StreamEnd> {
    let mechanisms = house.accounts.mechanisms().iter();
    let mechanisms = Element::new(SASL, "mechanisms")
        .children_from(mechanisms.map(|known| Element::new(SASL, "mechanism").text(known.name())));
    let register = house.registration.then(|| Element::new(REGISTER_FEATURE, "register"));
    stream.open(house.domain(), &features([mechanisms].into_iter().chain(register))).await?;
    let mut attempts = 0;
    loop {
        let request = element(stream).await?;
        if request.is(ns::CLIENT, "iq") {
            stream.send(&register_account(&request, house));
            continue;
        }
        match exchange(stream, house, &request).await? {
            Ok(user) => return Ok(user),
            Err(refusal) => {
                let failure = Element::new(SASL, "failure");
                stream.send(&failure.child(Element::new(SASL, refusal.condition())));
                house.refused();
            }
        }
        attempts += 1;
        if attempts == ATTEMPTS {
            stream.end("policy-violation").await;
            return Err(StreamEnd::Refused);
        }
    }
}

/// One attempt, from `<auth/>` on.
async fn exchange<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    house: &House,
    auth: &Element,
) -> Result<Result<String, Refusal>, StreamEnd> {
    if !auth.is(SASL, "auth") {
        return Err(StreamEnd::Unexpected(auth.name().to_owned()));
    }
    let wanted = auth.get_attr("mechanism");
    let known = house.accounts.mechanisms().iter().copied();
    let Some(mechanism) = known.into_iter().find(|known: &Mechanism| Some(known.name()) == wanted) else {
        return Ok(Err(Refusal::MalformedRequest));
    };
    let begun = decoded(auth).and_then(|data| Exchange::begin(&house.accounts, mechanism, &data));
    let (exchange, challenge) = match begun {
        Ok(begun) => begun,
        Err(refusal) => return Ok(Err(refusal)),
    };
    stream.send(&Element::new(SASL, "challenge").text(BASE64_STANDARD.encode(challenge)));
    let response = element(stream).await?;
    if !response.is(SASL, "response") {
        return Ok(Err(Refusal::MalformedRequest));
    }
    Ok(decoded(&response).and_then(|data| exchange.end(&data)).map(|(user, signature)| {
        stream.send(&Element::new(SASL, "success").text(BASE64_STANDARD.encode(signature)));
        user
    }))
}

fn decoded(element: &Element) -> Result<Vec<u8>, Refusal> {
    BASE64_STANDARD.decode(element.get_text().as_bytes()).map_err(|_| Refusal::MalformedRequest)
}

/// Makes an account (XEP-0077 section 3.1).
fn register_account(request: &Element, house: &House) -> Element {
    let Some(query) = request.get(ns::REGISTER, "query").filter(|_| house.registration) else {
        return refusal_of(request, "not-allowed");
    };
    let field = |name| query.get(ns::REGISTER, name).map(|field| field.get_text().into_owned());
    match (request.get_attr("type"), field("username"), field("password")) {
        (Some("get"), ..) => {
            let fields = ["username", "password"].map(|name| Element::new(ns::REGISTER, name));
            answer_to(request, Some(Element::new(ns::REGISTER, "query").children_from(fields)))
        }
        (Some("set"), Some(name), Some(password)) if !name.is_empty() => {
            if house.accounts.register(&name, &password) {
                answer_to(request, None)
            } else {
                refusal_of(request, "conflict")
            }
        }
        _ => refusal_of(request, "bad-request"),
    }
}

async fn element<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
) -> Result<Element, StreamEnd> {
    match stream.next().await? {
        Received::Element(element) => Ok(element),
        Received::Footer => Err(StreamEnd::Footer),
        Received::Header => Err(StreamEnd::Unexpected("stream".to_owned())),
    }
}

fn features(features: impl IntoIterator<Item = Element>) -> Element {
    Element::new(ns::STREAMS, "features").children_from(features)
}
