//! The order book on SQLite, for a facility with one controller.

mod retention;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Connection, Row};
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::job::lot::Lot;
use crate::port::{
    Admission, NewOrder, OfficeCounts, Order, OrderBook, OrderChange, OrderState, Returned, SealedDossier,
};

use super::fault::{NO_ORDER, TOO_LATE, database, unreadable};
use super::ledger::Author;
use super::sqlite::{Commits, int, open, uint};

const MIGRATIONS: &[(&str, &str)] = &[
    ("order book", include_str!("migrations/order-book-1.sql")),
    ("retention", include_str!("migrations/order-book-2.sql")),
];

/// Columns of an order, in the order [`order`] reads them.
macro_rules! select_order {
    ($rest:literal) => {
        concat!(
            "SELECT key, request, version, office, profile, priority, place, received, due, state, hold, remake
             FROM orders ",
            $rest
        )
    };
}

/// The order book of a facility.
#[derive(Debug)]
pub struct SqliteOrderBook {
    pool: SqlitePool,
    author: Author,
    commits: Commits,
}

impl SqliteOrderBook {
    /// Opens the order book, makes it if `create`, and takes a new fencing token for this controller.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(path: &Path, create: bool, ledger: &str, controller: &str) -> Result<Self, Fault> {
        let pool = open(path, create, 4, MIGRATIONS).await?;
        let fence: i64 = sqlx::query_scalar(
            "INSERT INTO controller (name, fence) VALUES ($1, 1)
             ON CONFLICT (name) DO UPDATE SET fence = fence + 1 RETURNING fence",
        )
        .bind(controller)
        .fetch_one(&pool)
        .await
        .map_err(|error| database(&error))?;
        Ok(Self {
            pool,
            commits: Commits::default(),
            author: Author {
                ledger: ledger.to_owned(),
                controller: controller.to_owned(),
                fence: uint(fence),
            },
        })
    }

    /// Who writes here and in the ledger.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// The order as it stands, once a change of it has changed exactly one row.
    async fn proven(&self, key: OrderKey, changed: u64) -> Result<Order, Fault> {
        let order = self
            .order(key)
            .await?
            .ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?;
        if changed == 1 {
            Ok(order)
        } else {
            Err(Fault::new(&TOO_LATE, format!("{key} is {}", name(order.state))))
        }
    }

    /// Commits since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.so_far()
    }

    /// Closes the file.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl OrderBook for SqliteOrderBook {
    async fn admit(&self, new: NewOrder) -> Result<Admission, Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        let outcome = admit(&mut transaction, &new).await?;
        self.commits.count();
        transaction.commit().await.map_err(|error| database(&error))?;
        Ok(outcome)
    }

    async fn keep_return(&self, returned: Returned) -> Result<bool, Fault> {
        self.commits.count();
        sqlx::query(
            "INSERT INTO returned (document, request, office, codes, notice, day) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (document) DO NOTHING",
        )
        .bind(returned.document)
        .bind(returned.request)
        .bind(returned.office.map(|office| office.0))
        .bind(returned.codes.join(" "))
        .bind(returned.notice)
        .bind(day(returned.on)?)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(|error| database(&error))
    }

    async fn returns(&self) -> Result<Vec<Returned>, Fault> {
        type Columns = (String, Option<String>, Option<String>, String, String, String);
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT document, request, office, codes, notice, day FROM returned ORDER BY day, rowid",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        rows.into_iter()
            .map(|(document, request, office, codes, notice, on)| {
                Ok(Returned {
                    document,
                    request,
                    office: office.map(OfficeCode),
                    codes: codes.split(' ').map(str::to_owned).collect(),
                    notice,
                    on: date(&on)?,
                })
            })
            .collect()
    }

    async fn claim(&self, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        let first: Option<(i64, String, String)> = sqlx::query_as(
            "SELECT key, office, profile FROM orders WHERE state = 'waiting' ORDER BY priority DESC, due, key LIMIT 1",
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| database(&error))?;
        let Some((first, office, profile)) = first else {
            return Ok(None);
        };
        // The most urgent order is always in; the others follow their office's order, remakes last.
        let keys: Vec<(i64,)> = sqlx::query_as(
            "SELECT key FROM (
                 SELECT key, remake, place FROM orders
                 WHERE state = 'waiting' AND office = $1 AND profile = $2
                 ORDER BY key = $3 DESC, remake, place, key LIMIT $4)
             ORDER BY remake, place, key",
        )
        .bind(&office)
        .bind(&profile)
        .bind(first)
        .bind(i64::try_from(cards_max).unwrap_or(i64::MAX))
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| database(&error))?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO lot (office, profile, machine, controller, fence) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(&office)
        .bind(&profile)
        .bind(machine.as_str())
        .bind(&self.author.controller)
        .bind(int(self.author.fence))
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| database(&error))?;
        for (key,) in &keys {
            sqlx::query("UPDATE orders SET state = 'in_lot', lot = $2 WHERE key = $1")
                .bind(key)
                .bind(id)
                .execute(&mut *transaction)
                .await
                .map_err(|error| database(&error))?;
        }
        self.commits.count();
        transaction.commit().await.map_err(|error| database(&error))?;
        Ok(Some(Lot {
            id: LotId(uint(id)),
            office: OfficeCode(office),
            profile,
            machine: machine.clone(),
            orders: keys.into_iter().map(|(key,)| OrderKey(uint(key))).collect(),
        }))
    }

    async fn order(&self, key: OrderKey) -> Result<Option<Order>, Fault> {
        let row = sqlx::query(select_order!("WHERE key = $1"))
            .bind(int(key.0))
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        row.as_ref().map(order).transpose()
    }

    async fn by_request(&self, request: &str) -> Result<Option<Order>, Fault> {
        let row = sqlx::query(select_order!("WHERE request = $1"))
            .bind(request)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        row.as_ref().map(order).transpose()
    }

    async fn by_person(&self, person: &str) -> Result<Vec<Order>, Fault> {
        let rows = sqlx::query(select_order!("WHERE person = $1 ORDER BY key DESC"))
            .bind(person)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        rows.iter().map(order).collect()
    }

    async fn in_state(&self, state: OrderState, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        let rows = sqlx::query(select_order!(
            "WHERE state = $1 AND key > $2 ORDER BY key LIMIT $3"
        ))
        .bind(name(state))
        .bind(int(after.0))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        rows.iter().map(order).collect()
    }

    async fn sealed(&self, key: OrderKey) -> Result<Option<SealedDossier>, Fault> {
        let row: Option<(String, u32, String, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT request, version, epoch, wrapped_key, sealed FROM orders JOIN dossier ON order_key = key
             WHERE key = $1",
        )
        .bind(int(key.0))
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        Ok(
            row.map(|(request, version, epoch, wrapped_key, sealed)| SealedDossier {
                request,
                version,
                epoch,
                wrapped_key,
                sealed,
            }),
        )
    }

    async fn set_state(&self, key: OrderKey, state: OrderState, remake: bool) -> Result<(), Fault> {
        self.set_states(&[(key, state, remake)]).await
    }

    async fn set_states(&self, changes: &[(OrderKey, OrderState, bool)]) -> Result<(), Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        for (key, state, remake) in changes {
            let changed =
                sqlx::query("UPDATE orders SET state = $2, remake = $3, until = NULL WHERE key = $1")
                    .bind(int(key.0))
                    .bind(name(*state))
                    .bind(remake)
                    .execute(&mut *transaction)
                    .await
                    .map_err(|error| database(&error))?
                    .rows_affected();
            if changed != 1 {
                return Err(Fault::new(&NO_ORDER, key.to_string()));
            }
        }
        self.commits.count();
        transaction.commit().await.map_err(|error| database(&error))
    }

    async fn hold(&self, key: OrderKey, reason: &str) -> Result<(), Fault> {
        self.commits.count();
        let changed = sqlx::query(
            "UPDATE orders SET state = 'held', hold = $2, remake = TRUE
             WHERE key = $1 AND state IN ('in_lot', 'held')",
        )
        .bind(int(key.0))
        .bind(reason)
        .execute(&self.pool)
        .await
        .map_err(|error| database(&error))?
        .rows_affected();
        self.proven(key, changed).await.map(|_| ())
    }

    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault> {
        self.commits.count();
        let query = match &change {
            OrderChange::Hold(reason) => sqlx::query(
                "UPDATE orders SET state = 'held', hold = $2 WHERE key = $1 AND state IN ('waiting', 'held')",
            )
            .bind(int(key.0))
            .bind(reason.as_str()),
            OrderChange::Release => sqlx::query(
                "UPDATE orders SET state = 'waiting', hold = NULL WHERE key = $1 AND state = 'held'",
            )
            .bind(int(key.0)),
            OrderChange::Priority(priority) => sqlx::query(
                "UPDATE orders SET priority = $2 WHERE key = $1 AND state IN ('waiting', 'held')",
            )
            .bind(int(key.0))
            .bind(i64::from(*priority)),
            OrderChange::Cancel => sqlx::query(
                "UPDATE orders SET state = 'cancelled', hold = NULL WHERE key = $1 AND state IN ('waiting', 'held')",
            )
            .bind(int(key.0)),
        };
        let changed = query
            .execute(&self.pool)
            .await
            .map_err(|error| database(&error))?
            .rows_affected();
        self.proven(key, changed).await
    }

    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault> {
        let mut counts: BTreeMap<OfficeCode, OfficeCounts> = BTreeMap::new();
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT office, state, count(*), sum(due < $1 AND state IN ('waiting', 'held', 'in_lot'))
             FROM orders GROUP BY office, state",
        )
        .bind(day(today)?)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        for (office, state, count, late) in rows {
            let entry = counts.entry(OfficeCode(office)).or_default();
            entry.orders.insert(parse_state(&state)?, uint(count));
            entry.late += uint(late);
        }
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT coalesce(office, '?'), count(*) FROM returned GROUP BY office")
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
        for (office, count) in rows {
            counts.entry(OfficeCode(office)).or_default().returned += uint(count);
        }
        Ok(counts)
    }
}

async fn admit(connection: &mut SqliteConnection, new: &NewOrder) -> Result<Admission, Fault> {
    let known: Option<(i64, i64, String)> =
        sqlx::query_as("SELECT key, version, state FROM orders WHERE request = $1")
            .bind(&new.request)
            .fetch_optional(&mut *connection)
            .await
            .map_err(|error| database(&error))?;
    let mut replaced = None;
    if let Some((key, version, state)) = known {
        let order = OrderKey(uint(key));
        match i64::from(new.version).cmp(&version) {
            std::cmp::Ordering::Equal => return Ok(Admission::Known(order)),
            std::cmp::Ordering::Less => return Ok(Admission::Outdated(order)),
            std::cmp::Ordering::Greater
                if !matches!(parse_state(&state)?, OrderState::Waiting | OrderState::Held) =>
            {
                return Ok(Admission::TooLate(order));
            }
            std::cmp::Ordering::Greater => replaced = Some(key),
        }
    }
    // A corrected version may be another person's, too.
    let live: Option<i64> = sqlx::query_scalar(
        "SELECT key FROM orders WHERE person = $1 AND state IN ('waiting', 'held', 'in_lot') AND key IS NOT $2",
    )
    .bind(&new.person)
    .bind(replaced)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| database(&error))?;
    if let Some(key) = live {
        return Ok(Admission::SecondForPerson(OrderKey(uint(key))));
    }
    if let Some(key) = replaced {
        replace(connection, key, new).await?;
        return Ok(Admission::Replaced(OrderKey(uint(key))));
    }
    let key: i64 = sqlx::query_scalar(
        "INSERT INTO orders (request, version, person, office, profile, priority, place, received, due, state, hold,
            remake)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0) RETURNING key",
    )
    .bind(&new.request)
    .bind(i64::from(new.version))
    .bind(&new.person)
    .bind(new.office.as_str())
    .bind(&new.profile)
    .bind(i64::from(new.priority))
    .bind(&new.place)
    .bind(day(new.received)?)
    .bind(day(new.due)?)
    .bind(name(if new.hold.is_some() { OrderState::Held } else { OrderState::Waiting }))
    .bind(&new.hold)
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| database(&error))?;
    put_dossier(connection, key, new).await?;
    Ok(Admission::New(OrderKey(uint(key))))
}

async fn replace(connection: &mut SqliteConnection, key: i64, new: &NewOrder) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE orders SET version = $2, person = $3, office = $4, profile = $5, priority = $6, place = $7,
            received = $8,
             due = $9, state = $10, hold = $11, until = NULL, erased = 0 WHERE key = $1",
    )
    .bind(key)
    .bind(i64::from(new.version))
    .bind(&new.person)
    .bind(new.office.as_str())
    .bind(&new.profile)
    .bind(i64::from(new.priority))
    .bind(&new.place)
    .bind(day(new.received)?)
    .bind(day(new.due)?)
    .bind(name(if new.hold.is_some() {
        OrderState::Held
    } else {
        OrderState::Waiting
    }))
    .bind(&new.hold)
    .execute(&mut *connection)
    .await
    .map_err(|error| database(&error))?;
    put_dossier(connection, key, new).await
}

async fn put_dossier(connection: &mut SqliteConnection, key: i64, new: &NewOrder) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO dossier (order_key, epoch, wrapped_key, sealed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_key) DO UPDATE
         SET epoch = excluded.epoch, wrapped_key = excluded.wrapped_key, sealed = excluded.sealed",
    )
    .bind(key)
    .bind(&new.epoch)
    .bind(new.wrapped_key.as_slice())
    .bind(new.sealed.as_slice())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| database(&error))
}

fn order(row: &SqliteRow) -> Result<Order, Fault> {
    let narrow = |value: i64, what: &str| u32::try_from(value).map_err(|_| unreadable(what));
    Ok(Order {
        key: OrderKey(uint(row.get(0))),
        request: row.get(1),
        version: narrow(row.get(2), "version")?,
        office: OfficeCode(row.get(3)),
        profile: row.get(4),
        priority: u8::try_from(row.get::<i64, _>(5)).map_err(|_| unreadable("priority"))?,
        place: row.get(6),
        received: date(row.get(7))?,
        due: date(row.get(8))?,
        state: parse_state(row.get(9))?,
        hold: row.get(10),
        remake: row.get(11),
    })
}

fn name(state: OrderState) -> &'static str {
    match state {
        OrderState::Waiting => "waiting",
        OrderState::Held => "held",
        OrderState::InLot => "in_lot",
        OrderState::Boxed => "boxed",
        OrderState::Cancelled => "cancelled",
    }
}

fn parse_state(text: &str) -> Result<OrderState, Fault> {
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

fn day(date: Date) -> Result<String, Fault> {
    date.format(&Iso8601::DATE)
        .map_err(|error| unreadable(error.to_string()))
}

fn date(text: &str) -> Result<Date, Fault> {
    Date::parse(text, &Iso8601::DATE).map_err(|error| unreadable(error.to_string()))
}
