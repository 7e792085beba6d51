//! The certificate of a tenant's relay as its last test has seen it, and the warnings of its end.

use jiff::Timestamp;
use ownpost_domain::expiry;
use ownpost_domain::report::CertificateFacts;
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};

use super::shared_state::{self, Change};
use super::{App, alert, emit};
use crate::effects::Result;
use crate::wire::emitted::{Announcement, CertificateExpiring};

/// The ledger's key of [`Seen`].
const STATE: &str = "certificate";

/// The certificate that the last test has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    not_after: Option<Timestamp>,
    /// The days before its end at which a warning was given last.
    warned: Option<u32>,
}

/// Whether a warning is due, by the certificate that was seen last. Another may be in its place by now: only a test tells.
pub(super) async fn may_expire(app: &App, tenant: &Tenant) -> Result<bool> {
    let seen: Seen = shared_state::read(app, tenant, STATE).await?.value;
    Ok(seen.not_after.is_some_and(|end| expiry::warning(end, (app.now)(), seen.warned).is_some()))
}

/// Records the certificate of a test, and warns when it ends soon: once at each of 30, 7 and 1 days.
pub(super) async fn note(
    app: &App,
    tenant: &Tenant,
    host: &str,
    certificate: &CertificateFacts,
) -> Result<()> {
    let Ok(not_after) = certificate.not_after.parse::<Timestamp>() else { return Ok(()) };
    let due = shared_state::update(app, tenant, STATE, |seen: Seen, now| {
        let given = seen.warned.filter(|_| seen.not_after == Some(not_after));
        let due = expiry::warning(not_after, now, given);
        let after = Seen { not_after: Some(not_after), warned: due.or(given) };
        if after == seen { Change::Keep(due) } else { Change::Write(after, None, due) }
    });
    if let Some(Some(days)) = due.await? {
        let expiring = CertificateExpiring {
            tenant: tenant.clone(),
            host: host.to_owned(),
            not_after,
            days,
            sha256: certificate.sha256.clone(),
        };
        emit(app, [Announcement::CertificateExpiring(expiring)]).await;
        alert::certificate_expiring(app, tenant, host, not_after, days).await;
    }
    Ok(())
}
