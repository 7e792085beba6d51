//! The name and look of the product in its mails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How mails name and brand the product, and where an alert links to. Every member is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Brand {
    /// The product's name.
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// The product's home page.
    pub url: Option<String>,
    /// The page with the settings of the mail server; alerts and test mails link to it.
    pub settings_url: Option<String>,
    /// The logo, https, shown at most 40 pixels high.
    pub logo_url: Option<String>,
    /// The colour of buttons, `#rrggbb`.
    #[schemars(extend("pattern" = "^#[0-9A-Fa-f]{6}$"))]
    pub accent_color: Option<String>,
    /// Where the recipient gets help: a page or a `mailto:` address.
    pub support_url: Option<String>,
    /// The postal address at the foot.
    #[schemars(length(max = 500))]
    pub postal_address: Option<String>,
    /// More text at the foot.
    #[schemars(length(max = 1000))]
    pub footer: Option<String>,
}

/// The member of a brand that cannot be used, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableBrand {
    /// The member's name in JSON.
    pub member: &'static str,
    /// What it takes.
    pub problem: &'static str,
}

impl Brand {
    /// This brand where it says something, and the other one elsewhere.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let base = base.clone();
        Self {
            name: self.name.or(base.name),
            url: self.url.or(base.url),
            settings_url: self.settings_url.or(base.settings_url),
            logo_url: self.logo_url.or(base.logo_url),
            accent_color: self.accent_color.or(base.accent_color),
            support_url: self.support_url.or(base.support_url),
            postal_address: self.postal_address.or(base.postal_address),
            footer: self.footer.or(base.footer),
        }
    }

    /// Checks every member.
    ///
    /// # Errors
    /// The first member that a mail cannot carry.
    pub fn check(&self) -> Result<(), UnusableBrand> {
        let unusable = |member, problem| Err(UnusableBrand { member, problem });
        let line = |text: &str, most: usize| {
            !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
        };
        let web = |text: &str| is_url(text, &["https://", "http://"]);
        if self.name.as_deref().is_some_and(|name| !line(name, 100)) {
            return unusable("name", "1 to 100 characters on one line");
        }
        for (member, value) in [("url", &self.url), ("settingsUrl", &self.settings_url)] {
            if value.as_deref().is_some_and(|url| !web(url)) {
                return unusable(member, "a web address that begins with https:// or http://");
            }
        }
        if self.logo_url.as_deref().is_some_and(|url| !is_url(url, &["https://"])) {
            return unusable("logoUrl", "a web address that begins with https://");
        }
        if self.support_url.as_deref().is_some_and(|url| !web(url) && !is_url(url, &["mailto:"])) {
            return unusable("supportUrl", "a web address or mailto:help@example.com");
        }
        let is_color = |text: &str| {
            text.strip_prefix('#')
                .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if self.accent_color.as_deref().is_some_and(|color| !is_color(color)) {
            return unusable("accentColor", "a colour such as #0b57d0");
        }
        for (member, value, most) in
            [("postalAddress", &self.postal_address, 500), ("footer", &self.footer, 1000)]
        {
            let lines = |text: &str| {
                text.chars().count() <= most
                    && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
            };
            if value.as_deref().is_some_and(|text| !lines(text)) {
                return unusable(member, "text without control characters, at most 500 or 1000 characters");
            }
        }
        Ok(())
    }
}

/// Whether a text is a URL of one of these beginnings that can stand in a mail as it is.
pub fn is_url(text: &str, beginnings: &[&str]) -> bool {
    let rest = beginnings.iter().find_map(|beginning| {
        text.get(..beginning.len()).filter(|start| start.eq_ignore_ascii_case(beginning))?;
        text.get(beginning.len()..)
    });
    let usable = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with(['/', '?', '#', ':', '@'])
            && text.len() <= 2000
            && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"'`\\^{|}".contains(&b))
    };
    rest.is_some_and(usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_takes_what_a_mail_can_carry() {
        let brand = |json: &str| serde_json::from_str::<Brand>(json).unwrap().check().map_err(|e| e.member);
        for (json, want) in [
            ("{}", Ok(())),
            (r##"{"name":"Acme","url":"https://acme.test/?a=b","accentColor":"#0b57D0"}"##, Ok(())),
            (r#"{"supportUrl":"mailto:help@acme.test","postalAddress":"Street 1\nTown"}"#, Ok(())),
            (r#"{"name":"a\nb"}"#, Err("name")),
            (r#"{"settingsUrl":"javascript:alert(1)"}"#, Err("settingsUrl")),
            (r#"{"url":"https://a b"}"#, Err("url")),
            (r#"{"url":"https:///path"}"#, Err("url")),
            (r#"{"logoUrl":"http://acme.test/logo.png"}"#, Err("logoUrl")),
            (r#"{"accentColor":"red;background:url(x)"}"#, Err("accentColor")),
            (r#"{"footer":"\u0000"}"#, Err("footer")),
        ] {
            assert_eq!(brand(json), want, "{json}");
        }
    }

    #[test]
    fn the_events_brand_goes_over_the_operators() {
        let operator = Brand { name: Some("A".into()), url: Some("https://a".into()), ..Brand::default() };
        let event = Brand { name: Some("B".into()), ..Brand::default() };
        let both = event.over(&operator);
        assert_eq!((both.name.as_deref(), both.url.as_deref()), (Some("B"), Some("https://a")));
    }
}
