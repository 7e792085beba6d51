//! Who calls the API, by nothing but the claims of a token that was verified.

use ownpost_domain::tenant::Tenant;
use serde_json::{Value, json};

use super::answer::{Answered, problem};
use crate::access::{Access, Role};
use crate::wire::history::By;

/// The tenant's side of a token.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The tenant of the caller.
    pub tenant: Tenant,
    /// The signed-in admin's address: where the test mail goes.
    pub email: Option<String>,
    /// The caller as the history of the settings names them.
    pub by: By,
}

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant's side; `None` for a token that names no tenant.
    pub claims: Option<Claims>,
    /// The caller's part; `None` for one that is neither an admin nor a reader.
    pub role: Option<Role>,
    /// Whether the caller may send events of every tenant.
    pub publishes: bool,
}

impl Caller {
    /// An admin of a tenant, and nothing more.
    pub fn admin(claims: Claims) -> Self {
        Self { claims: Some(claims), role: Some(Role::Admin), publishes: false }
    }

    /// The caller by the claims of a token, as the operator reads them.
    ///
    /// The address is the claim `email`, unless the identity provider says that it is not verified: the test mail must not
    /// go to an address somebody just typed.
    pub fn of(access: &Access, token: &Value) -> Self {
        let text = |name: &str| token[name].as_str().filter(|text| !text.is_empty());
        let verified = match token.get("email_verified") {
            // Not every identity provider says it.
            None | Some(Value::Null) => true,
            Some(said) => *said == json!(true) || *said == json!("true"),
        };
        let email = text("email").filter(|_| verified);
        let tenant = access.tenant(token).and_then(|name| Tenant::new(name).ok());
        let claims = tenant.map(|tenant| Claims {
            tenant,
            email: email.map(ToOwned::to_owned),
            by: By::new(text("sub"), email, text("sid"), text("jti")),
        });
        Self { claims, role: access.role(token), publishes: Access::publishes(token) }
    }

    /// The claims of a caller who may make this call of a tenant.
    pub(super) fn may(&self, method: &str, path: &str) -> Answered<&Claims> {
        let Some(claims) = &self.claims else {
            return Err(problem(403, "tenant.missing", "The token names no tenant."));
        };
        match self.role {
            Some(role) if role.may(method, path) => Ok(claims),
            Some(_) => Err(problem(403, "role.reader", "The token allows to read, not to change.")),
            None => Err(problem(403, "role.missing", "The token is neither an admin's nor a reader's.")),
        }
    }

    /// The tenant whose events the caller may send; `None` for those of every tenant.
    pub(super) fn may_publish(&self, method: &str, path: &str) -> Answered<Option<&Tenant>> {
        if self.publishes {
            return Ok(None);
        }
        if self.claims.is_none() {
            let detail = "The token names no tenant, and has not the scope `events:write`, which allows all.";
            return Err(problem(403, "tenant.missing", detail));
        }
        Ok(Some(&self.may(method, path)?.tenant))
    }
}
