//! An upgrade of the tables is killed at every statement, by a statement that kills: whichever program opens the file
//! next finds everything, in the old form or in the new.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::process::{Signal, getpid, kill_process};

use super::*;

const OLD: (&str, &str) = (
    "old",
    "CREATE TABLE card (id INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT;",
);
/// What an upgrade may be made of: a column, its content, a table made anew with another rule, an index.
const UPGRADE: [&str; 7] = [
    "ALTER TABLE card ADD COLUMN box TEXT",
    "UPDATE card SET box = 'X-' || id WHERE state = 'boxed'",
    "CREATE TABLE card_new (id INTEGER PRIMARY KEY, state TEXT NOT NULL, box TEXT UNIQUE) STRICT",
    "INSERT INTO card_new SELECT id, state, box FROM card",
    "DROP TABLE card",
    "ALTER TABLE card_new RENAME TO card",
    "CREATE INDEX card_state ON card (state)",
];
/// Comparing by this order kills the process.
const DEADLY: &str = "SELECT 'a' < 'b' COLLATE deadly";
const CARDS: u32 = 500;
/// File and number of statements before the deadly one, for the process that dies.
const TASK: &str = "CARDWRIGHT_UPGRADE";
const NAME: &str = "store::sqlite::tests::an_upgrade_killed_at_any_statement_loses_nothing";

/// The upgrade with death before the statement of this number, or without it.
fn upgrade(death: Option<usize>) -> String {
    let mut statements = UPGRADE.to_vec();
    if let Some(death) = death {
        statements.insert(death, DEADLY);
    }
    statements.join(";\n")
}

fn deadly(path: &Path) -> SqliteConnectOptions {
    options(path, true).collation("deadly", |one, other| {
        let _ = kill_process(getpid(), Signal::KILL);
        one.cmp(other)
    })
}

/// Opens the file and brings it to this form.
async fn opened(path: &Path, migrations: &[(&'static str, &'static str)]) -> Result<SqlitePool, Fault> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(deadly(path))
        .await
        .map_err(|error| database(&error))?;
    migrate(&pool, migrations).await?;
    Ok(pool)
}

async fn count(pool: &SqlitePool, condition: &'static str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT count(*) FROM card WHERE {condition}"
    )))
    .fetch_one(pool)
    .await
    .unwrap()
}

/// The process that dies.
async fn die(task: &str) {
    let (path, death) = task.rsplit_once(':').unwrap();
    let sql: &'static str = String::leak(upgrade(Some(death.parse().unwrap())));
    let outcome = opened(Path::new(path), &[OLD, ("new", sql)]).await;
    panic!("it lives: {:?}", outcome.map(|_| ()));
}

#[tokio::test]
async fn an_upgrade_killed_at_any_statement_loses_nothing() {
    if let Ok(task) = std::env::var(TASK) {
        return die(&task).await;
    }
    let whole: &'static str = String::leak(upgrade(None));
    for death in 0..=UPGRADE.len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cards.db");
        let pool = opened(&path, &[OLD]).await.unwrap();
        for id in 0..CARDS {
            let state = if id % 2 == 0 { "boxed" } else { "open" };
            sqlx::query("INSERT INTO card (id, state) VALUES ($1, $2)")
                .bind(i64::from(id))
                .bind(state)
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;

        let killed = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(TASK, format!("{}:{death}", path.display()))
            .output()
            .unwrap();
        assert_eq!(
            killed.status.signal(),
            Some(9),
            "{}",
            String::from_utf8_lossy(&killed.stdout)
        );

        // The old program still can, and finds all; then the new one upgrades, once.
        let pool = opened(&path, &[OLD]).await.unwrap();
        assert_eq!(
            count(&pool, "state = 'boxed'").await,
            i64::from(CARDS / 2),
            "death {death}"
        );
        pool.close().await;
        for _ in 0..2 {
            let pool = opened(&path, &[OLD, ("new", whole)]).await.unwrap();
            assert_eq!(count(&pool, "true").await, i64::from(CARDS));
            assert_eq!(count(&pool, "box = 'X-' || id").await, i64::from(CARDS / 2));
            pool.close().await;
        }
        // And the old program refuses what it does not know.
        let refused = opened(&path, &[OLD]).await.unwrap_err();
        assert_eq!(refused.code.id, "STO-011");
    }
}

#[tokio::test]
async fn nothing_is_kept_aside_on_disk() {
    const IN_MEMORY: i64 = 2;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aside.db");
    let writer = opened(&path, &[OLD]).await.unwrap();
    let reader = open_to_read(&path).await.unwrap();
    for pool in [writer, reader] {
        let aside: i64 = sqlx::query_scalar("PRAGMA temp_store")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(aside, IN_MEMORY);
    }
}
