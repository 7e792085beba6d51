//! The smoke test of a stack: an event by the router, whose mail the platform's server must take. What became of the mail is
//! asked of the API's function, as support would ask it.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::aws::Aws;
use super::stage::Stage;
use crate::process::root;

/// A tenant without settings, so that its mail leaves by the platform's server.
const TENANT: &str = "ownpost-smoke-test";
/// How long the mail may take: a cold start of two functions and a slow server.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often it is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Sends the mail and waits for its end; returns the sentence about it.
pub(super) fn run(aws: &Aws, stage: &Stage, outputs: &BTreeMap<String, String>, to: &str) -> Result<String> {
    let function = |output: &str| {
        outputs.get(output).map(String::as_str).with_context(|| format!("the stack has no output {output}"))
    };
    let (router, settings) = (function("RouterFunctionName")?, function("SettingsFunctionName")?);
    let folder = root().join("target/deploy").join(&stage.stack);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let accepted = aws.invoke(router, &event(&stage.stack, to, now.as_millis()), &folder)?;
    let Some(id) = accepted["deliveries"][0].as_str() else {
        bail!("the router refuses {to}: {}", accepted["refused"]);
    };
    let tries = PATIENCE.as_secs() / LOOK.as_secs();
    let mut last = String::new();
    for _ in 0..tries {
        let answer = aws.invoke(settings, &question(stage, id), &folder)?;
        let row: Value =
            answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let Some(status) = row["status"].as_str().filter(|_| answer["statusCode"] == 200) else {
            bail!("the API does not say what became of {id}: {}", answer["body"]);
        };
        let reason = row["reason"].as_str().unwrap_or_default();
        match status {
            "sent" => return Ok(format!("sent: {reason}")),
            "queued" | "sending" => last = format!("it is still {status}. {reason}"),
            other => bail!("the mail to {to} is {other}: {reason}\n  row {id}; {}", advice(&row)),
        }
        sleep(LOOK);
    }
    bail!("the mail to {to} has not left after {} minutes: {last}\n  row {id}", PATIENCE.as_secs() / 60)
}

/// The event: a mail with a content of its own.
fn event(stack: &str, to: &str, at: u128) -> Value {
    json!({
        "id": format!("smoke-{stack}-{at}"),
        "tenant": TENANT,
        "category": "notification",
        "type": "deployment.smoke-test",
        "recipients": [{"address": to}],
        "content": {
            "subject": format!("{stack} sends mail"),
            "text": format!("The stack {stack} was deployed, and this mail came through it.\n"),
        },
    })
}

/// The request for the row as API Gateway would hand it over, with the claims that the stage asks for.
fn question(stage: &Stage, id: &str) -> Value {
    let mut claims = json!({"sub": "cargo xtask deploy"});
    if let Some((name, value)) = stage.parameter("AdminClaim").split_once('=') {
        claims[name.trim()] = value.trim().into();
    }
    let tenant = Some(stage.parameter("TenantClaim")).filter(|name| !name.is_empty()).unwrap_or("tenant");
    claims[tenant] = TENANT.into();
    json!({
        "version": "2.0",
        "routeKey": "GET /deliveries/{id}",
        "rawPath": format!("/deliveries/{id}"),
        "rawQueryString": "",
        "headers": {},
        "requestContext": {
            "http": {"method": "GET", "path": format!("/deliveries/{id}")},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": claims, "scopes": null}},
        },
        "isBase64Encoded": false,
    })
}

/// What a person does about the mail.
fn advice(row: &Value) -> &'static str {
    match row["status"].as_str() {
        Some("failed") => "correct the platform's settings and run this again with --platform FILE",
        Some("unknown") => "look into the mailbox: the connection broke after the mail",
        _ => "it is tried again; the platform's settings can be corrected with --platform FILE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_the_claims_that_the_stage_asks_for() -> Result<()> {
        let text = "[s.deploy.parameters]\nstack_name = \"own\"\n\
                    parameter_overrides = [\"TenantClaim=org\", \"AdminClaim=scope=smtp:write\"]\n";
        let event = question(&Stage::read(text, "s")?, "dlv_1");
        let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
        assert_eq!((claims["org"].as_str(), claims["scope"].as_str()), (Some(TENANT), Some("smtp:write")));
        assert_eq!(event["rawPath"], "/deliveries/dlv_1");
        let text = "[s.deploy.parameters]\nstack_name = \"own\"\n";
        let event = question(&Stage::read(text, "s")?, "dlv_1");
        assert_eq!(event["requestContext"]["authorizer"]["jwt"]["claims"]["tenant"], TENANT);
        Ok(())
    }
}
