//! The functions of Ownpost. `sender-lambda` (the Lambda) and `ownpost` (one machine) are thin shells over them. Data
//! flows one way: [`wire`] → `ownpost-domain` → [`effects`], and only [`functions`] sees all three.

pub mod access;
pub mod config;
pub mod effects;
pub mod files;
pub mod functions;
pub mod identity;
pub mod mail;
pub mod measure;
pub mod oauth_providers;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wire;

/// The crates below the shells, as log targets: their lines never hold a secret, so a shell may show them at any level.
pub const LOG_TARGETS: [&str; 4] = ["ownpost_core", "ownpost_domain", "ownpost_smtp", "smtp_rules"];

/// The log target of the audit lines, one for each change of a tenant's settings. A shell shows them whatever `RUST_LOG` says.
pub const AUDIT_TARGET: &str = "ownpost_audit";
