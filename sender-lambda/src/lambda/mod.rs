//! The Lambda runtime's side: which function runs, and the events of AWS as the functions' own types. Knows no
//! rules and decides nothing.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, Error, FunctionResponse, LambdaEvent, service_fn};
use ownpost_core::effects::EffectError;
use ownpost_core::functions::router::{self, Refused};
use ownpost_core::functions::sender::{self, Message};
use ownpost_core::functions::{App, forget, monitor};
use ownpost_core::wire::emitted::SETTINGS_EXPIRED;
use ownpost_core::wire::sqs::Job;
use ownpost_domain::tenant::Tenant;
use serde_json::Value;

mod batch;
pub mod emf;
mod function_url;
mod http;
pub mod logs;

use batch::{Failures, Trigger};

/// When a message that cannot be read shows again.
const AGAIN: Duration = Duration::from_secs(1);

/// The function that an execution environment runs, by the template's `Handler` (Lambda's `_HANDLER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The HTTP API for settings and deliveries.
    Settings,
    /// Accepts events and records their mails.
    Router,
    /// Sends the mails of a batch from the queue.
    Sender,
    /// Tests relays on a schedule.
    Monitor,
}

/// The handler names no function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler is `{0}`; it takes settings, router, sender or monitor")]
pub struct UnknownFunction(String);

impl FromStr for Function {
    type Err = UnknownFunction;
    fn from_str(handler: &str) -> Result<Self, UnknownFunction> {
        match handler {
            "settings" => Ok(Self::Settings),
            "router" => Ok(Self::Router),
            "sender" => Ok(Self::Sender),
            "monitor" => Ok(Self::Monitor),
            other => Err(UnknownFunction(other.to_owned())),
        }
    }
}

impl Function {
    /// Serves invocations until the environment ends.
    ///
    /// # Errors
    /// The Runtime API is out of reach.
    pub async fn serve(self, app: Arc<App>) -> Result<(), Error> {
        let app = &app;
        match self {
            Self::Settings => {
                let handle = |event: LambdaEvent<Value>| measured(app, Box::pin(api(app, event.payload)));
                lambda_runtime::run(service_fn(handle)).await
            }
            Self::Router => {
                let handle = |event: LambdaEvent<Value>| measured(app, route(app, event.payload));
                lambda_runtime::run(service_fn(handle)).await
            }
            Self::Sender => {
                let handle = |event: LambdaEvent<Value>| measured(app, send(app, event.payload));
                lambda_runtime::run(service_fn(handle)).await
            }
            Self::Monitor => {
                let handle = |_: LambdaEvent<Value>| measured(app, look_after(app));
                lambda_runtime::run(service_fn(handle)).await
            }
        }
    }
}

/// Writes what an invocation has measured, before Lambda may stop this process until the next one.
async fn measured<T>(app: &App, invocation: impl Future<Output = T>) -> T {
    let answer = invocation.await;
    app.meter.flush();
    answer
}

/// A request of the function URL, whose answer streams, or an invocation that has one answer.
async fn api(
    app: &Arc<App>,
    event: Value,
) -> Result<FunctionResponse<Value, function_url::Bytes>, Diagnostic> {
    if !function_url::is_source_of(&event) {
        return settings(app, event).await.map(FunctionResponse::BufferedResponse);
    }
    let event = serde_json::from_value(event).map_err(|_| batch::unusable("a request of a function URL"))?;
    Ok(FunctionResponse::StreamingResponse(function_url::answer(app.clone(), event).await))
}

/// A call of the HTTP API; or an operator's direct invocation `{"forgetTenant": "acme"}` or the bus's event that the time of
/// removed settings is over, which no API call can make: API Gateway writes the members of its events itself.
async fn settings(app: &App, event: Value) -> Result<Value, Diagnostic> {
    let tenant = |name: &Value| {
        let tenant = name.as_str().map(Tenant::new);
        tenant.and_then(Result::ok).ok_or_else(|| batch::unusable("the name of a tenant is wanted"))
    };
    let out_of_reach = |error: EffectError| Diagnostic {
        error_type: "store.unavailable".to_owned(),
        error_message: error.to_string(),
    };
    if let Some(name) = event.get("forgetTenant") {
        let tenant = tenant(name)?;
        forget::begin(app, &tenant).await.map_err(out_of_reach)?;
        return Ok(serde_json::json!({"forgetting": tenant}));
    }
    if let Some(name) = tenant_of_expired(&event) {
        forget::expired(app, &tenant(name)?).await.map_err(out_of_reach)?;
        return Ok(Value::Null);
    }
    let request = serde_json::from_value(event).map_err(|_| {
        batch::unusable("a request of API Gateway (payload format 2.0), or {\"forgetTenant\": name}")
    })?;
    Ok(serde_json::json!(http::answer(app, request).await))
}

/// The tenant of the bus's event [`SETTINGS_EXPIRED`]; `None` for every other invocation.
fn tenant_of_expired(event: &Value) -> Option<&Value> {
    (event.get("detail-type")? == SETTINGS_EXPIRED).then_some(&event["detail"]["tenant"])
}

/// Accepts one event, or a batch of them. A refused event of a batch goes to the dead letters by itself; a single one fails the
/// invocation, whose error goes with the event to the failure destination of the template.
async fn route(app: &App, event: Value) -> Result<Value, Diagnostic> {
    let document = match Trigger::of(event)? {
        Trigger::Event(document) => document,
        Trigger::Batch(records) => {
            let mut failures = Failures::default();
            for record in records {
                let document = batch::document(&record.body);
                let Err(refused) = router::accept(app, document.as_bytes(), None).await else { continue };
                let Refused { code, message, transient, .. } = &refused;
                tracing::warn!(code, reason = message, message = record.message_id, "event refused");
                if *transient || !keep(app, &document, &refused).await {
                    failures.add(record.message_id);
                }
            }
            return Ok(failures.into_response());
        }
    };
    match router::accept(app, document.to_string().as_bytes(), None).await {
        Ok(accepted) => Ok(serde_json::json!({
            "deliveries": accepted.deliveries, "repeated": accepted.repeated, "refused": accepted.refused,
        })),
        Err(refused) => {
            tracing::warn!(code = refused.code, "event refused");
            Err(Diagnostic { error_type: refused.code.to_owned(), error_message: refused.message })
        }
    }
}

/// Keeps an event that is refused for good among the dead letters, with the reason. Whether it is there; otherwise it stays on
/// its queue, and SQS moves it there after some tries, without the reason.
async fn keep(app: &App, document: &str, refused: &Refused) -> bool {
    match app.effects.queue.keep_refused(document, refused.code, &refused.message).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(code = refused.code, %error, "the refused event stays on its queue");
            false
        }
    }
}

/// One run of the schedule. The answer counts what was done, for a person who invokes it by hand.
async fn look_after(app: &App) -> Result<Value, Diagnostic> {
    match monitor::run(app).await {
        Ok(report) => Ok(serde_json::json!(report)),
        Err(error) => {
            Err(Diagnostic { error_type: "monitor.unavailable".to_owned(), error_message: error.to_string() })
        }
    }
}

/// Sends a batch of messages. One that no sender can read fails without the others and is visible again soon, so that it
/// is in the dead letters within the hour instead of after days.
async fn send(app: &App, event: Value) -> Result<Value, Diagnostic> {
    let Trigger::Batch(records) = Trigger::of(event)? else {
        return Err(batch::unusable("the sender takes batches from its queue, nothing else"));
    };
    let mut failures = Failures::default();
    let mut messages = Vec::with_capacity(records.len());
    for record in &records {
        let problem = match Job::decode(&record.body) {
            Ok(job) => {
                messages.push(Message { record, job });
                continue;
            }
            Err(problem) => problem,
        };
        tracing::error!(message = record.message_id, problem, "message for the dead letters");
        if let Err(error) = app.effects.queue.hide(&record.receipt, AGAIN).await {
            tracing::warn!(%error, "it stays hidden longer than need be");
        }
        failures.add(record.message_id.clone());
    }
    for message_id in sender::handle_messages(app, &messages).await {
        failures.add(message_id);
    }
    Ok(failures.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_removed_settings_is_asked_for_by_the_bus_alone() {
        let event = serde_json::json!({
            "version": "0", "source": "ownpost", "detail-type": "Settings Expired", "detail": {"tenant": "acme"},
        });
        assert_eq!(tenant_of_expired(&event), Some(&Value::from("acme")));
        let other = serde_json::json!({"detail-type": "Settings Removed", "detail": {"tenant": "acme"}});
        let call = serde_json::json!({"version": "2.0", "body": event.to_string(), "headers": event});
        for event in [other, call, Value::Null] {
            assert_eq!(tenant_of_expired(&event), None, "{event}");
        }
    }

    #[test]
    fn handlers() {
        assert_eq!("sender".parse(), Ok(Function::Sender));
        let error = "bootstrap".parse::<Function>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the handler is `bootstrap`; it takes settings, router, sender or monitor"
        );
    }
}
