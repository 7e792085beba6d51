//! The Lambda of Ownpost: [`aws`] implements the effects of `ownpost-core` on AWS services, [`lambda`] hands each
//! invocation to its function.

pub mod aws;
pub mod lambda;
