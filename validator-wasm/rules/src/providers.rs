//! The facts about mail providers that only the server and the form need. They come from `providers.txt`, as the
//! presets of the rules do; a page's module has none of them.

/// An SMTP server of a provider, with what is known of the relays there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The provider's name.
    pub name: &'static str,
    /// The facts hold for relays whose name is one of these or ends with one, behind a dot.
    pub relays: &'static [&'static str],
    /// What the provider takes of one account before it locks it.
    pub account_limits: Option<AccountLimits>,
    /// The name that its customers include in their SPF record (RFC 7208 §5.2), or one below it. The servers for
    /// submission are not those that deliver, so their addresses prove nothing.
    pub spf: Option<&'static str>,
    /// The selectors of the keys that it signs with (RFC 6376 §3.1), where they can be known.
    pub dkim: Option<Selectors>,
    /// The entry in the form's list of providers.
    pub form: Option<FormEntry>,
}

/// The limits of one account, all its senders together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// How many mails in `seconds`.
    pub mails: u32,
    /// The period, in seconds.
    pub seconds: u32,
    /// How many connections at a time.
    pub connections: usize,
}

/// The DKIM selectors of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selectors {
    /// One of these, always: without a key there, nothing is signed in the customer's name.
    Always(&'static [&'static str]),
    /// One of these, unless the customer has chosen another.
    Usually(&'static [&'static str]),
}

/// An entry in the form's list of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormEntry {
    /// The name that the list shows.
    pub name: &'static str,
    /// The SMTP server whose settings [`crate::Directory::suggest`] fills in.
    pub host: &'static str,
}

/// All providers, a server each, in the order of the table.
pub const PROVIDERS: &[Provider] = include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// The providers that a relay belongs to. Neither its case nor a final dot matters.
pub fn of_relay(host: &str) -> impl Iterator<Item = &'static Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    PROVIDERS.iter().filter(move |provider| provider.relays.iter().any(|relay| is_within(&host, relay)))
}

/// Whether the name is the domain or lies in it. Both are in lower case.
pub fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{PROVIDERS, Selectors, of_relay};

    #[test]
    fn relays_have_the_facts_of_their_provider() {
        let limits = |host: &str| {
            let limits = of_relay(host).find_map(|provider| provider.account_limits)?;
            Some((limits.mails, limits.seconds, limits.connections))
        };
        assert_eq!(limits("smtp.office365.com"), Some((30, 60, 3)));
        assert_eq!(limits("SMTP-MAIL.Outlook.com."), Some((30, 60, 3)));
        assert_eq!(limits("notoutlook.com"), None);
        let dkim = |host: &str| of_relay(host).find_map(|provider| provider.dkim);
        assert_eq!(dkim("aspmx.l.google.com"), Some(Selectors::Usually(&["google"])));
        assert_eq!(dkim("pro1.mail.ovh.net"), None);
        assert!(of_relay("pro1.mail.ovh.net").any(|provider| provider.spf == Some("ovh.com")));
    }

    #[test]
    fn the_form_lists_servers_that_can_be_suggested() {
        let directory = crate::Directory::new();
        let entries = PROVIDERS.iter().filter_map(|provider| provider.form);
        assert!(entries.clone().count() > 10);
        for entry in entries {
            assert!(directory.suggest(entry.host.as_bytes()).changes().next().is_some(), "{}", entry.name);
        }
    }
}
