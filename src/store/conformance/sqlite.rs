//! The suite on SQLite.

use crate::base::Clock;
use crate::store::ledger::Author;
use crate::store::{SqliteLedger, SqliteOrderBook};

#[tokio::test]
async fn the_ledger_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let author = Author {
        ledger: "suite/K1".to_owned(),
        controller: "K1".to_owned(),
        fence: 1,
    };
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path, true, author, Clock::system())
        .await
        .unwrap();
    super::ledger(&ledger).await;
    ledger.close().await;
}

#[tokio::test]
async fn the_order_book_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-book.db");
    let book = SqliteOrderBook::open(&path, true, "suite/K1", "K1")
        .await
        .unwrap();
    super::order_book(&book).await;
    book.close().await;
}
