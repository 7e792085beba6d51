//! The rows, their events and the shared states, with conditional writes.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::effects::{Due, DueKind, Filter, Ledger, Order, Page, Result, Versioned};
use ownpost_domain::delivery::{Closed, Delivery, DeliveryId, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, params, params_from_iter};

use super::{Store, duration_micros, emitted, micros, permanent};

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Sending => "sending",
        Status::Sent => "sent",
        Status::Deferred => "deferred",
        Status::Held => "held",
        Status::Failed => "failed",
        Status::Unknown => "unknown",
    }
}

fn encode(row: &Delivery) -> Result<String> {
    serde_json::to_string(row).map_err(|error| permanent(error.to_string()))
}

fn decode(document: &str) -> Result<Delivery> {
    serde_json::from_str(document).map_err(|error| permanent(format!("a row cannot be read: {error}")))
}

/// A row of the list, with the columns that say most when the document cannot be read.
struct Listed {
    document: String,
    queued_at: i64,
    seq: i64,
    id: String,
    event: String,
    recipient: String,
}

impl Listed {
    /// The row, or the one that says that it cannot be read.
    fn read(self, tenant: &Tenant) -> std::result::Result<Delivery, Box<Delivery>> {
        decode(&self.document).map_err(|error| {
            tracing::error!(%tenant, row = self.id, %error, "ledger");
            let queued_at = Timestamp::from_microsecond(self.queued_at).unwrap_or_default();
            let id = DeliveryId::from_external(&self.id);
            Box::new(Delivery::unreadable(tenant, id, self.event, self.recipient, queued_at))
        })
    }
}

/// The columns of [`Listed`].
const LISTED: &str = "document, queued_at, seq, id, event, recipient";

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        // A document that is no text is kept apart from an error of the store.
        document: row.get_ref(0)?.as_str().map(str::to_owned).unwrap_or_default(),
        queued_at: row.get(1)?,
        seq: row.get(2)?,
        id: row.get(3)?,
        event: row.get(4)?,
        recipient: row.get(5)?,
    })
}

/// A place in the list: the time and number of the last row given.
fn encode_cursor(queued_at: i64, seq: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{queued_at}/{seq}"))
}

fn decode_cursor(cursor: &str) -> Option<(i64, i64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (queued_at, seq) = text.split_once('/')?;
    Some((queued_at.parse().ok()?, seq.parse().ok()?))
}

#[async_trait]
impl Ledger for Store {
    async fn put_event(
        &self,
        tenant: &Tenant,
        event: &str,
        document: &[u8],
        _keep_until: Timestamp,
    ) -> Result<bool> {
        let (tenant, event, document) = (tenant.to_string(), event.to_owned(), document.to_vec());
        // The rows themselves say when the last of them was final; until then nobody looks.
        let look_at = micros(self.now()).saturating_add(duration_micros(Config::KEEP_DOCUMENT));
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO event (tenant, id, document, look_at) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![tenant, event, document, look_at])
                .map(|written| written == 1)
        })
        .await
    }

    async fn get_event(&self, tenant: &Tenant, event: &str) -> Result<Option<Vec<u8>>> {
        let (tenant, event) = (tenant.to_string(), event.to_owned());
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT document FROM event WHERE tenant = ?1 AND id = ?2")?
                .query_row(params![tenant, event], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn keep_event(&self, _: &Tenant, _: &str, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn replace_event(&self, tenant: &Tenant, event: &str, before: &[u8], after: &[u8]) -> Result<bool> {
        let (tenant, event) = (tenant.to_string(), event.to_owned());
        let (before, after) = (before.to_vec(), after.to_vec());
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE event SET document = ?4 WHERE tenant = ?1 AND id = ?2 AND document = ?3",
                )?
                .execute(params![tenant, event, before, after])
                .map(|written| written == 1)
        })
        .await
    }

    async fn insert(&self, row: &Delivery) -> Result<bool> {
        let (row, document) = (row.clone(), encode(row)?);
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO delivery
                     (tenant, id, event, recipient, status, queued_at, version, document, due)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8)",
                )?
                .execute(params![
                    row.tenant.as_str(),
                    row.id.as_str(),
                    row.event,
                    row.recipient,
                    status_name(row.status),
                    micros(row.queued_at),
                    document,
                    due::at(&row).map(micros)
                ])
                .map(|written| written == 1)
        })
        .await
    }

    async fn get(&self, tenant: &Tenant, id: &DeliveryId) -> Result<Option<Versioned<Delivery>>> {
        let (name, id) = (tenant.to_string(), id.as_str().to_owned());
        let found = self
            .read(move |connection| {
                let sql = format!("SELECT {LISTED}, version FROM delivery WHERE tenant = ?1 AND id = ?2");
                connection
                    .prepare_cached(&sql)?
                    .query_row(params![name, id], |row| Ok((listed(row)?, row.get::<_, i64>(6)?)))
                    .optional()
            })
            .await?;
        let Some((row, version)) = found else { return Ok(None) };
        let value = row.read(tenant).unwrap_or_else(|unreadable| *unreadable);
        Ok(Some(Versioned { value, version: version.unsigned_abs() }))
    }

    async fn update(&self, row: &Delivery, version: u64) -> Result<bool> {
        let (row, document) = (row.clone(), encode(row)?);
        let Ok(version) = i64::try_from(version) else { return Ok(false) };
        self.write(move |connection| {
            let values = params![
                status_name(row.status),
                micros(row.queued_at),
                document,
                row.tenant.as_str(),
                row.id.as_str(),
                version,
                due::at(&row).map(micros),
                row.recipient
            ];
            // A column that is named is written into each index that has it, changed or not; these two are in most
            // of them, and rarely change.
            let written = connection
                .prepare_cached(
                    "UPDATE delivery SET status = ?1, version = version + 1, document = ?3, due = ?7
                     WHERE tenant = ?4 AND id = ?5 AND version = ?6 AND queued_at = ?2 AND recipient = ?8",
                )?
                .execute(values)?;
            if written == 1 {
                return Ok(true);
            }
            let written = connection
                .prepare_cached(
                    "UPDATE delivery SET status = ?1, queued_at = ?2, version = version + 1, document = ?3, due = ?7,
                         recipient = ?8
                     WHERE tenant = ?4 AND id = ?5 AND version = ?6",
                )?
                .execute(values)?;
            if written == 1 && row.closed == Some(Closed::Erased) {
                emitted::erase(connection, &row.id)?;
            }
            Ok(written == 1)
        })
        .await
    }

    async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        order: Order,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        let filters = [
            ("status", filter.status.map(|status| status_name(status).to_owned())),
            ("recipient", filter.recipient.clone()),
            ("event", filter.event.clone()),
        ];
        let mut index = "delivery_by_time".to_owned();
        let mut conditions = String::new();
        let mut values = vec![Value::Text(tenant.to_string())];
        for (column, value) in filters {
            if let Some(value) = value {
                conditions.extend([" AND ", column, " = ?"]);
                values.push(Value::Text(value));
                // The last one is the most telling.
                index = format!("delivery_by_{column}");
            }
        }
        let (direction, beyond) = match order {
            Order::NewestFirst => ("DESC", "<"),
            Order::OldestFirst => ("ASC", ">"),
        };
        if let Some(cursor) = cursor {
            let (queued_at, seq) =
                decode_cursor(cursor).ok_or_else(|| permanent("this is no cursor of this ledger"))?;
            conditions.extend([" AND (queued_at, seq) ", beyond, " (?, ?)"]);
            values.extend([Value::Integer(queued_at), Value::Integer(seq)]);
        }
        let wanted = limit.clamp(1, 1000);
        let sql = format!(
            "SELECT {LISTED} FROM delivery INDEXED BY {index} WHERE tenant = ?{conditions}
             ORDER BY queued_at {direction}, seq {direction} LIMIT {}",
            // One more tells whether there is a next page.
            wanted + 1
        );
        let mut found = self
            .read(move |connection| {
                connection
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(values), listed)?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        let more = found.len() > wanted;
        found.truncate(wanted);
        let last = found.last().filter(|_| more);
        let cursor = last.map(|row| encode_cursor(row.queued_at, row.seq));
        let mut deliveries = Vec::with_capacity(found.len());
        for row in found {
            match (row.read(tenant), order) {
                (Ok(delivery), _) => deliveries.push(delivery),
                // For a person, a row that says so; the others of the page are as good as ever.
                (Err(unreadable), Order::NewestFirst) => deliveries.push(*unreadable),
                // A function works on the rows: with this one it could do nothing.
                (Err(_), Order::OldestFirst) => {}
            }
        }
        Ok(Page { deliveries, cursor })
    }

    async fn get_state(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<serde_json::Value>>> {
        let (tenant, key, now) = (tenant.to_string(), key.to_owned(), micros(now));
        let found = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT value, version FROM state
                         WHERE tenant = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)",
                    )?
                    .query_row(params![tenant, key, now], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
                    })
                    .optional()
            })
            .await?;
        let Some((value, version)) = found else { return Ok(None) };
        let value = serde_json::from_str(&value).map_err(|error| permanent(error.to_string()))?;
        Ok(Some(Versioned { value, version: version.unsigned_abs() }))
    }

    async fn put_state(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &serde_json::Value,
        version: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        let (tenant, key, value) = (tenant.to_string(), key.to_owned(), value.to_string());
        let (expires, now) = (expires.map(micros), micros(now));
        let Ok(version) = i64::try_from(version) else { return Ok(false) };
        // An expired state counts as none, but its number goes on: a caller with the old number must not
        // win against one that began after the end.
        let sql = if version == 0 {
            "INSERT INTO state (tenant, key, value, version, expires) VALUES (?1, ?2, ?3, 1 + ?4, ?5)
             ON CONFLICT DO UPDATE SET value = excluded.value, version = version + 1, expires = excluded.expires
             WHERE expires IS NOT NULL AND expires <= ?6"
        } else {
            "UPDATE state SET value = ?3, version = version + 1, expires = ?5
             WHERE tenant = ?1 AND key = ?2 AND version = ?4 AND (expires IS NULL OR expires > ?6)"
        };
        self.write(move |connection| {
            connection
                .prepare_cached(sql)?
                .execute(params![tenant, key, value, version, expires, now])
                .map(|written| written == 1)
        })
        .await
    }

    async fn due(&self, shard: u16, before: Timestamp, limit: usize) -> Result<Vec<Due>> {
        // One file has one index: it is all in the first shard.
        if shard != 0 {
            return Ok(Vec::new());
        }
        let (before, limit) = (micros(before), i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT due, tenant, id FROM (
                             SELECT due, tenant, id FROM delivery INDEXED BY delivery_by_due
                             WHERE due IS NOT NULL AND due < ?1 ORDER BY due LIMIT ?2
                         )
                         UNION ALL SELECT due, tenant, NULL FROM (
                             SELECT due, tenant FROM watch WHERE due < ?1 ORDER BY due LIMIT ?2
                         )
                         ORDER BY 1 LIMIT ?2",
                    )?
                    .query_map(params![before, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect::<rusqlite::Result<Vec<(i64, String, Option<String>)>>>()
            })
            .await?;
        let due = |(at, tenant, id): (i64, String, Option<String>)| {
            let tenant = Tenant::new(&tenant).map_err(|error| permanent(error.to_string()))?;
            let at = Timestamp::from_microsecond(at).map_err(|error| permanent(error.to_string()))?;
            let what = match id {
                Some(id) => DueKind::Row(tenant, DeliveryId::from_external(&id)),
                None => DueKind::Relay(tenant),
            };
            Ok(Due { what, at })
        };
        found.into_iter().map(due).collect()
    }

    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<bool> {
        let (what, at, until) = (due.what.clone(), micros(due.at), micros(until));
        self.write(move |connection| {
            let written = match what {
                DueKind::Row(tenant, id) => connection
                    .prepare_cached(
                        "UPDATE delivery SET due = ?4 WHERE tenant = ?1 AND id = ?2 AND due = ?3",
                    )?
                    .execute(params![tenant.as_str(), id.as_str(), at, until]),
                DueKind::Relay(tenant) => connection
                    .prepare_cached("UPDATE watch SET due = ?3 WHERE tenant = ?1 AND due = ?2")?
                    .execute(params![tenant.as_str(), at, until]),
            };
            written.map(|written| written == 1)
        })
        .await
    }

    async fn watch(&self, tenant: &Tenant, at: Timestamp) -> Result<()> {
        let (tenant, at) = (tenant.to_string(), micros(at));
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO watch (tenant, due) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET due = excluded.due WHERE excluded.due < due",
                )?
                .execute(params![tenant, at])
                .map(drop)
        })
        .await
    }

    async fn forget_some(&self, tenant: &Tenant) -> Result<bool> {
        let tenant = tenant.to_string();
        self.write(move |connection| {
            for (table, column) in [
                ("delivery", "tenant"),
                ("event", "tenant"),
                ("state", "tenant"),
                ("watch", "tenant"),
                ("message", "grp"),
            ] {
                connection.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), params![tenant])?;
            }
            connection.execute(
                "DELETE FROM emitted WHERE iif(json_valid(detail), json_extract(detail, '$.tenant'), NULL) = ?1",
                params![tenant],
            )?;
            Ok(false)
        })
        .await
    }
}
