//! The tokens of tenants' grants, in a secret of their own beside the settings: what a provider rotates is state, and a
//! revision, its history and its rollback never change by it. The lock is in the ledger and holds no secret.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_domain::expiry::GrantEnd;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::OAuth2;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::grant_name;
use ownpost_smtp::token_store::{GrantTokens, LEASE, TokenStore, Unavailable};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::ends::{At, End, Ending, Owner};
use super::{App, Clock, is_to_come, later};
use crate::effects::{EffectError, Effects, Result};

/// The ledger's key of the lock.
const LOCK: &str = "oauth-lock";
/// How long a refresh token that a connection has brought waits for settings that use it.
pub(super) const WAITS: Duration = Duration::from_hours(1);
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
}

/// The document of a tenant's tokens.
#[derive(Default, Deserialize)]
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
#[derive(Deserialize)]
struct Entry {
    grant: String,
    refresh: Option<String>,
    access: Option<String>,
    until: u64,
    #[serde(default)]
    ends: Option<GrantEnd>,
    draft: bool,
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
        let held = ends.is_some_and(|ends| is_to_come(ends, LEASE, now));
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
        Ok(entry.map(|Entry { grant, refresh, access, until, ends, draft }| GrantTokens {
            grant,
            refresh: refresh.map(Secret::new),
            access: access.map(Secret::new),
            until,
            ends,
            draft,
        }))
    }

    async fn lock(&self, owner: Option<&str>) -> std::result::Result<bool, Unavailable> {
        let tenant = tenant_of(owner)?;
        logged(&tenant, self.set_lock(&tenant, Some(later((self.now)(), LEASE))).await)
    }

    async fn store(&self, owner: Option<&str>, tokens: &GrantTokens) -> std::result::Result<(), Unavailable> {
        let tenant = tenant_of(owner)?;
        let before = logged(&tenant, self.document(&tenant).await)?;
        // The newest first; of active settings and of drafts the oldest go, each for itself: however often somebody tests
        // drafts, the tokens of the active settings stay.
        let (mut active, mut drafts) = if tokens.draft { (0, 1) } else { (1, 0) };
        let others = before.grants.iter().filter(|entry| entry.grant != tokens.grant).filter(|entry| {
            let (count, most) = if entry.draft { (&mut drafts, DRAFTS) } else { (&mut active, ACTIVE) };
            *count += 1;
            *count <= most
        });
        let mut grants = vec![json!({
            "grant": tokens.grant, "refresh": tokens.refresh.as_ref().map(Secret::expose),
            "access": tokens.access.as_ref().map(Secret::expose), "until": tokens.until, "ends": tokens.ends,
            "draft": tokens.draft,
        })];
        grants.extend(others.map(|entry| {
            json!({
                "grant": entry.grant, "refresh": entry.refresh, "access": entry.access, "until": entry.until,
                "ends": entry.ends, "draft": entry.draft,
            })
        }));
        let now = (self.now)();
        let waiting: Vec<_> = before.waiting.iter().filter(|waiting| waiting.is_good(now)).collect();
        let document = Zeroizing::new(json!({"grants": grants, "waiting": waiting}).to_string());
        logged(&tenant, self.effects.secrets.put_tokens(&tenant, &document).await)?;
        // Behind the tokens, which must be stored first; an end that is not noted is noted with the next token.
        let known = before.grants.iter().find(|entry| entry.grant == tokens.grant && !entry.draft);
        let known = known.and_then(|entry| entry.ends?.that_stands());
        let end = tokens.ends.and_then(GrantEnd::that_stands);
        if !tokens.draft && (end.is_some() || known.is_some()) {
            let at = At { ledger: &*self.effects.ledger, now: (self.now)() };
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

/// How often the lock is tried for by a connection, and how long it waits in between.
const TRIES: u32 = 20;
const RETRY: Duration = Duration::from_millis(100);

impl SharedTokens {
    /// Changes what waits to be used, under the lock; what has waited long enough goes.
    async fn change_waiting(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(&mut Vec<Waiting>) + Send,
    ) -> Result<()> {
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
        let written = self.write_waiting(tenant, change).await;
        self.unlock(Some(tenant.as_str())).await;
        written
    }

    async fn write_waiting(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(&mut Vec<Waiting>) + Send,
    ) -> Result<()> {
        // The document as it is: what cannot be read is left alone, and so is what another version has added.
        let stored = self.effects.secrets.tokens(tenant).await?;
        let text = stored.as_ref().map_or(r#"{"grants": []}"#, |text| text.as_str());
        let unreadable = |error: serde_json::Error| EffectError::Permanent {
            service: "tokens",
            message: format!("the tokens cannot be read: line {}", error.line()),
        };
        let mut document: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        let mut waiting: Vec<Waiting> =
            serde_json::from_value(document["waiting"].take()).unwrap_or_default();
        let now = (self.now)();
        waiting.retain(|waiting| waiting.is_good(now));
        change(&mut waiting);
        document["waiting"] = json!(waiting);
        let document = Zeroizing::new(document.to_string());
        self.effects.secrets.put_tokens(tenant, &document).await
    }
}

fn of_app(app: &App) -> SharedTokens {
    SharedTokens { effects: app.effects.clone(), now: app.now.clone(), process: app.process.clone() }
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
    of_app(app).change_waiting(tenant, |all| all.push(waiting)).await
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
    of_app(app).change_waiting(tenant, |all| all.retain(|waiting| waiting.id != id)).await
}

/// When the grant of these settings ends, where its endpoint says so and using it does not move the end.
pub(super) async fn end_of_grant(app: &App, tenant: &Tenant, settings: &OAuth2) -> Result<Option<Timestamp>> {
    let name = grant_name(settings);
    let document = of_app(app).document(tenant).await?;
    let entry = document.grants.into_iter().find(|entry| entry.grant == name);
    Ok(entry.and_then(|entry| entry.ends?.that_stands()))
}

/// The store of tokens over these effects, for the SMTP client.
pub(super) fn shared(effects: &Effects, now: Clock, process: &str) -> Arc<dyn TokenStore> {
    Arc::new(SharedTokens { effects: effects.clone(), now, process: process.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::Memory;

    fn process(memory: &Arc<Memory>, name: &str) -> SharedTokens {
        let clock = memory.clone();
        SharedTokens {
            effects: memory.effects(),
            now: Arc::new(move || clock.now()),
            process: name.to_owned(),
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

    #[tokio::test]
    async fn one_process_has_the_lock_and_a_dead_one_loses_it() {
        let memory = Memory::new();
        let (one, other) = (process(&memory, "one"), process(&memory, "other"));
        assert_eq!(one.lock(Some("acme")).await, Ok(true));
        assert_eq!(other.lock(Some("acme")).await, Ok(false));
        assert_eq!(one.lock(Some("acme")).await, Ok(false), "two tasks of one process are two");
        assert_eq!(other.lock(None).await, Ok(true), "another owner");
        other.unlock(Some("acme")).await;
        assert_eq!(other.lock(Some("acme")).await, Ok(false), "only one's own is given back");
        one.unlock(Some("acme")).await;
        assert_eq!(other.lock(Some("acme")).await, Ok(true));
        memory.pass(LEASE);
        assert_eq!(one.lock(Some("acme")).await, Ok(true), "the other was killed");
        memory.go_back(Duration::from_hours(400 * 24));
        assert_eq!(other.lock(Some("acme")).await, Ok(true), "the clock was ahead");
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
