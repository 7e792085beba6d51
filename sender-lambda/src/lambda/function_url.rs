//! The function URL of `settings`, whose answers stream: the stages of a test come as they pass. A URL has no authoriser, so
//! the token is checked here, by the code of `ownpost local --jwt-issuer`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lambda_runtime::{MetadataPrelude, StreamResponse};
use ownpost_core::functions::App;
use ownpost_core::functions::api::{self, NDJSON, Streamed};
use serde_json::Value;

use super::http::{Answer, Call, HttpEvent};

/// The bytes of an answer, as they come.
pub(super) type Bytes = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Infallible>> + Send>>;

/// Whether an invocation came by a function URL: Lambda writes the name of the URL's host into its event, where API Gateway
/// writes its own. Only there an answer may stream.
pub(super) fn is_source_of(event: &Value) -> bool {
    event["requestContext"]["domainName"].as_str().is_some_and(|name| name.contains(".lambda-url."))
}

/// Answers a request of the function URL. Nothing that its event says of an authoriser counts.
pub(super) async fn answer(app: Arc<App>, event: HttpEvent) -> StreamResponse<Bytes> {
    let call = Call::from(event);
    if call.comes_from_provider() {
        return whole(call.back_from_provider(&app).await);
    }
    let caller = match api::authenticate(&app, call.header("authorization")).await {
        Ok(caller) => caller,
        Err(refused) => return whole(refused.into()),
    };
    if !api::streams(&call.method, &call.path, call.header("accept")) {
        return whole(call.answer(&app, caller).await);
    }
    let streamed = api::stream(move |mut on_stage| async move {
        let answer = call.handle(&app, caller, Some(&mut *on_stage)).await;
        app.meter.flush();
        answer
    });
    match streamed.await {
        Some(Streamed::Whole(answer)) => whole(answer.into()),
        Some(Streamed::Lines(lines)) => {
            let headers = Answer::new(200, NDJSON, String::new(), None);
            StreamResponse { metadata_prelude: prelude(&headers), stream: Box::pin(lines.map(Ok)) }
        }
        None => whole(Answer::internal()),
    }
}

/// An answer of one piece.
fn whole(mut answer: Answer) -> StreamResponse<Bytes> {
    let body = std::mem::take(&mut answer.body).into_bytes();
    let stream = stream::once(async { Ok(body) });
    StreamResponse { metadata_prelude: prelude(&answer), stream: Box::pin(stream) }
}

fn prelude(answer: &Answer) -> MetadataPrelude {
    let headers = answer.headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(*name).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
    });
    MetadataPrelude {
        status_code: StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: headers.collect::<HeaderMap>(),
        cookies: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_function_url_is_told_from_the_api() {
        for (host, expected) in [
            ("abc123.lambda-url.eu-west-1.on.aws", true),
            ("abc123.execute-api.eu-west-1.amazonaws.com", false),
            ("mail.example.com", false),
        ] {
            assert_eq!(is_source_of(&json!({"requestContext": {"domainName": host}})), expected, "{host}");
        }
        assert!(!is_source_of(&json!({"forgetTenant": "acme"})));
        assert!(!is_source_of(&json!({"requestContext": {}, "headers": {"host": "x.lambda-url.y"}})));
    }
}
