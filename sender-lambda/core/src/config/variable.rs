//! A variable of the environment: its name, its value, and why it cannot be used.

/// A variable of the environment that the program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// Its value when it is not set, in words.
    pub default: &'static str,
    /// Its meaning, for the operator.
    pub meaning: &'static str,
    /// Whether `ownpost` uses it too; otherwise only the Lambda functions do.
    pub in_terminal: bool,
}

/// An environment variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// The fault of its value, and the values that can be used.
    pub problem: String,
}

/// The provider of tokens, and for whom they are made out.
pub(super) const JWT_ISSUER: &str = "OWNPOST_JWT_ISSUER";
pub(super) const JWT_AUDIENCE: &str = "OWNPOST_JWT_AUDIENCE";
/// The operator's applications at providers of mailboxes.
pub(super) const OAUTH_PROVIDERS: &str = "OWNPOST_OAUTH_PROVIDERS";
/// How long final rows are kept, in days.
pub(super) const RETAIN_DAYS: &str = "OWNPOST_RETAIN_DAYS";
/// Where the DKIM keys are.
pub(super) const DKIM: &str = "OWNPOST_DKIM";

/// `get` without white space around the values, and without those that are empty.
pub(super) fn not_empty(get: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

pub(super) const fn shared(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning, in_terminal: true }
}

pub(super) const fn function(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning, in_terminal: false }
}

/// A value, or the reason why the text cannot be used.
pub(super) type Parsed<T> = Result<T, String>;

pub(super) fn one<T>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    parse: fn(&str) -> Parsed<T>,
) -> Result<Option<T>, ConfigError> {
    let parsed = get(variable).as_deref().map(parse).transpose();
    parsed.map_err(|problem| ConfigError { variable, problem })
}

pub(super) fn list<T>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    parse: fn(&str) -> Parsed<T>,
) -> Result<Vec<T>, ConfigError> {
    let text = get(variable).unwrap_or_default();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(parse).collect::<Parsed<_>>().map_err(|problem| ConfigError { variable, problem })
}
