//! What every store must do, whatever it is made of: one suite for SQLite, PostgreSQL and memory.
//!
//! Each function takes a new, empty store and asks for every promise of its port, every refusal included.

mod leases;
mod ledger;
mod order_book;
mod registry;
mod retention;
mod sqlite;

pub(crate) use leases::{leases, one_process, race};
pub(crate) use ledger::ledger;
pub(crate) use order_book::order_book;
pub(crate) use registry::registry;

use crate::base::Fault;
use crate::port::NewOrder;

/// An order of a person of its own.
pub(crate) fn an_order(request: &str) -> NewOrder {
    order_book::new(request, request, "A", request)
}

/// The refusal's code.
fn refused<T>(outcome: Result<T, Fault>) -> &'static str {
    outcome.err().expect("it must be refused").code.id
}
