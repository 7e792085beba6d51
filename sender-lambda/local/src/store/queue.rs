//! The queue, with a visibility timeout and fair groups.

use std::time::Duration;

use async_trait::async_trait;
use ownpost_core::effects::Record;
use ownpost_core::effects::{Queue, QueueMessage, Result};
use ownpost_domain::category::Category;
use ownpost_domain::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, duration_micros, micros, permanent, transient};

/// The longest delay of a message: SQS's limit of `DelaySeconds`.
const LONGEST_DELAY: Duration = Duration::from_mins(15);
/// The longest time a message is hidden: SQS's limit of `VisibilityTimeout`.
pub(super) const LONGEST_HIDING: Duration = Duration::from_hours(12);
/// Bytes of a message's body: SQS's limit.
const LONGEST_BODY: usize = 1 << 20;

/// A message that a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message's number, which is its id.
    pub id: i64,
    /// The receipt of this time it was received.
    pub receipt: String,
    /// The tenant whose message it is.
    pub group: Tenant,
    /// The body as it was sent.
    pub body: String,
    /// How many times it has been received, this one included.
    pub receives: u32,
}

impl From<Received> for Record {
    fn from(message: Received) -> Self {
        Self {
            message_id: message.id.to_string(),
            receipt: message.receipt,
            receives: message.receives,
            body: message.body,
        }
    }
}

/// The lanes of a group: one for each category, and the first for what has none.
const LANES: i64 = 5;
const _: () = assert!(Category::ALL.len() == 4, "each has a lane, here and in `ready_groups`");

fn lane(category: Option<Category>) -> i64 {
    let place = category.and_then(|category| Category::ALL.iter().position(|known| *known == category));
    place.and_then(|place| i64::try_from(place + 1).ok()).unwrap_or(0)
}

/// The groups that have a visible message, each found by one step in the index.
fn ready_groups(connection: &Connection, now: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "WITH RECURSIVE groups (grp) AS (
                 SELECT min(grp) FROM message
                 UNION ALL
                 SELECT (SELECT min(grp) FROM message WHERE grp > groups.grp) FROM groups WHERE grp IS NOT NULL
             )
             SELECT grp FROM groups
             WHERE grp IS NOT NULL AND EXISTS (
                 SELECT 1 FROM message
                 WHERE message.grp = groups.grp AND lane IN (0, 1, 2, 3, 4) AND visible_at <= ?1
             )",
        )?
        .query_map(params![now], |row| row.get(0))?
        .collect()
}

impl Store {
    /// The groups that have a message to receive, in the order of their names.
    pub async fn ready_groups(&self) -> Result<Vec<Tenant>> {
        let now = micros(self.now());
        let names = self.read(move |connection| ready_groups(connection, now)).await?;
        names.iter().map(|name| Tenant::stored(name).map_err(|error| permanent(error.to_string()))).collect()
    }

    /// Receives at most `limit` messages of this group and hides them for `visibility`: a worker that dies with them only
    /// delays them. The group's categories take turns, so that an invitation does not wait behind ten thousand
    /// notifications; in each the longest visible is first.
    pub async fn receive(&self, group: &Tenant, limit: usize, visibility: Duration) -> Result<Vec<Received>> {
        let (group, name) = (group.clone(), group.to_string());
        let now = micros(self.now());
        let until = now.saturating_add(duration_micros(visibility));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut receipt_base = [0; 12];
        getrandom::fill(&mut receipt_base).map_err(|_| transient("no randomness"))?;
        let found = self
            .write(move |connection| {
                let mut found = Vec::new();
                for lane in 0..LANES {
                    let mut of_lane = connection.prepare_cached(
                        "SELECT seq, body, receives FROM message WHERE grp = ?1 AND lane = ?4 AND visible_at <= ?2
                         ORDER BY visible_at, seq LIMIT ?3",
                    )?;
                    let rows = of_lane.query_map(params![name, now, limit, lane], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?))
                    })?;
                    for (turn, row) in rows.enumerate() {
                        found.push((turn, row?));
                    }
                }
                // Stable: in each turn the lanes are in their order.
                found.sort_by_key(|(turn, _)| *turn);
                found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                let mut taken = Vec::with_capacity(found.len());
                for (_, (seq, body, receives)) in found {
                    let receipt = receipt(&receipt_base, seq);
                    connection
                        .prepare_cached(
                            "UPDATE message SET visible_at = ?2, receipt = ?3, in_flight = 1,
                             receives = receives + 1 WHERE seq = ?1",
                        )?
                        .execute(params![seq, until, receipt])?;
                    taken.push((seq, receipt, body, receives + 1));
                }
                Ok(taken)
            })
            .await?;
        Ok(found
            .into_iter()
            .map(|(id, receipt, body, receives)| Received {
                id,
                receipt,
                group: group.clone(),
                body,
                receives,
            })
            .collect())
    }

    /// Takes done messages off the queue. A receipt that is not the latest one leaves its message there.
    pub async fn delete(&self, receipts: Vec<String>) -> Result<()> {
        self.settle(receipts, Vec::new()).await
    }

    /// Ends a batch: takes the done messages off the queue, and shows the others again after the time beside them, but
    /// for those that were hidden on purpose meanwhile. A receipt that is not the latest one changes nothing.
    pub async fn settle(&self, done: Vec<String>, unplanned: Vec<(String, Duration)>) -> Result<()> {
        let now = micros(self.now());
        self.write(move |connection| {
            let mut statement = connection.prepare_cached("DELETE FROM message WHERE receipt = ?1")?;
            for receipt in done {
                statement.execute(params![receipt])?;
            }
            let mut statement = connection.prepare_cached(
                "UPDATE message SET visible_at = ?2, in_flight = 0 WHERE receipt = ?1 AND in_flight = 1",
            )?;
            for (receipt, after) in unplanned {
                statement.execute(params![receipt, now.saturating_add(duration_micros(after))])?;
            }
            Ok(())
        })
        .await
    }

    /// How long until the next hidden message shows; `None` when there is none.
    pub async fn next_visible(&self) -> Result<Option<Duration>> {
        let now = micros(self.now());
        let next = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT visible_at FROM message WHERE visible_at > ?1 ORDER BY visible_at LIMIT 1",
                    )?
                    .query_row(params![now], |row| row.get::<_, i64>(0))
                    .optional()
            })
            .await?;
        Ok(next.map(|next| Duration::from_micros((next - now).unsigned_abs())))
    }

    /// How many messages are on the queue, visible or not.
    pub async fn queue_length(&self) -> Result<u64> {
        let count = self
            .read(|connection| {
                connection
                    .prepare_cached("SELECT count(*) FROM message")?
                    .query_row([], |row| row.get::<_, i64>(0))
            })
            .await?;
        Ok(count.unsigned_abs())
    }

    /// Waits until a message was sent, or shows earlier than before.
    pub async fn queue_changed(&self) {
        self.queue_changed.notified().await;
    }
}

fn receipt(base: &[u8], seq: i64) -> String {
    use std::fmt::Write as _;
    let mut receipt = String::new();
    for byte in base {
        let _ = write!(receipt, "{byte:02x}");
    }
    let _ = write!(receipt, "-{seq}");
    receipt
}

#[async_trait]
impl Queue for Store {
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>> {
        let now = micros(self.now());
        let checked: Vec<Result<()>> = messages
            .iter()
            .map(|message| {
                if message.delay > LONGEST_DELAY {
                    Err(permanent("a message is delayed by 15 minutes at most"))
                } else if message.body.len() > LONGEST_BODY {
                    Err(permanent("a message has 1 MiB at most"))
                } else {
                    Ok(())
                }
            })
            .collect();
        let usable: Vec<(String, i64, String, i64)> = messages
            .iter()
            .zip(&checked)
            .filter(|(_, checked)| checked.is_ok())
            .map(|(message, _)| {
                let visible_at = now.saturating_add(duration_micros(message.delay));
                (message.group.to_string(), lane(message.category), message.body.clone(), visible_at)
            })
            .collect();
        let written = self
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO message (grp, lane, body, visible_at) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for (group, lane, body, visible_at) in usable {
                    statement.execute(params![group, lane, body, visible_at])?;
                }
                Ok(())
            })
            .await;
        self.queue_changed.notify_one();
        checked.into_iter().map(|checked| checked.and_then(|()| written.clone())).collect()
    }

    async fn hide(&self, receipt: &str, during: Duration) -> Result<()> {
        if during > LONGEST_HIDING {
            return Err(permanent("a message is hidden for 12 hours at most"));
        }
        let receipt = receipt.to_owned();
        let until = micros(self.now()).saturating_add(duration_micros(during));
        let hidden = self
            .write(move |connection| {
                connection
                    // The time was chosen for this message; a restart keeps to it.
                    .prepare_cached("UPDATE message SET visible_at = ?2, in_flight = 0 WHERE receipt = ?1")?
                    .execute(params![receipt, until])
            })
            .await?;
        self.queue_changed.notify_one();
        if hidden == 1 { Ok(()) } else { Err(permanent("this receipt is not valid any more")) }
    }
}
