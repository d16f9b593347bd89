//! What can be said of a ledger's file without knowing what its records mean.

use sqlx::sqlite::SqlitePool;

use crate::audit::Hash;
use crate::base::Fault;

use super::{MIGRATIONS, SqliteLedger};
use crate::store::fault::database;
use crate::store::sql::lasting_pool;
use crate::store::sqlite::migrate;

/// Tables, indexes and their rules: without a rule of the schema laws 2 and 3 hold for nothing.
const SCHEMA: &str = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
/// The table of the sealed parts: each proves its integrity itself when it is opened.
const SEALED: &str = "bundle";

/// Everything that a ledger's file says, in two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Content {
    /// Records and state tables.
    pub books: Hash,
    /// The sealed parts of bundles.
    pub sealed: Hash,
}

impl SqliteLedger {
    /// What the database itself finds wrong with its file: pages, indexes, rows that a rule of the schema forbids, and
    /// rules that are missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn damage(&self) -> Result<Vec<String>, Fault> {
        let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        let mut damage: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
        let pristine = pristine().await?;
        if schema(&self.pool).await? != schema(&pristine).await?
            || steps(&self.pool).await? != steps(&pristine).await?
        {
            damage.push("its tables are not those of this program".to_owned());
        }
        // What an attempt is found by must be what it says of itself, or laws 2 and 3 hold for the wrong rows.
        let bent: Vec<(i64, i64)> = sqlx::query_as(include_str!("bent-attempts.sql"))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        damage.extend(
            bent.iter().map(|(order, number)| {
                format!("attempt O{order:07}.{number}: its columns are not its state's")
            }),
        );
        Ok(damage)
    }

    /// Everything the file says, read from its tables and not by way of their indexes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn content(&self) -> Result<Content, Fault> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
        let (sealed, books): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table == SEALED);
        Ok(Content {
            books: self.rows(&books).await?,
            sealed: self.rows(&sealed).await?,
        })
    }

    /// One number for all rows of these tables.
    async fn rows(&self, tables: &[String]) -> Result<Hash, Fault> {
        let mut said = Vec::new();
        for table in tables {
            // When a schema was brought up, and how long that took, is no statement of the ledger.
            let columns: Vec<String> = sqlx::query_scalar(
                "SELECT name FROM pragma_table_info($1)
                 WHERE name NOT IN ('installed_on', 'execution_time') ORDER BY cid",
            )
            .bind(table)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
            let values: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
            let rows = format!(
                "SELECT {} FROM \"{table}\" NOT INDEXED",
                values.join(" || ',' || ")
            );
            let mut rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
            rows.sort_unstable();
            said.push(table.clone());
            said.append(&mut rows);
        }
        let said: Vec<&[u8]> = said.iter().map(String::as_bytes).collect();
        Ok(Hash::of(&said))
    }
}

/// How the tables came to be.
async fn steps(pool: &SqlitePool) -> Result<Vec<(i64, String, bool, Vec<u8>)>, Fault> {
    sqlx::query_as("SELECT version, description, success, checksum FROM _sqlx_migrations ORDER BY version")
        .fetch_all(pool)
        .await
        .map_err(|error| database(&error))
}

async fn schema(pool: &SqlitePool) -> Result<Vec<(String, String, String, String)>, Fault> {
    sqlx::query_as(SCHEMA)
        .fetch_all(pool)
        .await
        .map_err(|error| database(&error))
}

/// An empty ledger in memory, as this program makes it.
async fn pristine() -> Result<SqlitePool, Fault> {
    let pool = lasting_pool(1)
        .connect("sqlite::memory:")
        .await
        .map_err(|error| database(&error))?;
    migrate(&pool, MIGRATIONS).await?;
    Ok(pool)
}
