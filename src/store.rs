//! Doors to databases: the ledger, the order book and the registry, on sqlx.

#[cfg(test)]
pub(crate) mod conformance;
pub mod fault;
pub mod ledger;
pub mod order_book;
pub mod postgres;
pub mod registry;
pub(crate) mod sql;
pub mod sqlite;

pub use ledger::{LedgerLock, SqliteLedger};
pub use order_book::{Holder, SqlOrderBook};
pub use registry::SqliteRegistry;
