//! Sealed values of the installation itself, by name: its CA, the relays' ports and passwords. Their table is `memo`.

use ownpost_core::effects::Result;
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use super::{Store, permanent};

impl Store {
    /// The value with this name; `None` when there is none.
    pub async fn get_value(&self, name: &'static str) -> Result<Option<Zeroizing<String>>> {
        let sealed: Option<Vec<u8>> = self
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT sealed FROM memo WHERE name = ?1")?
                    .query_row(params![name], |row| row.get(0))
                    .optional()
            })
            .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let text = self.keys.unseal(&place(name), &sealed).map_err(|error| permanent(error.to_string()))?;
        Ok(Some(text))
    }

    /// Stores a value under this name, in place of an earlier one.
    pub async fn put_value(&self, name: &'static str, text: &str) -> Result<()> {
        let sealed = self.keys.seal(&place(name), text).map_err(|error| permanent(error.to_string()))?;
        self.write(move |connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO memo (name, sealed) VALUES (?1, ?2)")?
                .execute(params![name, sealed])
                .map(drop)
        })
        .await
    }
}

/// A sealed value and its place, when there is one: the folder's key has to open it.
pub(super) fn any_sealed(connection: &Connection) -> rusqlite::Result<Option<(String, Vec<u8>)>> {
    connection
        .query_row("SELECT name, sealed FROM memo LIMIT 1", [], |row| {
            Ok((place(&row.get::<_, String>(0)?), row.get(1)?))
        })
        .optional()
}

fn place(name: &str) -> String {
    format!("memo/{name}")
}
