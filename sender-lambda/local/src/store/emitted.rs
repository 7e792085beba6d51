//! The events that Ownpost emits: kept for a while, and said on the log.

use async_trait::async_trait;
use ownpost_core::effects::{Emitted, Events, Result};
use ownpost_domain::delivery::DeliveryId;
use rusqlite::{Connection, params};
use tokio::sync::broadcast;

use super::{Store, micros};

/// How many of the latest events are kept, as long as rows are: on one machine none subscribes, and a person may look.
const KEPT: i64 = 10_000;
/// How many events wait for one who listens; older ones are lost to it.
pub(super) const UNHEARD: usize = 256;

impl Store {
    /// The latest events, the newest first: detail type and detail.
    pub async fn emitted(&self, limit: u32) -> Result<Vec<(String, String)>> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT detail_type, detail FROM emitted ORDER BY seq DESC LIMIT ?1")?
                .query_map(params![limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }

    /// The events from now on, in place of the cloud's bus.
    pub fn hear(&self) -> broadcast::Receiver<Emitted> {
        self.emitted_now.subscribe()
    }
}

/// Deletes the events about this mail, which name its recipient. The id is a hash, so no other text has it.
pub(super) fn erase(connection: &Connection, id: &DeliveryId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM emitted WHERE instr(detail, ?1) > 0")?
        .execute(params![id.as_str()])
        .map(drop)
}

#[async_trait]
impl Events for Store {
    async fn emit(&self, events: &[Emitted]) -> Vec<Result<()>> {
        let now = micros(self.now());
        let rows: Vec<_> = events.iter().map(|event| (event.detail_type, event.detail.to_string())).collect();
        let written = self
            .write(move |connection| {
                for (detail_type, detail) in rows {
                    connection
                        .prepare_cached("INSERT INTO emitted (detail_type, detail, at) VALUES (?1, ?2, ?3)")?
                        .execute(params![detail_type, detail, now])?;
                }
                connection
                    .prepare_cached("DELETE FROM emitted WHERE seq <= (SELECT max(seq) FROM emitted) - ?1")?
                    .execute(params![KEPT])
                    .map(drop)
            })
            .await;
        for event in events {
            tracing::info!(event = event.detail_type, "emitted");
            // Nobody may be listening.
            let _ = self.emitted_now.send(event.clone());
        }
        events.iter().map(|_| written.clone()).collect()
    }
}
