//! Who calls, where no authoriser stands in front: the JWT of an OpenID Connect provider (RFC 7519, OpenID Connect Core 1.0)
//! is checked by the keys that the provider publishes. For `ownpost local --jwt-issuer`, and for the function URL, which has no
//! authoriser of its own.
//!
//! jsonwebtoken reads and checks the token; ring, which TLS brings along, checks the signature.

mod issuer;
mod key_set;
mod key_source;
mod signatures;
#[cfg(test)]
mod tests;
mod verifier;

pub use issuer::Issuer;
pub use key_source::{Documents, OverHttps};
pub use verifier::{Rejected, Verifier, bearer};
