//! What an append changes, and the rows it becomes.
//!
//! Changes keep their order, but what changed several times in one commit is written once, as it stands in the end.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use crate::audit::Hash;
use crate::base::ids::{AttemptId, BoxId, OfficeCode, OrderKey, PackId};
use crate::base::{Fault, Place};
use crate::job::{Attempt, Fact};
use crate::port::{BoxStanding, BundlePart, Part};
use crate::store::fault::{TOO_LATE, TWICE, database};
use crate::store::ledger::{Append, part_name, to_json};
use crate::store::sqlite::int;

/// Rows in one statement at most. Statements are prepared once for each number of rows, so only powers of two are used.
const ROWS_MAX: usize = 32;

/// A new attempt, or one that is found by other columns than before.
const ALL_COLUMNS: &str = "live = excluded.live, over = excluded.over, unreported = excluded.unreported,
    chip = excluded.chip, blank = excluded.blank, sod = excluded.sod, chip_key = excluded.chip_key,
    box = excluded.box, slot = excluded.slot, state = excluded.state";
/// Most steps move nothing else. SQLite takes a row out of each index whose columns are named and puts it back, changed
/// or not: named in vain, they would be most of what a card writes.
const STATE_ALONE: &str = "state = excluded.state";

/// One change of the tables.
#[derive(Debug)]
pub(super) enum Change {
    /// A record.
    Entry(EntryRow),
    /// An attempt as it stands now, and whether it is found by other columns than before.
    Attempt(Box<Attempt>, bool),
    /// A count as it stands now.
    Stock(PackId, Place, u32),
    /// A card was put into this place of a box.
    Boxed(BoxId, u16),
    /// The chip's private keys go.
    KeysErased(AttemptId),
    /// A pack, a lot or a box.
    Fact(Fact),
}

impl Change {
    /// An attempt as it stands now, after it was known like this.
    pub(super) fn attempt(before: Option<&Attempt>, after: Attempt) -> Self {
        let moved = before.is_none_or(|before| Found::of(before) != Found::of(&after));
        Self::Attempt(Box::new(after), moved)
    }
}

/// What an attempt's row is found by, besides its key.
#[derive(Eq, PartialEq)]
struct Found<'a> {
    live: bool,
    over: bool,
    unreported: bool,
    chip: Option<&'a str>,
    blank: Option<&'a str>,
    sod: Option<&'a str>,
    chip_key: Option<&'a str>,
    label: Option<&'a str>,
    slot: Option<u16>,
}

impl<'a> Found<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        let boxed = attempt.boxed.as_ref();
        Self {
            live: attempt.is_live(),
            over: attempt.is_over(),
            unreported: attempt.must_be_reported(),
            chip: attempt.chip.as_ref().map(|chip| chip.as_str()),
            blank: attempt.blank.as_ref().map(|blank| blank.as_str()),
            sod: attempt.sod.as_ref().map(|sod| sod.as_str()),
            chip_key: attempt.chip_key.as_deref(),
            label: boxed.map(|(label, _)| label.as_str()),
            slot: boxed.map(|(_, slot)| *slot),
        }
    }
}

/// A row of the record.
#[derive(Debug)]
pub(super) struct EntryRow {
    pub(super) seq: u64,
    pub(super) at_unix_ns: i64,
    pub(super) controller: String,
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) body: Vec<u8>,
    pub(super) hash: Hash,
}

/// All rows of a commit.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    entries: Vec<EntryRow>,
    /// With whether they moved, as in [`Change::Attempt`].
    attempts: Vec<(Box<Attempt>, bool)>,
    /// Where each attempt stands in `attempts`.
    places: BTreeMap<AttemptId, usize>,
    stock: BTreeMap<(PackId, Place), u32>,
    parts: Vec<&'a BundlePart>,
    /// Boxes, lots, packs and erased keys, in their order.
    others: Vec<Change>,
}

impl<'a> Rows<'a> {
    /// Adds the changes of an append.
    pub(super) fn add(&mut self, changes: Vec<Change>, append: &'a Append) {
        for change in changes {
            match change {
                Change::Entry(entry) => self.entries.push(entry),
                Change::Attempt(attempt, moved) => match self.places.get(&attempt.id) {
                    Some(place) => {
                        let moved = moved || self.attempts[*place].1;
                        self.attempts[*place] = (attempt, moved);
                    }
                    None => {
                        self.places.insert(attempt.id, self.attempts.len());
                        self.attempts.push((attempt, moved));
                    }
                },
                Change::Stock(pack, place, count) => {
                    self.stock.insert((pack, place), count);
                }
                Change::Boxed(..) | Change::KeysErased(_) | Change::Fact(_) => self.others.push(change),
            }
        }
        self.parts.extend(&append.parts);
    }

    /// Writes everything.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), Fault> {
        for entries in powers_of_two(&self.entries) {
            put_entries(connection, entries).await?;
        }
        for (set, moved) in [(ALL_COLUMNS, true), (STATE_ALONE, false)] {
            let attempts = self.attempts.iter().filter(|(_, how)| *how == moved);
            let attempts: Vec<&Attempt> = attempts.map(|(attempt, _)| &**attempt).collect();
            for attempts in powers_of_two(&attempts) {
                put_attempts(connection, attempts, set).await?;
            }
        }
        let stock: Vec<_> = self.stock.iter().collect();
        for counts in powers_of_two(&stock) {
            put_stock(connection, counts).await?;
        }
        for part in &self.parts {
            put_part(connection, part).await?;
        }
        for change in &self.others {
            match change {
                Change::Boxed(label, slot) => put_in_box(connection, label, *slot).await?,
                Change::KeysErased(attempt) => erase_keys(connection, *attempt).await?,
                Change::Fact(fact) => put_fact(connection, fact).await?,
                Change::Entry(_) | Change::Attempt(..) | Change::Stock(..) => {}
            }
        }
        Ok(())
    }
}

/// Cuts rows into pieces of 32, 16, 8, 4, 2 and 1.
fn powers_of_two<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let count = 1 << rows.len().min(ROWS_MAX).checked_ilog2()?;
        let (piece, rest) = rows.split_at(count);
        rows = rest;
        Some(piece)
    })
}

async fn put_entries(connection: &mut SqliteConnection, entries: &[EntryRow]) -> Result<(), Fault> {
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO entry (seq, at, controller, kind, subject, body, hash) ");
    query.push_values(entries, |mut row, entry| {
        row.push_bind(int(entry.seq))
            .push_bind(entry.at_unix_ns)
            .push_bind(&entry.controller)
            .push_bind(entry.kind)
            .push_bind(&entry.subject)
            .push_bind(entry.body.as_slice())
            .push_bind(entry.hash.0.as_slice());
    });
    run(connection, query).await
}

async fn put_attempts(
    connection: &mut SqliteConnection,
    attempts: &[&Attempt],
    set: &str,
) -> Result<(), Fault> {
    let states = attempts.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO attempt (order_key, number, lot, live, over, unreported, chip, blank, sod, chip_key, box,
            slot, state) ",
    );
    query.push_values(attempts.iter().zip(&states), |mut row, (attempt, state)| {
        let found = Found::of(attempt);
        row.push_bind(int(attempt.id.order.0))
            .push_bind(i64::from(attempt.id.number))
            .push_bind(int(attempt.lot.0))
            .push_bind(found.live)
            .push_bind(found.over)
            .push_bind(found.unreported)
            .push_bind(found.chip)
            .push_bind(found.blank)
            .push_bind(found.sod)
            .push_bind(found.chip_key)
            .push_bind(found.label)
            .push_bind(found.slot)
            .push_bind(state);
    });
    query.push(" ON CONFLICT (order_key, number) DO UPDATE SET ");
    query.push(set);
    run(connection, query).await
}

async fn put_stock(
    connection: &mut SqliteConnection,
    counts: &[(&(PackId, Place), &u32)],
) -> Result<(), Fault> {
    let places = counts
        .iter()
        .map(|((_, place), _)| to_json(place))
        .collect::<Result<Vec<_>, _>>()?;
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO stock (pack, place, count) ");
    query.push_values(
        counts.iter().zip(&places),
        |mut row, (((pack, _), count), place)| {
            row.push_bind(pack.as_str())
                .push_bind(place)
                .push_bind(i64::from(**count));
        },
    );
    query.push(" ON CONFLICT (pack, place) DO UPDATE SET count = excluded.count");
    run(connection, query).await
}

async fn put_part(connection: &mut SqliteConnection, part: &BundlePart) -> Result<(), Fault> {
    sqlx::query("INSERT INTO bundle (order_key, number, part, sealed) VALUES ($1, $2, $3, $4)")
        .bind(int(part.attempt.order.0))
        .bind(i64::from(part.attempt.number))
        .bind(part_name(part.part))
        .bind(part.sealed.as_slice())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error).at(part.attempt))
}

async fn put_fact(connection: &mut SqliteConnection, fact: &Fact) -> Result<(), Fault> {
    match fact {
        Fact::PackReceived { pack, blanks, .. } => {
            for blanks in powers_of_two(blanks) {
                let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO blank (chip, blank, pack) ");
                query.push_values(blanks, |mut row, blank| {
                    row.push_bind(blank.chip.as_str())
                        .push_bind(blank.blank.as_str())
                        .push_bind(pack.as_str());
                });
                run(connection, query).await?;
            }
            Ok(())
        }
        Fact::LotClaimed { lot } => sqlx::query("INSERT INTO lot (id, body) VALUES ($1, $2)")
            .bind(int(lot.id.0))
            .bind(to_json(lot)?)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(|error| database(&error)),
        Fact::LotClosed { lot } => sqlx::query("DELETE FROM lot WHERE id = $1")
            .bind(int(lot.0))
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(|error| database(&error)),
        Fact::OrderErased { order, .. } => erase_bundles(connection, *order).await,
        Fact::BoxOpened { label, office } => open_box(connection, label, office).await,
        Fact::BoxSealed { label, .. } => {
            move_box(connection, label, BoxStanding::Open, BoxStanding::Sealed).await
        }
        Fact::BoxDispatched { label, .. } => {
            move_box(connection, label, BoxStanding::Sealed, BoxStanding::Dispatched).await
        }
        Fact::BoxLost { label, .. } => {
            move_box(connection, label, BoxStanding::Dispatched, BoxStanding::Lost).await
        }
        _ => Ok(()),
    }
}

async fn run(connection: &mut SqliteConnection, mut query: QueryBuilder<Sqlite>) -> Result<(), Fault> {
    query
        .build()
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error))
}

/// Deleted content is overwritten (`secure_delete`); the write-ahead log forgets it at the next checkpoint.
async fn erase_keys(connection: &mut SqliteConnection, attempt: AttemptId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM bundle WHERE order_key = $1 AND number = $2 AND part = $3")
        .bind(int(attempt.order.0))
        .bind(i64::from(attempt.number))
        .bind(part_name(Part::Keys))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error))
}

/// Everything that was made of an order's data. It opens for nobody already: its keys are under the order's key.
async fn erase_bundles(connection: &mut SqliteConnection, order: OrderKey) -> Result<(), Fault> {
    sqlx::query("DELETE FROM bundle WHERE order_key = $1")
        .bind(int(order.0))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error))
}

async fn open_box(
    connection: &mut SqliteConnection,
    label: &BoxId,
    office: &OfficeCode,
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO box (label, office, cards, standing) VALUES ($1, $2, 0, $3)")
        .bind(label.as_str())
        .bind(office.as_str())
        .bind(to_json(&BoxStanding::Open)?)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error).at(label))
}

/// Boxes are filled in order: the next card's slot is the count plus one.
async fn put_in_box(connection: &mut SqliteConnection, label: &BoxId, slot: u16) -> Result<(), Fault> {
    let changed =
        sqlx::query("UPDATE box SET cards = $2 WHERE label = $1 AND cards = $2 - 1 AND standing = $3")
            .bind(label.as_str())
            .bind(i64::from(slot))
            .bind(to_json(&BoxStanding::Open)?)
            .execute(connection)
            .await
            .map_err(|error| database(&error))?
            .rows_affected();
    if changed == 1 {
        Ok(())
    } else {
        Err(Fault::new(&TWICE, format!("box {label}, slot {slot}")))
    }
}

async fn move_box(
    connection: &mut SqliteConnection,
    label: &BoxId,
    from: BoxStanding,
    to: BoxStanding,
) -> Result<(), Fault> {
    let changed = sqlx::query("UPDATE box SET standing = $3 WHERE label = $1 AND standing = $2")
        .bind(label.as_str())
        .bind(to_json(&from)?)
        .bind(to_json(&to)?)
        .execute(connection)
        .await
        .map_err(|error| database(&error))?
        .rows_affected();
    let refused = || Fault::new(&TOO_LATE, format!("box {label} is not {from:?}"));
    if changed == 1 { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_few_pieces_of_few_sizes() {
        let sizes = |count| {
            let rows = vec![0; count];
            powers_of_two(&rows).map(<[_]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(13), [8, 4, 1]);
        assert_eq!(sizes(70), [32, 32, 4, 2]);
    }
}
