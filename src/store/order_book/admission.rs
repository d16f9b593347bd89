//! Admitting an order, once, whoever else admits at the same moment.

use std::cmp::Ordering;

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::base::limits::BOOK_RACES_MAX;
use crate::port::fault::AWAY;
use crate::port::{Admission, NewOrder, OrderState};
use crate::store::fault::{TWICE, unreadable};
use crate::store::sql::{Database, Session, Value, values};

use super::claims::must_be_vouched;
use super::rows::{day, name, parse_state};

/// Admits an order. Where two come upon each other, an index or a row that changed says so, and the second looks again:
/// then it finds the first.
pub(super) async fn admit(database: &Database, new: &NewOrder) -> Result<Admission, Fault> {
    let mut last = Fault::new(&AWAY, "admitted by others at the same moment");
    for _ in 0..BOOK_RACES_MAX {
        let mut session = database.begin().await?;
        if database.is_remote() {
            must_be_vouched(&mut session).await?;
        }
        match admit_in(&mut session, new).await {
            Ok(Some(outcome)) => {
                if matches!(outcome, Admission::New(_) | Admission::Replaced(_)) {
                    session.commit().await?;
                }
                return Ok(outcome);
            }
            Ok(None) => {}
            Err(fault) if *fault.code == TWICE => last = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(last)
}

/// Nothing if somebody else was faster.
async fn admit_in(session: &mut Session, new: &NewOrder) -> Result<Option<Admission>, Fault> {
    let known = "SELECT key, version, state, content FROM orders WHERE request = $1";
    let mut replaced = None;
    if let Some(row) = session.row(known, &values![&new.request]).await? {
        let (key, version) = (row.get::<i64>(0)?, row.get::<i64>(1)?);
        let (order, state) = (OrderKey(row.count(0)?), parse_state(&row.get::<String>(2)?)?);
        match i64::from(new.version).cmp(&version) {
            Ordering::Equal if row.get::<String>(3)? == new.content => {
                return Ok(Some(Admission::Known(order)));
            }
            Ordering::Equal => return Ok(Some(Admission::Contradicts(order))),
            Ordering::Less => return Ok(Some(Admission::Outdated(order))),
            Ordering::Greater if !matches!(state, OrderState::Waiting | OrderState::Held) => {
                return Ok(Some(Admission::TooLate(order)));
            }
            Ordering::Greater => replaced = Some(key),
        }
    }
    // A corrected version may be another person's, too. No order has the number 0.
    let live =
        "SELECT key FROM orders WHERE person = $1 AND state IN ('waiting', 'held', 'in_lot') AND key <> $2";
    let live = session
        .row(live, &values![&new.person, replaced.unwrap_or(0)])
        .await?;
    if let Some(row) = live {
        return Ok(Some(Admission::SecondForPerson(OrderKey(row.count(0)?))));
    }
    let (received, admitted, due) = (day(new.received)?, day(new.admitted)?, day(new.due)?);
    let state = name(if new.hold.is_some() {
        OrderState::Held
    } else {
        OrderState::Waiting
    });
    // The columns that both statements write, behind what the row is found by.
    let columns = |first| {
        values![
            first,
            i64::from(new.version),
            &new.person,
            new.office.as_str(),
            &new.profile,
            i64::from(new.priority),
            &new.place,
            &received,
            &due,
            state,
            new.hold.as_deref(),
            &new.content,
            new.flags.as_deref(),
        ]
    };
    if let Some(key) = replaced {
        let changed = session
            .execute(
                "UPDATE orders SET version = $2, person = $3, office = $4, profile = $5, place = $7, received = $8,
                    priority = coalesce(ranked, $6), due = $9,
                    state = CASE WHEN by_hand IS NULL THEN $10 ELSE 'held' END,
                    hold = CASE WHEN by_hand IS NULL THEN $11 ELSE by_hand || coalesce(', ' || $11, '') END,
                    content = $12, flags = $13, until = NULL, erased = 0
                 WHERE key = $1 AND version < $2 AND state IN ('waiting', 'held')",
                &columns(Value::from(key)),
            )
            .await?;
        if changed != 1 {
            return Ok(None);
        }
        put_dossier(session, key, new).await?;
        return Ok(Some(Admission::Replaced(OrderKey(super::uint(key)))));
    }
    let mut columns = Vec::from(columns(Value::from(&new.request)));
    columns.push(Value::from(&admitted));
    let row = session
        .row(
            "INSERT INTO orders (request, version, person, office, profile, priority, place, received, due, state,
                hold, content, flags, admitted, remake)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, FALSE) RETURNING key",
            &columns,
        )
        .await?;
    let key: i64 = row.ok_or_else(|| unreadable("a new order's key"))?.get(0)?;
    put_dossier(session, key, new).await?;
    Ok(Some(Admission::New(OrderKey(super::uint(key)))))
}

async fn put_dossier(session: &mut Session, key: i64, new: &NewOrder) -> Result<(), Fault> {
    session
        .execute(
            "INSERT INTO dossier (order_key, epoch, wrapped_key, sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (order_key) DO UPDATE
             SET epoch = excluded.epoch, wrapped_key = excluded.wrapped_key, sealed = excluded.sealed",
            &values![key, &new.epoch, new.wrapped_key.as_slice(), new.sealed.as_slice()],
        )
        .await
        .map(|_| ())
}
