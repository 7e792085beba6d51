//! The one-machine server: API and events; and for developers, where no identity provider is named, the page and `/dev`.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::routing::{any, get, post};
use ownpost_core::functions::App;
use problem::Problem;

use crate::relays::RelayInfo;
use crate::store::Store;

mod api;
mod assets;
mod body;
mod connections;
mod dev;
mod guard;
mod mails;
pub mod metrics;
mod problem;
mod token;

pub use assets::is_complete;
pub use connections::serve;

/// The state that the handlers share.
#[derive(Clone)]
pub struct Server {
    /// The functions with their configuration and effects.
    pub app: Arc<App>,
    /// The embedded store that the effects use.
    pub store: Arc<Store>,
    /// The embedded relays as `GET /dev/relays` shows them; none beside an identity provider.
    pub relays: Arc<[RelayInfo]>,
    /// The port it listens on, which each `Host` header has to name, except beside an identity provider.
    pub port: u16,
}

/// The routes of API and events, and without an identity provider those of the page and `/dev`: there everybody who reaches
/// this server gets a token.
pub fn router(server: Server) -> Router {
    let routes = Router::new()
        .route("/api/events", post(api::call))
        .route("/api/smtp/oauth/callback", get(api::callback))
        .route("/api/{*path}", any(api::call));
    let routes = match &server.app.identity {
        None => routes.merge(for_developers()),
        Some(_) => routes.layer(guard::cors(server.app.clone())),
    };
    routes
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "request.not_found",
                "There is nothing here; the API is at /api.",
            )
        })
        .method_not_allowed_fallback(async |method: Method| {
            let detail = format!("{method} is not possible here.");
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "request.method_not_allowed", detail)
        })
        .layer(middleware::from_fn_with_state(server.clone(), guard::check))
        // Each handler has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .with_state(server)
}

fn for_developers() -> Router<Server> {
    Router::new()
        .route("/", get(assets::index))
        .route("/page/{*path}", get(assets::file))
        .route("/validator/{*path}", get(assets::file))
        .route("/dev/token", post(dev::token))
        .route("/dev/mail", get(dev::mail))
        .route("/dev/mail/events", get(dev::mail_events))
        .route("/dev/mail/{id}", get(dev::raw))
        .route("/dev/relays", get(dev::relays))
        .route("/dev/mails", get(mails::page))
        .route("/dev/mails/html", get(mails::html))
        .route("/dev/mails/eml", get(mails::message))
}
