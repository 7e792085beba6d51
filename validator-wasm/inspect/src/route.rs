//! Whether a mail left by the configured server. A mail has one way out: the server to which it was handed first. Its
//! Received field is the oldest, where it writes one; later ones are of servers behind it, the receiver's included.

use std::net::IpAddr;

use smtp_rules::providers::{PROVIDERS, is_within, of_relay};

use crate::hops::Trace;
use crate::names::{normal, organisation};
use crate::report::ViaRelay;

/// Domains in which a provider's servers are named, beside those in its table.
const ALSO: [(&str, &str); 2] = [("outlook.com", "exchangelabs.com"), ("google.com", "gmail.com")];

/// The domain of machines that anybody rents, ours included: their names say nothing of the mail service there.
const RENTED: &str = "amazonaws.com";

/// Whether the hops lead through this host, and the index of the hop that shows it.
pub(crate) fn via(hops: &[Trace], host: &str) -> (ViaRelay, Option<usize>) {
    let host = normal(host);
    let address: Option<IpAddr> = host.parse().ok();
    let is_host = |hop: &Trace| {
        let named = hop.by.iter().chain(&hop.from).any(|name| *name == host);
        named || (address.is_some() && hop.address == address)
    };
    if let Some(at) = hops.iter().position(is_host) {
        return (ViaRelay::Yes, Some(at));
    }
    // What has neither name is a note of a server about itself.
    let Some(first) = hops.iter().position(|hop| hop.by.is_some() || !hop.from.is_empty()) else {
        return (ViaRelay::Unknown, None);
    };
    let hop = &hops[first];
    if address.is_some() {
        return (ViaRelay::Unknown, None);
    }
    let own = |name: &str| is_provider_of(&host, name);
    let is_own =
        |name: &str| own(name) || organisation(name).is_some() && organisation(name) == organisation(&host);
    let stranger = |name: &str| is_known_provider(name) && !is_own(name);
    // The server for sending of another provider has handed it to a receiver: the oldest field is the receiver's.
    if hop.from.iter().any(|name| stranger(name)) {
        return (ViaRelay::No, Some(first));
    }
    if let Some(by) = hop.by.as_deref().filter(|by| organisation(by).is_some()) {
        if own(by) {
            return (ViaRelay::Yes, Some(first));
        }
        if is_own(by) {
            // The customer's own domain may be the receiver's too, so a server that just came proves nothing.
            let came = hop
                .from
                .iter()
                .any(|name| organisation(name).is_some_and(|name| Some(name) != organisation(by)));
            return if came && !hop.signed_in {
                (ViaRelay::Unknown, None)
            } else {
                (ViaRelay::Yes, Some(first))
            };
        }
        if hop.from.iter().any(|name| is_own(name)) {
            return (ViaRelay::Yes, Some(first));
        }
        // Later, on its way out of the provider or the customer's domain.
        let left =
            |hop: &Trace| hop.from.iter().any(|name| is_own(name)) && !hop.by.as_deref().is_some_and(is_own);
        return match hops.iter().position(left) {
            Some(at) => (ViaRelay::Yes, Some(at)),
            None => (ViaRelay::No, Some(first)),
        };
    }
    let left = hops.iter().position(|hop| hop.from.iter().any(|name| is_own(name)));
    (if left.is_some() { ViaRelay::Yes } else { ViaRelay::Unknown }, left)
}

/// Whether a server of this name belongs to the provider of the host.
fn is_provider_of(host: &str, name: &str) -> bool {
    of_relay(host).any(|provider| {
        let domains = provider.relays.iter().copied().chain(provider.spf);
        let domains = domains.filter_map(organisation).filter(|domain| *domain != RENTED);
        domains.into_iter().any(|domain| is_of(name, domain))
    })
}

/// Whether a server of this name sends for a provider that is known.
fn is_known_provider(name: &str) -> bool {
    let domains = PROVIDERS.iter().filter_map(|provider| organisation(provider.spf?));
    domains.into_iter().any(|domain| is_of(name, domain))
}

fn is_of(name: &str, domain: &str) -> bool {
    is_within(name, domain) || ALSO.iter().any(|(of, also)| *of == domain && is_within(name, also))
}
