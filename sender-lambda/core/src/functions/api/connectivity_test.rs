//! Checking and testing a draft. Stores nothing but how many tests there were.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use ownpost_domain::limits::{TESTS_PER_ADDRESS, TESTS_PER_TENANT};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::token_store::TokenOwner;
use ownpost_smtp::{BeforeDial, ProbeOptions};
use serde_json::json;
use tokio::time::sleep;

use super::answer::{Answered, Response, json, problem, problem_for};
use super::explain::explain;
use super::{Call, Progress};
use crate::functions::active_settings::{self, Active};
use crate::functions::shared_state::{self, Token};
use crate::functions::{App, connect, random_bits, random_unit, signing};
use crate::mail::dkim::Keys;
use crate::mail::test_message::{self, TestRun};
use crate::wire::settings::{CheckedDraft, check, with_provider};
use crate::wire::test_report::TestReport;

/// API Gateway ends a call after 30 seconds.
const DEADLINE: Duration = Duration::from_secs(25);
/// The key of the tenant's bucket of tests in the ledger.
const TESTS: &str = "tests";
/// How often a token is asked for while others ask.
const TRIES: usize = 20;
/// When a test is worth another try that found no DKIM keys.
const KEYS_AGAIN: Duration = Duration::from_secs(30);
/// The longest wait between two of these.
const RETRY: Duration = Duration::from_millis(250);
/// How much a test is slowed at most. Together with the tenants' own limits it keeps a server's load low, and leaves time
/// for the test.
const LONGEST_PACE: Duration = Duration::from_secs(4);

/// `POST /smtp/validate`: the rules' report on a draft.
pub(super) fn validate(call: &Call<'_>) -> Response {
    json(200, &checked(call).report)
}

/// `POST /smtp/test`: the connectivity test of a draft, with a test mail when the token names an address.
pub(super) async fn test(call: &Call<'_>, progress: Progress<'_>) -> Answered {
    let settings = draft(call).await?.settings;
    let keys = keys(call).await?;
    count_test(call).await?;
    Ok(json(200, &probe(call, &settings, call.email, keys.as_deref(), progress).await))
}

fn checked(call: &Call<'_>) -> CheckedDraft {
    check(call.body, &call.app.config, call.locale, (call.app.now)().as_second())
}

/// A draft that can be tested.
pub(super) struct Complete {
    /// The settings that are active now.
    pub(super) before: Active,
    /// The draft with its secrets.
    pub(super) settings: Arc<Settings>,
    /// The ID of what a connection has brought, when the draft uses one.
    pub(super) granted: Option<Secret>,
}

/// The body as settings, complete with the secrets that it keeps or that a connection has brought. An invalid draft is
/// answered with 422 and the report.
pub(super) async fn draft(call: &Call<'_>) -> Answered<Complete> {
    let Call { app, tenant, locale, .. } = *call;
    let invalid = |report| json(422, &report);
    let checked = checked(call);
    let Some(mut draft) = checked.draft else { return Err(invalid(checked.report)) };
    let before = active_settings::read(app, tenant).await?;
    let granted = draft.granted().map(|(provider, id)| (provider.to_owned(), Secret::new(id.to_owned())));
    if let Some((provider, id)) = &granted {
        let brought = connect::brought(app, tenant, call.by, provider, id.expose()).await?;
        draft = draft.bring(brought, locale).map_err(invalid)?;
    }
    let stored = before.settings().map(|(_, settings)| settings.as_ref());
    let resolved = draft.resolve(stored, locale);
    let settings = resolved
        .and_then(|settings| with_provider(settings, &app.config.oauth_providers, locale))
        .map_err(invalid)?;
    if matches!(settings.auth, Auth::OAuth2(_)) {
        connect::draft_is_tried(app, tenant).await?;
    }
    Ok(Complete { before, settings: Arc::new(settings), granted: granted.map(|(_, id)| id) })
}

/// The keys that sign the test mail: the one that proves a relay is signed like all others.
pub(super) async fn keys(call: &Call<'_>) -> Answered<Option<Arc<Keys>>> {
    signing::keys(call.app).await.map_err(|_| {
        let detail = "The operator's DKIM keys cannot be read just now, and no mail leaves without its signature. \
                      Nothing was tested or changed.";
        problem_for(503, "dkim.unreadable", detail, KEYS_AGAIN)
    })
}

/// Runs the connectivity test, to a recipient or up to MAIL FROM.
pub(super) async fn probe(
    call: &Call<'_>,
    settings: &Settings,
    recipient: Option<&str>,
    keys: Option<&Keys>,
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
    let test_mail = test_message::build(&run, &call.app.templates, keys, Some(call.tenant));
    // Whether they are active already is not asked: a draft's tokens are taken over when a mail needs them.
    let owner = TokenOwner { tenant: Some(call.tenant.as_str()), draft: true };
    let options = ProbeOptions {
        recipient,
        without_message: false,
        test_mail,
        deadline: DEADLINE,
        look_for_fix: true,
        owner,
        before_dial: Some(&Pace(call.app)),
    };
    let mut no_progress = |_| {};
    let progress = progress.unwrap_or(&mut no_progress);
    let probe = call.app.relays.probe(settings, &options, &mut |stage| progress(json!(stage))).await;
    call.app.meter.tested(probe.failure.is_none());
    explain(probe, settings, recipient, call.locale)
}

/// Takes the tenant's token for a test: a test connects to whatever host a form names, and must not be worth a scanner's
/// while. That others take tokens at the same moment is no refusal.
pub(super) async fn count_test(call: &Call<'_>) -> Answered<()> {
    let limit = TESTS_PER_TENANT;
    for _ in 0..TRIES {
        match shared_state::take(call.app, call.tenant, TESTS, limit).await? {
            Token::Taken => return Ok(()),
            Token::NoneFor(wait) => {
                let (burst, minutes) = (limit.burst, limit.period.as_secs() / 60);
                let detail =
                    format!("At most {burst} tests in {minutes} minutes. Wait a little, then try again.");
                return Err(problem_for(429, "test.rate_limited", &detail, wait));
            }
            Token::Contended => sleep(RETRY.mul_f64(random_unit())).await,
        }
    }
    tracing::warn!(tenant = %call.tenant, "a test that was not counted: others count all the time");
    Ok(())
}

/// Gives the token of a test back that did not run.
pub(super) async fn uncount_test(call: &Call<'_>) {
    if let Err(error) = shared_state::give_back(call.app, call.tenant, TESTS, TESTS_PER_TENANT).await {
        tracing::warn!(tenant = %call.tenant, %error, "a test was counted that did not run");
    }
}

/// Slows the tests of all tenants that dial one address, so that many together cannot be used to hammer a server. The
/// address counts and not the name: any number of names can lead to one server.
struct Pace<'a>(&'a App);

#[async_trait]
impl BeforeDial for Pace<'_> {
    async fn before_dial(&self, addresses: &[IpAddr]) {
        let waits = join_all(addresses.iter().map(|address| self.wait_for(*address))).await;
        let wait = waits.into_iter().max().unwrap_or_default();
        sleep(wait.min(LONGEST_PACE)).await;
    }
}

impl Pace<'_> {
    async fn wait_for(&self, address: IpAddr) -> Duration {
        let key = format!("{TESTS} {}", network(address));
        match shared_state::take(self.0, &Tenant::platform(), &key, TESTS_PER_ADDRESS).await {
            Ok(Token::NoneFor(wait)) => wait,
            Ok(Token::Taken | Token::Contended) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(%error, "tests of an address not counted");
                Duration::ZERO
            }
        }
    }
}

/// The address, or the network that one customer of a provider has (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// The address of the signed-in admin, the only one that a test mail goes to.
pub(super) fn admin<'a>(call: &Call<'a>) -> Answered<&'a str> {
    call.email.ok_or_else(|| {
        let detail = "The token names no address for the test mail, and untested settings are not activated.";
        problem(400, "token.email_missing", detail)
    })
}
