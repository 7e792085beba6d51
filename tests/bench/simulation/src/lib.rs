//! A simulation of millions of mails of thousands of tenants in simulated time.
//!
//! Every decision is the product's: [`route`](ownpost_domain::route), [`outcome`](ownpost_domain::outcome) with its
//! back-off, the breaker ([`health`](ownpost_domain::health)) and the providers' rates
//! ([`limits`](ownpost_domain::limits)) are called, not imitated. The surroundings are models: the queue ([`queue`]),
//! the relays ([`relay`]), and the order of the calls of `functions::sender` ([`sender`]). `tests/counts.rs` compares
//! that order with the real function call by call.

mod breaker;
pub mod cost;
pub mod counts;
mod engine;
mod entries;
pub mod quantiles;
pub mod queue;
pub mod relay;
pub mod scenario;
mod sender;
mod tenant;

pub use engine::{Case, Results, Simulation};
