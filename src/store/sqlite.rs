//! Opening SQLite files the one way we trust: write-ahead log, full synchronization, deleted content overwritten.

pub(crate) mod log;

use std::borrow::Cow;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{Acquire, SqlSafeStr};

use crate::base::Fault;

use super::fault::{DATABASE, NEWER, database};
use super::sql::lasting_pool;

/// Opens (and if `create`, makes) a database and brings it to the newest schema.
pub(crate) async fn open(
    path: &Path,
    create: bool,
    connections: u32,
    migrations: &[(&'static str, &'static str)],
) -> Result<SqlitePool, Fault> {
    log::check(path)?;
    let pool = lasting_pool(connections)
        // A file does not hang up: asking a connection before each use would double the work.
        .test_before_acquire(false)
        .connect_with(options(path, create))
        .await
        .map_err(|error| database(&error).at(path.display()))?;
    migrate(&pool, migrations)
        .await
        .map_err(|fault| fault.at(path.display()))?;
    Ok(pool)
}

/// What a statement keeps aside, to sort or to undo it, stays in memory. A file for it would be made and deleted with
/// every commit, and lie outside the facility's folder, where no erasure reaches.
const ASIDE: (&str, &str) = ("temp_store", "MEMORY");

fn options(path: &Path, create: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        // Pages that a connection keeps, in KiB: there are many connections, and the system keeps the files' pages once
        // for all of them.
        .pragma("cache_size", "-1024")
        .pragma(ASIDE.0, ASIDE.1)
        // 16 MB of log before it is folded into the file: pages of indexes change with every card, and are then
        // written once for many.
        .pragma("wal_autocheckpoint", "4000")
}

/// Each step in a transaction of its own: one that is cut off has not happened.
pub(crate) async fn migrate<'p, P>(pool: P, migrations: &[(&'static str, &'static str)]) -> Result<(), Fault>
where
    P: Acquire<'p>,
    <P::Connection as Deref>::Target: Migrate,
{
    let steps = migrations
        .iter()
        .zip(1i64..)
        .map(|((name, sql), version)| {
            Migration::new(
                version,
                Cow::Borrowed(*name),
                MigrationType::Simple,
                (*sql).into_sql_str(),
                false,
            )
        })
        .collect();
    let outcome = Migrator::with_migrations(steps).run(pool).await;
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(version) => Fault::new(&NEWER, format!("schema {version}")),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database(&error),
        other => Fault::new(&DATABASE, other.to_string()),
    })
}

/// Opens a database that nobody may change through this door.
pub(crate) async fn open_to_read(path: &Path) -> Result<SqlitePool, Fault> {
    log::check(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .pragma(ASIDE.0, ASIDE.1)
        // 64 MB: holding every row against every index reads the pages of an index in no order.
        .pragma("cache_size", "-65536")
        .busy_timeout(Duration::from_secs(10));
    lasting_pool(2)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| database(&error).at(path.display()))
}

/// Folds the write-ahead log into the file and cuts it to nothing, so that no page of it shows what was deleted since.
/// False if a reader kept it from that for longer than the busy timeout.
pub(crate) async fn forget(connection: &mut SqliteConnection) -> Result<bool, Fault> {
    let (busy, ..): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(connection)
        .await
        .map_err(|error| database(&error))?;
    Ok(busy == 0)
}

/// Counts commits, each of which waits for the disk once; a checkpoint of the write-ahead log waits besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits(Arc<AtomicU64>);

impl Commits {
    /// One more.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Since the database was opened.
    pub(crate) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A count or key as SQLite keeps it. Ours never reach 2^63.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored count or key.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
