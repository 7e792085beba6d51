//! The tokens of tenants' grants, in a secret of their own beside the settings: what a provider rotates is state, and a
//! revision, its history and its rollback never change by it. The lock is in the ledger and holds no secret.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_domain::expiry::GrantEnd;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, OAuth2};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::grant_name;
use ownpost_smtp::token_store::{GrantTokens, LEASE, TokenOwner, TokenStore, Unavailable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::active_settings::{self, Active};
use super::ends::{At, End, Ending, Owner};
use super::{App, Clock, is_to_come, later};
use crate::effects::{EffectError, Effects, Result, SecretStage};

/// The ledger's key of the lock.
const LOCK: &str = "oauth-lock";
/// How long a refresh token that a connection has brought waits for settings that use it.
pub(super) const WAITS: Duration = Duration::from_hours(1);
/// How long the tokens of a grant are kept that only tests of a draft have used: a day to save it.
pub(super) const TRIED: Duration = Duration::from_hours(24);
/// How many grants of active settings are kept: those of the settings, of the ones before, and one more.
const ACTIVE: usize = 3;
/// How many grants are kept that only tests of drafts have used.
const DRAFTS: usize = 3;

/// [`TokenStore`] over the effects.
pub(super) struct SharedTokens {
    pub(super) effects: Effects,
    pub(super) now: Clock,
    /// The name of this process, for the lock.
    pub(super) process: String,
    /// [`Overrides::senders_since`](crate::config::Overrides::senders_since): nobody has a lock from before any more.
    pub(super) since: Option<Timestamp>,
}

/// The document of a tenant's tokens.
#[derive(Default, Deserialize, Serialize)]
struct Document {
    grants: Vec<Entry>,
    #[serde(default)]
    waiting: Vec<Waiting>,
}

/// A refresh token that a connection has brought and no settings have yet.
#[derive(Deserialize, Serialize)]
struct Waiting {
    /// The digest of the ID that the page has got for it.
    id: String,
    refresh: String,
    /// In seconds since 1970.
    until: i64,
}

impl Waiting {
    fn is_good(&self, now: Timestamp) -> bool {
        Timestamp::from_second(self.until).is_ok_and(|until| is_to_come(until, WAITS, now))
    }
}

/// The tokens of one grant.
#[derive(Deserialize, Serialize)]
struct Entry {
    grant: String,
    refresh: Option<String>,
    access: Option<String>,
    until: u64,
    #[serde(default)]
    ends: Option<GrantEnd>,
    draft: bool,
    /// When a test of the draft has stored them, in seconds since 1970.
    #[serde(default)]
    tried: Option<i64>,
}

impl Entry {
    fn of(tokens: &GrantTokens, now: Timestamp) -> Self {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        Self {
            grant: tokens.grant.clone(),
            refresh: text(&tokens.refresh),
            access: text(&tokens.access),
            until: tokens.until,
            ends: tokens.ends,
            draft: tokens.draft,
            tried: tokens.draft.then(|| now.as_second()),
        }
    }
}

impl SharedTokens {
    async fn document(&self, tenant: &Tenant) -> Result<Document> {
        let Some(document) = self.effects.secrets.tokens(tenant).await? else {
            return Ok(Document::default());
        };
        // Only the refresh token that an admin entered is left when this cannot be read: it is tried again.
        Ok(serde_json::from_str(&document).unwrap_or_else(|error| {
            tracing::error!(%tenant, line = error.line(), "the tokens cannot be read");
            Document::default()
        }))
    }

    /// Takes or gives back the lock, if nobody has changed it meanwhile.
    async fn set_lock(&self, tenant: &Tenant, until: Option<Timestamp>) -> Result<bool> {
        let now = (self.now)();
        let stored = self.effects.ledger.get_state(tenant, LOCK, now).await?;
        let version = stored.as_ref().map_or(0, |stored| stored.version);
        let lock = stored.map(|stored| stored.value).unwrap_or_default();
        let ends: Option<Timestamp> = lock["until"].as_str().and_then(|text| text.parse().ok());
        let others = lock["process"] != self.process.as_str();
        let orphaned = |ends| self.since.is_some_and(|since| ends < later(since, LEASE));
        let held = ends.is_some_and(|ends| is_to_come(ends, LEASE, now) && !orphaned(ends));
        // Taking waits for everybody's; only one's own is given back.
        if if until.is_some() { held } else { others } {
            return Ok(false);
        }
        let value = json!({"process": self.process, "until": until});
        self.effects.ledger.put_state(tenant, LOCK, &value, version, None, now).await
    }
}

fn tenant_of(owner: Option<&str>) -> std::result::Result<Tenant, Unavailable> {
    owner.map_or_else(|| Ok(Tenant::platform()), |owner| Tenant::new(owner).map_err(|_| Unavailable))
}

/// Logs why the store cannot be reached.
fn logged<T>(tenant: &Tenant, result: Result<T>) -> std::result::Result<T, Unavailable> {
    result.map_err(|error| {
        tracing::warn!(%tenant, %error, "the store of tokens cannot be reached");
        Unavailable
    })
}

#[async_trait]
impl TokenStore for SharedTokens {
    async fn load(
        &self,
        owner: Option<&str>,
        grant: &str,
    ) -> std::result::Result<Option<GrantTokens>, Unavailable> {
        let tenant = tenant_of(owner)?;
        let document = logged(&tenant, self.document(&tenant).await)?;
        let entry = document.grants.into_iter().find(|entry| entry.grant == grant);
        Ok(entry.map(|Entry { grant, refresh, access, until, ends, draft, .. }| GrantTokens {
            grant,
            refresh: refresh.map(Secret::new),
            access: access.map(Secret::new),
            until,
            ends,
            draft,
        }))
    }

    async fn lock(&self, owner: TokenOwner<'_>) -> std::result::Result<bool, Unavailable> {
        let tenant = tenant_of(owner.tenant)?;
        let taken = logged(&tenant, self.set_lock(&tenant, Some(later((self.now)(), LEASE))).await)?;
        if !taken || owner.draft || owner.tenant.is_none() {
            return Ok(taken);
        }
        // What erases the settings has the lock, too: none are erased behind this look.
        let settings = self.effects.secrets.get(&tenant, SecretStage::Current).await;
        if let Ok(Some(_)) = logged(&tenant, settings) {
            return Ok(true);
        }
        self.unlock(owner.tenant).await;
        Err(Unavailable)
    }

    async fn store(&self, owner: Option<&str>, tokens: &GrantTokens) -> std::result::Result<(), Unavailable> {
        let tenant = tenant_of(owner)?;
        let now = (self.now)();
        let mut document = logged(&tenant, self.document(&tenant).await)?;
        let known = document.grants.iter().find(|entry| entry.grant == tokens.grant && !entry.draft);
        let known = known.and_then(|entry| entry.ends?.that_stands());
        // The newest first; of active settings and of drafts the oldest go, each for itself: however often somebody tests
        // drafts, the tokens of the active settings stay.
        document.grants.retain(|entry| entry.grant != tokens.grant);
        document.grants.insert(0, Entry::of(tokens, now));
        let (mut active, mut drafts) = (0, 0);
        document.grants.retain(|entry| {
            let (count, most) = if entry.draft { (&mut drafts, DRAFTS) } else { (&mut active, ACTIVE) };
            *count += 1;
            *count <= most
        });
        document.waiting.retain(|waiting| waiting.is_good(now));
        let document = Zeroizing::new(json!(document).to_string());
        logged(&tenant, self.effects.secrets.put_tokens(&tenant, &document).await)?;
        // Behind the tokens, which must be stored first; an end that is not noted is noted with the next token.
        let end = tokens.ends.and_then(GrantEnd::that_stands);
        if !tokens.draft && (end.is_some() || known.is_some()) {
            let at = At { ledger: &*self.effects.ledger, now };
            let noted = at.note(Owner::Tenant(&tenant), Ending::Grant, end.map(End::at)).await;
            let _ = logged(&tenant, noted);
        }
        Ok(())
    }

    async fn unlock(&self, owner: Option<&str>) {
        let Ok(tenant) = tenant_of(owner) else { return };
        let _ = logged(&tenant, self.set_lock(&tenant, None).await);
    }
}

/// How often the lock is tried for by a connection or an erasing, and how long it waits in between.
const TRIES: u32 = 20;
const RETRY: Duration = Duration::from_millis(100);

/// What a tenant's document has beside what another version has added.
struct Parts {
    grants: Vec<Value>,
    waiting: Vec<Waiting>,
}

impl SharedTokens {
    /// Does something under the lock.
    async fn locked<T>(&self, tenant: &Tenant, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let until = || Some(later((self.now)(), LEASE));
        let mut tries = 0;
        while !self.set_lock(tenant, until()).await? {
            tries += 1;
            if tries == TRIES {
                let message = "others write this tenant's tokens all the time".to_owned();
                return Err(EffectError::Transient { service: "tokens", message });
            }
            tokio::time::sleep(RETRY).await;
        }
        let done = work.await;
        self.unlock(Some(tenant.as_str())).await;
        done
    }

    /// Changes the document; what has waited long enough goes.
    async fn change<T>(&self, tenant: &Tenant, change: impl FnOnce(&mut Parts) -> T + Send) -> Result<T> {
        // The document as it is: what cannot be read is left alone, and so is what another version has added.
        let stored = self.effects.secrets.tokens(tenant).await?;
        let text = stored.as_ref().map_or("{}", |text| text.as_str());
        let unreadable = |error: serde_json::Error| EffectError::Permanent {
            service: "tokens",
            message: format!("the tokens cannot be read: line {}", error.line()),
        };
        let mut document: Value = serde_json::from_str(text).map_err(unreadable)?;
        let mut parts = Parts {
            grants: serde_json::from_value(document["grants"].take()).unwrap_or_default(),
            waiting: serde_json::from_value(document["waiting"].take()).unwrap_or_default(),
        };
        let now = (self.now)();
        parts.waiting.retain(|waiting| waiting.is_good(now));
        let changed = change(&mut parts);
        // Nothing to keep makes no secret.
        if stored.is_none() && parts.grants.is_empty() && parts.waiting.is_empty() {
            return Ok(changed);
        }
        document["grants"] = json!(parts.grants);
        document["waiting"] = json!(parts.waiting);
        let document = Zeroizing::new(document.to_string());
        self.effects.secrets.put_tokens(tenant, &document).await?;
        Ok(changed)
    }
}

fn of_app(app: &App) -> SharedTokens {
    SharedTokens {
        effects: app.effects.clone(),
        now: app.now.clone(),
        process: app.process.clone(),
        since: app.config.overrides.senders_since,
    }
}

/// Deletes the tenant's settings with all tokens. Under the lock, so that no sender that is just getting a token stores it
/// afterwards.
pub(super) async fn forget(app: &App, tenant: &Tenant) -> Result<()> {
    of_app(app).locked(tenant, app.effects.secrets.forget(tenant)).await
}

/// Erases the tokens of drafts that nobody has saved within a day, and what has waited long enough. When there is something to
/// erase next.
pub(super) async fn erase_late(app: &App, tenant: &Tenant) -> Result<Option<Timestamp>> {
    let now = (app.now)();
    let mut in_use = Vec::new();
    for stage in
        [active_settings::read(app, tenant).await?, active_settings::read_previous(app, tenant).await?]
    {
        match stage {
            Active::Settings(_, settings) => {
                if let Auth::OAuth2(oauth2) = &settings.auth {
                    in_use.push(grant_name(oauth2));
                }
            }
            Active::None(_) => {}
            // It may be the one that they belong to.
            Active::Unreadable(_) | Active::Missing => return Ok(Some(later(now, TRIED))),
        }
    }
    let tokens = of_app(app);
    let erased = tokens.change(tenant, |parts| {
        let end = |entry: &Value| {
            let is_kept = entry["draft"] != true || in_use.iter().any(|name| entry["grant"] == name.as_str());
            if is_kept {
                return None;
            }
            let tried = Timestamp::from_second(entry["tried"].as_i64().unwrap_or_default());
            Some(later(tried.unwrap_or(Timestamp::UNIX_EPOCH), TRIED))
        };
        parts.grants.retain(|entry| end(entry).is_none_or(|end| is_to_come(end, TRIED, now)));
        let waiting = parts.waiting.iter().filter_map(|waiting| Timestamp::from_second(waiting.until).ok());
        parts.grants.iter().filter_map(end).chain(waiting).min()
    });
    tokens.locked(tenant, erased).await
}

/// Keeps a refresh token until settings use it, or until that time.
pub(super) async fn wait(
    app: &App,
    tenant: &Tenant,
    id: &str,
    refresh: &Secret,
    until: Timestamp,
) -> Result<()> {
    let waiting =
        Waiting { id: id.to_owned(), refresh: refresh.expose().to_owned(), until: until.as_second() };
    let tokens = of_app(app);
    tokens.locked(tenant, tokens.change(tenant, |parts| parts.waiting.push(waiting))).await
}

/// The refresh token that waits under this digest.
pub(super) async fn waiting(app: &App, tenant: &Tenant, id: &str) -> Result<Option<Secret>> {
    let now = (app.now)();
    let document = of_app(app).document(tenant).await?;
    let mut waiting = document.waiting.into_iter();
    let found = waiting.find(|waiting| waiting.id == id && waiting.is_good(now));
    Ok(found.map(|waiting| Secret::new(waiting.refresh)))
}

/// Erases the refresh token under this digest, and those that have waited long enough.
pub(super) async fn erase_waiting(app: &App, tenant: &Tenant, id: &str) -> Result<()> {
    let tokens = of_app(app);
    tokens
        .locked(tenant, tokens.change(tenant, |parts| parts.waiting.retain(|waiting| waiting.id != id)))
        .await
}

/// When the grant of these settings ends, where its endpoint says so and using it does not move the end.
pub(super) async fn end_of_grant(app: &App, tenant: &Tenant, settings: &OAuth2) -> Result<Option<Timestamp>> {
    let name = grant_name(settings);
    let document = of_app(app).document(tenant).await?;
    let entry = document.grants.into_iter().find(|entry| entry.grant == name);
    Ok(entry.and_then(|entry| entry.ends?.that_stands()))
}

/// The store of tokens over these effects, for the SMTP client.
pub(super) fn shared(
    effects: &Effects,
    now: Clock,
    process: String,
    since: Option<Timestamp>,
) -> Arc<dyn TokenStore> {
    Arc::new(SharedTokens { effects: effects.clone(), now, process, since })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::Memory;
    use crate::testing::world::{World, acme, settings};
    use ownpost_domain::category::{OnFailure, Via};

    fn process(memory: &Arc<Memory>, name: &str) -> SharedTokens {
        let clock = memory.clone();
        SharedTokens {
            effects: memory.effects(),
            now: Arc::new(move || clock.now()),
            process: name.to_owned(),
            since: None,
        }
    }

    fn tokens(grant: &str, refresh: &str, draft: bool) -> GrantTokens {
        let secret = |text: &str| Some(Secret::new(text.to_owned()));
        GrantTokens {
            grant: grant.to_owned(),
            refresh: secret(refresh),
            access: secret("a"),
            until: 7,
            ends: None,
            draft,
        }
    }

    /// An owner's draft: the lock of active settings asks for these.
    fn of(tenant: Option<&str>) -> TokenOwner<'_> {
        TokenOwner { tenant, draft: true }
    }

    #[tokio::test]
    async fn one_process_has_the_lock_and_a_dead_one_loses_it() {
        let memory = Memory::new();
        let (one, other) = (process(&memory, "one"), process(&memory, "other"));
        assert_eq!(one.lock(of(Some("acme"))).await, Ok(true));
        assert_eq!(other.lock(of(Some("acme"))).await, Ok(false));
        assert_eq!(one.lock(of(Some("acme"))).await, Ok(false), "two tasks of one process are two");
        assert_eq!(other.lock(of(None)).await, Ok(true), "another owner");
        other.unlock(Some("acme")).await;
        assert_eq!(other.lock(of(Some("acme"))).await, Ok(false), "only one's own is given back");
        one.unlock(Some("acme")).await;
        assert_eq!(other.lock(of(Some("acme"))).await, Ok(true));
        memory.pass(LEASE);
        assert_eq!(one.lock(of(Some("acme"))).await, Ok(true), "the other was killed");
        memory.go_back(Duration::from_hours(400 * 24));
        assert_eq!(other.lock(of(Some("acme"))).await, Ok(true), "the clock was ahead");
        memory.pass(Duration::from_secs(1));
        let alone = SharedTokens { since: Some(memory.now()), ..process(&memory, "alone") };
        assert_eq!(alone.lock(of(Some("acme"))).await, Ok(true), "started after all others had ended");
        assert_eq!(alone.lock(of(Some("acme"))).await, Ok(false), "its own holds");
    }

    #[tokio::test(start_paused = true)]
    async fn erased_settings_get_no_token_any_more() {
        let world = World::new();
        let owner = TokenOwner { tenant: Some("acme"), draft: false };
        let sender = process(&world.memory, "sender");
        assert_eq!(sender.lock(owner).await, Err(Unavailable), "there are none yet");
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        // A sender has the lock, and its provider has given a token: the erasing waits for it.
        assert_eq!(sender.lock(owner).await, Ok(true));
        let stored = async {
            tokio::time::sleep(RETRY * 3).await;
            sender.store(Some("acme"), &tokens("g", "r1", false)).await.unwrap();
            sender.unlock(Some("acme")).await;
        };
        let acme = acme();
        let (erased, ()) = tokio::join!(forget(&world.app, &acme), stored);
        assert_eq!(erased, Ok(()));
        assert!(sender.load(Some("acme"), "g").await.unwrap().is_none());
        // One that has read the settings before asks behind it.
        assert_eq!(sender.lock(owner).await, Err(Unavailable));
        assert_eq!(sender.lock(of(Some("acme"))).await, Ok(true), "and a new draft may: the lock is free");
        assert!(world.app.effects.secrets.tokens(&acme).await.unwrap().is_none());
        // One that does not give the lock back holds it up for seconds: it is asked for again.
        assert!(forget(&world.app, &acme).await.is_err());
    }

    #[tokio::test]
    async fn tests_of_drafts_never_push_out_the_active_grant() {
        let memory = Memory::new();
        let store = process(&memory, "one");
        store.store(Some("acme"), &tokens("active", "r1", false)).await.unwrap();
        for draft in 0..20 {
            store.store(Some("acme"), &tokens(&format!("d{draft}"), "x", true)).await.unwrap();
        }
        let kept = store.load(Some("acme"), "active").await.unwrap().unwrap();
        assert_eq!(kept.refresh.unwrap().expose(), "r1");
        assert!(store.load(Some("acme"), "d19").await.unwrap().is_some());
        assert!(store.load(Some("acme"), "d0").await.unwrap().is_none());
        assert!(store.load(Some("other"), "active").await.unwrap().is_none());
        store.store(Some("acme"), &tokens("active", "r2", false)).await.unwrap();
        let kept = store.load(Some("acme"), "active").await.unwrap().unwrap();
        assert_eq!(kept.refresh.unwrap().expose(), "r2");
        memory.fail("secrets.put_tokens", 1);
        assert_eq!(store.store(Some("acme"), &tokens("active", "r3", false)).await, Err(Unavailable));
    }
}
