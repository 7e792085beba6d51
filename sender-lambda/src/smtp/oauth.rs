//! Access tokens (RFC 6749), fetched over https through the same checks as a relay.

use crate::domain::failure::{FailureCode, Reply};
use crate::domain::secret::Secret;
use crate::domain::settings::OAuth2;

use super::Network;
use super::session::Limits;

/// Fetches an access token.
pub(crate) async fn token(
    network: &Network,
    settings: &OAuth2,
    limits: Limits,
) -> Result<Secret, (FailureCode, Option<Reply>)> {
    let _ = (network, settings, limits);
    Err((FailureCode::AuthOauthFailed, None))
}
