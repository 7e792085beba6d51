//! Checking and testing a draft. Stores nothing but how many tests there were.

use std::sync::Arc;
use std::time::Duration;

use ownpost_domain::limits::{Limit, TESTS_PER_TARGET, TESTS_PER_TENANT};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::ProbeOptions;
use ownpost_smtp::token_store::TokenOwner;
use serde_json::json;

use super::answer::{Answered, Response, json, problem, problem_for};
use super::explain::explain;
use super::{Call, Progress};
use crate::functions::active_settings::{self, Active};
use crate::functions::random_bits;
use crate::functions::shared_state::{self, Token};
use crate::mail::test_message::{self, TestRun};
use crate::wire::settings::{CheckedDraft, check};
use crate::wire::test_report::TestReport;

/// API Gateway ends a call after 30 seconds.
const DEADLINE: Duration = Duration::from_secs(25);
/// The key of the tenant's bucket of tests in the ledger.
const TESTS: &str = "tests";

/// `POST /smtp/validate`: the rules' report on a draft.
pub(super) fn validate(call: &Call<'_>) -> Response {
    json(200, &checked(call).report)
}

/// `POST /smtp/test`: the connectivity test of a draft, with a test mail when the token names an address.
pub(super) async fn test(call: &Call<'_>, progress: Progress<'_>) -> Answered {
    let (_, settings) = draft(call).await?;
    count_test(call, &settings).await?;
    Ok(json(200, &probe(call, &settings, call.email, progress).await))
}

fn checked(call: &Call<'_>) -> CheckedDraft {
    check(call.body, &call.app.config, call.locale, (call.app.now)().as_second())
}

/// The body as settings, complete with the secrets that it keeps, and the settings that are active now. An invalid draft is
/// answered with 422 and the report.
pub(super) async fn draft(call: &Call<'_>) -> Answered<(Active, Arc<Settings>)> {
    let checked = checked(call);
    let Some(draft) = checked.draft else { return Err(json(422, &checked.report)) };
    let active = active_settings::read(call.app, call.tenant).await?;
    let stored = active.settings().map(|(_, settings)| settings.as_ref());
    let resolved = draft.resolve(stored, call.locale).map_err(|report| json(422, &report))?;
    Ok((active, Arc::new(resolved)))
}

/// Runs the connectivity test, to a recipient or up to MAIL FROM.
pub(super) async fn probe(
    call: &Call<'_>,
    settings: &Settings,
    recipient: Option<&str>,
    progress: Progress<'_>,
) -> TestReport {
    let now = (call.app.now)();
    let run = TestRun {
        settings,
        recipient,
        started_by: call.email,
        locale: call.locale,
        now,
        unique: random_bits(),
    };
    let test_mail = test_message::build(&run, &call.app.templates);
    // Whether they are active already is not asked: a draft's tokens are taken over when a mail needs them.
    let owner = TokenOwner { tenant: Some(call.tenant.as_str()), draft: true };
    let options = ProbeOptions { recipient, test_mail, deadline: DEADLINE, look_for_fix: true, owner };
    let mut no_progress = |_| {};
    let progress = progress.unwrap_or(&mut no_progress);
    let probe = call.app.relays.probe(settings, &options, &mut |stage| progress(json!(stage))).await;
    explain(probe, settings, recipient, call.locale)
}

/// Takes the tokens for a test. A test connects to whatever host a form names: it must neither be worth a scanner's
/// while nor let many tenants together hammer one server.
pub(super) async fn count_test(call: &Call<'_>, settings: &Settings) -> Answered<()> {
    count(call, call.tenant, TESTS, TESTS_PER_TENANT, "").await?;
    let key = format!("{TESTS} {}:{}", settings.host.to_ascii_lowercase(), settings.port);
    count(call, &Tenant::platform(), &key, TESTS_PER_TARGET, " of this server").await
}

async fn count(call: &Call<'_>, tenant: &Tenant, key: &str, limit: Limit, of: &str) -> Answered<()> {
    let (detail, wait) = match shared_state::take(call.app, tenant, key, limit).await? {
        Token::Taken => return Ok(()),
        Token::NoneFor(wait) => {
            let (burst, minutes) = (limit.burst, limit.period.as_secs() / 60);
            let detail =
                format!("At most {burst} tests{of} in {minutes} minutes. Wait a little, then try again.");
            (detail, wait)
        }
        Token::Contended => {
            ("Others are testing at this moment. Try again.".to_owned(), Duration::from_secs(1))
        }
    };
    Err(problem_for(429, "test.rate_limited", &detail, wait))
}

/// The address of the signed-in admin, the only one that a test mail goes to.
pub(super) fn admin<'a>(call: &Call<'a>) -> Answered<&'a str> {
    call.email.ok_or_else(|| {
        let detail = "The token names no address for the test mail, and untested settings are not activated.";
        problem(400, "token.email_missing", detail)
    })
}
