//! What the installation itself remembers, sealed.

use ownpost_core::effects::Result;
use rusqlite::{OptionalExtension as _, params};
use zeroize::Zeroizing;

use super::{Store, permanent};

impl Store {
    /// What was remembered under this name.
    pub async fn recall(&self, name: &'static str) -> Result<Option<Zeroizing<String>>> {
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

    /// Remembers a text under this name.
    pub async fn remember(&self, name: &'static str, text: &str) -> Result<()> {
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

fn place(name: &str) -> String {
    format!("memo/{name}")
}
