//! What of a tenant's relay ends, as far as it is known: the certificate that the last test has seen, the client secret of the
//! settings, the grant by its token endpoint; and the operator's client secrets. A small shared state, so that a look at a relay reads no secret for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ownpost_domain::delivery::Revision;
use ownpost_domain::expiry;
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use crate::effects::{Ledger, Result};

/// How often a write is tried against others who write the same state.
const TRIES: usize = 8;
/// The ledger's key of [`Ends`].
const STATE: &str = "ends";

/// Whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    /// A tenant's.
    Tenant(&'a Tenant),
    /// The operator's, at the provider of this id.
    Provider(&'a str),
}

impl Owner<'_> {
    /// The owner and the key of the state in the ledger.
    fn state(self) -> (Tenant, String) {
        match self {
            Self::Tenant(tenant) => (tenant.clone(), STATE.to_owned()),
            Self::Provider(id) => (Tenant::platform(), format!("{STATE}-{id}")),
        }
    }
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Ending {
    /// The relay's certificate.
    Certificate,
    /// The client secret of an application.
    ClientSecret,
    /// The grant of the mailbox.
    Grant,
}

/// The end of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End {
    pub(super) not_after: Timestamp,
    /// The SHA-256 of a certificate, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    /// The days before its end at which a warning was given last.
    #[serde(default)]
    warned: Option<u32>,
}

impl End {
    /// An end that nobody was warned of.
    pub(super) fn at(not_after: Timestamp) -> Self {
        Self { not_after, sha256: None, warned: None }
    }

    /// The end of this certificate.
    pub(super) fn of_certificate(not_after: Timestamp, sha256: &str) -> Self {
        Self { sha256: Some(sha256.to_owned()), ..Self::at(not_after) }
    }
}

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Ends {
    /// The revision of the settings whose ends are here.
    revision: Option<Revision>,
    ends: BTreeMap<Ending, End>,
}

/// A change of what is known.
enum Step<'a> {
    /// An end, or that there is none.
    Set(Ending, Option<End>),
    /// The end of the client secret of this revision of the settings.
    Settings(&'a Revision, Option<End>),
    /// A warning was given.
    Given(&'a Due),
}

impl Ends {
    fn after(&self, step: &Step<'_>) -> Self {
        let mut after = self.clone();
        match step {
            Step::Set(what, end) => after.set(*what, end.clone()),
            Step::Settings(revision, end) => {
                after.set(Ending::ClientSecret, end.clone());
                after.revision = Some((*revision).clone());
            }
            Step::Given(due) => {
                let end = after.ends.get_mut(&due.what).filter(|end| end.not_after == due.end.not_after);
                if let Some(end) = end.filter(|end| end.warned.is_none_or(|warned| due.days < warned)) {
                    end.warned = Some(due.days);
                }
            }
        }
        after
    }

    /// Takes an end in. Warnings that were given of the same end count as given.
    fn set(&mut self, what: Ending, end: Option<End>) {
        let Some(end) = end else {
            self.ends.remove(&what);
            return;
        };
        let same = self.ends.get(&what).filter(|known| known.not_after == end.not_after);
        let warned = same.and_then(|known| known.warned);
        self.ends.insert(what, End { warned, ..end });
    }
}

/// A warning that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) what: Ending,
    pub(super) end: End,
    /// 30, 7 or 1 days before the end.
    pub(super) days: u32,
}

/// Where the state is, and the time: the store of tokens notes ends as well, and has no [`App`].
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) now: Timestamp,
}

impl<'a> At<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        Self { ledger: &*app.effects.ledger, now: (app.now)() }
    }

    /// Records an end; `None` when there is none that is known.
    pub(super) async fn note(self, owner: Owner<'_>, what: Ending, end: Option<End>) -> Result<()> {
        self.change(owner, &Step::Set(what, end)).await
    }

    /// Records the end of the client secret of this revision of the settings.
    pub(super) async fn note_settings(
        self,
        tenant: &Tenant,
        revision: &Revision,
        end: Option<End>,
    ) -> Result<()> {
        self.change(Owner::Tenant(tenant), &Step::Settings(revision, end)).await
    }

    /// Marks a warning as given.
    pub(super) async fn given(self, owner: Owner<'_>, due: &Due) -> Result<()> {
        self.change(owner, &Step::Given(due)).await
    }

    /// The warnings that are due now, and the revision of the settings whose ends are known.
    pub(super) async fn due(self, owner: Owner<'_>) -> Result<(Vec<Due>, Option<Revision>)> {
        let (_, known) = self.read(owner).await?;
        let due = |(what, end): (Ending, End)| {
            expiry::warning(end.not_after, self.now, end.warned).map(|days| Due { what, end, days })
        };
        Ok((known.ends.into_iter().filter_map(due).collect(), known.revision))
    }

    /// The version, and what is known. What cannot be read counts as nothing: it is of another version of this program.
    async fn read(self, owner: Owner<'_>) -> Result<(u64, Ends)> {
        let (owner, key) = owner.state();
        let stored = self.ledger.get_state(&owner, &key, self.now).await?;
        Ok(stored.map_or_else(Default::default, |stored| {
            (stored.version, serde_json::from_value(stored.value).unwrap_or_default())
        }))
    }

    async fn change(self, owner: Owner<'_>, step: &Step<'_>) -> Result<()> {
        for _ in 0..TRIES {
            let (version, known) = self.read(owner).await?;
            let after = known.after(step);
            if after == known {
                return Ok(());
            }
            let (owner, key) = owner.state();
            if self.ledger.put_state(&owner, &key, &json!(after), version, None, self.now).await? {
                return Ok(());
            }
        }
        // Others who write it all the time note ends, too; this one is noted by the next test, token or look.
        Ok(())
    }
}
