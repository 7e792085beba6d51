//! The mails to a tenant's admins: that their own server fails, that somebody has changed its settings. Each is a mail like
//! any other, with a row and a message on the queue, but never leaves through the server that it is about.

use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::Status;
use ownpost_domain::failure::Failure;
use ownpost_domain::health::Health;
use ownpost_domain::limits::MAILS_TO_CONTACTS;
use ownpost_domain::settings::Auth;
use ownpost_domain::tenant::Tenant;
use ownpost_i18n::Locale;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::active_settings::{self, Active};
use super::shared_state::{Token, change, read, take};
use super::{App, router};
use crate::effects::{Filter, Order, Result};
use crate::mail::values::AlertFailure;
use crate::wire::emitted::Credential;
use crate::wire::event;
use crate::wire::history::{Action, Change};

/// The type of the alert that a relay fails.
const UNHEALTHY: &str = "ownpost.relay-unhealthy";
/// The type of the notice that settings were changed.
const CHANGED: &str = "ownpost.settings-changed";
/// The type of the news that a relay works again.
const RECOVERED: &str = "ownpost.relay-recovered";
/// The type of the warning that a relay's certificate ends, and of that about a client secret or a grant.
const CERTIFICATE: &str = "ownpost.certificate-expiring";
const CREDENTIAL: &str = "ownpost.credential-expiring";
/// How many held mails an alert counts.
const COUNTED: usize = 100;
/// The ledger's key of the admins to alert.
const ADMINS: &str = "admins";
/// The ledger's key of the outbox of alerts.
const OUTBOX: &str = "alert";
/// The ledger's key of the bucket of mails to contacts.
const MAILS: &str = "mails to contacts";
/// How many admins are alerted: those who saved settings last.
const ADMINS_ALERTED: usize = 5;

/// An admin to alert, and the language of the alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Admin {
    address: String,
    locale: String,
}

/// The addresses that hear of a broken relay, for `GET /smtp`, and whether they are there because they saved last.
pub(super) async fn alerted(app: &App, tenant: &Tenant, contacts: &[String]) -> Result<(Vec<String>, bool)> {
    if !contacts.is_empty() {
        return Ok((contacts.to_vec(), false));
    }
    let admins: Vec<Admin> = read(app, tenant, ADMINS).await?.value;
    Ok((admins.into_iter().map(|admin| admin.address).collect(), true))
}

/// Puts an admin who has saved settings at the head of the list of admins to alert.
pub(super) async fn remember_admin(app: &App, tenant: &Tenant, address: &str, locale: &str) {
    let written = change(app, tenant, ADMINS, |admins: Vec<Admin>| {
        let first = Admin { address: address.to_owned(), locale: locale.to_owned() };
        let others = admins.into_iter().filter(|admin| admin.address != address);
        std::iter::once(first).chain(others).take(ADMINS_ALERTED).collect()
    });
    if let Err(error) = written.await {
        tracing::warn!(%tenant, %error, "the admin to alert is not recorded");
    }
}

/// Whether a mail of this type is about the tenant's server and therefore never goes through it.
pub(super) fn is_about_the_relay(kind: &str) -> bool {
    kind.starts_with(router::RESERVED_PREFIX)
}

/// Alerts the admins that their server fails.
pub(super) async fn raise(
    app: &App,
    tenant: &Tenant,
    host: &str,
    health: &Health,
    failure: Option<&Failure>,
) {
    // One alert for each time it fails, however many senders see it.
    let id = format!("{}unhealthy-{}", router::RESERVED_PREFIX, health.since);
    let addressees = responsible(app, tenant).await;
    if addressees.told.is_empty() {
        return;
    }
    let (held, more) = held(app, tenant).await;
    let data = json!({
        "host": host, "since": health.since, "held": held, "more": more, "url": settings_url(app),
        "failure": described(app, tenant, host, health, failure).await,
    });
    post(app, tenant, &id, UNHEALTHY, addressees, &data).await;
}

/// Tells the admins that their server works again.
pub(super) async fn recovered(app: &App, tenant: &Tenant, host: &str, health: &Health) {
    let id = format!("{}recovered-{}", router::RESERVED_PREFIX, health.since);
    let addressees = responsible(app, tenant).await;
    if addressees.told.is_empty() {
        return;
    }
    let (held, _) = held(app, tenant).await;
    let data = json!({"host": host, "held": held, "url": settings_url(app)});
    post(app, tenant, &id, RECOVERED, addressees, &data).await;
}

/// Tells the admins that the certificate of their server ends, or a credential with which we sign in there.
pub(super) async fn expiring(
    app: &App,
    tenant: &Tenant,
    host: &str,
    credential: Option<Credential>,
    not_after: Timestamp,
    days: u32,
) {
    let (kind, what) = match credential {
        None => (CERTIFICATE, "certificate"),
        Some(Credential::ClientSecret) => (CREDENTIAL, "secret"),
        Some(Credential::Grant) => (CREDENTIAL, "grant"),
    };
    let id = format!("{}{what}-{not_after}-{days}", router::RESERVED_PREFIX);
    let data = json!({"host": host, "due": not_after, "credential": credential, "url": settings_url(app)});
    post(app, tenant, &id, kind, responsible(app, tenant).await, &data).await;
}

/// The page with the settings, for a mail's button.
fn settings_url(app: &App) -> Option<&str> {
    app.templates.brand().settings_url.as_deref()
}

/// How many mails are held, and whether there are more: a mail names a number, and a long list is not counted for it.
async fn held(app: &App, tenant: &Tenant) -> (usize, bool) {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    match app.effects.ledger.list(tenant, &filter, Order::OldestFirst, None, COUNTED).await {
        Ok(page) => (page.deliveries.len(), page.cursor.is_some()),
        Err(error) => {
            tracing::warn!(%tenant, %error, "held mail not counted");
            (0, false)
        }
    }
}

/// The failure with the values of its sentences, which are chosen in each admin's language when the mail is written.
async fn described(
    app: &App,
    tenant: &Tenant,
    host: &str,
    health: &Health,
    failure: Option<&Failure>,
) -> Option<AlertFailure> {
    let code = failure.map(|failure| failure.code.code().to_owned()).or_else(|| health.code.clone())?;
    let reason = failure.and_then(|failure| failure.reason.as_ref());
    let active = active_settings::read(app, tenant).await.ok();
    let settings = active.as_ref().and_then(|active| active.settings()).map(|(_, settings)| settings);
    let username = settings.map(|settings| match &settings.auth {
        Auth::None => String::new(),
        Auth::Password { username, .. } => username.clone(),
        Auth::OAuth2(oauth2) => oauth2.username.clone(),
    });
    let sender = settings.map(|settings| settings.sender_address.clone());
    let port = settings.map(|settings| settings.port.to_string());
    let values = [
        ("host", host.to_owned()),
        ("port", port.unwrap_or_default()),
        ("sender", sender.unwrap_or_default()),
        ("recipient", "–".to_owned()),
        ("username", username.unwrap_or_default()),
        ("ehlo", app.config.ehlo_name.clone().unwrap_or_else(|| "–".to_owned())),
        ("security", String::new()),
        ("names", "–".to_owned()),
        ("detail", reason.map(|reason| reason.detail.clone()).unwrap_or_default()),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value)).into();
    Some(AlertFailure { code, cause: reason.map(|reason| reason.cause.key().to_owned()), values })
}

/// Tells the known admins and the contacts, but for the one who did it, that the settings were changed: by a stolen
/// session, it may be, so the contacts of the settings before hear of it, too.
pub(super) async fn settings_changed(
    app: &App,
    tenant: &Tenant,
    change: &Change,
    before: &Active,
    by: Option<&str>,
) {
    // Saved again as they were.
    if change.action == Action::Save && change.changed.is_empty() {
        return;
    }
    let admins = known_admins(app, tenant).await;
    let after = active_settings::read(app, tenant).await.ok();
    let contacts = [Some(before), after.as_ref()].into_iter().flatten().flat_map(contacts_of);
    let mut others = admins.clone();
    others.extend(contacts.map(|address| contact(address, &admins)));
    let mut told: Vec<Admin> = Vec::new();
    for other in others {
        let is_new = told.iter().all(|known| !is_same(&known.address, &other.address));
        if is_new && by.is_none_or(|by| !is_same(by, &other.address)) {
            told.push(other);
        }
    }
    let id = format!("{}changed-{}", router::RESERVED_PREFIX, change.at);
    let data = json!({
        "action": change.action, "host": change.host, "url": settings_url(app),
        "actor": change.by.email.as_ref().or(change.by.sub.as_ref()),
        "fields": change.changed.join(", "), "when": change.at,
    });
    post(app, tenant, &id, CHANGED, Addressees { told, admins }, &data).await;
}

/// Those who get a mail, and the known admins, by whom its limit is decided.
struct Addressees {
    told: Vec<Admin>,
    admins: Vec<Admin>,
}

/// Those who hear of a broken relay: the contacts of the settings, or else those who saved them last.
async fn responsible(app: &App, tenant: &Tenant) -> Addressees {
    let admins = known_admins(app, tenant).await;
    // Settings that cannot be read name nobody.
    let active = active_settings::read(app, tenant).await.ok();
    let contacts: Vec<Admin> =
        active.iter().flat_map(contacts_of).map(|address| contact(address, &admins)).collect();
    let told = if contacts.is_empty() { admins.clone() } else { contacts };
    Addressees { told, admins }
}

fn contacts_of(active: &Active) -> &[String] {
    active.settings().map_or(&[], |(_, settings)| &settings.contacts)
}

/// A contact, in the language of the admin of this address; of an unknown one, in that of who saved last.
fn contact(address: &str, admins: &[Admin]) -> Admin {
    let known = admins.iter().find(|admin| is_same(&admin.address, address)).or(admins.first());
    let locale = known.map_or_else(|| Locale::English.tag().to_owned(), |admin| admin.locale.clone());
    Admin { address: address.to_owned(), locale }
}

fn is_same(address: &str, other: &str) -> bool {
    address.eq_ignore_ascii_case(other)
}

/// The admins who saved settings last.
async fn known_admins(app: &App, tenant: &Tenant) -> Vec<Admin> {
    match read(app, tenant, ADMINS).await {
        Ok(admins) => admins.value,
        Err(error) => {
            tracing::warn!(%tenant, %error, "the admins are not known");
            Vec::new()
        }
    }
}

/// Posts a mail, by an outbox: it is first written to the ledger and then recorded as an event, because no
/// event source would repeat it after a crash. [`complete`] finishes after a crash.
async fn post(app: &App, tenant: &Tenant, id: &str, kind: &str, addressees: Addressees, data: &Value) {
    let told = within_limit(app, tenant, kind, addressees).await;
    if told.is_empty() {
        return;
    }
    let document = json!({
        "id": id,
        "tenant": tenant,
        "category": Category::Notification,
        "type": kind,
        "recipients": told,
        "data": data,
    });
    let noted = change(app, tenant, OUTBOX, |mut raised: Vec<Value>| {
        raised.push(document.clone());
        raised
    });
    if let Err(error) = noted.await {
        tracing::warn!(%tenant, %error, "an alert that a crash would lose");
        record(app, tenant, &document).await;
    } else if let Err(error) = complete(app, tenant).await {
        tracing::warn!(%tenant, %error, "admins not alerted; monitor will");
    }
}

/// Those of them who get the mail. The addresses of admins are claims of tokens; contacts are whomever a tenant names, and get
/// only so many mails by the platform's server. Beyond that the admins get what no other would.
async fn within_limit(app: &App, tenant: &Tenant, kind: &str, addressees: Addressees) -> Vec<Admin> {
    let Addressees { told, admins } = addressees;
    let is_admin = |one: &Admin| admins.iter().any(|admin| is_same(&admin.address, &one.address));
    if told.iter().all(is_admin) {
        return told;
    }
    match take(app, tenant, MAILS, MAILS_TO_CONTACTS).await {
        Ok(Token::NoneFor(_)) => {
            tracing::warn!(%tenant, kind, "the contacts get no more mails today");
            let known: Vec<Admin> = told.into_iter().filter(is_admin).collect();
            // Of a change the one who made it knows.
            if known.is_empty() && kind != CHANGED { admins } else { known }
        }
        Ok(Token::Taken | Token::Contended) => told,
        Err(error) => {
            tracing::warn!(%tenant, %error, "mails to contacts not counted");
            told
        }
    }
}

/// Records the alerts in the outbox as events. Doing it twice is harmless: an event's id makes it idempotent.
pub(super) async fn complete(app: &App, tenant: &Tenant) -> Result<()> {
    let raised: Vec<Value> = read(app, tenant, OUTBOX).await?.value;
    if raised.is_empty() {
        return Ok(());
    }
    let mut done = Vec::new();
    for document in raised {
        if record(app, tenant, &document).await {
            done.push(document);
        }
    }
    change(app, tenant, OUTBOX, |mut raised: Vec<Value>| {
        raised.retain(|document| !done.contains(document));
        raised
    })
    .await
}

/// Whether the alert is dealt with: its rows and messages are there, or it can never be recorded.
async fn record(app: &App, tenant: &Tenant, document: &Value) -> bool {
    let document = document.to_string();
    let recorded = match event::parse(document.as_bytes(), event::QUEUE_LIMIT) {
        Ok(event) => router::record(app, &event, document.as_bytes()).await,
        Err(error) => Err(error.into()),
    };
    match recorded {
        Ok(_) => true,
        Err(refused) => {
            tracing::warn!(%tenant, error = %refused, "alert not recorded");
            !refused.transient
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{Act, World, acme, settings};
    use crate::wire::history::{By, Ended};
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::failure::{FailureCode, Stage};
    use ownpost_domain::settings::Settings;

    async fn break_relay(world: &World) {
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_admin_is_alerted_in_their_language_by_the_platform() {
        let world = World::new();
        for (address, locale) in
            [("first@acme.example", "de"), ("nl@acme.example", "nl"), ("first@acme.example", "fr")]
        {
            remember_admin(&world.app, &acme(), address, locale).await;
        }
        break_relay(&world).await;
        world.work().await;
        let mut taken: Vec<_> =
            world.relays.taken().into_iter().map(|taken| (taken.tenant, taken.to)).collect();
        taken.sort();
        assert_eq!(taken, [(None, "first@acme.example".to_owned()), (None, "nl@acme.example".to_owned())]);
        let subjects = world.relays.subjects.lock().unwrap().clone();
        assert!(subjects.iter().any(|subject| subject.contains("mailserver")), "{subjects:?}");
        assert!(subjects.iter().any(|subject| subject.contains("serveur")), "{subjects:?}");
    }

    fn with_contacts(host: &str, contacts: &[&str]) -> Settings {
        let contacts = contacts.iter().map(|&contact| contact.to_owned()).collect();
        Settings { contacts, ..settings(host, Via::Relay, OnFailure::Hold) }
    }

    #[tokio::test(start_paused = true)]
    async fn contacts_are_alerted_in_place_of_those_who_saved_last() {
        let world = World::new();
        remember_admin(&world.app, &acme(), "admin@acme.example", "de").await;
        remember_admin(&world.app, &acme(), "ops@acme.example", "nl").await;
        let contacts = ["ops@acme.example", "oncall@acme.example"];
        world.activate("r1", &with_contacts("smtp.acme.example", &contacts)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
        world.work().await;
        let mut taken: Vec<_> = world.relays.taken().into_iter().map(|taken| taken.to).collect();
        taken.sort();
        assert_eq!(taken, ["oncall@acme.example", "ops@acme.example"]);
        let alerted = alerted(&world.app, &acme(), &[]).await.unwrap();
        assert_eq!(alerted, (vec!["ops@acme.example".to_owned(), "admin@acme.example".to_owned()], true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_to_admins_and_to_the_contacts_before_and_after() {
        let world = World::new();
        for admin in ["thief@acme.example", "admin@acme.example"] {
            remember_admin(&world.app, &acme(), admin, "en").await;
        }
        world
            .activate("r1", &with_contacts("smtp.acme.example", &["Admin@acme.example", "old@acme.example"]))
            .await;
        let before = active_settings::read(&world.app, &acme()).await.unwrap();
        let after = with_contacts("smtp.evil.example", &["thief@acme.example", "new@evil.example"]);
        world.activate("r2", &after).await;
        settings_changed(&world.app, &acme(), &saved(&world), &before, Some("thief@acme.example")).await;
        world.work().await;
        let mut told: Vec<_> = world.relays.taken().into_iter().map(|taken| taken.to).collect();
        told.sort();
        assert_eq!(told, ["admin@acme.example", "new@evil.example", "old@acme.example"]);
    }

    /// A change of host and contacts, now.
    fn saved(world: &World) -> Change {
        Change {
            at: (world.app.now)(),
            by: By::default(),
            action: Action::Save,
            ended: Ended::Done,
            code: None,
            revision: None,
            host: None,
            changed: vec!["host".to_owned(), "contacts".to_owned()],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn contacts_get_twenty_mails_a_day_and_admins_all() {
        let world = World::new();
        remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
        world.activate("r1", &with_contacts("smtp.acme.example", &["victim@other.example"])).await;
        let active = active_settings::read(&world.app, &acme()).await.unwrap();
        for _ in 0..40 {
            world.memory.pass(std::time::Duration::from_secs(1));
            settings_changed(&world.app, &acme(), &saved(&world), &active, Some("thief@acme.example")).await;
        }
        while world.work().await > 0 {}
        // Of a broken relay the contacts hear, and here the admin in their place.
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        while world.work().await > 0 {}
        let told = world.relays.taken();
        let mails = |address: &str| told.iter().filter(|taken| taken.to == address).count();
        assert_eq!((mails("victim@other.example"), mails("admin@acme.example")), (20, 41));
    }

    #[tokio::test(start_paused = true)]
    async fn an_alert_that_breaks_off_is_completed() {
        for operation in ["ledger.put_event", "ledger.insert", "queue.send"] {
            let world = World::new();
            remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
            world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
            world.accept("e1", &["jan@example.org"]).await;
            world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
            world.memory.fail(operation, 1);
            world.work().await;
            assert_eq!(world.memory.queued(), 0, "{operation}");
            complete(&world.app, &acme()).await.unwrap();
            complete(&world.app, &acme()).await.unwrap();
            assert_eq!(world.memory.queued(), 1, "{operation}");
            world.work().await;
            assert_eq!(world.relays.taken().len(), 1, "{operation}");
        }
    }
}
