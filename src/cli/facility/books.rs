//! A facility's own books, opened in the one order that harms nobody.

use std::path::Path;

use crate::base::{Clock, Fault};
use crate::config::{Config, OrderBookPlace};
use crate::store::postgres::Server;
use crate::store::{Holder, LedgerLock, SqlOrderBook, SqliteLedger};

use super::files::read_pin;

/// Opens order book and ledger; `create` makes both. The ledger's lock comes first: opening the order book raises this
/// controller's fencing token, and whoever is refused must not shut out the controller that works.
///
/// # Errors
/// `STO-002` if another process holds the ledger, `STO-008` if there is none, and what the databases say.
pub(in crate::cli) async fn open_books(
    config: &Config,
    create: bool,
    clock: Clock,
) -> Result<(SqlOrderBook, SqliteLedger), Fault> {
    let lock = LedgerLock::take(&config.path(&config.paths.ledger), create)?;
    let order_book = Box::pin(open_order_book(config, create, clock)).await?;
    let author = order_book.author().clone();
    let copy = config
        .paths
        .ledger_copy
        .as_deref()
        .map(|folder| config.path(folder));
    let ledger = SqliteLedger::open_locked(lock, create, author, clock, copy.as_deref()).await?;
    Ok((order_book, ledger))
}

/// The order book, in its file or on its server, under this controller's name.
async fn open_order_book(config: &Config, create: bool, clock: Clock) -> Result<SqlOrderBook, Fault> {
    let holder = Holder {
        ledger: config.ledger_name(),
        controller: config.controller.clone(),
        home: home(&config.path(&config.paths.ledger)),
        lease: config.lease(),
    };
    match config.order_book() {
        OrderBookPlace::File(path) => SqlOrderBook::in_file(&path, create, &holder).await,
        OrderBookPlace::Server { url, password_file } => {
            let password = password_file.as_deref().map(read_pin).transpose()?;
            let server = Server { url, password };
            SqlOrderBook::on_server(&server, clock, &holder).await
        }
    }
}

/// This machine and this ledger: whoever holds the ledger's lock here is the only one who can say this.
fn home(ledger: &Path) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let system = rustix::system::uname();
    let ledger = std::fs::canonicalize(ledger).unwrap_or_else(|_| ledger.to_owned());
    let (machine, host) = (machine.trim(), system.nodename().to_string_lossy());
    format!("{machine}/{host}:{}", ledger.display())
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
        let wishes = crate::cli::init::Wishes {
            name: "F",
            mode: Mode::Rehearsal,
            stations: 0,
            desks: 0,
            pcsc: false,
            module: "",
            chip: crate::config::CHIP,
        };
        let config = crate::cli::init::plan(folder.path(), &wishes).unwrap();
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
