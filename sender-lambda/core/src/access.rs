//! Who may do what at the HTTP API, by the claims of a token that was already verified.

use serde_json::Value;

/// What the operator says about claims. The default is that of a product whose tokens are all admins'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The claim that names the tenant, instead of `tenant`, else `custom:tenant`.
    pub tenant: Option<String>,
    /// Who may change settings; without it, every token of a tenant.
    pub admin: Option<Claim>,
    /// Who may only read.
    pub reader: Option<Claim>,
}

/// A claim and the value that it must have or contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    name: String,
    value: String,
}

/// The caller's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads and changes.
    Admin,
    /// Reads.
    Reader,
}

impl Role {
    /// Whether the call is allowed. The check of a draft by the rules alone changes nothing and connects nowhere.
    pub fn may(self, method: &str, path: &str) -> bool {
        self == Self::Admin
            || method == "GET"
            || (method, path.trim_matches('/')) == ("POST", "smtp/validate")
    }
}

impl Claim {
    /// Reads `name=value`.
    ///
    /// # Errors
    /// Name or value is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("`{text}` is no claim and value; write role=admin or scope=smtp:write")),
        }
    }

    /// Whether the claims have it. A list contains it; a scope is a list whose items stand behind spaces (RFC 8693,
    /// 4.2), and API Gateway hands every list on as text: `[one two]`.
    fn is_in(&self, claims: &Value) -> bool {
        let wanted = self.value.as_str();
        match &claims[self.name.as_str()] {
            Value::String(text) => {
                let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                let scope = matches!(self.name.as_str(), "scope" | "scp").then_some(text.as_str());
                let items = list.or(scope).unwrap_or_default();
                text == wanted || items.split([' ', ',']).any(|item| item == wanted)
            }
            Value::Array(items) => items.iter().any(|item| item.as_str() == Some(wanted)),
            Value::Bool(set) => set.to_string() == wanted,
            _ => false,
        }
    }
}

impl Access {
    /// The tenant's name as the token has it.
    pub fn tenant<'a>(&self, claims: &'a Value) -> Option<&'a str> {
        let text = |name: &str| claims[name].as_str().filter(|text| !text.is_empty());
        match &self.tenant {
            Some(name) => text(name),
            None => text("tenant").or_else(|| text("custom:tenant")),
        }
    }

    /// Whether the token has the scope `events:write`, by which a product sends the events of all its tenants. Scopes are
    /// in `scope` (RFC 8693) or, at some identity providers, in `scp`.
    pub fn publishes(claims: &Value) -> bool {
        ["scope", "scp"].into_iter().any(|name| {
            let scope = Claim { name: name.to_owned(), value: "events:write".to_owned() };
            scope.is_in(claims)
        })
    }

    /// The caller's part; `None` for a token that names neither.
    pub fn role(&self, claims: &Value) -> Option<Role> {
        let has = |claim: &Option<Claim>| claim.as_ref().is_some_and(|claim| claim.is_in(claims));
        if self.admin.is_none() || has(&self.admin) {
            Some(Role::Admin)
        } else {
            has(&self.reader).then_some(Role::Reader)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn access(admin: &str, reader: &str) -> Access {
        let claim = |text: &str| (!text.is_empty()).then(|| Claim::parse(text).unwrap());
        Access { tenant: None, admin: claim(admin), reader: claim(reader) }
    }

    #[test]
    fn a_role_comes_from_the_claim_that_the_operator_names() {
        let by_role = access("role=admin", "role=support");
        let by_scope = access("scope=smtp:write", "scope=smtp:read");
        for (access, claims, role) in [
            (&access("", ""), json!({}), Some(Role::Admin)),
            (&by_role, json!({"role": "admin"}), Some(Role::Admin)),
            (&by_role, json!({"role": "support"}), Some(Role::Reader)),
            (&by_role, json!({"role": ["user", "admin"]}), Some(Role::Admin)),
            (&by_role, json!({"role": "[user support]"}), Some(Role::Reader)),
            (&by_role, json!({"role": "not admin"}), None),
            (&by_role, json!({"role": "administrator"}), None),
            (&by_role, json!({"role": "Admin"}), None),
            (&by_role, json!({"role": {"admin": true}}), None),
            (&by_role, json!({"scope": "admin"}), None),
            (&by_role, json!({}), None),
            (&by_scope, json!({"scope": "openid smtp:write"}), Some(Role::Admin)),
            (&by_scope, json!({"scope": "openid smtp:read"}), Some(Role::Reader)),
            (&by_scope, json!({"scope": "smtp:write:none"}), None),
            (&access("admin=true", ""), json!({"admin": true}), Some(Role::Admin)),
            (&access("admin=true", ""), json!({"admin": false}), None),
        ] {
            assert_eq!(access.role(&claims), role, "{access:?} {claims}");
        }
    }

    #[test]
    fn a_scope_makes_a_publisher() {
        for (claims, publishes) in [
            (json!({"scope": "openid events:write"}), true),
            (json!({"scope": "events:write"}), true),
            (json!({"scope": ["events:write"]}), true),
            (json!({"scope": "[openid events:write]"}), true),
            (json!({"scp": "events:write"}), true),
            (json!({"scp": ["a", "events:write"]}), true),
            (json!({"scope": "events:writer events:read xevents:write"}), false),
            (json!({"scope": "events:write:none"}), false),
            (json!({"role": "events:write"}), false),
            (json!({"scope": {"events:write": true}}), false),
            (json!({}), false),
            (json!(null), false),
        ] {
            assert_eq!(Access::publishes(&claims), publishes, "{claims}");
        }
    }

    #[test]
    fn a_reader_changes_nothing() {
        for (method, path, may) in [
            ("GET", "/smtp", true),
            ("GET", "/deliveries/1", true),
            ("POST", "/smtp/validate", true),
            ("POST", "/smtp/test", false),
            ("PUT", "/smtp", false),
            ("PUT", "/smtp/validate", false),
            ("DELETE", "/smtp", false),
            ("POST", "/deliveries/1/resend", false),
            ("POST", "/events", false),
            ("get", "/smtp", false),
        ] {
            assert_eq!(Role::Reader.may(method, path), may, "{method} {path}");
            assert!(Role::Admin.may(method, path));
        }
    }

    #[test]
    fn the_tenants_claim_can_be_named() {
        let claims = json!({"tenant": "a", "custom:tenant": "b", "https://example.com/org": "c"});
        assert_eq!(Access::default().tenant(&claims), Some("a"));
        let named = Access { tenant: Some("https://example.com/org".to_owned()), ..Access::default() };
        assert_eq!(named.tenant(&claims), Some("c"));
        assert_eq!(named.tenant(&json!({"tenant": "a"})), None, "the one that is named, and no other");
    }
}
