//! Relays without sockets, for the tests and simulations of this package and others. Each decides the result of a mail;
//! the call of [`BeforeCommit`] is written once, here. Behind the feature `testing`, which no shipped artefact has on.

use async_trait::async_trait;
use ownpost_domain::failure::{Failure, FailureCode, Reply};
use ownpost_domain::outcome;
use ownpost_domain::report::StageResult;
use ownpost_domain::settings::Settings;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, ProbeOptions, RelayKey};

use crate::functions::Relays;

/// A relay that speaks no SMTP. It implements [`Relays`] too.
#[async_trait]
pub trait Fake: Send + Sync {
    /// The decision about a mail, made before its final dot.
    type Then: Send;

    /// Called before a batch; the batch waits for it.
    async fn enter(&self, _key: &RelayKey) {}

    /// Takes a mail up to its final dot.
    ///
    /// # Errors
    /// The failure that ends the mail before its final dot.
    fn before_the_dot(&self, key: &RelayKey) -> Result<Self::Then, Failure>;

    /// Takes a mail after its final dot.
    ///
    /// # Errors
    /// The failure after the final dot.
    fn after_the_dot(&self, then: Self::Then, key: &RelayKey, mail: &Mail) -> Result<Reply, Failure>;

    /// Called after a batch.
    fn leave(&self, _key: &RelayKey) {}

    /// A connectivity test. Most tests need none.
    async fn test(
        &self,
        _settings: &Settings,
        _options: &ProbeOptions<'_>,
        _on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        unreachable!("nothing here tests")
    }
}

#[async_trait]
impl<F: Fake> Relays for F {
    async fn send(
        &self,
        key: &RelayKey,
        _settings: &Settings,
        mails: &[Mail],
        before_commit: &dyn BeforeCommit,
    ) -> Vec<MailResult> {
        self.enter(key).await;
        let mut results = Vec::with_capacity(mails.len());
        for (index, mail) in mails.iter().enumerate() {
            if before_commit.deadline_passed() {
                break;
            }
            let result = match self.before_the_dot(key) {
                Err(failure) => Some(Err(failure)),
                Ok(then) => before_commit.commit(index).await.then(|| self.after_the_dot(then, key, mail)),
            };
            if let Some(result) = &result {
                before_commit.finished(index, result);
                // A real relay needs time for the next mail.
                tokio::task::yield_now().await;
            }
            let ends = result.as_ref().is_some_and(ends_the_batch);
            results.push(result);
            if ends {
                break;
            }
        }
        results.resize(mails.len(), None);
        self.leave(key);
        results
    }

    async fn probe(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        self.test(settings, options, on_stage).await
    }
}

/// Whether a batch is over with this result, as it is in `ownpost_smtp`: what is true of the relay is said once.
fn ends_the_batch(result: &Result<Reply, Failure>) -> bool {
    result
        .as_ref()
        .is_err_and(|failure| failure.code == FailureCode::MessageUnknown || outcome::is_too_many(failure))
}

/// A reply of these digits.
pub fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: "words".to_owned() }
}
