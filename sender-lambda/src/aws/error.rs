//! The SDK's errors as [`EffectError`]: worth another try or not, and words that hold no secret.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use ownpost_core::effects::EffectError;

/// What a service said at most; beyond that it is no message but a document.
const LONGEST: usize = 300;

/// Codes that mean "later", whatever status they come with. Each service has its own word for it.
fn says_later(code: &str) -> bool {
    [
        "Throttl",
        "TooManyRequests",
        "LimitExceeded",
        "SlowDown",
        "Unavailable",
        "InternalFailure",
        "InternalError",
    ]
    .iter()
    .any(|word| code.contains(word))
        || matches!(
            code,
            "ProvisionedThroughputExceededException"
                | "TransactionInProgressException"
                | "TransactionConflictException"
                | "InternalServerError"
                | "InternalServiceError"
                | "InternalException"
                | "InternalServiceErrorException"
                | "RequestTimeout"
                | "RequestTimeoutException"
                | "OperationAborted"
        )
}

/// Whether an entry of a batch that failed with this code may be tried again.
pub(super) fn of_entry(service: &'static str, code: &str, message: Option<&str>) -> EffectError {
    let message = words(code, message);
    if says_later(code) {
        EffectError::Transient { service, message }
    } else {
        EffectError::Permanent { service, message }
    }
}

/// A failed call. The service's message goes along.
pub(super) fn of_call<E>(service: &'static str, error: &SdkError<E, HttpResponse>) -> EffectError
where
    E: ProvideErrorMetadata,
{
    classify(service, error, ProvideErrorMetadata::message)
}

/// A failed call to Secrets Manager. A message about an unusable argument may quote it, and the argument may be
/// the secret; so only the code goes along, and the message where it is about names.
pub(super) fn of_secret_call<E>(error: &SdkError<E, HttpResponse>) -> EffectError
where
    E: ProvideErrorMetadata,
{
    classify("Secrets Manager", error, |error| {
        error
            .message()
            .filter(|_| matches!(error.code(), Some("AccessDeniedException" | "InvalidRequestException")))
    })
}

fn classify<E>(
    service: &'static str,
    error: &SdkError<E, HttpResponse>,
    message: impl Fn(&E) -> Option<&str>,
) -> EffectError
where
    E: ProvideErrorMetadata,
{
    let transient = |message: String| EffectError::Transient { service, message };
    match error {
        SdkError::ServiceError(context) => {
            let answer = context.err();
            let status = context.raw().status().as_u16();
            let code = answer.code().unwrap_or("no error code");
            let message = words(code, message(answer));
            // An expired token is replaced by Lambda together with the whole environment.
            if says_later(code) || status >= 500 || status == 429 || code == "ExpiredTokenException" {
                transient(message)
            } else {
                EffectError::Permanent { service, message }
            }
        }
        SdkError::TimeoutError(_) => transient("no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let what = if failure.is_timeout() { "no answer in time" } else { "cannot be reached" };
            transient(what.to_owned())
        }
        SdkError::ResponseError(_) => transient("answered in a way that cannot be read".to_owned()),
        _ => EffectError::Permanent { service, message: "the request could not be made".to_owned() },
    }
}

fn words(code: &str, message: Option<&str>) -> String {
    match message {
        None | Some("") => code.to_owned(),
        Some(message) => {
            let short: String = message.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            format!("{code}: {short}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_by_code() {
        for (code, again) in [
            ("ThrottlingException", true),
            ("RequestThrottled", true),
            ("InternalFailure", true),
            ("InternalException", true),
            ("ServiceUnavailable", true),
            ("KmsThrottled", true),
            ("AccessDeniedException", false),
            ("InvalidMessageContents", false),
            ("NotAuthorizedForSourceException", false),
        ] {
            let error = of_entry("SQS", code, Some("why\n"));
            assert_eq!(matches!(error, EffectError::Transient { .. }), again, "{code}");
            assert_eq!(error.to_string(), format!("SQS: {code}: why"));
        }
    }
}
