//! A facility's own books, opened in the one order that harms nobody.

use crate::base::{Clock, Fault};
use crate::config::Config;
use crate::store::{LedgerLock, SqliteLedger, SqliteOrderBook};

/// Opens order book and ledger; `create` makes both. The ledger's lock comes first: opening the order book raises this
/// controller's fencing token, and whoever is refused must not shut out the controller that works.
///
/// # Errors
/// `STO-002` if another process holds the ledger, `STO-008` if there is none, and what the databases say.
pub(in crate::cli) async fn open_books(
    config: &Config,
    create: bool,
    clock: Clock,
) -> Result<(SqliteOrderBook, SqliteLedger), Fault> {
    let lock = LedgerLock::take(&config.path(&config.paths.ledger), create)?;
    let order_book = SqliteOrderBook::open(
        &config.path(&config.paths.order_book),
        create,
        &config.ledger_name(),
        &config.controller,
    )
    .await?;
    let author = order_book.author().clone();
    let ledger = SqliteLedger::open_locked(lock, create, author, clock).await?;
    Ok((order_book, ledger))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Mode;
    use crate::job::Fact;
    use crate::port::Ledger;

    #[tokio::test]
    async fn whoever_is_refused_does_not_shut_out_the_controller_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let config = crate::cli::init::plan(folder.path(), "F", Mode::Rehearsal, 0, 0, "").unwrap();
        let clock = Clock::system();
        let (order_book, ledger) = open_books(&config, true, clock).await.unwrap();
        for _ in 0..3 {
            let refused = open_books(&config, false, clock).await;
            assert_eq!(refused.unwrap_err().code.id, "STO-002");
        }
        ledger.append(vec![Fact::Stopped], Vec::new()).await.unwrap();
        let fence = order_book.author().fence;
        ledger.close().await;
        order_book.close().await;
        let (order_book, ledger) = open_books(&config, false, clock).await.unwrap();
        assert_eq!(order_book.author().fence, fence + 1);
        ledger.close().await;
        order_book.close().await;
    }
}
