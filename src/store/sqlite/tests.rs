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

/// An upgrade, and what must be there before it and behind it.
struct Upgrade {
    old: &'static str,
    steps: Vec<&'static str>,
    /// Puts in the row of number $1.
    fill: &'static str,
    /// Questions that the old form answers with half of the rows, and the new one.
    half: [&'static str; 2],
}

/// What an upgrade may be made of: a column, its content, a table made anew with another rule, an index. And the one
/// that the order book had.
fn upgrades() -> [Upgrade; 2] {
    let toy = Upgrade {
        old: OLD.1,
        steps: vec![
            "ALTER TABLE card ADD COLUMN box TEXT",
            "UPDATE card SET box = 'X-' || id WHERE state = 'boxed'",
            "CREATE TABLE card_new (id INTEGER PRIMARY KEY, state TEXT NOT NULL, box TEXT UNIQUE) STRICT",
            "INSERT INTO card_new SELECT id, state, box FROM card",
            "DROP TABLE card",
            "ALTER TABLE card_new RENAME TO card",
            "CREATE INDEX card_state ON card (state)",
        ],
        fill: "INSERT INTO card (id, state) VALUES ($1, CASE $1 % 2 WHEN 0 THEN 'boxed' ELSE 'open' END)",
        half: [
            "SELECT count(*) FROM card WHERE state = 'boxed'",
            "SELECT count(*) FROM card WHERE box = 'X-' || id",
        ],
    };
    let lines = include_str!("../migrations/order-book-2.sql").lines();
    let bare: Vec<&str> = lines.filter_map(|line| line.split("--").next()).collect();
    let steps = String::leak(bare.join("\n")).split(';').map(str::trim);
    let order_book = Upgrade {
        old: include_str!("../migrations/order-book-1.sql"),
        steps: steps.filter(|step| !step.is_empty()).collect(),
        fill: "INSERT INTO orders (key, request, version, person, content, office, profile, priority, place, received,
                   admitted, due, state, remake)
               VALUES ($1 + 1, 'R' || $1, 1, 'P' || $1, '', 'A', 'cc', 5, '', '', '', '',
                   CASE $1 % 2 WHEN 0 THEN 'boxed' ELSE 'waiting' END, 0)",
        half: [
            "SELECT count(*) FROM orders WHERE state = 'boxed'",
            "SELECT count(*) FROM orders WHERE state = 'boxed' AND until IS NULL AND erased = 0",
        ],
    };
    [toy, order_book]
}

/// Comparing by this order kills the process.
const DEADLY: &str = "SELECT 'a' < 'b' COLLATE deadly";
const CARDS: u32 = 500;
/// File and number of statements before the deadly one, for the process that dies.
const TASK: &str = "CARDWRIGHT_UPGRADE";
const NAME: &str = "store::sqlite::tests::an_upgrade_killed_at_any_statement_loses_nothing";

impl Upgrade {
    /// Its text, with death before the statement of this number, or without it.
    fn text(&self, death: Option<usize>) -> &'static str {
        let mut steps = self.steps.clone();
        if let Some(death) = death {
            steps.insert(death, DEADLY);
        }
        String::leak(steps.join(";\n"))
    }
}

fn deadly(path: &Path) -> SqliteConnectOptions {
    options(path, true).collation("deadly", |one, other| {
        let _ = kill_process(getpid(), Signal::KILL);
        one.cmp(other)
    })
}

/// Opens the file and brings it to this form.
async fn opened(path: &Path, migrations: &[(&'static str, &'static str)]) -> Result<SqlitePool, Fault> {
    let pool = lasting_pool(1)
        .connect_with(deadly(path))
        .await
        .map_err(|error| database(&error))?;
    migrate(&pool, migrations).await?;
    Ok(pool)
}

async fn count(pool: &SqlitePool, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(pool).await.unwrap()
}

/// The process that dies.
async fn die(task: &str) {
    let mut task = task.rsplitn(3, ':');
    let mut number = || task.next().unwrap().parse::<usize>().unwrap();
    let (death, which) = (number(), number());
    let upgrade = &upgrades()[which];
    let sql = upgrade.text(Some(death));
    let path = Path::new(task.next().unwrap());
    let outcome = opened(path, &[("old", upgrade.old), ("new", sql)]).await;
    panic!("it lives: {:?}", outcome.map(|_| ()));
}

#[tokio::test]
async fn an_upgrade_killed_at_any_statement_loses_nothing() {
    if let Ok(task) = std::env::var(TASK) {
        return die(&task).await;
    }
    for (which, upgrade) in upgrades().iter().enumerate() {
        assert!(upgrade.steps.len() >= 7);
        for death in 0..=upgrade.steps.len() {
            killed_at(upgrade, which, death).await;
        }
    }
}

async fn killed_at(upgrade: &Upgrade, which: usize, death: usize) {
    let (old, new) = (("old", upgrade.old), ("new", upgrade.text(None)));
    let half = i64::from(CARDS / 2);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cards.db");
    let pool = opened(&path, &[old]).await.unwrap();
    let mut filling = pool.begin().await.unwrap();
    for id in 0..CARDS {
        let row = sqlx::query(upgrade.fill).bind(i64::from(id));
        row.execute(&mut *filling).await.unwrap();
    }
    filling.commit().await.unwrap();
    pool.close().await;

    let killed = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(TASK, format!("{}:{which}:{death}", path.display()))
        .output()
        .unwrap();
    assert_eq!(
        killed.status.signal(),
        Some(9),
        "{}",
        String::from_utf8_lossy(&killed.stdout)
    );

    // The old program still can, and finds all; then the new one upgrades, once.
    let pool = opened(&path, &[old]).await.unwrap();
    assert_eq!(count(&pool, upgrade.half[0]).await, half, "death {death}");
    pool.close().await;
    for _ in 0..2 {
        let pool = opened(&path, &[old, new]).await.unwrap();
        for question in upgrade.half {
            assert_eq!(count(&pool, question).await, half, "death {death}");
        }
        pool.close().await;
    }
    // And the old program refuses what it does not know.
    let refused = opened(&path, &[old]).await.unwrap_err();
    assert_eq!(refused.code.id, "STO-011");
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
