//! Rows that nobody needs any more, and times that a wrong clock has left.

use std::time::Duration;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::effects::Result;
use rusqlite::{Connection, params};

use super::queue::LONGEST_HIDING;
use super::{Store, duration_micros, micros};

/// How long an expired state is kept, so that its number goes on for callers that still have it.
const EXPIRED_KEPT: Duration = Duration::from_hours(24);
/// Caught mails that are kept.
const MOST_MAILS: i64 = 100_000;
/// Further ahead than anything is due that waits: a relay that works is looked at once a day, a held mail sooner.
const LATEST_DUE: Duration = Duration::from_hours(48);
/// Rows of one transaction: other writes wait for it.
const AT_A_TIME: i64 = 1000;

/// A place in the ledger, and whether anything older may follow.
struct Progress {
    last: i64,
    more: bool,
}

/// Deletes the old rows among the next ones in the order of their arrival, and each event with its last row.
fn prune_rows(connection: &Connection, after: i64, before: i64) -> rusqlite::Result<Progress> {
    let rows = connection
        .prepare_cached(
            "SELECT seq, queued_at, status, tenant, event FROM delivery WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![after, AT_A_TIME], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect::<rusqlite::Result<Vec<(i64, i64, String, String, String)>>>()?;
    let mut progress = Progress { last: after, more: false };
    for (seq, queued_at, status, tenant, event) in rows {
        // Rows come in the order of their times, but for those of a clock that was wrong.
        progress = Progress { last: seq, more: queued_at < before };
        if queued_at >= before || !["sent", "failed", "unknown"].contains(&status.as_str()) {
            continue;
        }
        connection.prepare_cached("DELETE FROM delivery WHERE seq = ?1")?.execute(params![seq])?;
        connection
            .prepare_cached(
                "DELETE FROM event WHERE tenant = ?1 AND id = ?2
                 AND NOT EXISTS (SELECT 1 FROM delivery WHERE tenant = ?1 AND event = ?2)",
            )?
            .execute(params![tenant, event])?;
    }
    Ok(progress)
}

/// Deletes the documents whose mails have all been final for a week, among those that are to be looked at. `true` when
/// there are more.
fn prune_documents(connection: &Connection, now: i64) -> rusqlite::Result<bool> {
    let week = duration_micros(Config::KEEP_DOCUMENT);
    let day = duration_micros(Duration::from_hours(24));
    let found = connection
        .prepare_cached("SELECT rowid, tenant, id FROM event WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2")?
        .query_map(params![now, AT_A_TIME], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    for (rowid, tenant, event) in &found {
        let rows = connection
            .prepare_cached(
                // A row that cannot be read ends as one that ended long ago.
                "SELECT due IS NOT NULL, iif(json_valid(document), json_extract(document, '$.updatedAt'), NULL)
                 FROM delivery WHERE tenant = ?1 AND event = ?2",
            )?
            .query_map(params![tenant, event], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(bool, Option<String>)>>>()?;
        let ended =
            |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok()).map_or(0, micros);
        let open = rows.iter().any(|(open, _)| *open);
        let until = rows.into_iter().map(|(_, at)| ended(at) + week).max().unwrap_or(0);
        if !open && until <= now {
            connection.prepare_cached("DELETE FROM event WHERE rowid = ?1")?.execute(params![rowid])?;
        } else {
            connection
                .prepare_cached("UPDATE event SET look_at = ?2 WHERE rowid = ?1")?
                .execute(params![rowid, if open { now + day } else { until }])?;
        }
    }
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX) == AT_A_TIME)
}

impl Store {
    /// Deletes final rows, emitted events and caught mail that are as old as `kept`, documents whose mails have all been
    /// final for a week, caught mail beyond the newest 100 000, and states that have expired a day ago.
    ///
    /// A clock that is wrong by months must not empty the ledger, so the age counts from the newest row or mail.
    pub async fn prune(&self, kept: Duration) -> Result<()> {
        let now = micros(self.now());
        let newest = |table, column| {
            let sql =
                format!("SELECT coalesce((SELECT {column} FROM {table} ORDER BY seq DESC LIMIT 1), ?1)");
            self.read(move |connection| connection.query_row(&sql, params![now], |row| row.get::<_, i64>(0)))
        };
        let rows_before = newest("delivery", "queued_at").await?.min(now) - duration_micros(kept);
        let mails_before = newest("mail", "at").await?.min(now) - duration_micros(kept);
        let mut progress = Progress { last: 0, more: true };
        while progress.more {
            let after = progress.last;
            progress = self.write(move |connection| prune_rows(connection, after, rows_before)).await?;
        }
        while self.write(move |connection| prune_documents(connection, now)).await? {}
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM mail WHERE seq <= (SELECT max(seq) FROM mail) - ?1")?
                .execute(params![MOST_MAILS])?;
            connection
                .prepare_cached(
                    "DELETE FROM mail WHERE seq IN (SELECT seq FROM mail ORDER BY seq LIMIT ?1) AND at < ?2",
                )?
                .execute(params![AT_A_TIME, mails_before])?;
            connection.prepare_cached("DELETE FROM emitted WHERE at < ?1")?.execute(params![rows_before])?;
            connection
                .prepare_cached("DELETE FROM state WHERE expires < ?1")?
                .execute(params![now - duration_micros(EXPIRED_KEPT)])
                .map(drop)
        })
        .await
    }

    /// Shows the messages earlier by this time that wait for theirs, and makes due at once what waits for longer than anything
    /// does: the clock was set back.
    pub async fn clock_went_back(&self, by: Duration) -> Result<()> {
        let now = micros(self.now());
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE message SET visible_at = visible_at - ?1 WHERE visible_at > ?2")?
                .execute(params![duration_micros(by), now])?;
            make_due(connection, now)
        })
        .await?;
        self.queue_changed.notify_one();
        Ok(())
    }
}

/// Makes due what is due later than anything is: relays that are to be looked at, and rows whose message may be lost.
fn make_due(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let latest = now.saturating_add(duration_micros(LATEST_DUE));
    for table in ["watch", "delivery"] {
        connection.execute(&format!("UPDATE {table} SET due = ?2 WHERE due > ?1"), params![latest, now])?;
    }
    Ok(())
}

/// Shows the messages at once that are hidden for longer than anything is, and makes due what waits so long: the clock was set
/// back meanwhile.
pub(super) fn show_stranded(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let latest = now.saturating_add(duration_micros(LONGEST_HIDING));
    connection.execute("UPDATE message SET visible_at = 0 WHERE visible_at > ?1", params![latest])?;
    make_due(connection, now)
}
