//! Stages as they pass: one a line, the answer last (docs/reference/api.md, Streaming).

use std::pin::Pin;

use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;

use super::answer::Response;
use super::routes::Route;

/// The media type of JSON values, one a line.
pub const NDJSON: &str = "application/x-ndjson";

/// An answer for a transport that streams.
pub enum Streamed {
    /// The answer that came before any stage: with its own status, as without streaming.
    Whole(Response),
    /// The stages, and the answer as the last line. Without that line the call has failed.
    Lines(Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>),
}

/// Gets each stage of a test as it passes.
pub type OnStage = Box<dyn FnMut(Value) + Send>;

/// Whether the stages of this call are to be streamed, by the values of its `Accept`.
pub fn streams<'a>(method: &str, path: &str, accept: impl IntoIterator<Item = &'a str>) -> bool {
    [Route::Test, Route::Save].iter().any(|route| (route.method(), route.path()) == (method, path))
        && accept.into_iter().flat_map(|value| value.split(',')).any(|range| {
            range.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(NDJSON))
        })
}

/// Answers in a task of its own, which goes on when the client has gone: a change of settings is not broken off. `None` when
/// it has failed before any stage.
pub async fn stream<Answering>(answer: impl FnOnce(OnStage) -> Answering) -> Option<Streamed>
where
    Answering: Future<Output = Response> + Send + 'static,
{
    let (stages, mut passed) = mpsc::unbounded_channel();
    let task = tokio::spawn(answer(Box::new(move |stage| {
        // The client may have gone.
        let _ = stages.send(stage);
    })));
    // The channel closes when the task is over, so this waits for the first stage or the answer.
    let Some(first) = passed.recv().await else {
        return task.await.ok().map(Streamed::Whole);
    };
    let rest = stream::unfold(passed, async |mut passed| Some((passed.recv().await?, passed)));
    let stages = stream::once(async { first }).chain(rest).map(|stage| line(stage.to_string().into_bytes()));
    let last = stream::once(task).filter_map(async |answer| Some(line(answer.ok()?.body)));
    Some(Streamed::Lines(Box::pin(stages.chain(last))))
}

fn line(mut json: Vec<u8>) -> Vec<u8> {
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::api::answer::nothing;

    #[test]
    fn only_a_test_streams_and_only_when_it_is_asked_to() {
        for (method, path, accept, expected) in [
            ("POST", "/smtp/test", &["application/x-ndjson"][..], true),
            ("PUT", "/smtp", &["text/html, Application/X-NDJSON;q=0.5"], true),
            ("PUT", "/smtp", &["application/json", "application/x-ndjson"], true),
            ("PUT", "/smtp", &["application/json"], false),
            ("PUT", "/smtp", &["x-application/x-ndjson"], false),
            ("PUT", "/smtp", &[], false),
            ("GET", "/smtp", &["application/x-ndjson"], false),
            ("POST", "/smtp/rollback", &["application/x-ndjson"], false),
        ] {
            assert_eq!(streams(method, path, accept.iter().copied()), expected, "{method} {path} {accept:?}");
        }
    }

    #[tokio::test]
    async fn stages_come_before_the_end_and_an_early_answer_alone() {
        let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
        let streamed = stream(move |mut on_stage| async move {
            on_stage(Value::from(1));
            let _ = wait.await;
            on_stage(Value::from(2));
            Response { body: b"{}".to_vec(), ..nothing() }
        });
        let Some(Streamed::Lines(mut lines)) = streamed.await else { panic!("it streams") };
        assert_eq!(lines.next().await.unwrap(), b"1\n", "while the test is under way");
        go_on.send(()).unwrap();
        assert_eq!(lines.collect::<Vec<_>>().await, [b"2\n".to_vec(), b"{}\n".to_vec()]);
        let whole = stream(|_| async { nothing() }).await;
        assert!(matches!(whole, Some(Streamed::Whole(answer)) if answer.status == 204));
        assert!(stream(|_| async { panic!("a bug") }).await.is_none());
        let broken = stream(|mut on_stage| async move {
            on_stage(Value::from(1));
            panic!("a bug")
        });
        let Some(Streamed::Lines(lines)) = broken.await else { panic!("it streams") };
        assert_eq!(lines.collect::<Vec<_>>().await.len(), 1, "no answer");
    }
}
