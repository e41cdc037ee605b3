//! The OpenAPI document, made of the table of routes and of the types' own schemas.
//!
//! No crate makes it: those that derive it want their own attributes beside each handler, and the table is needed for
//! the routing anyway, so document and behaviour cannot drift apart.

use super::routes::{Field, ROUTES, Route};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use thingfleet_control::{event::Gap, problem::Problem};

/// Where the schemas of types stand in the document.
const SCHEMAS: &str = "/components/schemas";
/// What every request may meet.
const EVERYWHERE: [u16; 3] = [400, 401, 403];
/// What a request with a body may meet besides.
const WITH_BODY: [u16; 3] = [408, 413, 415];

/// The document.
pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = SCHEMAS.into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths = Map::new();
    for route in &ROUTES {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = operation(route, &mut generator);
    }
    // It comes in the stream of events only, which the document cannot say otherwise.
    generator.subschema_for::<Gap>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "thingfleet control interface",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reads, steers and waits for the devices of one running fleet.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "The token that the fleet prints at its start and keeps in a file.",
                },
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({ "operationId": route.action.id(), "summary": route.summary });
    let mut parameters: Vec<Value> = route.query.iter().map(|field| parameter(field, "query")).collect();
    if route.path.contains("{device}") {
        parameters.push(json!({
            "name": "device", "in": "path", "required": true, "description": "the device's name",
            "schema": { "type": "string", "minLength": 1 },
        }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = route.body {
        let schema = schema(generator);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    let mut good = json!({ "description": route.meaning });
    if let Some((media_type, schema)) = route.answer {
        good["content"] = json!({ media_type: { "schema": schema(generator) } });
    }
    let problem = generator.subschema_for::<Problem>();
    let with_body = route.body.map(|_| WITH_BODY);
    let statuses = EVERYWHERE.iter().chain(with_body.iter().flatten()).chain(route.refusals);
    let refusal = |status: &u16| {
        let answer = json!({
            "description": "the request was refused, and this says why and what to do",
            "content": { "application/problem+json": { "schema": problem } },
        });
        (status.to_string(), answer)
    };
    let mut responses: Map<String, Value> = statuses.map(refusal).collect();
    responses.insert(route.status.to_string(), good);
    operation["responses"] = responses.into();
    operation
}

fn parameter(field: &Field, place: &str) -> Value {
    let schema = if field.is_number {
        json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX })
    } else {
        json!({ "type": "string" })
    };
    json!({ "name": field.name, "in": place, "description": field.meaning, "schema": schema })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(reference) if key == "$ref" => found.push(reference),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_route_is_there() {
        let mut found = Vec::new();
        references(&DOCUMENT, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("it is in the document");
            assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
        }
        for route in &ROUTES {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &DOCUMENT["paths"][route.path][method];
            assert_eq!(operation["operationId"], route.action.id(), "{}", route.path);
        }
    }
}
