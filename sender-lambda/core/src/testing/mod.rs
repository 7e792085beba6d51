//! Doubles for the world: all effects in memory, relays without sockets, and a world of both for the unit tests. Only
//! there in tests and with the feature `testing`, which nothing that ships has on.

pub mod fake;
pub mod memory;
#[cfg(test)]
pub(crate) mod world;
