//! The suite on SQLite.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Clock;
use crate::port::OrderBook;
use crate::store::ledger::Author;
use crate::store::{Holder, SqlOrderBook, SqliteLedger};

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
    let book = SqlOrderBook::open(&path, true, "suite/K1", "K1").await.unwrap();
    super::order_book(&book).await;
    book.close().await;
}

fn holder(controller: &str, lease: Duration) -> Holder {
    Holder {
        ledger: format!("suite/{controller}"),
        controller: controller.to_owned(),
        home: format!("host of {controller}"),
        lease,
    }
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_order_book_keeps_its_promises_to_several_controllers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-book.db");
    let first = SqlOrderBook::in_file(&path, true, &holder("K1", SHORT))
        .await
        .unwrap();
    let second = SqlOrderBook::in_file(&path, false, &holder("K2", LONG))
        .await
        .unwrap();
    let clock = Clock::system();
    super::leases(&first, &second, async || clock.sleep(SHORT * 2).await).await;
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn many_claims_at_one_moment_share_the_orders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-book.db");
    let mut books = Vec::new();
    for name in ["K1", "K2", "K3"] {
        let book = SqlOrderBook::in_file(&path, true, &holder(name, LONG))
            .await
            .unwrap();
        books.push(Arc::new(book));
    }
    super::race(books, 150, 4).await;
}

#[tokio::test]
async fn a_name_has_one_process_and_one_home_as_long_as_its_lease_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-book.db");
    let home = holder("K1", SHORT);
    let elsewhere = Holder {
        home: "another host".to_owned(),
        ..home.clone()
    };
    let old = SqlOrderBook::in_file(&path, true, &home).await.unwrap();
    let refused = SqlOrderBook::in_file(&path, false, &elsewhere).await;
    assert_eq!(super::refused(refused), "BOOK-004");
    assert!(old.renew().await.is_ok(), "whoever is refused shuts nobody out");
    // At home the ledger's lock says that the last process is dead: nobody waits for its lease.
    let new = SqlOrderBook::in_file(&path, false, &home).await.unwrap();
    super::one_process(&old, &new).await;
    old.vanish().await;
    new.vanish().await;
    Clock::system().sleep(SHORT * 2).await;
    let moved = SqlOrderBook::in_file(&path, false, &elsewhere).await.unwrap();
    assert!(moved.author().fence > 2);
    // Whoever leaves in order keeps nobody waiting.
    moved.close().await;
    SqlOrderBook::in_file(&path, false, &home)
        .await
        .unwrap()
        .close()
        .await;
}
