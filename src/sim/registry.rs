//! The authority in rehearsals: its own database, with its own rules as triggers.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};
use sqlx::{Connection, Executor};

use crate::store::sql::lasting_pool;

/// The authority's registry.
#[derive(Debug)]
pub struct Registry {
    pool: SqlitePool,
}

impl Registry {
    /// Opens the registry, making it if needed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = lasting_pool(2).connect_with(options).await?;
        pool.execute(include_str!("registry/schema.sql")).await?;
        Ok(Self { pool })
    }

    /// Enters requests that were approved; those it knows stay as they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approve(&self, requests: &[String]) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        for request in requests {
            sqlx::query("INSERT INTO request (id) VALUES ($1) ON CONFLICT (id) DO NOTHING")
                .bind(request)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Puts a request on the stop list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop(&self, request: &str, reason: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO stop (request, reason) VALUES ($1, $2)
             ON CONFLICT (request) DO UPDATE SET reason = excluded.reason",
        )
        .bind(request)
        .bind(reason)
        .execute(&self.pool)
        .await
        .map(|_| ())
    }

    /// Takes a request off the stop list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release(&self, request: &str) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM stop WHERE request = $1")
            .bind(request)
            .execute(&self.pool)
            .await
            .map(|_| ())
    }

    /// Closes the database.
    pub async fn close(self) {
        self.pool.close().await;
    }
}
