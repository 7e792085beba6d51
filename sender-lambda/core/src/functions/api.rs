//! Function `settings`: the HTTP API of docs/reference/api.md. Every call acts for the tenant of the token and for no
//! other: the tenant is nowhere else in a request.

use ownpost_domain::tenant::Tenant;
use ownpost_i18n::Locale;
use serde_json::Value;

use self::answer::problem;
use super::App;
use crate::wire::history::By;

mod activation;
mod answer;
mod connection;
mod connectivity_test;
mod deliveries;
pub mod explain;
mod removal;
#[cfg(test)]
mod tests;

pub use self::answer::Response;

/// A request as every transport hands it over, behind the operator's authoriser.
pub struct Request<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The path below the API's base: `/smtp/test`.
    pub path: &'a str,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The caller, by nothing but the token.
    pub claims: Claims,
    /// `Origin`, as it came.
    pub origin: Option<&'a str>,
    /// `Accept-Language`, as it came.
    pub accept_language: Option<&'a str>,
    /// The body's bytes.
    pub body: &'a [u8],
}

/// The claims of the caller's token.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The tenant of the caller.
    pub tenant: Tenant,
    /// The signed-in admin's address: where the test mail goes.
    pub email: Option<String>,
    /// The caller as the history of the settings names them.
    pub by: By,
}

/// Gets each stage of a test as it passes.
type Progress<'a> = Option<&'a mut (dyn FnMut(Value) + Send)>;

/// Answers a request. `progress` gets each stage of a test as it passes, for the transports that stream.
pub async fn handle(
    app: &App,
    request: Request<'_>,
    progress: Option<&mut (dyn FnMut(Value) + Send)>,
) -> Response {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let call = Call {
        app,
        tenant: &request.claims.tenant,
        email: request.claims.email.as_deref().filter(|email| !email.is_empty()),
        by: &request.claims.by,
        locale: Locale::preferred(request.accept_language).tag(),
        origin: request.origin,
        body: request.body,
    };
    let answered = match (request.method, path.as_slice()) {
        ("GET", ["smtp"]) => activation::show(&call, &request.query).await,
        ("GET", ["smtp", "history"]) => activation::history(&call).await,
        ("PUT", ["smtp"]) => activation::save(&call, progress).await,
        ("DELETE", ["smtp"]) => removal::remove(&call, &request.query).await,
        ("POST", ["smtp", "validate"]) => Ok(connectivity_test::validate(&call)),
        ("POST", ["smtp", "test"]) => connectivity_test::test(&call, progress).await,
        ("POST", ["smtp", "rollback"]) => activation::roll_back(&call, progress).await,
        ("POST", ["smtp", "oauth", "start"]) => connection::start(&call).await,
        ("GET", ["deliveries"]) => deliveries::list(&call, &request.query).await,
        ("DELETE", ["deliveries"]) => deliveries::erase(&call, &request.query).await,
        ("POST", ["deliveries", "resend"]) => deliveries::resend_many(&call).await,
        ("GET", ["deliveries", id]) => deliveries::show(&call, id).await,
        ("POST", ["deliveries", id, "cancel"]) => deliveries::cancel(&call, id).await,
        ("POST", ["deliveries", id, "resend"]) => deliveries::resend(&call, id).await,
        ("POST", ["held", "release"]) => deliveries::release_held(&call).await,
        (
            _,
            ["smtp"]
            | ["smtp", "validate" | "test" | "rollback" | "history"]
            | ["smtp", "oauth", "start"]
            | ["deliveries", ..]
            | ["held", "release"],
        ) => Err(problem(405, "method.not_allowed", "This path does not take this method.")),
        _ => Err(problem(404, "not_found", "There is nothing at this path.")),
    };
    // A problem is an answer too; as an `Err` it can be returned early with `?`.
    answered.unwrap_or_else(|problem| problem)
}

/// The value of a pair of the query; `None` when it is not there or empty.
fn given<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let pair = query.iter().find(|(key, value)| key == name && !value.is_empty());
    pair.map(|(_, value)| value.as_str())
}

/// A call as its handler sees it.
struct Call<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    email: Option<&'a str>,
    by: &'a By,
    locale: &'static str,
    origin: Option<&'a str>,
    body: &'a [u8],
}
