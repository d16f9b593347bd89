//! How orders stand in the tables.

use time::Date;
use time::format_description::well_known::Iso8601;

use crate::base::Fault;
use crate::base::ids::{LotId, OfficeCode, OrderKey};
use crate::port::{Order, OrderState, Returned};
use crate::store::fault::unreadable;
use crate::store::sql::Row;

/// A question for orders, with their columns in the order that [`order`] reads them.
macro_rules! select_order {
    ($rest:literal) => {
        concat!(
            "SELECT key, request, version, office, profile, priority, place, received, due, state, hold, remake,
                tries, lot, admitted, flags
             FROM orders ",
            $rest
        )
    };
}
pub(super) use select_order;

/// A question for returned dossiers, with their columns in the order that [`returned`] reads them.
macro_rules! select_returned {
    ($rest:literal) => {
        concat!(
            "SELECT document, request, person, office, codes, notice, day FROM returned ",
            $rest
        )
    };
}
pub(super) use select_returned;

pub(super) fn returned(row: &Row) -> Result<Returned, Fault> {
    Ok(Returned {
        document: row.get(0)?,
        request: row.get(1)?,
        person: row.get(2)?,
        office: row.get::<Option<String>>(3)?.map(OfficeCode),
        codes: row.get::<String>(4)?.split(' ').map(str::to_owned).collect(),
        notice: row.get(5)?,
        on: date(&row.get::<String>(6)?)?,
    })
}

pub(super) fn order(row: &Row) -> Result<Order, Fault> {
    let narrow =
        |place: usize, what: &str| u32::try_from(row.get::<i64>(place)?).map_err(|_| unreadable(what));
    Ok(Order {
        key: OrderKey(row.count(0)?),
        request: row.get(1)?,
        version: narrow(2, "version")?,
        office: OfficeCode(row.get(3)?),
        profile: row.get(4)?,
        priority: u8::try_from(row.get::<i64>(5)?).map_err(|_| unreadable("priority"))?,
        place: row.get(6)?,
        received: date(&row.get::<String>(7)?)?,
        due: date(&row.get::<String>(8)?)?,
        state: parse_state(&row.get::<String>(9)?)?,
        hold: row.get(10)?,
        remake: row.get(11)?,
        tries: u16::try_from(row.get::<i64>(12)?).map_err(|_| unreadable("tries"))?,
        lot: row.get::<Option<i64>>(13)?.map(|lot| LotId(super::uint(lot))),
        admitted: date(&row.get::<String>(14)?)?,
        flags: row.get(15)?,
    })
}

pub(super) fn name(state: OrderState) -> &'static str {
    match state {
        OrderState::Waiting => "waiting",
        OrderState::Held => "held",
        OrderState::InLot => "in_lot",
        OrderState::Boxed => "boxed",
        OrderState::Cancelled => "cancelled",
    }
}

pub(super) fn parse_state(text: &str) -> Result<OrderState, Fault> {
    [
        OrderState::Waiting,
        OrderState::Held,
        OrderState::InLot,
        OrderState::Boxed,
        OrderState::Cancelled,
    ]
    .into_iter()
    .find(|state| name(*state) == text)
    .ok_or_else(|| unreadable(format!("order state {text}")))
}

pub(super) fn day(date: Date) -> Result<String, Fault> {
    date.format(&Iso8601::DATE)
        .map_err(|error| unreadable(error.to_string()))
}

pub(super) fn date(text: &str) -> Result<Date, Fault> {
    Date::parse(text, &Iso8601::DATE).map_err(|error| unreadable(error.to_string()))
}
