//! Millions of mails of thousands of tenants in simulated time.
//!
//! Every decision is the product's: [`route`](ownpost_domain::route), [`outcome`](ownpost_domain::outcome)
//! with its back-off, the breaker ([`health`](ownpost_domain::health)) and the providers' rates
//! ([`limits`](ownpost_domain::limits)) are called, not imitated. What is modelled is the world around them:
//! the queue ([`queue`]), the relays ([`relay`]), and the order in which `functions::sender` asks its effects
//! ([`sender`]), which `tests/counts.rs` holds against the real function call by call.

mod breaker;
pub mod cost;
pub mod counts;
mod engine;
pub mod quantiles;
pub mod queue;
pub mod relay;
pub mod scenario;
mod sender;
mod tenant;

pub use engine::{Case, Results, Simulation};
