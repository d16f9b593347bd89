//! The suite on SQLite.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Clock;
use crate::port::{OrderBook, Retention};
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

/// All files of a folder, joined.
fn everything(folder: &std::path::Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let files = files.filter(|file| file.file_type().unwrap().is_file());
    files
        .flat_map(|file| std::fs::read(file.path()).unwrap())
        .collect()
}

fn holds(folder: &std::path::Path, what: &[u8]) -> bool {
    everything(folder)
        .windows(what.len())
        .any(|window| window == what)
}

#[tokio::test]
async fn an_erased_dossier_is_in_no_file_of_the_order_book() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-book.db");
    let book = SqlOrderBook::in_file(&path, true, &holder("K1", LONG))
        .await
        .unwrap();
    // Longer than a page, so that it fills pages of its own; and a neighbour that stays.
    let (mine, other) = (
        b"canary-of-the-first".repeat(900),
        b"canary-of-the-other".repeat(900),
    );
    let (first, _) = super::retention::two(&book, &mine, &other).await;
    let (mine, other) = (&mine[..64], &other[..64]);
    assert!(holds(folder.path(), mine) && holds(folder.path(), other));
    assert_eq!(book.erase(&[first]).await.unwrap(), [first]);
    assert!(!holds(folder.path(), mine), "the book still holds what it erased");
    assert!(holds(folder.path(), other));
    book.close().await;
    assert!(!holds(folder.path(), mine));
}

#[tokio::test]
async fn an_erased_bundle_is_in_no_file_of_the_ledger_and_of_its_copy() {
    use crate::base::ids::{AttemptId, OrderKey};
    use crate::job::Fact;
    use crate::port::{BundlePart, Ledger, Part};
    use crate::store::LedgerLock;

    let (folder, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let author = Author {
        ledger: "suite/K1".to_owned(),
        controller: "K1".to_owned(),
        fence: 1,
    };
    let path = folder.path().join("ledger.db");
    let open = async |create| {
        let lock = LedgerLock::take(&path, create).unwrap();
        let copy = Some(second.path());
        SqliteLedger::open_locked(lock, create, author.clone(), Clock::system(), copy).await
    };
    let ledger = open(true).await.unwrap();
    let bundle = |order, letter: u8| BundlePart {
        attempt: AttemptId {
            order: OrderKey(order),
            number: 1,
        },
        part: Part::Content,
        sealed: [b"canary ", &[letter; 80][..]].concat().repeat(300),
    };
    let erased = |order| Fact::OrderErased {
        order: OrderKey(order),
        reason: String::new(),
        by: Vec::new(),
    };
    let (mine, other) = ([b'm'; 64], [b'o'; 64]);
    ledger
        .append(vec![Fact::Stopped], vec![bundle(1, b'm'), bundle(2, b'o')])
        .await
        .unwrap();
    for folder in [folder.path(), second.path()] {
        assert!(holds(folder, &mine) && holds(folder, &other));
    }
    ledger.append(vec![erased(1)], Vec::new()).await.unwrap();
    for folder in [folder.path(), second.path()] {
        assert!(!holds(folder, &mine), "{}", folder.display());
        assert!(holds(folder, &other));
    }
    // The copy follows as before, and is a ledger still.
    ledger
        .append(vec![Fact::Stopped, erased(2)], Vec::new())
        .await
        .unwrap();
    ledger.append(vec![Fact::Stopped], Vec::new()).await.unwrap();
    let copied = SqliteLedger::read(&second.path().join("ledger.db"), "suite/K1")
        .await
        .unwrap();
    assert_eq!(copied.head().await.unwrap(), ledger.head().await.unwrap());
    copied.close().await;
    ledger.close().await;
    let ledger = open(false).await.unwrap();
    assert_eq!(ledger.size().await.unwrap(), 5);
    ledger.close().await;
    assert!(!holds(second.path(), &other));
}
