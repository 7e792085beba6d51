//! The command line and the one-machine server of Ownpost: the same functions as in the cloud, over an
//! embedded store, an embedded queue and two embedded TLS relays.

pub mod cli;
pub mod descriptors;
pub mod keys;
mod private_file;
pub mod relays;
pub mod server;
pub mod store;
pub mod worker;
