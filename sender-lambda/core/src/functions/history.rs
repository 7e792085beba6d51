//! The history of a tenant's settings in the ledger, and the lines of the audit log.
//!
//! A change is written before it takes effect and completed afterwards, so that no change is without a trace; a change that
//! cannot be written does not happen.

use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;

use super::App;
use super::shared_state::{change, read};
use crate::AUDIT_TARGET;
use crate::effects::Result;
use crate::wire::history::{Change, Ended};

/// The ledger's key of the changes, oldest first.
const HISTORY: &str = "history";
/// Changes that took effect, or may have: so many are kept.
const MOST_CHANGES: usize = 50;
/// Attempts that changed nothing: so many are kept, beside the changes, so that attempts drive out no change.
const MOST_ATTEMPTS: usize = 20;

/// The changes, newest first. One that was broken off is completed by the revision that is active now.
pub(super) async fn list(app: &App, tenant: &Tenant, active: Option<&Revision>) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = read(app, tenant, HISTORY).await?.value;
    changes.reverse();
    for change in &mut changes {
        if change.ended == Ended::Unfinished
            && change.revision.is_some()
            && change.revision.as_ref() == active
        {
            change.ended = Ended::Done;
        }
    }
    Ok(changes)
}

/// Writes a change that is about to take effect.
///
/// # Errors
/// The ledger is out of reach: the change must not take effect.
pub(super) async fn begin(app: &App, tenant: &Tenant, begun: &Change) -> Result<()> {
    debug_assert_eq!(begun.ended, Ended::Unfinished);
    write(app, tenant, begun).await
}

/// Writes how a change ended, and logs it. It has happened: a ledger out of reach is logged and changes nothing.
pub(super) async fn finish(app: &App, tenant: &Tenant, ended: &Change) {
    audit(tenant, ended);
    if let Err(error) = write(app, tenant, ended).await {
        tracing::warn!(%tenant, %error, "the end of a change is not in the history");
    }
}

/// Adds the change, or completes it when it is there.
async fn write(app: &App, tenant: &Tenant, one: &Change) -> Result<()> {
    change(app, tenant, HISTORY, |mut changes: Vec<Change>| {
        let known = changes
            .iter_mut()
            .find(|known| known.at == one.at && known.by == one.by && known.revision == one.revision);
        match known {
            Some(known) => *known = one.clone(),
            None => changes.push(one.clone()),
        }
        bound(changes)
    })
    .await
}

/// Keeps the newest of each kind.
fn bound(mut changes: Vec<Change>) -> Vec<Change> {
    let (mut took_effect, mut attempts) = (0, 0);
    changes.reverse();
    changes.retain(|change| {
        let (count, most) = match change.ended {
            Ended::Done | Ended::Unfinished => (&mut took_effect, MOST_CHANGES),
            Ended::TestFailed | Ended::Conflict | Ended::StoreFailed => (&mut attempts, MOST_ATTEMPTS),
        };
        *count += 1;
        *count <= most
    });
    changes.reverse();
    changes
}

/// One line for each change in the audit log: shells show it at every level of logging.
fn audit(tenant: &Tenant, change: &Change) {
    tracing::info!(
        target: AUDIT_TARGET,
        %tenant,
        action = change.action.name(),
        ended = change.ended.name(),
        code = change.code.as_deref(),
        revision = change.revision.as_ref().map(|revision| revision.0.as_str()),
        host = change.host.as_deref(),
        changed = change.changed.join(" "),
        sub = change.by.sub.as_deref(),
        email = change.by.email.as_deref(),
        sid = change.by.sid.as_deref(),
        jti = change.by.jti.as_deref(),
        "settings"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{World, acme};
    use crate::wire::history::{Action, By};
    use jiff::Timestamp;

    fn change(second: i64, ended: Ended) -> Change {
        Change {
            at: Timestamp::from_second(second).unwrap(),
            by: By::default(),
            action: Action::Save,
            ended,
            code: None,
            revision: Some(Revision(format!("r{second}"))),
            host: None,
            changed: Vec::new(),
        }
    }

    #[tokio::test]
    async fn attempts_drive_out_no_change_and_the_history_is_bounded() {
        let world = World::new();
        finish(&world.app, &acme(), &change(0, Ended::Done)).await;
        for second in 1..100 {
            finish(&world.app, &acme(), &change(second, Ended::TestFailed)).await;
        }
        let kept = list(&world.app, &acme(), None).await.unwrap();
        assert_eq!(kept.len(), MOST_ATTEMPTS + 1);
        assert_eq!(kept.last(), Some(&change(0, Ended::Done)));
        for second in 100..200 {
            finish(&world.app, &acme(), &change(second, Ended::Done)).await;
        }
        let kept = list(&world.app, &acme(), None).await.unwrap();
        assert_eq!(kept.len(), MOST_ATTEMPTS + MOST_CHANGES);
        assert_eq!(kept[0].at.as_second(), 199, "the newest comes first");
    }

    #[tokio::test]
    async fn a_change_that_was_broken_off_is_judged_by_the_active_revision() {
        let world = World::new();
        begin(&world.app, &acme(), &change(1, Ended::Unfinished)).await.unwrap();
        let ended = async |active: &str| {
            let active = Revision(active.to_owned());
            list(&world.app, &acme(), Some(&active)).await.unwrap()[0].ended
        };
        assert_eq!(ended("r1").await, Ended::Done);
        assert_eq!(ended("r0").await, Ended::Unfinished);
        finish(&world.app, &acme(), &change(1, Ended::Conflict)).await;
        assert_eq!(ended("r0").await, Ended::Conflict);
        assert_eq!(list(&world.app, &acme(), None).await.unwrap().len(), 1, "completed, not added");
    }
}
