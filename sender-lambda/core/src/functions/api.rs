//! Function `settings`: the HTTP API of docs/reference/api.md. Every call acts for the tenant of the token and for no
//! other: the tenant is nowhere else in a request.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;
use ownpost_i18n::Locale;
use serde_json::Value;

use self::answer::{Answered, not_allowed, problem};
use self::routes::Lost;
use super::App;
use crate::wire::history::By;

mod activation;
mod answer;
mod caller;
mod connection;
mod connectivity_test;
mod deliveries;
mod events;
pub mod explain;
mod removal;
mod routes;
mod stream;
#[cfg(test)]
mod tests;
mod token;

pub use self::answer::{CHALLENGE, Response, not_base64};
pub use self::caller::{Caller, Claims};
pub use self::routes::Route;
pub use self::stream::{NDJSON, OnStage, Streamed, stream, streams};
pub use self::token::authenticate;

/// A request as every transport hands it over, behind the operator's authoriser.
pub struct Request<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The path below the API's base: `/smtp/test`.
    pub path: &'a str,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The caller, by nothing but the token.
    pub caller: Caller,
    /// `Origin`, as it came.
    pub origin: Option<&'a str>,
    /// `Accept-Language`, as it came.
    pub accept_language: Option<&'a str>,
    /// The body's bytes.
    pub body: &'a [u8],
    /// How long the call may take, where somebody ends it then; further events of an array are not begun after that.
    pub time: Option<Duration>,
}

/// Gets each stage of a test as it passes.
type Progress<'a> = Option<&'a mut (dyn FnMut(Value) + Send)>;

/// Answers a request. `progress` gets each stage of a test as it passes, for the transports that stream.
pub async fn handle(
    app: &App,
    request: Request<'_>,
    progress: Option<&mut (dyn FnMut(Value) + Send)>,
) -> Response {
    // A problem is an answer too; as an `Err` it can be returned early with `?`.
    dispatch(app, &request, progress).await.unwrap_or_else(|problem| problem)
}

async fn dispatch(app: &App, request: &Request<'_>, progress: Progress<'_>) -> Answered {
    let Request { method, path, caller, query, .. } = request;
    let (route, id) = routes::find(method, path).map_err(|lost| match lost {
        Lost::Path => problem(404, "not_found", "There is nothing at this path."),
        Lost::Method(others) => not_allowed(others),
    })?;
    if route == Route::PostEvents {
        let only = caller.may_publish(method, path)?;
        return events::post(app, request.body, only, request.time).await;
    }
    let claims = caller.may(method, path)?;
    let call = Call {
        app,
        tenant: &claims.tenant,
        email: claims.email.as_deref().filter(|email| !email.is_empty()),
        by: &claims.by,
        locale: Locale::preferred(request.accept_language).tag(),
        origin: request.origin,
        body: request.body,
    };
    match route {
        Route::ShowSettings => activation::show(&call, query).await,
        Route::History => activation::history(&call).await,
        Route::Save => activation::save(&call, progress).await,
        Route::Remove => removal::remove(&call, query).await,
        Route::Validate => Ok(connectivity_test::validate(&call)),
        Route::Test => connectivity_test::test(&call, progress).await,
        Route::RollBack => activation::roll_back(&call, progress).await,
        Route::ConnectStart => connection::start(&call).await,
        Route::ListDeliveries => deliveries::list(&call, query).await,
        Route::Erase => deliveries::erase(&call, query).await,
        Route::ResendMany => deliveries::resend_many(&call).await,
        Route::ShowDelivery => deliveries::show(&call, id).await,
        Route::Cancel => deliveries::cancel(&call, id).await,
        Route::Resend => deliveries::resend(&call, id).await,
        Route::ReleaseHeld => deliveries::release_held(&call).await,
        Route::PostEvents => unreachable!("it was answered above"),
    }
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
