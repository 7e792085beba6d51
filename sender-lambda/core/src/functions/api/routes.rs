//! The calls of the HTTP API, in one table: the dispatch, the OpenAPI document and the test of the template read it.

/// Declares the calls once: variant, method, path below the API's base, meaning.
macro_rules! routes {
    ($($variant:ident = $method:literal $path:literal $meaning:literal,)+) => {
        /// A call of the HTTP API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Route { $(#[doc = $meaning] $variant,)+ }
        impl Route {
            /// All calls, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The HTTP method, in capitals.
            pub const fn method(self) -> &'static str {
                match self { $(Self::$variant => $method,)+ }
            }
            /// The path below the API's base; `{id}` stands for a segment.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)+ }
            }
            /// What the call does, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

routes! {
    ShowSettings = "GET" "/smtp" "Shows the active settings without secrets.",
    History = "GET" "/smtp/history" "Says who changed the settings, when, and how it ended.",
    Validate = "POST" "/smtp/validate" "Checks a draft by the rules, without a connection.",
    Test = "POST" "/smtp/test" "Tests a draft; stores nothing.",
    Save = "PUT" "/smtp" "Tests a draft with a test mail and makes it active when that passed.",
    RollBack = "POST" "/smtp/rollback" "Goes back to the settings that were active before, after testing them.",
    Remove = "DELETE" "/smtp" "Goes back to the platform's server; with `forget=1` erases the settings.",
    ConnectStart = "POST" "/smtp/oauth/start" "Begins to connect a mailbox with a provider.",
    ListDeliveries = "GET" "/deliveries" "Lists the ledger, newest first.",
    Erase = "DELETE" "/deliveries" "Erases what is kept of a person.",
    ResendMany = "POST" "/deliveries/resend" "Sends many failed or unknown mails again.",
    ShowDelivery = "GET" "/deliveries/{id}" "Shows one mail, from its trigger to now.",
    Cancel = "POST" "/deliveries/{id}/cancel" "Stops a mail that has not left.",
    Resend = "POST" "/deliveries/{id}/resend" "Sends a failed or unknown mail again.",
    ReleaseHeld = "POST" "/held/release" "Sends what was held, after a passing test.",
    PostEvents = "POST" "/events" "Accepts one event or an array of them.",
}

/// Why a request is no call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nothing is at this path.
    Path,
    /// The path takes these methods, as the header `Allow` lists them.
    Method(String),
}

/// The call of a request, and the path's `{id}`; empty where it has none. A path that a call names as it stands is no id.
pub(super) fn find<'p>(method: &str, path: &'p str) -> Result<(Route, &'p str), Lost> {
    let mut others: Vec<&str> = Vec::new();
    let is = |route: &Route| route.path().trim_matches('/') == path.trim_matches('/');
    let literal = Route::ALL.iter().any(is);
    for route in Route::ALL.iter().filter(|route| !literal || is(route)) {
        let Some(id) = matched(route.path(), path) else { continue };
        if route.method() == method {
            return Ok((*route, id));
        }
        others.push(route.method());
    }
    if others.is_empty() { Err(Lost::Path) } else { Err(Lost::Method(others.join(", "))) }
}

/// The `{id}` of a path of this pattern, empty where the pattern has none; `None` for a path of another one.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let mut wanted = pattern.trim_matches('/').split('/');
    let mut id = "";
    for segment in path.trim_matches('/').split('/') {
        match wanted.next()? {
            "{id}" if !segment.is_empty() => id = segment,
            literal if literal == segment => {}
            _ => return None,
        }
    }
    wanted.next().is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_call_or_none() {
        for route in Route::ALL {
            let path = route.path().replace("{id}", "dlv_1");
            let id = if route.path().contains("{id}") { "dlv_1" } else { "" };
            assert_eq!(find(route.method(), &path), Ok((*route, id)), "{path}");
            assert_eq!(find(route.method(), &format!("{path}/")), Ok((*route, id)), "{path}/");
            assert_eq!(find(route.method(), &format!("{path}/more/x")), Err(Lost::Path), "{path}");
        }
        for (method, path, allow) in [
            ("PATCH", "/smtp", "GET, PUT, DELETE"),
            ("get", "/smtp/history", "GET"),
            ("GET", "/events", "POST"),
            ("GET", "/deliveries/resend", "POST"),
            ("PUT", "/deliveries/dlv_1", "GET"),
        ] {
            assert_eq!(find(method, path), Err(Lost::Method(allow.to_owned())), "{method} {path}");
        }
        for path in ["", "/", "/smtp/", "/smtps", "/deliveries//resend", "/events/1", "//events"] {
            assert!(find("PROPFIND", path).is_err(), "{path}");
        }
        assert_eq!(find("POST", "/deliveries//resend"), Err(Lost::Path));
    }
}
