//! The operator's DKIM keys at run time: a file is read at start, a secret when the first mail leaves and every few minutes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{App, is_younger};
use crate::config::{ConfigError, DkimSource};
use crate::effects::{EffectError, Secrets};
use crate::files;
use crate::mail::dkim::Keys;

/// How long keys of a secret are used before they are read again.
const FRESH_FOR: Duration = Duration::from_mins(5);

/// Where the keys come from, and those that are known.
pub(super) enum Signing {
    /// The operator has none.
    Nothing,
    /// Of a file.
    File(Arc<Keys>),
    /// Of a secret of this name.
    Secret(String, Mutex<Option<(Timestamp, Arc<Keys>)>>),
}

/// The keys cannot be read, so no mail leaves: receivers may refuse one without a signature, and nobody would see why. The
/// reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeysUnreadable;

impl Signing {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read or holds no keys.
    pub(super) fn of(source: Option<&DkimSource>) -> Result<Self, ConfigError> {
        match source {
            None => Ok(Self::Nothing),
            Some(DkimSource::File(path)) => read_file(path).map(|keys| Self::File(Arc::new(keys))),
            Some(DkimSource::Secret(name)) => Ok(Self::Secret(name.clone(), Mutex::new(None))),
        }
    }
}

/// The keys for a command of the terminal, which has no secret store.
///
/// # Errors
/// The operator names something else than a file with keys.
pub fn of_file(source: Option<&DkimSource>) -> Result<Option<Keys>, ConfigError> {
    match source {
        None => Ok(None),
        Some(DkimSource::File(path)) => read_file(path).map(Some),
        Some(DkimSource::Secret(name)) => {
            let problem = format!("there is no file `{name}`; a secret's name is for the functions on AWS");
            Err(ConfigError { variable: "OWNPOST_DKIM", problem })
        }
    }
}

fn read_file(path: &Path) -> Result<Keys, ConfigError> {
    let unusable = |problem: String| ConfigError {
        variable: "OWNPOST_DKIM",
        problem: format!("{}: {problem}", path.display()),
    };
    let document = files::read(path).map_err(|error| unusable(error.to_string()))?;
    Keys::parse(&document).map_err(unusable)
}

/// The keys as they are now; `None` when the operator has none. Keys that are known stay in use while the secret cannot be
/// read.
pub(super) async fn keys(app: &App) -> Result<Option<Arc<Keys>>, KeysUnreadable> {
    let (name, known) = match &app.signing {
        Signing::Nothing => return Ok(None),
        Signing::File(keys) => return Ok(Some(keys.clone())),
        Signing::Secret(name, known) => (name, known),
    };
    let now = (app.now)();
    let before = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((read_at, keys)) = &before
        && is_younger(*read_at, FRESH_FOR, now)
    {
        return Ok(Some(keys.clone()));
    }
    match read_secret(&*app.effects.secrets, name).await {
        Ok(keys) => {
            let keys = Arc::new(keys);
            *known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, keys.clone()));
            Ok(Some(keys))
        }
        Err(problem) => {
            tracing::error!(problem, "the secret of OWNPOST_DKIM cannot be used");
            before.map(|(_, keys)| Some(keys)).ok_or(KeysUnreadable)
        }
    }
}

async fn read_secret(secrets: &dyn Secrets, name: &str) -> Result<Keys, String> {
    let document = secrets.operator(name).await.map_err(|error: EffectError| error.to_string())?;
    let document = document.ok_or("there is no such secret, or it has no current version")?;
    Keys::parse(document.as_bytes())
}
