//! One SQL text for two databases. What differs between SQLite and PostgreSQL stands here, in the files of tables, and
//! nowhere else.
//!
//! Values are bound by place (`$1`), which both understand. A transaction that is dropped before its commit has not
//! happened; on PostgreSQL its connection is closed, because nobody knows what it was waiting for.

use std::time::Duration;

use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Transaction, Type};

use crate::base::limits::BOOK_DEADLINE;
use crate::base::{Clock, Fault};
use crate::port::fault::AWAY;

use super::fault::{database, unreadable};
use super::postgres;
use super::sqlite::forget;

/// A pool whose connections stay open as long as it does. Where they have an end of their own sqlx looks after them in
/// a task, which now and then reads a count below zero, and then counts to 2^64 without a pause: a processor is busy
/// for ever, and the program does not end (sqlx issue 3645, in 0.9.0 still).
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub(crate) fn lasting_pool<DB: sqlx::Database>(connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// A statement, with what PostgreSQL needs besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self {
            sqlite: text,
            postgres: text,
        }
    }
}

/// Rows that nobody else has in hand are taken in hand. SQLite has one writer, so there all are.
macro_rules! skip_locked {
    ($head:expr, $tail:expr) => {
        $crate::store::sql::Sql {
            sqlite: concat!($head, $tail),
            postgres: concat!($head, " FOR UPDATE SKIP LOCKED", $tail),
        }
    };
    ($text:expr) => {
        skip_locked!($text, "")
    };
}
/// Waits for whoever has the rows in hand, and takes them.
macro_rules! locked {
    ($text:expr) => {
        $crate::store::sql::Sql {
            sqlite: $text,
            postgres: concat!($text, " FOR UPDATE"),
        }
    };
}
pub(crate) use {locked, skip_locked};

/// The time by the database's own clock, in milliseconds since 1970: leases are judged by one clock for everybody.
const NOW: Sql = Sql {
    sqlite: "SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
    postgres: "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
};

/// Which line of history the server writes: PostgreSQL begins another when a standby is promoted. A file has one.
const TIMELINE: Sql = Sql {
    sqlite: "SELECT 'file'",
    postgres: "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)",
};

/// A value to be bound.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'v> {
    Int(i64),
    Text(&'v str),
    MaybeText(Option<&'v str>),
    Bytes(&'v [u8]),
    Bool(bool),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Int(super::sqlite::int(value))
    }
}
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(value)
    }
}
impl<'v> From<&'v String> for Value<'v> {
    fn from(value: &'v String) -> Self {
        Self::Text(value)
    }
}
impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::MaybeText(value)
    }
}
impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(value)
    }
}

/// Values by place.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// One row of an answer.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The column at this place.
    pub(crate) fn get<T>(&self, place: usize) -> Result<T, Fault>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
        usize: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        let value = match self {
            Self::Sqlite(row) => row.try_get(place),
            Self::Postgres(row) => row.try_get(place),
        };
        value.map_err(|error| unreadable(error.to_string()))
    }

    /// A count or key at this place.
    pub(crate) fn count(&self, place: usize) -> Result<u64, Fault> {
        Ok(super::sqlite::uint(self.get::<i64>(place)?))
    }
}

/// A database's connections.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite(SqlitePool),
    /// A server elsewhere: every question has an end.
    Postgres(PgPool, Clock),
}

impl Database {
    /// Can it be away while this program runs?
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Postgres(..))
    }

    /// Begins a change.
    pub(crate) async fn begin(&self) -> Result<Session, Fault> {
        match self {
            Self::Sqlite(pool) => {
                let begun = pool.begin_with("BEGIN IMMEDIATE").await;
                begun.map(Session::Sqlite).map_err(|error| database(&error))
            }
            Self::Postgres(pool, clock) => {
                let mut session = Remote::open(pool, *clock).await?;
                session.say("BEGIN").await?;
                Ok(Session::Postgres(session))
            }
        }
    }

    /// All rows of an answer.
    pub(crate) async fn rows(&self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(pool) => {
                let rows = to_sqlite(sql.sqlite, values).fetch_all(pool).await;
                let rows = rows.map_err(|error| database(&error))?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(pool, clock) => {
                let mut session = Remote::open(pool, *clock).await?;
                let rows = session.rows(sql.postgres, values).await?;
                session.keep();
                Ok(rows)
            }
        }
    }

    /// The first row of an answer.
    pub(crate) async fn row(&self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// A change of its own; how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<u64, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(pool) => {
                let done = to_sqlite(sql.sqlite, values).execute(pool).await;
                done.map(|done| done.rows_affected())
                    .map_err(|error| database(&error))
            }
            Self::Postgres(pool, clock) => {
                let mut session = Remote::open(pool, *clock).await?;
                let changed = session.execute(sql.postgres, values).await?;
                session.keep();
                Ok(changed)
            }
        }
    }

    /// Cuts the write-ahead log of a file to nothing, so that no page of it shows what was deleted since. False if a
    /// reader kept it from that. A server keeps a log of its own, which is for its administrator.
    pub(crate) async fn forget(&self) -> Result<bool, Fault> {
        match self {
            Self::Sqlite(pool) => {
                let mut connection = pool.acquire().await.map_err(|error| database(&error))?;
                forget(&mut connection).await
            }
            Self::Postgres(..) => Ok(true),
        }
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool, clock) => {
                // A server that is away does not say goodbye.
                let _ = clock.within(CLOSING, pool.close()).await;
            }
        }
    }
}

/// How long connections that nobody uses any more may take to close.
const CLOSING: Duration = Duration::from_secs(1);

/// A change under way.
pub(crate) enum Session {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Remote),
}

impl Session {
    /// All rows of an answer.
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(transaction) => {
                let rows = to_sqlite(sql.sqlite, values).fetch_all(&mut **transaction).await;
                let rows = rows.map_err(|error| database(&error))?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(session) => session.rows(sql.postgres, values).await,
        }
    }

    /// The first row of an answer.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// How many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, values: &[Value<'_>]) -> Result<u64, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(transaction) => {
                let done = to_sqlite(sql.sqlite, values).execute(&mut **transaction).await;
                done.map(|done| done.rows_affected())
                    .map_err(|error| database(&error))
            }
            Self::Postgres(session) => session.execute(sql.postgres, values).await,
        }
    }

    /// The time by the database's clock, in milliseconds since 1970.
    pub(crate) async fn now(&mut self) -> Result<i64, Fault> {
        let row = self.row(NOW, &[]).await?;
        row.ok_or_else(|| unreadable("the database's time"))?.get(0)
    }

    /// Which line of history the server writes.
    pub(crate) async fn timeline(&mut self) -> Result<String, Fault> {
        let row = self.row(TIMELINE, &[]).await?;
        row.ok_or_else(|| unreadable("the database's history"))?.get(0)
    }

    /// It is durable when this returns well. If the answer is lost, nobody knows, and it must be asked.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await.map_err(|error| database(&error)),
            Self::Postgres(mut session) => {
                session.say("COMMIT").await?;
                session.keep();
                Ok(())
            }
        }
    }
}

/// A connection to a server. Unless it is kept, it is closed: what it was told last may still be under way.
pub(crate) struct Remote {
    connection: PoolConnection<Postgres>,
    clock: Clock,
    kept: bool,
}

impl Remote {
    async fn open(pool: &PgPool, clock: Clock) -> Result<Self, Fault> {
        let connection = ended(clock, pool.acquire()).await?;
        Ok(Self {
            connection,
            clock,
            kept: false,
        })
    }

    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let asked = to_postgres(sql, values).fetch_all(&mut *self.connection);
        let rows = ended(self.clock, asked).await?;
        Ok(rows.into_iter().map(Row::Postgres).collect())
    }

    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Fault> {
        let asked = to_postgres(sql, values).execute(&mut *self.connection);
        Ok(ended(self.clock, asked).await?.rows_affected())
    }

    /// A simple query: one message there, one back.
    async fn say(&mut self, sql: &'static str) -> Result<(), Fault> {
        let said = sqlx::raw_sql(sql).execute(&mut *self.connection);
        ended(self.clock, said).await.map(|_| ())
    }

    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if !self.kept {
            self.connection.close_on_drop();
        }
    }
}

/// A server that takes longer than anything takes is away, whatever it may still do.
async fn ended<T>(clock: Clock, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Fault> {
    match clock.within(BOOK_DEADLINE, asked).await {
        Some(answered) => answered.map_err(|error| postgres::fault(&error)),
        None => Err(Fault::new(
            &AWAY,
            format!("no answer in {} s", BOOK_DEADLINE.as_secs()),
        )),
    }
}

/// A statement with its values. A macro, because the two drivers share no trait that says what both can bind.
macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values
            .iter()
            .fold(sqlx::query($sql), |query, value| match *value {
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::MaybeText(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
            })
    };
}

fn to_sqlite<'v>(sql: &'static str, values: &[Value<'v>]) -> Query<'v, Sqlite, SqliteArguments> {
    bound!(sql, values)
}

fn to_postgres<'v>(sql: &'static str, values: &[Value<'v>]) -> Query<'v, Postgres, PgArguments> {
    bound!(sql, values)
}
