//! The mail that the embedded relays have caught.

use ownpost_core::effects::Result;
use rusqlite::{OptionalExtension as _, params};
use tokio::sync::watch;

use super::{Store, micros};

/// A mail as a relay took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaughtMail {
    /// The name of the relay that took it.
    pub relay: &'static str,
    /// The address of MAIL FROM.
    pub from: String,
    /// Each RCPT TO that was accepted.
    pub to: Vec<String>,
    /// The message as it came, dots unstuffed.
    pub data: Vec<u8>,
}

/// A caught mail in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSummary {
    /// The mail's number: the first one is 1.
    pub id: i64,
    /// The name of the relay that took it.
    pub relay: String,
    /// The address of MAIL FROM.
    pub from: String,
    /// The addresses of RCPT TO.
    pub to: Vec<String>,
    /// The message's beginning, long enough for any sane header.
    pub head: Vec<u8>,
}

/// As much of a message is read for its header.
const HEAD_BYTES: i64 = 32 * 1024;

impl Store {
    /// Keeps a mail; once this returns it is durable, and the relay may say 250.
    pub async fn catch(&self, mail: CaughtMail) -> Result<i64> {
        let now = micros(self.now());
        let to = serde_json::json!(mail.to).to_string();
        let number = self
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO mail (relay, mail_from, rcpt_to, data, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .insert(params![mail.relay, mail.from, to, mail.data, now])
            })
            .await?;
        self.mail_caught.send_replace(());
        Ok(number)
    }

    /// Changes with each mail that is caught from now on.
    pub fn mail_caught(&self) -> watch::Receiver<()> {
        self.mail_caught.subscribe()
    }

    /// Caught mail before this number (`i64::MAX`: from the end), the newest first.
    pub async fn caught_before(&self, before: i64, limit: u32) -> Result<Vec<MailSummary>> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT seq, relay, mail_from, rcpt_to, substr(data, 1, ?3) FROM mail WHERE seq < ?1
                     ORDER BY seq DESC LIMIT ?2",
                )?
                .query_map(params![before, limit, HEAD_BYTES], |row| {
                    let to: String = row.get(3)?;
                    Ok(MailSummary {
                        id: row.get(0)?,
                        relay: row.get(1)?,
                        from: row.get(2)?,
                        to: serde_json::from_str(&to).unwrap_or_default(),
                        head: row.get(4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// The bytes of a caught mail.
    pub async fn caught(&self, id: i64) -> Result<Option<Vec<u8>>> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT data FROM mail WHERE seq = ?1")?
                .query_row(params![id], |row| row.get(0))
                .optional()
        })
        .await
    }
}
