//! Erasing in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use time::Date;

use super::{Books, MemoryOrderBook, Row};
use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::port::{Kept, OrderState, Retention, Wrapped};

#[async_trait]
impl Retention for MemoryOrderBook {
    async fn begin_terms(&self, until: Date, limit: u32) -> Result<u64, Fault> {
        if self.ask(|books| books.ended().next().is_none()).await? {
            return Ok(0);
        }
        let begun = self.write(|books| {
            let ended: Vec<OrderKey> = books.ended().take(most(limit)).collect();
            for key in &ended {
                if let Some(row) = books.orders.get_mut(key) {
                    row.until = Some(until);
                }
            }
            ended.len()
        });
        Ok(begun.await as u64)
    }

    async fn due(&self, today: Date, after: OrderKey, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        self.ask(|books| {
            let rows = books.orders.iter().filter(|(key, _)| **key > after);
            let due =
                rows.filter(|(_, row)| row.data.is_some() && row.until.is_some_and(|until| until <= today));
            due.map(|(key, _)| *key).take(most(limit)).collect()
        })
        .await
    }

    async fn erase(&self, orders: &[OrderKey]) -> Result<Vec<OrderKey>, Fault> {
        let erased = self.write(|books| {
            let mut erased = Vec::new();
            for key in orders {
                let Some(row) = books.orders.get_mut(key) else {
                    continue;
                };
                if row.data.is_some() && is_over(row) {
                    (row.data, row.until, row.untold) = (None, None, true);
                    row.order.place.clear();
                }
                erased.extend(row.untold.then_some(*key));
            }
            erased
        });
        Ok(erased.await)
    }

    async fn erased(&self, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        self.ask(|books| {
            let untold = books.orders.iter().filter(|(_, row)| row.untold);
            untold.map(|(key, _)| *key).take(most(limit)).collect()
        })
        .await
    }

    async fn told_erased(&self, orders: &[OrderKey]) -> Result<(), Fault> {
        self.write(|books| {
            for key in orders {
                if let Some(row) = books.orders.get_mut(key) {
                    row.untold = false;
                }
            }
        })
        .await;
        Ok(())
    }

    async fn wrapped_under(&self, epoch: &str, limit: u32) -> Result<Vec<Wrapped>, Fault> {
        self.ask(|books| {
            let wrapped = books.orders.values().filter_map(|row| {
                let data = row.data.as_ref().filter(|data| data.epoch == epoch)?;
                Some(Wrapped {
                    order: row.order.key,
                    request: row.order.request.clone(),
                    version: row.order.version,
                    until: row.until,
                    wrapped_key: data.wrapped_key.clone(),
                })
            });
            wrapped.take(most(limit)).collect()
        })
        .await
    }

    async fn rewrap(&self, old: &Wrapped, epoch: &str, wrapped_key: &[u8]) -> Result<bool, Fault> {
        let done = self.write(|books| {
            let data = books.orders.get_mut(&old.order).and_then(|row| row.data.as_mut());
            let Some(data) = data.filter(|data| data.wrapped_key == old.wrapped_key) else {
                return false;
            };
            epoch.clone_into(&mut data.epoch);
            data.wrapped_key = wrapped_key.to_vec();
            true
        });
        Ok(done.await)
    }

    async fn kept(&self) -> Result<Vec<Kept>, Fault> {
        self.ask(|books| {
            let mut kept: BTreeMap<&str, Kept> = BTreeMap::new();
            for row in books.orders.values() {
                let Some(data) = &row.data else { continue };
                let epoch = kept.entry(&data.epoch).or_insert_with(|| Kept {
                    epoch: data.epoch.clone(),
                    orders: 0,
                    live: 0,
                    soonest: None,
                });
                epoch.orders += 1;
                epoch.live += u64::from(row.until.is_none());
                epoch.soonest = epoch.soonest.into_iter().chain(row.until).min();
            }
            kept.into_values().collect()
        })
        .await
    }
}

impl Books {
    /// Orders that are over and have no day of erasure.
    fn ended(&self) -> impl Iterator<Item = OrderKey> {
        let rows = self.orders.iter();
        rows.filter(|(_, row)| row.until.is_none() && row.data.is_some() && is_over(row))
            .map(|(key, _)| *key)
    }
}

fn is_over(row: &Row) -> bool {
    matches!(row.order.state, OrderState::Boxed | OrderState::Cancelled)
}

fn most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
