//! The tokens that all processes share, as a trait: what an endpoint rotates must reach every sender, and outlive each.

use async_trait::async_trait;
use ownpost_domain::expiry::GrantEnd;
use ownpost_domain::secret::Secret;

/// The tokens of one grant.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantTokens {
    /// The grant, as a digest of everything that it was made from: other settings, another grant.
    pub grant: String,
    /// The refresh token that the endpoint gave last; `None` while that of the settings is good.
    pub refresh: Option<Secret>,
    /// The access token that was got last.
    pub access: Option<Secret>,
    /// Until when the access token is used, in seconds since 1970 by the wall clock: a frozen Lambda's monotonic clock stands
    /// still, and a token's life does not.
    pub until: u64,
    /// The end of the grant, where the endpoint says it.
    pub ends: Option<GrantEnd>,
    /// Whether only a test of settings that are not active has used it.
    pub draft: bool,
}

/// The store cannot be reached now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// A store of tokens. `owner` is the tenant, or `None` for the platform.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The tokens of this grant; `None` when there are none.
    async fn load(&self, owner: Option<&str>, grant: &str) -> Result<Option<GrantTokens>, Unavailable>;
    /// Takes the owner's lock for [`LEASE`]; `false` while another process has it. Unavailable, too, for active settings that
    /// were erased meanwhile: their tokens must not come back.
    async fn lock(&self, owner: TokenOwner<'_>) -> Result<bool, Unavailable>;
    /// Keeps the tokens in place of those of the same grant. The caller has the lock.
    async fn store(&self, owner: Option<&str>, tokens: &GrantTokens) -> Result<(), Unavailable>;
    /// Gives the lock back. One that cannot be given back ends with its lease.
    async fn unlock(&self, owner: Option<&str>);
}

/// How long a lock holds without being given back: longer than a token endpoint has to answer and a store to write.
pub const LEASE: std::time::Duration = std::time::Duration::from_mins(1);

/// Whose tokens a session signs in with.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenOwner<'a> {
    /// The tenant, or `None` for the platform.
    pub tenant: Option<&'a str>,
    /// Whether the settings are not active yet.
    pub draft: bool,
}
