//! The page and the validator's package, embedded when `ownpost` was built.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Ownpost</title>\
     <h1>The page is not part of this build</h1>\
     <p>This <code>ownpost</code> was built before the form was. Run <code>cargo xtask build</code> in the \
     project's folder, and start <code>ownpost local</code> again. The API works regardless.</p></html>";

fn find(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}

/// Whether both the page and the validator's package are there.
pub fn is_complete() -> bool {
    find("page/index.html").is_some() && FILES.iter().any(|(name, _)| name.starts_with("validator/"))
}

pub(super) async fn index() -> Response {
    let page = find("page/index.html").filter(|_| is_complete()).unwrap_or(MISSING.as_bytes());
    ([(header::CONTENT_TYPE, content_type("index.html"))], page).into_response()
}

pub(super) async fn file(uri: Uri) -> Response {
    let name = uri.path().trim_start_matches('/');
    match find(name) {
        Some(bytes) => ([(header::CONTENT_TYPE, content_type(name))], bytes).into_response(),
        None => {
            Problem::new(StatusCode::NOT_FOUND, "request.not_found", "There is no such file.").into_response()
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}
