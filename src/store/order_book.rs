//! The order book: in a file, for a facility with one controller, or on a PostgreSQL server, for several.
//!
//! Both are asked in the same words ([`super::sql`]), and one conformance suite asks both.

mod admission;
mod claims;
mod lost;
mod retention;
mod rows;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use time::Date;

use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::base::limits::BOOK_LEASE;
use crate::base::{Clock, Fault};
use crate::job::lot::Lot;
use crate::port::fault::{REPLACED, STALE};
use crate::port::{
    Admission, Controller, NewOrder, OfficeCounts, Order, OrderBook, OrderChange, OrderState, Renewed,
    Returned, SealedDossier, Standing,
};

use super::fault::{NO_ORDER, TOO_LATE};
use super::ledger::Author;
use super::postgres::{self, Server};
use super::sql::{Database, values};
use super::sqlite::{self, Commits, uint};
use rows::{day, name, order, parse_state, select_order, select_returned};

pub use claims::Holder;

const IN_FILE: &[(&str, &str)] = &[
    ("order book", include_str!("migrations/order-book-1.sql")),
    ("retention", include_str!("migrations/order-book-2.sql")),
];
const ON_SERVER: &[(&str, &str)] = &[
    ("order book", include_str!("migrations/order-book-1.postgres.sql")),
    ("retention", include_str!("migrations/order-book-2.postgres.sql")),
];

/// The order book of a facility.
#[derive(Debug)]
pub struct SqlOrderBook {
    database: Database,
    author: Author,
    lease: Duration,
    commits: Commits,
}

impl SqlOrderBook {
    /// Opens the order book in this file, makes it if `create`, and takes a new fencing token for this controller,
    /// whose only ledger lies beside it.
    ///
    /// # Errors
    /// As [`Self::in_file`].
    pub async fn open(path: &Path, create: bool, ledger: &str, controller: &str) -> Result<Self, Fault> {
        let holder = Holder {
            ledger: ledger.to_owned(),
            controller: controller.to_owned(),
            home: "here".to_owned(),
            lease: BOOK_LEASE,
        };
        Self::in_file(path, create, &holder).await
    }

    /// Opens the order book in this file, and enters.
    ///
    /// # Errors
    /// `BOOK-004` if somebody works under this name somewhere else; when the database fails.
    pub async fn in_file(path: &Path, create: bool, holder: &Holder) -> Result<Self, Fault> {
        let pool = sqlite::open(path, create, 4, IN_FILE).await?;
        Self::enter(Database::Sqlite(pool), holder).await
    }

    /// Opens the order book on a server, makes its tables where there are none, and enters.
    ///
    /// # Errors
    /// `BOOK-001` if the server does not answer, `BOOK-004` if somebody works under this name somewhere else; what the
    /// server says.
    pub async fn on_server(server: &Server<'_>, clock: Clock, holder: &Holder) -> Result<Self, Fault> {
        let pool = postgres::open(server, clock, ON_SERVER).await?;
        Self::enter(Database::Postgres(pool, clock), holder).await
    }

    async fn enter(database: Database, holder: &Holder) -> Result<Self, Fault> {
        let fence = claims::enter(&database, holder).await?;
        Ok(Self {
            database,
            lease: holder.lease,
            commits: Commits::default(),
            author: Author {
                ledger: holder.ledger.clone(),
                controller: holder.controller.clone(),
                fence,
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

    /// Leaves, and closes all connections. A server that does not answer learns of it when the lease is over.
    pub async fn close(self) {
        if let Err(fault) = claims::leave(&self.database, &self.author).await {
            tracing::warn!(code = fault.code.id, "left without a word: {fault}");
        }
        self.database.close().await;
    }

    /// Closes all connections without a word, as a process does that dies.
    #[cfg(test)]
    pub(crate) async fn vanish(self) {
        self.database.close().await;
    }
}

#[async_trait]
impl OrderBook for SqlOrderBook {
    fn is_remote(&self) -> bool {
        self.database.is_remote()
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    async fn admit(&self, new: NewOrder) -> Result<Admission, Fault> {
        self.commits.count();
        admission::admit(&self.database, &new).await
    }

    async fn keep_return(&self, returned: Returned) -> Result<bool, Fault> {
        self.commits.count();
        let kept = self
            .database
            .execute(
                "INSERT INTO returned (document, request, person, office, codes, notice, day)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (document) DO NOTHING",
                &values![
                    &returned.document,
                    returned.request.as_deref(),
                    returned.person.as_deref(),
                    returned.office.as_ref().map(OfficeCode::as_str),
                    &returned.codes.join(" "),
                    &returned.notice,
                    &day(returned.on)?,
                ],
            )
            .await?;
        Ok(kept == 1)
    }

    async fn returns(&self) -> Result<Vec<Returned>, Fault> {
        let all = select_returned!("ORDER BY day, number");
        let rows = self.database.rows(all, &[]).await?;
        rows.iter().map(rows::returned).collect()
    }

    async fn returned(&self, whose: &str) -> Result<Vec<Returned>, Fault> {
        let named = select_returned!("WHERE request = $1 OR person = $1 ORDER BY day, number");
        let rows = self.database.rows(named, &values![whose]).await?;
        rows.iter().map(rows::returned).collect()
    }

    async fn claim(&self, ticket: &str, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault> {
        self.commits.count();
        claims::claim(
            &self.database,
            &self.author,
            self.lease,
            ticket,
            machine,
            cards_max,
        )
        .await
    }

    async fn grant(&self, lot: LotId) -> Result<(), Fault> {
        self.commits.count();
        claims::grant(&self.database, &self.author, self.lease, lot).await
    }

    async fn renew(&self) -> Result<Renewed, Fault> {
        claims::renew(&self.database, &self.author, self.lease).await
    }

    async fn lot(&self, lot: LotId) -> Result<Option<Lot>, Fault> {
        claims::lot(&mut self.database.begin().await?, lot).await
    }

    async fn given(&self, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        let rows = self
            .database
            .rows(
                select_order!(
                    "WHERE state = 'in_lot' AND key > $1
                        AND EXISTS (SELECT 1 FROM lot WHERE lot.id = orders.lot AND lot.controller = $2)
                     ORDER BY key LIMIT $3"
                ),
                &values![after.0, &self.author.controller, i64::from(limit)],
            )
            .await?;
        rows.iter().map(order).collect()
    }

    async fn order(&self, key: OrderKey) -> Result<Option<Order>, Fault> {
        let row = self
            .database
            .row(select_order!("WHERE key = $1"), &values![key.0])
            .await?;
        row.as_ref().map(order).transpose()
    }

    async fn by_request(&self, request: &str) -> Result<Option<Order>, Fault> {
        let row = self
            .database
            .row(select_order!("WHERE request = $1"), &values![request])
            .await?;
        row.as_ref().map(order).transpose()
    }

    async fn by_person(&self, person: &str) -> Result<Vec<Order>, Fault> {
        let rows = self
            .database
            .rows(
                select_order!("WHERE person = $1 ORDER BY key DESC"),
                &values![person],
            )
            .await?;
        rows.iter().map(order).collect()
    }

    async fn in_state(&self, state: OrderState, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        let rows = self
            .database
            .rows(
                select_order!("WHERE state = $1 AND key > $2 ORDER BY key LIMIT $3"),
                &values![name(state), after.0, i64::from(limit)],
            )
            .await?;
        rows.iter().map(order).collect()
    }

    async fn sealed(&self, key: OrderKey) -> Result<Option<SealedDossier>, Fault> {
        let row = self
            .database
            .row(
                "SELECT request, version, epoch, wrapped_key, sealed FROM orders JOIN dossier ON order_key = key
                 WHERE key = $1",
                &values![key.0],
            )
            .await?;
        row.map(|row| {
            Ok(SealedDossier {
                request: row.get(0)?,
                version: u32::try_from(row.get::<i64>(1)?)
                    .map_err(|_| super::fault::unreadable("version"))?,
                epoch: row.get(2)?,
                wrapped_key: row.get(3)?,
                sealed: row.get(4)?,
            })
        })
        .transpose()
    }

    async fn set_states(&self, standings: &[Standing]) -> Result<(), Fault> {
        self.commits.count();
        claims::set_states(&self.database, &self.author, standings).await
    }

    async fn hold(&self, lot: LotId, key: OrderKey, reason: &str) -> Result<(), Fault> {
        self.commits.count();
        let changed = self
            .database
            .execute(
                "UPDATE orders SET state = 'held', hold = $2, remake = TRUE, until = NULL, lot = $3
                 WHERE key = $1 AND state IN ('in_lot', 'held', 'boxed') AND (lot IS NULL OR lot = $3)
                    AND EXISTS (SELECT 1 FROM controller WHERE name = $4 AND fence = $5)",
                &values![key.0, reason, lot.0, &self.author.controller, self.author.fence],
            )
            .await?;
        if changed == 1 {
            return Ok(());
        }
        let order = self.order(key).await?;
        let order = order.ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?;
        let code = match order.state {
            OrderState::Waiting | OrderState::Cancelled => &TOO_LATE,
            _ if order.lot.is_some_and(|other| other != lot) => &STALE,
            _ => &REPLACED,
        };
        Err(Fault::new(code, format!("{key} is {}", name(order.state))))
    }

    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault> {
        self.commits.count();
        // Held or cancelled by a person, it is no lot's any more: a word of its last lot that comes late says nothing.
        let changed = match &change {
            OrderChange::Hold(reason) => {
                let sql = "UPDATE orders SET state = 'held', hold = $2, by_hand = $2, lot = 0 * lot
                           WHERE key = $1 AND state IN ('waiting', 'held')";
                self.database.execute(sql, &values![key.0, reason]).await?
            }
            OrderChange::Release => {
                let sql = "UPDATE orders SET state = 'waiting', hold = NULL, by_hand = NULL
                           WHERE key = $1 AND state = 'held'";
                self.database.execute(sql, &values![key.0]).await?
            }
            OrderChange::Priority(priority) => {
                let sql = "UPDATE orders SET priority = $2, ranked = $2
                           WHERE key = $1 AND state IN ('waiting', 'held')";
                let values = values![key.0, i64::from(*priority)];
                self.database.execute(sql, &values).await?
            }
            OrderChange::Cancel => {
                let sql = "UPDATE orders SET state = 'cancelled', hold = NULL, lot = 0 * lot
                           WHERE key = $1 AND state IN ('waiting', 'held')";
                self.database.execute(sql, &values![key.0]).await?
            }
        };
        self.proven(key, changed).await
    }

    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault> {
        let mut counts: BTreeMap<OfficeCode, OfficeCounts> = BTreeMap::new();
        let rows = self
            .database
            .rows(
                "SELECT office, state, count(*),
                    count(*) FILTER (WHERE due < $1 AND state IN ('waiting', 'held', 'in_lot'))
                 FROM orders GROUP BY office, state",
                &values![&day(today)?],
            )
            .await?;
        for row in &rows {
            let entry = counts.entry(OfficeCode(row.get(0)?)).or_default();
            let state = parse_state(&row.get::<String>(1)?)?;
            entry.orders.insert(state, row.count(2)?);
            entry.late += row.count(3)?;
        }
        let returned = "SELECT coalesce(office, '?'), count(*) FROM returned GROUP BY office";
        for row in &self.database.rows(returned, &[]).await? {
            counts.entry(OfficeCode(row.get(0)?)).or_default().returned += row.count(1)?;
        }
        Ok(counts)
    }

    async fn reclaim(&self, standing: Standing, machine: &MachineId) -> Result<bool, Fault> {
        self.commits.count();
        claims::reclaim(&self.database, &self.author, standing, machine).await
    }

    async fn vouch(&self) -> Result<(), Fault> {
        claims::vouch(&self.database, &self.author, self.lease).await
    }

    async fn controllers(&self) -> Result<Vec<Controller>, Fault> {
        claims::controllers(&self.database).await
    }

    async fn give_up(&self, controller: &str) -> Result<(), Fault> {
        self.commits.count();
        lost::give_up(&self.database, &self.author, controller).await
    }

    async fn orphans(&self, controller: &str) -> Result<Vec<Order>, Fault> {
        lost::orphans(&self.database, controller).await
    }

    async fn release_orphan(&self, controller: &str, key: OrderKey) -> Result<(), Fault> {
        self.commits.count();
        lost::release(&self.database, &self.author, controller, key).await
    }
}
