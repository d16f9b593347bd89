//! Erasing. In a file deleted content is overwritten in the pages (`secure_delete`); the write-ahead log, which still
//! holds the pages as they were, is folded into the file and cut to nothing before anybody is told that data is gone.
//! A server keeps deleted rows until it vacuums, and its own log for as long as it is told to: there it is the wrapping
//! key's end that nothing outlives.
//!
//! Where several controllers share the book, each lets go of the orders whose cards it made, because it alone knows
//! whether they are still needed, and of those that nobody began. What a lost controller made is anybody's.

use async_trait::async_trait;
use time::Date;

use super::SqlOrderBook;
use super::rows::{date, day};
use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::port::{Kept, Retention, Wrapped};
use crate::store::fault::{HELD_OPEN, unreadable};
use crate::store::sql::{Row, Session, values};

/// The condition that no other controller lives that made an order; this one's name is the first value.
macro_rules! ours {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " AND coalesce(lot, 0) NOT IN (
                SELECT lot.id FROM lot JOIN controller ON name = controller
                WHERE controller <> $1 AND NOT given_up)",
            $tail
        )
    };
}

#[async_trait]
impl Retention for SqlOrderBook {
    async fn begin_terms(&self, until: Date, limit: u32) -> Result<u64, Fault> {
        // Nearly always nobody has come to its end since: a look costs nobody a commit.
        let ended =
            "SELECT key FROM orders WHERE until IS NULL AND erased = 0 AND state IN ('boxed', 'cancelled')
             ORDER BY key LIMIT $1";
        let ended = keys(&self.database.rows(ended, &values![i64::from(limit)]).await?)?;
        let Some(last) = ended.last() else { return Ok(0) };
        self.commits.count();
        self.database
            .execute(
                "UPDATE orders SET until = $1
                 WHERE until IS NULL AND erased = 0 AND state IN ('boxed', 'cancelled') AND key <= $2",
                &values![&day(until)?, last.0],
            )
            .await
    }

    async fn due(&self, today: Date, after: OrderKey, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        let due = ours!(
            "SELECT key FROM orders WHERE until IS NOT NULL AND erased = 0 AND until <= $2 AND key > $3",
            " ORDER BY key LIMIT $4"
        );
        let today = day(today)?;
        let values = values![&self.author.controller, &today, after.0, i64::from(limit)];
        keys(&self.database.rows(due, &values).await?)
    }

    async fn erase(&self, orders: &[OrderKey]) -> Result<Vec<OrderKey>, Fault> {
        let mut session = self.database.begin().await?;
        let mut erased = Vec::with_capacity(orders.len());
        for order in orders {
            if erase(&mut session, *order).await? {
                erased.push(*order);
            }
        }
        self.commits.count();
        session.commit().await?;
        if self.database.forget().await? {
            Ok(erased)
        } else {
            // The mark stays, and whoever asks again gets the same answer once the log is gone.
            Err(Fault::new(&HELD_OPEN, "order book"))
        }
    }

    async fn erased(&self, limit: u32) -> Result<Vec<OrderKey>, Fault> {
        let untold = ours!(
            "SELECT key FROM orders WHERE erased = 1",
            " ORDER BY key LIMIT $2"
        );
        let values = values![&self.author.controller, i64::from(limit)];
        keys(&self.database.rows(untold, &values).await?)
    }

    async fn told_erased(&self, orders: &[OrderKey]) -> Result<(), Fault> {
        let mut session = self.database.begin().await?;
        for order in orders {
            let told = "UPDATE orders SET erased = 2 WHERE key = $1 AND erased = 1";
            session.execute(told, &values![order.0]).await?;
        }
        self.commits.count();
        session.commit().await
    }

    async fn wrapped_under(&self, epoch: &str, limit: u32) -> Result<Vec<Wrapped>, Fault> {
        let under =
            "SELECT key, request, version, until, wrapped_key FROM dossier JOIN orders ON key = order_key
             WHERE epoch = $1 ORDER BY order_key LIMIT $2";
        let rows = self
            .database
            .rows(under, &values![epoch, i64::from(limit)])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Wrapped {
                    order: OrderKey(row.count(0)?),
                    request: row.get(1)?,
                    version: u32::try_from(row.count(2)?).map_err(|_| unreadable("version"))?,
                    until: maybe_date(row, 3)?,
                    wrapped_key: row.get(4)?,
                })
            })
            .collect()
    }

    async fn rewrap(&self, old: &Wrapped, epoch: &str, wrapped_key: &[u8]) -> Result<bool, Fault> {
        self.commits.count();
        let changed = self
            .database
            .execute(
                "UPDATE dossier SET epoch = $3, wrapped_key = $4 WHERE order_key = $1 AND wrapped_key = $2",
                &values![old.order.0, old.wrapped_key.as_slice(), epoch, wrapped_key],
            )
            .await?;
        Ok(changed == 1)
    }

    async fn kept(&self) -> Result<Vec<Kept>, Fault> {
        let kept = "SELECT epoch, count(*), count(*) FILTER (WHERE until IS NULL), min(until)
             FROM dossier JOIN orders ON key = order_key GROUP BY epoch ORDER BY epoch";
        let rows = self.database.rows(kept, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Kept {
                    epoch: row.get(0)?,
                    orders: row.count(1)?,
                    live: row.count(2)?,
                    soonest: maybe_date(row, 3)?,
                })
            })
            .collect()
    }
}

/// Is this order's data gone, and the ledger not told?
async fn erase(session: &mut Session, order: OrderKey) -> Result<bool, Fault> {
    let mark = "UPDATE orders SET erased = 1, until = NULL, place = ''
         WHERE key = $1 AND erased = 0 AND state IN ('boxed', 'cancelled')";
    session.execute(mark, &values![order.0]).await?;
    let marked = session
        .row("SELECT erased FROM orders WHERE key = $1", &values![order.0])
        .await?;
    if marked.map(|row| row.get::<i64>(0)).transpose()? != Some(1) {
        return Ok(false);
    }
    session
        .execute("DELETE FROM dossier WHERE order_key = $1", &values![order.0])
        .await?;
    Ok(true)
}

fn keys(rows: &[Row]) -> Result<Vec<OrderKey>, Fault> {
    rows.iter().map(|row| row.count(0).map(OrderKey)).collect()
}

fn maybe_date(row: &Row, place: usize) -> Result<Option<Date>, Fault> {
    row.get::<Option<String>>(place)?.as_deref().map(date).transpose()
}
