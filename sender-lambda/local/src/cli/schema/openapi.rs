//! The HTTP API of docs/reference/api.md as an OpenAPI 3.1 document.

use std::collections::BTreeMap;

use ownpost_core::functions::api::Route;
use ownpost_core::functions::connect;
use ownpost_core::wire::event::EventCode;
use ownpost_core::wire::http::Problem;
use serde_json::{Map, Value, json};

use super::{BODIES, DOCUMENTS, VERSION, definitions};

/// Where the document has its schemas.
const SCHEMAS: &str = "#/components/schemas/";
/// Problems of every call that asks for a token.
const EVERYWHERE: &[&str] = &[
    "token.required",
    "token.invalid",
    "token.keys_unavailable",
    "tenant.missing",
    "role.reader",
    "role.missing",
    "request.foreign_host",
    "request.foreign_origin",
    "request.query_invalid",
    "request.not_base64",
    "request.incomplete",
    "request.timeout",
    "request.too_large",
    "store.failed",
    "internal",
    "store.unavailable",
];
/// Problems of a call that tests a server with a test mail.
const TESTING: &[&str] =
    &["dkim.unreadable", "test.rate_limited", "token.email_missing", "settings.test_failed"];
/// Problems of a call that activates settings.
const ACTIVATING: &[&str] = &["settings.conflict", "randomness.missing"];

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in Route::ALL {
        let method = route.method().to_lowercase();
        paths.entry(route.path()).or_default().insert(method, operation(*route));
    }
    paths.insert(connect::PATH, Map::from_iter([("get".to_owned(), callback())]));
    let mut schemas = definitions(DOCUMENTS.iter().chain(BODIES));
    schemas.insert("ActiveSettings".to_owned(), active_settings(&schemas));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ownpost",
            "version": VERSION,
            "summary": "Each customer's mail through the customer's own SMTP server",
            "description": "Every call acts for the tenant that the token names. Errors are application/problem+json \
                            (RFC 9457) with a stable `code`.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{
            "url": "{base}",
            "description": "The stack's output ApiUrl, or /api of `ownpost local`",
            "variables": {"base": {"default": "http://127.0.0.1:8080/api"}},
        }],
        "security": [{"token": []}],
        "tags": [
            {"name": "settings", "description": "A tenant's SMTP settings"},
            {"name": "deliveries", "description": "What became of each mail"},
            {"name": "events", "description": "Events by HTTP"},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the operator's identity provider; its claims name the tenant and the admin.",
            }},
        },
    });
    relocate(&mut document);
    document
}

/// One call.
fn operation(route: Route) -> Value {
    let name = format!("{route:?}");
    let mut operation = json!({
        "operationId": format!("{}{}", name[..1].to_lowercase(), &name[1..]),
        "summary": route.meaning(),
        "tags": [match route.path().split('/').nth(1) {
            Some("smtp") => "settings",
            Some("events") => "events",
            _ => "deliveries",
        }],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if let Some(body) = body(route) {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
    }
    operation
}

/// Where a provider sends the browser back to. It is no [`Route`]: a page of the browser's, without a token.
fn callback() -> Value {
    let text = |name: &str, meaning: &str| json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}});
    let page = |meaning: &str| {
        json!({
            "description": meaning,
            "headers": {"Cache-Control": no_store()},
            "content": {"text/html": {"schema": {"type": "string"}}},
        })
    };
    let location = json!({"description": "The form's page.", "schema": {"type": "string", "format": "uri"}});
    json!({
        "operationId": "connectCallback",
        "summary": "Where a provider sends the browser back to.",
        "tags": ["settings"],
        "security": [],
        "parameters": [
            text("state", "Names the connection; it works once."),
            text("code", "The authorisation code (RFC 6749, section 4.1.2)."),
            text("error", "The provider's refusal (RFC 6749, section 4.1.2.1)."),
        ],
        "responses": {
            "200": page("Connected: a page that says so to the form's window and to the reader."),
            "302": {
                "description": "Connected, and the form has no window: back to its page.",
                "headers": {"Cache-Control": no_store(), "Location": location},
            },
            "400": page("Not connected: a page that says the cause and the remedy."),
        },
    })
}

/// A schema of the document.
fn of(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

fn body(route: Route) -> Option<Value> {
    Some(match route {
        Route::Validate | Route::Test | Route::Save => of("SmtpSettings"),
        Route::ResendMany => of("Choice"),
        Route::ConnectStart => of("ConnectionStart"),
        Route::PostEvents => {
            json!({"oneOf": [of("Event"), {"type": "array", "items": of("Event"), "maxItems": 10_000}]})
        }
        Route::ShowSettings
        | Route::History
        | Route::RollBack
        | Route::Remove
        | Route::ListDeliveries
        | Route::Erase
        | Route::ShowDelivery
        | Route::Cancel
        | Route::Resend
        | Route::ReleaseHeld => return None,
    })
}

fn parameters(route: Route) -> Vec<Value> {
    let text = || json!({"type": "string"});
    let query = |name: &str, schema: Value, meaning: &str| json!({"name": name, "in": "query", "description": meaning, "schema": schema});
    let one = |meaning: &str, name: &str| query(name, json!({"const": "1"}), meaning);
    let mut parameters = match route {
        Route::ShowSettings => vec![one("Answer 200 for a tenant without settings too.", "default")],
        Route::Remove => vec![one("Erase all stored revisions, secrets included, for ever.", "forget")],
        Route::ListDeliveries => vec![
            query("event", text(), "Rows of this event id."),
            query("recipient", text(), "Rows of this address."),
            query("status", of("Status"), "Rows of this status."),
            query("cursor", text(), "The `cursor` of the page before."),
        ],
        Route::Erase => {
            let mut recipient =
                query("recipient", json!({"type": "string", "minLength": 1}), "The person's address.");
            recipient["required"] = json!(true);
            vec![recipient]
        }
        _ => Vec::new(),
    };
    if route.path().contains("{id}") {
        let schema = json!({"type": "string", "minLength": 1});
        parameters.push(json!({
            "name": "id", "in": "path", "required": true, "description": "The id of a row.", "schema": schema,
        }));
    }
    if matches!(route, Route::Validate | Route::Test | Route::Save | Route::RollBack | Route::ReleaseHeld) {
        parameters.push(json!({
            "name": "Accept-Language", "in": "header", "schema": text(),
            "description": "The language of messages, remedies and advice: en, fr, nl, de, es.",
        }));
    }
    parameters
}

/// The answer of a call that went well, and its problems.
fn responses(route: Route) -> Map<String, Value> {
    let json = |schema: Value| json!({"application/json": {"schema": schema}});
    let (status, meaning, content) = match route {
        Route::ShowSettings => {
            let schema = json!({"oneOf": [of("ActiveSettings"), of("PlatformInUse")]});
            (200, "The active settings; with `default=1` also that there are none.", json(schema))
        }
        Route::History => (200, "The history, newest first.", json(of("SettingsHistory"))),
        Route::Validate => {
            (200, "What the rules say, also of a draft that is not valid.", json(of("ValidationReport")))
        }
        Route::Test => (200, "What the test found, passed or not.", streamed(&of("TestReport"))),
        Route::Save => (200, "The settings are active.", streamed(&of("Activation"))),
        Route::RollBack => (200, "The earlier settings are active.", json(of("Activation"))),
        Route::Remove => (204, "Mail leaves by the platform's server.", Value::Null),
        Route::ListDeliveries => (200, "A page of rows.", json(of("Deliveries"))),
        Route::ShowDelivery => (200, "The row and its story.", json(of("DeliveryDetail"))),
        Route::Resend => (202, "The row, which is queued again.", json(of("Delivery"))),
        Route::Cancel => (202, "The row, which is not sent any more.", json(of("Delivery"))),
        Route::ResendMany => (202, "They are sent again behind the answer.", json(of("ResentMany"))),
        Route::Erase => (202, "It is erased behind the answer.", json(of("Erasing"))),
        Route::ReleaseHeld => (202, "What was held leaves, the oldest first.", json(of("Released"))),
        Route::ConnectStart => (200, "Where to send the browser.", json(of("ConnectionBegun"))),
        Route::PostEvents => (202, "Each event, accepted or refused.", json(of("EventsAnswer"))),
    };
    let mut good = json!({"description": meaning, "headers": {"Cache-Control": no_store()}});
    if !content.is_null() {
        good["content"] = content;
    }
    let mut responses = Map::from_iter([(status.to_string(), good)]);
    responses.extend(problems(route));
    if matches!(route, Route::Test | Route::Save) {
        let description = "The draft is not valid.";
        let content = json(of("ValidationReport"));
        responses.insert("422".to_owned(), json!({"description": description, "content": content}));
    }
    responses
}

/// An answer that some transports stream.
fn streamed(schema: &Value) -> Value {
    let lines = "One stage a line as it ends, and the answer as the last line; in `ownpost local`.";
    json!({
        "application/json": {"schema": schema},
        "application/x-ndjson": {"schema": {"type": "string", "description": lines}},
    })
}

fn no_store() -> Value {
    json!({"description": "Answers are one tenant's: nobody keeps them.", "schema": {"const": "no-store"}})
}

/// The codes that a call answers with, beside those that every call has.
fn codes(route: Route) -> Vec<&'static str> {
    let own: &[&[&str]] = match route {
        Route::ShowSettings => &[&["not_configured", "settings.unreadable"]],
        Route::Test => &[&["test.rate_limited", "dkim.unreadable"]],
        Route::Save => &[TESTING, ACTIVATING],
        Route::RollBack => &[TESTING, ACTIVATING, &["rollback.nothing_before", "rollback.unreadable"]],
        Route::Remove => &[ACTIVATING, &["query.invalid"]],
        Route::ListDeliveries => &[&["query.invalid", "cursor.invalid"]],
        Route::Erase => &[&["query.invalid"]],
        Route::ShowDelivery => &[&["never_triggered"]],
        Route::Resend => {
            &[&["never_triggered", "delivery.not_resendable", "delivery.document_gone", "delivery.changed"]]
        }
        Route::Cancel => &[&["never_triggered", "delivery.not_cancellable", "delivery.changed"]],
        Route::ResendMany => &[&["request.invalid"]],
        Route::ReleaseHeld => &[TESTING],
        Route::ConnectStart => {
            &[&["request.invalid", "oauth.provider_unknown", "oauth.rate_limited", "randomness.missing"]]
        }
        Route::PostEvents => &[&["request.too_many_events"]],
        Route::History | Route::Validate => &[],
    };
    own.iter().copied().flatten().chain(EVERYWHERE).copied().collect()
}

/// The problems of a call by their status. The codes of events have the status that [`Route::PostEvents`] gives them.
fn problems(route: Route) -> BTreeMap<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<(&str, &str)>> = BTreeMap::new();
    for code in codes(route) {
        let statuses = Problem::CODES.iter().chain(Problem::LOCAL_CODES).filter(|known| known.code == code);
        for known in statuses {
            // `/dev/token` has a code of the same name.
            if (known.code, known.status) != ("request.invalid", 422) {
                by_status.entry(known.status).or_default().push((known.code, known.meaning));
            }
        }
    }
    if route == Route::PostEvents {
        for code in EventCode::ALL {
            by_status.entry(code.status()).or_default().push((code.code(), code.meaning()));
        }
    }
    // API Gateway's own, without a body of ours.
    by_status.entry(429).or_default();
    by_status.into_iter().map(|(status, codes)| (status.to_string(), problem(status, &codes))).collect()
}

fn problem(status: u16, codes: &[(&str, &str)]) -> Value {
    let mut description: Vec<_> =
        codes.iter().map(|(code, meaning)| format!("`{code}`: {meaning}")).collect();
    if status == 429 {
        description.push("API Gateway lets 50 requests a second through.".to_owned());
    }
    let names: Vec<_> = codes.iter().map(|(code, _)| code).collect();
    let mut schema = json!({"allOf": [of("Problem"), {
        "properties": {"status": {"const": status}, "code": {"enum": names}},
    }]});
    let member = |code: &str| codes.iter().any(|(known, _)| *known == code);
    if member("settings.test_failed") {
        schema["allOf"][1]["properties"]["report"] = of("TestReport");
    }
    let mut headers = json!({"Cache-Control": no_store()});
    if matches!(status, 429 | 503) {
        let seconds = json!({"type": "integer", "minimum": 0});
        headers["Retry-After"] =
            json!({"description": "Seconds until it is worth trying again.", "schema": seconds});
    }
    if status == 401 {
        headers["WWW-Authenticate"] = json!({"description": "RFC 6750.", "schema": {"type": "string"}});
    }
    let mut content = json!({"application/problem+json": {"schema": schema}});
    // API Gateway refuses these itself.
    if matches!(status, 401 | 403 | 413 | 429 | 500 | 503) {
        content["application/json"] =
            json!({"schema": {"type": "object", "properties": {"message": {"type": "string"}}}});
    }
    if codes.is_empty() {
        content.as_object_mut().map(|content| content.shift_remove("application/problem+json"));
    }
    json!({"description": description.join("\n\n"), "headers": headers, "content": content})
}

/// The active settings as `GET /smtp` shows them: SmtpSettings where each secret only says that it is set, and some members
/// more.
fn active_settings(schemas: &Map<String, Value>) -> Value {
    let is_set = json!({"type": "object", "properties": {"isSet": {"const": true}}, "required": ["isSet"]});
    let mut shown = schemas["SmtpSettings"].clone();
    let mut oauth2 = schemas["OAuth2"].clone();
    oauth2["required"] =
        json!(oauth2["properties"].as_object().map(|members| members.keys().collect::<Vec<_>>()));
    replace(&mut oauth2, "SecretInput", &is_set);
    replace(&mut shown, "SecretInput", &is_set);
    replace(&mut shown, "OAuth2", &oauth2);
    let members = &mut shown["properties"];
    members["status"] = json!({"const": "active", "description": "Always `active`."});
    members["revision"] = of("Revision");
    members["health"] = of("Health");
    members["previous"] =
        json!({"type": "boolean", "description": "Whether there is something to roll back to."});
    members["alerted"] = json!({
        "type": "object",
        "description": "Who hears of a broken relay.",
        "properties": {
            "addresses": {"type": "array", "items": {"type": "string"}},
            "savedLast": {"type": "boolean", "description": "Whether these are the admins who saved last."},
        },
        "required": ["addresses", "savedLast"],
    });
    let names: Vec<_> = members.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    shown["required"] = json!(names);
    shown["properties"]["connect"] = json!({
        "type": "array",
        "items": of("ProviderOffer"),
        "description": "The providers that a mailbox can be connected with; absent without any.",
    });
    shown["description"] = json!("The active settings without secrets.");
    shown
}

/// Puts a schema in place of every reference to the one with this name.
fn replace(value: &mut Value, name: &str, by: &Value) {
    match value {
        Value::Object(map) => {
            if map
                .get("$ref")
                .and_then(Value::as_str)
                .is_some_and(|target| target == format!("#/$defs/{name}"))
            {
                *value = by.clone();
                return;
            }
            map.values_mut().for_each(|value| replace(value, name, by));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, name, by)),
        _ => {}
    }
}

/// Lets the references of JSON Schema lead to the document's schemas.
fn relocate(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("{SCHEMAS}{name}");
            }
            map.values_mut().for_each(relocate);
        }
        Value::Array(values) => values.iter_mut().for_each(relocate),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_every_code_is_in_the_document() {
        let document = document();
        let text = document.to_string();
        for route in Route::ALL {
            let operation = &document["paths"][route.path()][route.method().to_lowercase()];
            assert!(operation["operationId"].is_string(), "{route:?}");
        }
        let operations: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, Route::ALL.len() + 1, "the calls and the callback");
        // A path or method that the document has not.
        let beside = ["not_found", "method.not_allowed"];
        for code in Problem::CODES.iter().filter(|code| !beside.contains(&code.code)) {
            assert!(text.contains(&format!("`{}`", code.code)), "{} is at no call", code.code);
        }
        for code in EventCode::ALL {
            assert!(text.contains(&format!("`{}`", code.code())), "{} is not at POST /events", code.code());
        }
        for code in EVERYWHERE.iter().chain(TESTING).chain(ACTIVATING) {
            let known = Problem::CODES.iter().chain(Problem::LOCAL_CODES).any(|known| known.code == *code);
            assert!(known, "{code} is no code");
        }
    }

    #[test]
    fn no_reference_leads_out_of_the_document() {
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    map.values().for_each(|value| walk(value, document));
                }
                Value::Array(values) => values.iter().for_each(|value| walk(value, document)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
        assert!(!document["components"]["schemas"]["ActiveSettings"].to_string().contains("SecretInput"));
    }
}
