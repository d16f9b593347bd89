//! Opening a PostgreSQL database, and what its refusals mean.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgPool};

use crate::base::limits::BOOK_DEADLINE;
use crate::base::{Clock, Fault, Secret};
use crate::port::fault::AWAY;

use super::fault::{DAMAGED, DATABASE, FULL, TWICE};
use super::sql::lasting_pool;
use super::sqlite::migrate;

/// Connections of one controller: its machines claim and grant now and then, and its desks look up dossiers.
const CONNECTIONS_MAX: u32 = 8;

/// Where a server is found.
#[derive(Debug)]
pub struct Server<'a> {
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=…`, without a password.
    pub url: &'a str,
    /// The password, if it wants one.
    pub password: Option<Secret<String>>,
}

/// What a server says it is; nothing is changed there.
///
/// # Errors
/// `BOOK-001` if it does not answer; what it says.
pub async fn version(server: &Server<'_>, clock: Clock) -> Result<String, Fault> {
    let asking = async {
        let pool = pool(server)?;
        let version = sqlx::query_scalar("SELECT 'PostgreSQL ' || current_setting('server_version')");
        let version = version.fetch_one(&pool).await.map_err(|error| fault(&error));
        pool.close().await;
        version
    };
    let told = clock.within(BOOK_DEADLINE * 2, asking).await;
    told.unwrap_or_else(|| Err(Fault::new(&AWAY, "asking for its version")))
}

/// Opens the database and brings it to the newest schema. Controllers that come at one moment wait for each other.
pub(crate) async fn open(
    server: &Server<'_>,
    clock: Clock,
    migrations: &[(&'static str, &'static str)],
) -> Result<PgPool, Fault> {
    let pool = pool(server)?;
    let opening = async {
        // Asked first, in words of its own: the migrator's are about tables.
        pool.acquire().await.map_err(|error| fault(&error))?;
        migrate(&pool, migrations).await
    };
    match clock.within(BOOK_DEADLINE * 2, opening).await {
        Some(opened) => opened.map(|()| pool),
        None => Err(Fault::new(&AWAY, "opening the order book")),
    }
}

fn pool(server: &Server<'_>) -> Result<PgPool, Fault> {
    let mut options = PgConnectOptions::from_str(server.url)
        .map_err(|error| Fault::new(&DATABASE, error.to_string()))?
        .application_name("cardwright")
        // A commit that returned is on disk, and where a synchronous standby is configured, on its disk too.
        .options([
            ("synchronous_commit", "on"),
            ("statement_timeout", "4s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("client_min_messages", "warning"),
        ]);
    if let Some(password) = &server.password {
        options = options.password(password.expose());
    }
    Ok(lasting_pool(CONNECTIONS_MAX)
        .acquire_timeout(BOOK_DEADLINE)
        .connect_lazy_with(options))
}

/// An error of PostgreSQL as a fault. Classes of SQLSTATE: appendix A of its manual. What a server says when it starts,
/// stops, is read-only (a standby) or has no place left for connections means that nobody is there; so does a
/// transaction that it gave up in favour of another, or that took too long.
pub(crate) fn fault(error: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(inner) = error else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Fault::new(&AWAY, error.to_string()),
            _ => Fault::new(&DATABASE, error.to_string()),
        };
    };
    if inner.is_unique_violation() {
        return Fault::new(&TWICE, inner.message().to_owned());
    }
    let state = inner.code().unwrap_or_default();
    let code = match &*state {
        "25006" | "40001" | "40P01" | "53300" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05"
        | "25P03" => &AWAY,
        "53100" => &FULL,
        "XX001" | "XX002" => &DAMAGED,
        _ if state.starts_with("08") => &AWAY,
        _ => &DATABASE,
    };
    Fault::new(code, format!("{} ({state})", inner.message()))
}
