//! Erasing waits until the book is back: nothing of it is remembered.

use async_trait::async_trait;
use time::Date;

use super::Remembered;
use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::port::{Kept, Retention, Wrapped};

#[async_trait]
impl Retention for Remembered {
    async fn begin_terms(&self, until: Date, limit: u32) -> Result<u64, Fault> {
        self.ask(self.book.begin_terms(until, limit)).await
    }

    async fn due(&self, today: Date, after: OrderKey, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        self.ask(self.book.due(today, after, limit)).await
    }

    async fn erase(&self, orders: &[OrderKey]) -> Result<Vec<OrderKey>, Fault> {
        self.ask(self.book.erase(orders)).await
    }

    async fn erased(&self, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        self.ask(self.book.erased(limit)).await
    }

    async fn told_erased(&self, orders: &[OrderKey]) -> Result<(), Fault> {
        self.ask(self.book.told_erased(orders)).await
    }

    async fn wrapped_under(&self, epoch: &str, limit: u32) -> Result<Vec<Wrapped>, Fault> {
        self.ask(self.book.wrapped_under(epoch, limit)).await
    }

    async fn rewrap(&self, old: &Wrapped, epoch: &str, wrapped_key: &[u8]) -> Result<bool, Fault> {
        // What is remembered of it is wrapped under the old key, which goes soon.
        self.kept().remove(&old.order);
        self.ask(self.book.rewrap(old, epoch, wrapped_key)).await
    }

    async fn kept(&self) -> Result<Vec<Kept>, Fault> {
        self.ask(self.book.kept()).await
    }
}
