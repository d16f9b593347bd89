//! A facility in memory: every port of the line without a database, a device or a socket.
//!
//! Under tokio's paused time a whole day passes in seconds, and the same seed gives the same day. What the ports
//! promise is the same as what the real ones promise; one conformance suite (`store::conformance`) asks both.
//!
//! [`Power`] is the controller's: it can be cut at any act at any door, before the act or right after it, as SIGKILL
//! would. Books and hall survive; the next controller finds them as they are.

mod hall;
mod host;
mod ledger;
mod order_book;
mod papers;
mod people;
mod power;
mod registry;
mod signer;
mod slips;
#[cfg(test)]
mod tests;

pub use hall::{Hall, ReaderTrouble};
pub use host::MemoryHost;
pub use ledger::{Commit, MemoryLedger};
pub use order_book::MemoryOrderBook;
pub use papers::MemoryPapers;
pub use power::Power;
pub use registry::MemoryRegistry;
pub use signer::MemorySigner;
pub use slips::Slip;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a task held when it was dropped is whole: nothing here waits while it holds a lock.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
