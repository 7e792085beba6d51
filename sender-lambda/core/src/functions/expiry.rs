//! The warnings that something ends soon, each once at 30, 7 and 1 days. A warning is emitted and mailed before it is marked as
//! given: one that breaks off in between is given again, by the next look at the relay at the latest. What is the operator's is
//! emitted and logged: no tenant can change it, so no admin gets a mail.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use ownpost_domain::delivery::Revision;
use ownpost_domain::expiry;
use ownpost_domain::report::CertificateFacts;
use ownpost_domain::settings::{Auth, Settings};
use ownpost_domain::tenant::Tenant;

use super::active_settings::{self, Active};
use super::ends::{At, Due, End, Ending, Owner};
use super::{App, alert, emit, tokens};
use crate::effects::Result;
use crate::oauth_providers::OAuthProvider;
use crate::wire::emitted::{Announcement, CertificateExpiring, Credential, CredentialExpiring};

/// Records the certificate that a test has seen, and warns when it ends soon.
pub(super) async fn certificate_seen(
    app: &App,
    tenant: &Tenant,
    settings: &Settings,
    seen: &CertificateFacts,
) -> Result<()> {
    let Ok(not_after) = seen.not_after.parse() else { return Ok(()) };
    let end = End::of_certificate(not_after, &seen.sha256);
    At::of(app).note(Owner::Tenant(tenant), Ending::Certificate, Some(end)).await?;
    for due in At::of(app).due(Owner::Tenant(tenant)).await?.0 {
        if due.what == Ending::Certificate {
            warn(app, tenant, settings, &due).await?;
        }
    }
    Ok(())
}

/// Records what ends of settings that have become active, and warns of what ends soon.
pub(crate) async fn activated(
    app: &App,
    tenant: &Tenant,
    revision: &Revision,
    settings: &Settings,
    seen: Option<&CertificateFacts>,
) -> Result<()> {
    if let Some(seen) = seen {
        certificate_seen(app, tenant, settings, seen).await?;
    }
    At::of(app).note_settings(tenant, revision, client_secret(settings).map(End::at)).await?;
    let (due, _) = At::of(app).due(Owner::Tenant(tenant)).await?;
    of_credentials(app, tenant, &due).await
}

/// Gives the warnings that are due of a tenant's credentials. Whether one is due of its relay's certificate: another may be in
/// its place by now, which only a test tells.
pub(super) async fn at_relay(app: &App, tenant: &Tenant, active: Option<&Revision>) -> Result<bool> {
    let (mut due, known) = At::of(app).due(Owner::Tenant(tenant)).await?;
    if active.is_some() && known.as_ref() != active {
        // The process that made these settings active has not come to note their ends.
        if let Active::Settings(revision, settings) = active_settings::read(app, tenant).await? {
            At::of(app).note_settings(tenant, &revision, client_secret(&settings).map(End::at)).await?;
            due = At::of(app).due(Owner::Tenant(tenant)).await?.0;
        }
    }
    of_credentials(app, tenant, &due).await?;
    Ok(due.iter().any(|due| due.what == Ending::Certificate))
}

/// Gives the warnings of credentials among those that are due, if settings and tokens still say so.
async fn of_credentials(app: &App, tenant: &Tenant, due: &[Due]) -> Result<()> {
    let of_credentials: Vec<&Due> = due.iter().filter(|due| due.what != Ending::Certificate).collect();
    if of_credentials.is_empty() {
        return Ok(());
    }
    let active = if *tenant == Tenant::platform() {
        active_settings::platform(app).await?
    } else {
        active_settings::read(app, tenant).await?
    };
    for due in of_credentials {
        let end = match &active {
            Active::Settings(_, settings) => end_now(app, tenant, settings, due.what).await?,
            Active::None(_) => None,
            // What cannot be read says nothing; the next look reads it again.
            Active::Unreadable(_) | Active::Missing => return Ok(()),
        };
        match active.settings() {
            Some((_, settings)) if end == Some(due.end.not_after) => warn(app, tenant, settings, due).await?,
            _ => At::of(app).note(Owner::Tenant(tenant), due.what, end.map(End::at)).await?,
        }
    }
    Ok(())
}

/// When a credential of these settings ends.
async fn end_now(app: &App, tenant: &Tenant, settings: &Settings, what: Ending) -> Result<Option<Timestamp>> {
    match (what, &settings.auth) {
        (Ending::ClientSecret, _) => Ok(client_secret(settings)),
        (Ending::Grant, Auth::OAuth2(oauth2)) => tokens::end_of_grant(app, tenant, oauth2).await,
        _ => Ok(None),
    }
}

/// The end of the secret of an application that the settings themselves name.
fn client_secret(settings: &Settings) -> Option<Timestamp> {
    let Auth::OAuth2(oauth2) = &settings.auth else { return None };
    oauth2.client_secret_expires.filter(|_| oauth2.provider.is_none()).and_then(begin_of)
}

/// The begin of a day: the secret may end with it.
fn begin_of(day: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()
}

/// Emits and mails a warning, then marks it as given.
async fn warn(app: &App, tenant: &Tenant, settings: &Settings, due: &Due) -> Result<()> {
    let (host, not_after, days) = (settings.host.clone(), due.end.not_after, due.days);
    let credential = match due.what {
        Ending::Certificate => None,
        Ending::ClientSecret => Some(Credential::ClientSecret),
        Ending::Grant => Some(Credential::Grant),
    };
    let announcement = match credential {
        None => Announcement::CertificateExpiring(CertificateExpiring {
            tenant: tenant.clone(),
            host,
            not_after,
            days,
            sha256: due.end.sha256.clone().unwrap_or_default(),
        }),
        Some(credential) => Announcement::CredentialExpiring(CredentialExpiring {
            tenant: Some(tenant.clone()),
            host: Some(host),
            provider: match &settings.auth {
                Auth::OAuth2(oauth2) => oauth2.provider.clone(),
                _ => None,
            },
            credential,
            not_after,
            days,
        }),
    };
    let emitted = emit(app, [announcement]).await;
    if *tenant == Tenant::platform() {
        let host = settings.host.as_str();
        if credential.is_some() {
            tracing::warn!(host, %not_after, "a credential of the platform's own mail server ends soon");
        } else {
            tracing::warn!(host, %not_after, "the certificate of the platform's own mail server ends soon");
        }
    } else {
        alert::expiring(app, tenant, &settings.host, credential, not_after, days).await;
    }
    // What the bus has not taken is emitted again; the mail has an id of its own and is not sent twice.
    if emitted { At::of(app).given(Owner::Tenant(tenant), due).await } else { Ok(()) }
}

/// Gives the warnings that are due of what is the operator's own: the credentials and the certificate of the platform's server,
/// and its applications at providers. `server`: the settings of that server, where they can be read, and the certificate that a
/// test of them has just seen.
pub(super) async fn of_operator(
    app: &App,
    server: Option<(&Settings, Option<&CertificateFacts>)>,
) -> Result<()> {
    let platform = Tenant::platform();
    let owner = Owner::Tenant(&platform);
    if let Some((settings, seen)) = server {
        if let Some(seen) = seen {
            certificate_seen(app, &platform, settings, seen).await?;
        }
        At::of(app).note(owner, Ending::ClientSecret, client_secret(settings).map(End::at)).await?;
    }
    let (due, _) = At::of(app).due(owner).await?;
    of_credentials(app, &platform, &due).await?;
    of_providers(app).await
}

/// Warns the operator of secrets of its applications at providers. Costs nothing until one ends soon.
async fn of_providers(app: &App) -> Result<()> {
    let now = (app.now)();
    let soon = |(id, provider): (&str, &OAuthProvider)| {
        let end = provider.client_secret_expires.and_then(begin_of)?;
        expiry::warning(end, now, None).map(|_| (id.to_owned(), end))
    };
    let soon: Vec<(String, Timestamp)> = app.config.oauth_providers.iter().filter_map(soon).collect();
    for (id, not_after) in &soon {
        let not_after = *not_after;
        let owner = Owner::Provider(id);
        At::of(app).note(owner, Ending::ClientSecret, Some(End::at(not_after))).await?;
        for due in At::of(app).due(owner).await?.0 {
            tracing::warn!(provider = id, %not_after, "the client secret in OWNPOST_OAUTH_PROVIDERS ends soon");
            let announcement = Announcement::CredentialExpiring(CredentialExpiring {
                tenant: None,
                host: None,
                provider: Some(id.clone()),
                credential: Credential::ClientSecret,
                not_after,
                days: due.days,
            });
            if emit(app, [announcement]).await {
                At::of(app).given(owner, &due).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
