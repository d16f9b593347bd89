//! How an order book lets go of personal data.

use async_trait::async_trait;
use serde::Serialize;
use time::Date;

use crate::base::Fault;
use crate::base::ids::OrderKey;

/// An order's data key as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrapped {
    /// Whose.
    pub order: OrderKey,
    /// The registry's request id.
    pub request: String,
    /// Dossier version.
    pub version: u32,
    /// The day of its erasure, once its order is over.
    pub until: Option<Date>,
    /// The key, wrapped by the HSM.
    pub wrapped_key: Vec<u8>,
}

/// What is kept under one wrapping key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Kept {
    /// The wrapping key's label.
    pub epoch: String,
    /// Orders whose data is there.
    pub orders: u64,
    /// Those among them that are not over.
    pub live: u64,
    /// The first day on which one of them is to be erased.
    pub soonest: Option<Date>,
}

/// The order book's part in retention. What is erased is gone from every file of the store when the call returns.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Gives a day of erasure to orders that are boxed or cancelled and have none, at most `limit`; how many there
    /// were. Whoever makes an order live again takes the day away.
    async fn begin_terms(&self, until: Date, limit: u32) -> Result<u64, Fault>;
    /// Orders whose day of erasure has come, by key, after this key, at most `limit`.
    async fn due(&self, today: Date, after: OrderKey, limit: u32) -> Result<Vec<OrderKey>, Fault>;
    /// Removes wrapped key, sealed dossier and place in the office's order, and leaves a mark for [`Self::erased`].
    /// Those of the orders that are marked now: one that is live, or is marked as told, is left as it is.
    async fn erase(&self, orders: &[OrderKey]) -> Result<Vec<OrderKey>, Fault>;
    /// Orders that are erased and not marked as told, by key, at most `limit`.
    async fn erased(&self, limit: u32) -> Result<Vec<OrderKey>, Fault>;
    /// The ledger has the record of their erasure.
    async fn told_erased(&self, orders: &[OrderKey]) -> Result<(), Fault>;
    /// Data keys under this wrapping key, by order, at most `limit`.
    async fn wrapped_under(&self, epoch: &str, limit: u32) -> Result<Vec<Wrapped>, Fault>;
    /// Puts the same data key, wrapped anew, in the place of this one; false if that is not there any more.
    async fn rewrap(&self, old: &Wrapped, epoch: &str, wrapped_key: &[u8]) -> Result<bool, Fault>;
    /// What is kept under each wrapping key, by its label.
    async fn kept(&self) -> Result<Vec<Kept>, Fault>;
}
