//! Erasing on SQLite. Deleted content is overwritten in the pages (`secure_delete`); the write-ahead log, which still
//! holds the pages as they were, is folded into the file and cut to nothing before anybody is told that data is gone.

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use time::Date;

use super::{SqliteOrderBook, date, day};
use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::port::{Kept, Retention, Wrapped};
use crate::store::fault::{HELD_OPEN, database, unreadable};
use crate::store::sqlite::{forget, int, uint};

#[async_trait]
impl Retention for SqliteOrderBook {
    async fn begin_terms(&self, until: Date, limit: u32) -> Result<u64, Fault> {
        // Nearly always nobody has come to its end since: a look costs nobody a commit.
        let keys: Vec<i64> = sqlx::query_scalar(
            "SELECT key FROM orders WHERE until IS NULL AND erased = 0 AND state IN ('boxed', 'cancelled')
             ORDER BY key LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        let Some(last) = keys.last() else { return Ok(0) };
        self.commits.count();
        sqlx::query(
            "UPDATE orders SET until = $1
             WHERE until IS NULL AND erased = 0 AND state IN ('boxed', 'cancelled') AND key <= $2",
        )
        .bind(day(until)?)
        .bind(last)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| database(&error))
    }

    async fn due(&self, today: Date, after: OrderKey, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        let keys: Vec<i64> = sqlx::query_scalar(
            "SELECT key FROM orders WHERE until IS NOT NULL AND erased = 0 AND until <= $1 AND key > $2
             ORDER BY key LIMIT $3",
        )
        .bind(day(today)?)
        .bind(int(after.0))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        Ok(keys.into_iter().map(|key| OrderKey(uint(key))).collect())
    }

    async fn erase(&self, orders: &[OrderKey]) -> Result<Vec<OrderKey>, Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        let mut erased = Vec::with_capacity(orders.len());
        for order in orders {
            if erase(&mut transaction, *order).await? {
                erased.push(*order);
            }
        }
        self.commits.count();
        transaction.commit().await.map_err(|error| database(&error))?;
        if forget(&mut connection).await? {
            Ok(erased)
        } else {
            // The mark stays, and whoever asks again gets the same answer once the log is gone.
            Err(Fault::new(&HELD_OPEN, "order book"))
        }
    }

    async fn erased(&self, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        let keys: Vec<i64> =
            sqlx::query_scalar("SELECT key FROM orders WHERE erased = 1 ORDER BY key LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
        Ok(keys.into_iter().map(|key| OrderKey(uint(key))).collect())
    }

    async fn told_erased(&self, orders: &[OrderKey]) -> Result<(), Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        for order in orders {
            sqlx::query("UPDATE orders SET erased = 2 WHERE key = $1 AND erased = 1")
                .bind(int(order.0))
                .execute(&mut *transaction)
                .await
                .map_err(|error| database(&error))?;
        }
        self.commits.count();
        transaction.commit().await.map_err(|error| database(&error))
    }

    async fn wrapped_under(&self, epoch: &str, limit: u32) -> Result<Vec<Wrapped>, Fault> {
        let rows: Vec<(i64, String, i64, Option<String>, Vec<u8>)> = sqlx::query_as(
            "SELECT key, request, version, until, wrapped_key FROM dossier JOIN orders ON key = order_key
             WHERE epoch = $1 ORDER BY order_key LIMIT $2",
        )
        .bind(epoch)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        rows.into_iter()
            .map(|(key, request, version, until, wrapped_key)| {
                Ok(Wrapped {
                    order: OrderKey(uint(key)),
                    request,
                    version: u32::try_from(version).map_err(|_| unreadable("version"))?,
                    until: until.as_deref().map(date).transpose()?,
                    wrapped_key,
                })
            })
            .collect()
    }

    async fn rewrap(&self, old: &Wrapped, epoch: &str, wrapped_key: &[u8]) -> Result<bool, Fault> {
        self.commits.count();
        sqlx::query(
            "UPDATE dossier SET epoch = $3, wrapped_key = $4 WHERE order_key = $1 AND wrapped_key = $2",
        )
        .bind(int(old.order.0))
        .bind(old.wrapped_key.as_slice())
        .bind(epoch)
        .bind(wrapped_key)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(|error| database(&error))
    }

    async fn kept(&self) -> Result<Vec<Kept>, Fault> {
        let rows: Vec<(String, i64, i64, Option<String>)> = sqlx::query_as(
            "SELECT epoch, count(*), sum(until IS NULL), min(until) FROM dossier JOIN orders ON key = order_key
             GROUP BY epoch ORDER BY epoch",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        rows.into_iter()
            .map(|(epoch, orders, live, soonest)| {
                Ok(Kept {
                    epoch,
                    orders: uint(orders),
                    live: uint(live),
                    soonest: soonest.as_deref().map(date).transpose()?,
                })
            })
            .collect()
    }
}

/// Is this order's data gone, and the ledger not told?
async fn erase(connection: &mut SqliteConnection, order: OrderKey) -> Result<bool, Fault> {
    let key = int(order.0);
    sqlx::query(
        "UPDATE orders SET erased = 1, until = NULL, place = ''
         WHERE key = $1 AND erased = 0 AND state IN ('boxed', 'cancelled')",
    )
    .bind(key)
    .execute(&mut *connection)
    .await
    .map_err(|error| database(&error))?;
    let marked: Option<i64> = sqlx::query_scalar("SELECT erased FROM orders WHERE key = $1")
        .bind(key)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| database(&error))?;
    if marked != Some(1) {
        return Ok(false);
    }
    sqlx::query("DELETE FROM dossier WHERE order_key = $1")
        .bind(key)
        .execute(connection)
        .await
        .map_err(|error| database(&error))?;
    Ok(true)
}
