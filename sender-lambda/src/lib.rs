//! The cloud's side of Ownpost, as a library: `bootstrap` (the Lambda) and `ownpost` (one machine) are thin
//! shells over it. Data flows one way: [`wire`] → [`domain`] → [`effects`], and only [`functions`] sees all
//! three.

pub mod config;
pub mod domain;
pub mod effects;
pub mod functions;
#[cfg(feature = "aws")]
pub mod lambda;
pub mod mail;
pub mod smtp;
pub mod wire;
