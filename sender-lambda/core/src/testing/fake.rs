//! Relays without sockets, for the tests and simulations of this package and others: each says what becomes of a
//! mail, and how the gate is kept is written once. Only there with the feature `testing`, which nothing that ships has
//! on.

use async_trait::async_trait;
use ownpost_domain::failure::{Failure, Reply};
use ownpost_domain::report::StageResult;
use ownpost_domain::settings::Settings;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, ProbeOptions, RelayKey};

use crate::functions::Relays;

/// A relay that speaks no SMTP. Whatever is one is [`Relays`] too.
#[async_trait]
pub trait Fake: Send + Sync {
    /// What it has made up its mind to do with a mail before the final dot.
    type Then: Send;

    /// A batch has come; it goes on when this is over.
    async fn enter(&self, _key: &RelayKey) {}

    /// What comes of a mail up to its final dot.
    ///
    /// # Errors
    /// The mail ends here.
    fn before_the_dot(&self, key: &RelayKey) -> Result<Self::Then, Failure>;

    /// What comes of a mail after its final dot.
    ///
    /// # Errors
    /// So it ends.
    fn after_the_dot(&self, then: Self::Then, key: &RelayKey, mail: &Mail) -> Result<Reply, Failure>;

    /// A batch is over.
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
            let result = match self.before_the_dot(key) {
                Err(failure) => Some(Err(failure)),
                Ok(then) => before_commit.commit(index).await.then(|| self.after_the_dot(then, key, mail)),
            };
            results.push(result);
        }
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

/// A reply of these digits.
pub fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: "words".to_owned() }
}
