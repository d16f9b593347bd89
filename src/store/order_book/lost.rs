//! What is left of a controller that is lost for good.

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::port::Order;
use crate::port::fault::NAME_TAKEN;
use crate::store::fault::{NO_ORDER, TOO_LATE};
use crate::store::ledger::Author;
use crate::store::sql::{Database, locked, values};

use super::claims::{free, must_be_ours};
use super::rows::{order, select_order};

/// Shuts a controller out for ever. Its lease must be over: whoever lives says itself what became of its orders.
pub(super) async fn give_up(database: &Database, author: &Author, controller: &str) -> Result<(), Fault> {
    let mut session = database.begin().await?;
    must_be_ours(&mut session, author).await?;
    let now = session.now().await?;
    let known = session
        .row(
            locked!("SELECT lease FROM controller WHERE name = $1"),
            &values![controller],
        )
        .await?;
    let known = known.ok_or_else(|| Fault::new(&NO_ORDER, format!("no controller {controller}")))?;
    if known.get::<i64>(0)? > now {
        return Err(Fault::new(&NAME_TAKEN, controller));
    }
    session
        .execute(
            "UPDATE controller SET given_up = TRUE, fence = fence + 1 WHERE name = $1",
            &values![controller],
        )
        .await?;
    free(&mut session, now).await?;
    session.commit().await
}

/// Orders in doubt, for the two people who look for their cards.
pub(super) async fn orphans(database: &Database, controller: &str) -> Result<Vec<Order>, Fault> {
    let rows = database
        .rows(
            select_order!(
                "WHERE state = 'in_lot' AND EXISTS (SELECT 1 FROM lot JOIN controller ON name = controller
                    WHERE lot.id = orders.lot AND name = $1 AND given_up)
                 ORDER BY key"
            ),
            &values![controller],
        )
        .await?;
    rows.iter().map(order).collect()
}

/// Another card is owed for such an order. Again is refused: then it is another's.
pub(super) async fn release(
    database: &Database,
    author: &Author,
    controller: &str,
    key: OrderKey,
) -> Result<(), Fault> {
    let mut session = database.begin().await?;
    must_be_ours(&mut session, author).await?;
    let released = session
        .execute(
            "UPDATE orders SET state = 'waiting', remake = TRUE, until = NULL, lot = 0
             WHERE key = $2 AND state = 'in_lot' AND EXISTS (SELECT 1 FROM lot JOIN controller ON name = controller
                WHERE lot.id = orders.lot AND name = $1 AND given_up)",
            &values![controller, key.0],
        )
        .await?;
    if released != 1 {
        return Err(Fault::new(&TOO_LATE, format!("{key} is not of {controller}")));
    }
    session.commit().await
}
