//! The morning figures per office: what came, what went back, what is being made, what is boxed, what left, what is
//! late.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::{Date, Duration, Time};

use crate::audit::{DayReport, OfficeDay};
use crate::base::Fault;
use crate::base::clock::VIET_NAM;
use crate::base::ids::{BoxId, OfficeCode, OrderKey};
use crate::job::Fact;
use crate::line::Line;
use crate::line::audit::books_at;
use crate::line::fault::unreadable;
use crate::port::{Attempts, BoxStanding, BoxState, Order, OrderState};

use super::fault::NOT_YET;
use super::subject::each_order;
use super::{Answer, Who};

/// Records read at once.
const PAGE: u32 = 1_000;
const STATES: [OrderState; 4] = [
    OrderState::Waiting,
    OrderState::Held,
    OrderState::InLot,
    OrderState::Boxed,
];

/// What can be asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// One day. Received, returned and dispatched are that day's; the other figures stand as they stood at its end, or
    /// stand now if it is today.
    Day {
        /// Which; today if none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        date: Option<Date>,
    },
}

/// Answers, and keeps the table among the papers.
///
/// # Errors
/// `CTL-074` for a day to come, the books', or a disk that does not take the paper.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    let Request::Day { date } = request;
    let today = line.clock.today();
    let date = date.unwrap_or(today);
    if date > today {
        return Err(Fault::new(&NOT_YET, date.to_string()));
    }
    let report = day(line, date).await?;
    let csv = csv(&report)?;
    line.ports
        .papers
        .keep("reports", &format!("day-{date}.csv"), &csv)
        .await?;
    let data = serde_json::to_value(&report).map_err(|error| unreadable(error.to_string()))?;
    Ok(Answer::good(report.table(), data))
}

/// Where cards stood at the end of a day.
struct House {
    /// Cards in boxes that had not left the house.
    boxed: BTreeSet<OrderKey>,
    /// Orders that had a good card by then; nothing if it is today, when the order book itself knows.
    had_card: Option<BTreeSet<OrderKey>>,
}

async fn day(line: &Line, date: Date) -> Result<DayReport, Fault> {
    let house = if date >= line.clock.today() {
        now(line).await?
    } else {
        then(line, end_of(date)).await?
    };
    let mut offices: BTreeMap<OfficeCode, OfficeDay> = BTreeMap::new();
    each_order(line, &STATES, |order| {
        if order.admitted <= date {
            let destination = line.destination(&order.office);
            count(office(line, &mut offices, &destination), order, &house, date);
        }
    })
    .await?;
    for returned in line.ports.book.returns().await? {
        if returned.on == date {
            let code = returned.office.unwrap_or_else(|| OfficeCode::new("?"));
            office(line, &mut offices, &code).returned += 1;
        }
    }
    for (label, cards) in dispatched(line, date).await? {
        office(line, &mut offices, &label).dispatched += cards;
    }
    Ok(DayReport {
        facility: line.rules.facility.clone(),
        day: date,
        offices: offices.into_values().collect(),
    })
}

fn count(office: &mut OfficeDay, order: &Order, house: &House, date: Date) {
    if order.admitted == date {
        office.received += 1;
    }
    let boxed = house.boxed.contains(&order.key);
    let has_card = match &house.had_card {
        Some(had) => had.contains(&order.key),
        None => order.state == OrderState::Boxed,
    };
    if boxed {
        office.boxed += 1;
    } else if !has_card {
        office.in_production += 1;
    } else {
        return;
    }
    if order.due < date {
        office.late += 1;
    }
}

/// As it stands now.
async fn now(line: &Line) -> Result<House, Fault> {
    let mut boxed = BTreeSet::new();
    for state in line.ports.ledger.boxes(false).await? {
        let cards = line.ports.ledger.attempts(Attempts::InBox(state.label)).await?;
        boxed.extend(
            cards
                .iter()
                .filter(|card| card.is_good())
                .map(|card| card.id.order),
        );
    }
    Ok(House {
        boxed,
        had_card: None,
    })
}

/// As it stood then, by the record: the whole ledger is read.
async fn then(line: &Line, end_unix_ns: i64) -> Result<House, Fault> {
    let books = books_at(&*line.ports.ledger, end_unix_ns).await?;
    let (mut boxed, mut had_card) = (BTreeSet::new(), BTreeSet::new());
    for state in books.boxes.values() {
        let in_house = matches!(state.standing, BoxStanding::Open | BoxStanding::Sealed);
        for card in line
            .ports
            .ledger
            .attempts(Attempts::InBox(state.label.clone()))
            .await?
        {
            let slot = card.boxed.as_ref().map_or(u32::MAX, |(_, slot)| u32::from(*slot));
            // Boxes fill in order: a higher place was filled later.
            if slot > state.cards || (!card.is_good() && revoked_before(line, &card, end_unix_ns).await?) {
                continue;
            }
            had_card.insert(card.id.order);
            if in_house {
                boxed.insert(card.id.order);
            }
        }
    }
    Ok(House {
        boxed,
        had_card: Some(had_card),
    })
}

async fn revoked_before(line: &Line, card: &crate::job::Attempt, unix_ns: i64) -> Result<bool, Fault> {
    let history = line.ports.ledger.history(&card.id.to_string()).await?;
    Ok(history.iter().any(|entry| {
        entry.at.unix_timestamp_nanos() < i128::from(unix_ns)
            && matches!(
                &entry.fact,
                Fact::Attempt {
                    event: crate::job::Event::Revoked { .. } | crate::job::Event::Spoiled { .. },
                    ..
                }
            )
    }))
}

/// Good cards that left on this day, by the office they went to.
async fn dispatched(line: &Line, date: Date) -> Result<Vec<(OfficeCode, u64)>, Fault> {
    let ledger = &line.ports.ledger;
    let (start, end) = (end_of(date.previous_day().unwrap_or(date)), end_of(date));
    let boxes: BTreeMap<BoxId, BoxState> = ledger
        .boxes(true)
        .await?
        .into_iter()
        .map(|state| (state.label.clone(), state))
        .collect();
    let mut after = records_before(line, start).await?;
    let mut left = Vec::new();
    loop {
        let page = ledger.entries_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(left) };
        after = last.seq;
        for entry in page {
            if entry.at_unix_ns >= end {
                return Ok(left);
            }
            let Some(state) = boxes
                .get(&BoxId::new(entry.subject))
                .filter(|_| entry.kind == "box_dispatched")
            else {
                continue;
            };
            let cards = ledger.attempts(Attempts::InBox(state.label.clone())).await?;
            let good = cards
                .iter()
                .filter(|card| card.is_good() || state.standing == BoxStanding::Lost);
            left.push((state.office.clone(), good.count() as u64));
        }
    }
}

/// How many records were written before this moment: times only grow along the ledger, so halving finds it.
async fn records_before(line: &Line, unix_ns: i64) -> Result<u64, Fault> {
    let ledger = &line.ports.ledger;
    let (mut low, mut high) = (0, ledger.size().await?);
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = ledger.entries_after(middle, 1).await?;
        if entry.first().is_some_and(|entry| entry.at_unix_ns < unix_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The first moment after a day in Viet Nam, in nanoseconds since 1970-01-01 UTC.
fn end_of(date: Date) -> i64 {
    let end = date.with_time(Time::MIDNIGHT).assume_offset(VIET_NAM) + Duration::DAY;
    i64::try_from(end.unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

fn office<'a>(
    line: &Line,
    offices: &'a mut BTreeMap<OfficeCode, OfficeDay>,
    code: &OfficeCode,
) -> &'a mut OfficeDay {
    offices.entry(code.clone()).or_insert_with(|| OfficeDay {
        office: code.clone(),
        name: line
            .rules
            .offices
            .get(code)
            .map_or_else(String::new, |office| office.name.clone()),
        received: 0,
        returned: 0,
        in_production: 0,
        boxed: 0,
        dispatched: 0,
        late: 0,
    })
}

fn csv(report: &DayReport) -> Result<Vec<u8>, Fault> {
    let failed = |error: csv::Error| unreadable(error.to_string());
    let mut table = csv::Writer::from_writer(Vec::new());
    for office in &report.offices {
        table.serialize(office).map_err(failed)?;
    }
    table.into_inner().map_err(|error| unreadable(error.to_string()))
}
