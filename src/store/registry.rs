//! The authority's registry through its database interface: a stop list and its own statement to read, reports to
//! write.
//!
//! What a report does to the registry's books is the registry's own affair (in the rehearsal, triggers in its schema),
//! so that reconciling compares two sets of books and not one with itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::base::Fault;
use crate::base::ids::{ChipId, SodHash};
use crate::port::fault::NOT_TAKEN;
use crate::port::{Outcome, Registry, Report, Statement, StopList};

use super::fault::{NO_REGISTRY, REGISTRY};
use super::sql::lasting_pool;

/// A connection to the registry.
#[derive(Debug)]
pub struct SqliteRegistry {
    pool: SqlitePool,
}

impl SqliteRegistry {
    /// Connects; the registry's schema is its own.
    ///
    /// # Errors
    /// `STO-010` if there is no registry at this place, `STO-009` if it does not answer.
    pub async fn open(path: &Path) -> Result<Self, Fault> {
        if !path.exists() {
            return Err(Fault::new(&NO_REGISTRY, path.display().to_string()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(Duration::from_secs(10));
        let pool = lasting_pool(2)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| away(&error))?;
        Ok(Self { pool })
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    async fn stop_list(&self) -> Result<StopList, Fault> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT request, reason FROM stop")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| away(&error))?;
        Ok(StopList {
            requests: rows.into_iter().collect(),
        })
    }

    async fn stopped(&self, requests: &[String]) -> Result<BTreeMap<String, String>, Fault> {
        let list = serde_json::to_string(requests).unwrap_or_default();
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT request, reason FROM stop WHERE request IN (SELECT value FROM json_each($1))",
        )
        .bind(list)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| away(&error))?;
        Ok(rows.into_iter().collect())
    }

    async fn report(&self, reports: &[Report]) -> Result<(), Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| away(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| away(&error))?;
        for report in reports {
            sqlx::query(
                "INSERT INTO report (key, request, version, outcome, chip, sod, box) VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (key) DO NOTHING",
            )
            .bind(&report.key)
            .bind(&report.request)
            .bind(i64::from(report.version))
            .bind(outcome(report.outcome))
            .bind(report.chip.as_ref().map(ChipId::as_str))
            .bind(report.sod.as_ref().map(SodHash::as_str))
            .bind(report.label.as_ref().map(|label| label.as_str()))
            .execute(&mut *transaction)
            .await
            .map_err(|error| not_taken(&error, report))?;
        }
        transaction.commit().await.map_err(|error| away(&error))
    }

    async fn statement(&self, after: &str, limit: u32) -> Result<Vec<Statement>, Fault> {
        let rows: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT id, status, sod, (SELECT group_concat(chip, ' ') FROM refused WHERE refused.request = request.id)
             FROM request WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| away(&error))?;
        Ok(rows
            .into_iter()
            .map(|(request, status, sod, refused)| Statement {
                request,
                status,
                sod: sod.map(SodHash),
                refused: refused
                    .unwrap_or_default()
                    .split_whitespace()
                    .map(ChipId::new)
                    .collect(),
            })
            .collect())
    }
}

/// Whatever goes wrong there is not ours to mend: the line waits for the registry, it does not stop.
fn away(error: &sqlx::Error) -> Fault {
    Fault::new(&REGISTRY, error.to_string())
}

/// Its own books do not allow what is reported; anything else is no answer.
fn not_taken(error: &sqlx::Error, report: &Report) -> Fault {
    let refused = |error: &dyn DatabaseError| {
        matches!(
            error.kind(),
            ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation | ErrorKind::NotNullViolation
        )
    };
    if error.as_database_error().is_some_and(refused) {
        Fault::new(&NOT_TAKEN, format!("{}: request {}", report.key, report.request))
    } else {
        away(error)
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Made => "made",
        Outcome::Quarantined => "quarantined",
        Outcome::Spoiled => "spoiled",
        Outcome::NotFound => "not_found",
    }
}
