//! File descriptors: how many this process may have, and how many of them each part gets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are enough for everything here; a higher limit of the system is not used up.
const ENOUGH: u64 = 16 * 1024;

/// Connections that each part may have at a time, so that the rest is left to the store and to the mails that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Of the HTTP server.
    pub server: usize,
    /// Of each of the embedded relays' four ports.
    pub relay_port: usize,
}

impl Shares {
    /// Raises the process's soft limit as far as the hard one allows, and divides it.
    pub fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
        let current = limit.current.unwrap_or(ENOUGH);
        if wanted > current
            && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok()
        {
            return Self::of(wanted);
        }
        Self::of(current)
    }

    fn of(descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        Self { server: (descriptors / 4).clamp(4, 512), relay_port: (descriptors / 32).clamp(2, 200) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_are_left_to_the_store_and_the_sender() {
        for descriptors in [32, 64, 256, 1024, 16 * 1024, u64::MAX] {
            let shares = Shares::of(descriptors);
            let used = u64::try_from(shares.server + 4 * shares.relay_port).unwrap();
            assert!(used <= descriptors / 2, "{descriptors}: {shares:?}");
        }
        assert_eq!(Shares::of(16 * 1024), Shares { server: 512, relay_port: 200 });
    }
}
