//! Leases, lots and their fencing tokens.

use std::time::Duration;

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::base::limits::{BOOK_RACES_MAX, LOT_DUE_DAYS};
use crate::job::lot::Lot;
use crate::port::fault::{AWAY, GIVEN_UP, NAME_TAKEN, REPLACED, STALE, UNVOUCHED};
use crate::port::{Controller, Renewed, Standing};
use crate::store::fault::{NO_ORDER, TWICE, unreadable};
use crate::store::ledger::Author;
use crate::store::sql::{Database, Session, Sql, locked, skip_locked, values};

use super::rows::{date, day, name};

/// Who works with an order book, and from where.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The name of its ledger.
    pub ledger: String,
    /// The controller's name.
    pub controller: String,
    /// Machine and ledger: the ledger's lock keeps a second process out there, so that a restart there need not wait
    /// for the lease of the one that died.
    pub home: String,
    /// How long it is taken for alive without a word.
    pub lease: Duration,
}

/// What a server had given out in its last moments, and lost, is more than ten thousand numbers away.
const SKIP_NUMBERS: Sql = Sql {
    sqlite: "SELECT 1",
    postgres: "SELECT setval(one, nextval(one) + 10000), setval(other, nextval(other) + 10000) FROM (
        SELECT pg_get_serial_sequence('orders', 'key') AS one, pg_get_serial_sequence('lot', 'id') AS other) numbers",
};

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Enters under a name: a new fencing token, and a lease. Refused while somebody else has a lease under that name.
pub(super) async fn enter(database: &Database, holder: &Holder) -> Result<u64, Fault> {
    let mut session = database.begin().await?;
    let (now, timeline) = (session.now().await?, session.timeline().await?);
    let until = now.saturating_add(milliseconds(holder.lease));
    // Two that come at one moment: the second waits for the first here.
    session
        .execute(
            "INSERT INTO controller (name, fence, home, lease, timeline) VALUES ($1, 0, $2, 0, $3)
             ON CONFLICT (name) DO NOTHING",
            &values![&holder.controller, &holder.home, &timeline],
        )
        .await?;
    let row = session
        .row(
            locked!("SELECT fence, home, lease, given_up FROM controller WHERE name = $1"),
            &values![&holder.controller],
        )
        .await?
        .ok_or_else(|| unreadable("the controller's own row"))?;
    let (fence, lease) = (row.count(0)?, row.get::<i64>(2)?);
    if row.get::<bool>(3)? {
        return Err(Fault::new(&GIVEN_UP, holder.controller.as_str()));
    }
    if lease > now && row.get::<String>(1)? != holder.home {
        let left = Duration::from_millis(super::uint(lease - now)).as_secs();
        let detail = format!("{}: its lease ends in {left} s", holder.controller);
        return Err(Fault::new(&NAME_TAKEN, detail));
    }
    let fence = fence.saturating_add(1);
    session
        .execute(
            "UPDATE controller SET fence = $2, home = $3, lease = $4 WHERE name = $1",
            &values![&holder.controller, fence, &holder.home, until],
        )
        .await?;
    session.commit().await?;
    Ok(fence)
}

/// Leaves: whoever comes next under this name need not wait.
pub(super) async fn leave(database: &Database, author: &Author) -> Result<(), Fault> {
    database
        .execute(
            "UPDATE controller SET lease = 0 WHERE name = $1 AND fence = $2",
            &values![&author.controller, author.fence],
        )
        .await
        .map(|_| ())
}

/// Renews the lease within a change: whoever was replaced changes nothing.
async fn stay(session: &mut Session, author: &Author, lease: Duration) -> Result<i64, Fault> {
    let now = session.now().await?;
    let stays = session
        .execute(
            "UPDATE controller SET lease = $3 WHERE name = $1 AND fence = $2",
            &values![
                &author.controller,
                author.fence,
                now.saturating_add(milliseconds(lease))
            ],
        )
        .await?;
    if stays == 1 {
        Ok(now)
    } else {
        Err(Fault::new(&REPLACED, author.to_string()))
    }
}

pub(super) async fn renew(database: &Database, author: &Author, lease: Duration) -> Result<Renewed, Fault> {
    let mut session = database.begin().await?;
    stay(&mut session, author, lease).await?;
    let timeline = session.timeline().await?;
    let known = "SELECT timeline FROM controller WHERE name = $1";
    let known = session.row(known, &values![&author.controller]).await?;
    let same = known.is_some_and(|row| row.get::<String>(0).is_ok_and(|known| known == timeline));
    session.commit().await?;
    Ok(if same { Renewed::Same } else { Renewed::Elsewhere })
}

/// This controller has compared its books with this server's. Numbers that the last server may have given out and lost
/// are not given out again.
pub(super) async fn vouch(database: &Database, author: &Author, lease: Duration) -> Result<(), Fault> {
    let mut session = database.begin().await?;
    stay(&mut session, author, lease).await?;
    let timeline = session.timeline().await?;
    let changed = session
        .execute(
            "UPDATE controller SET timeline = $2 WHERE name = $1 AND timeline <> $2",
            &values![&author.controller, &timeline],
        )
        .await?;
    if changed == 1 {
        session.rows(SKIP_NUMBERS, &[]).await?;
    }
    session.commit().await
}

/// Claims a lot; where several claim at one moment, each gets other orders, and none waits for another.
pub(super) async fn claim(
    database: &Database,
    author: &Author,
    lease: Duration,
    ticket: &str,
    machine: &MachineId,
    cards_max: usize,
) -> Result<Option<Lot>, Fault> {
    let mut last = Fault::new(&AWAY, "claimed by others at the same moment");
    for _ in 0..BOOK_RACES_MAX {
        let mut session = database.begin().await?;
        let now = stay(&mut session, author, lease).await?;
        // The same claim, asked again: its answer was lost. Or it is under way still, and its number says so below.
        let known = "SELECT id FROM lot WHERE ticket = $1 AND controller = $2";
        if let Some(row) = session.row(known, &values![ticket, &author.controller]).await? {
            return lot(&mut session, LotId(row.count(0)?)).await;
        }
        must_be_vouched(&mut session).await?;
        let freed = free(&mut session, now).await?;
        match next_lot(&mut session, author, ticket, machine, cards_max).await {
            Ok(Some(lot)) => {
                session.commit().await?;
                return Ok(Some(lot));
            }
            Ok(None) if freed => session.commit().await?,
            Ok(None) => return Ok(None),
            Err(fault) if *fault.code == TWICE => last = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(last)
}

/// After a standby was promoted nobody claims before every controller has compared its ledger with what is left.
pub(super) async fn must_be_vouched(session: &mut Session) -> Result<(), Fault> {
    let timeline = session.timeline().await?;
    let waited_for = session
        .rows(
            "SELECT name FROM controller WHERE timeline <> $1 AND NOT given_up ORDER BY name",
            &values![&timeline],
        )
        .await?;
    if waited_for.is_empty() {
        return Ok(());
    }
    let names: Result<Vec<String>, Fault> = waited_for.iter().map(|row| row.get(0)).collect();
    Err(Fault::new(
        &UNVOUCHED,
        format!("waiting for {}", names?.join(", ")),
    ))
}

/// Takes back what controllers whose lease is over had only claimed. What was granted stays.
pub(super) async fn free(session: &mut Session, now: i64) -> Result<bool, Fault> {
    let loose = session
        .rows(
            skip_locked!(
                "SELECT id FROM lot WHERE NOT granted AND NOT freed
                    AND controller IN (SELECT name FROM controller WHERE lease < $1)"
            ),
            &values![now],
        )
        .await?;
    for row in &loose {
        take_back(session, row.get(0)?).await?;
    }
    Ok(!loose.is_empty())
}

/// A lot that was not granted is no lot any more: its orders wait.
async fn take_back(session: &mut Session, lot: i64) -> Result<(), Fault> {
    session
        .execute("UPDATE lot SET freed = TRUE WHERE id = $1", &values![lot])
        .await?;
    session
        .execute(
            "UPDATE orders SET state = 'waiting', lot = 0 WHERE lot = $1 AND state = 'in_lot'",
            &values![lot],
        )
        .await
        .map(|_| ())
}

/// Left to itself SQLite takes the index of states, and reads and sorts every order that waits.
const MOST_URGENT: Sql = Sql {
    sqlite:
        "SELECT office, profile, priority, due FROM orders INDEXED BY orders_urgent WHERE state = 'waiting'
             ORDER BY priority DESC, due, key LIMIT 1",
    postgres: "SELECT office, profile, priority, due FROM orders WHERE state = 'waiting'
               ORDER BY priority DESC, due, key LIMIT 1 FOR UPDATE SKIP LOCKED",
};

/// As [`crate::job::lot::choose`]: the most urgent order that nobody has in hand names office and profile.
async fn next_lot(
    session: &mut Session,
    author: &Author,
    ticket: &str,
    machine: &MachineId,
    cards_max: usize,
) -> Result<Option<Lot>, Fault> {
    let first = session.row(MOST_URGENT, &[]).await?;
    let Some(first) = first else { return Ok(None) };
    let (office, profile): (String, String) = (first.get(0)?, first.get(1)?);
    let most = i64::try_from(cards_max).unwrap_or(i64::MAX);
    let priority: i64 = first.get(2)?;
    let due = date(&first.get::<String>(3)?)?;
    let soon = day(due.saturating_add(time::Duration::days(LOT_DUE_DAYS.into())))?;
    let rows = session
        .rows(
            skip_locked!(
                "SELECT key, remake, place FROM orders WHERE state = 'waiting' AND office = $1 AND profile = $2
                 ORDER BY CASE WHEN priority >= $3 AND due <= $4 THEN 0 ELSE 1 END, remake, place, key LIMIT $5"
            ),
            &values![&office, &profile, priority, &soon, most],
        )
        .await?;
    let mut chosen = rows
        .iter()
        .map(|row| Ok((row.get(1)?, row.get(2)?, row.get(0)?)))
        .collect::<Result<Vec<(bool, String, i64)>, Fault>>()?;
    chosen.sort();
    let row = session
        .row(
            "INSERT INTO lot (ticket, office, profile, machine, controller) VALUES ($1, $2, $3, $4, $5) RETURNING id",
            &values![ticket, &office, &profile, machine.as_str(), &author.controller],
        )
        .await?;
    let id: i64 = row.ok_or_else(|| unreadable("a new lot's number"))?.get(0)?;
    for (_, _, key) in &chosen {
        session
            .execute(
                "UPDATE orders SET state = 'in_lot', lot = $2, tries = tries + 1 WHERE key = $1",
                &values![*key, id],
            )
            .await?;
    }
    Ok(Some(Lot {
        id: LotId(super::uint(id)),
        office: OfficeCode(office),
        profile,
        machine: machine.clone(),
        orders: chosen
            .into_iter()
            .map(|(_, _, key)| OrderKey(super::uint(key)))
            .collect(),
    }))
}

/// A lot with the orders that are in it now.
pub(super) async fn lot(session: &mut Session, id: LotId) -> Result<Option<Lot>, Fault> {
    let claimed = "SELECT office, profile, machine FROM lot WHERE id = $1";
    let Some(row) = session.row(claimed, &values![id.0]).await? else {
        return Ok(None);
    };
    let inside = "SELECT key FROM orders WHERE lot = $1 AND state = 'in_lot' ORDER BY remake, place, key";
    let inside = session.rows(inside, &values![id.0]).await?;
    Ok(Some(Lot {
        id,
        office: OfficeCode(row.get(0)?),
        profile: row.get(1)?,
        machine: MachineId(row.get(2)?),
        orders: inside
            .iter()
            .map(|row| row.count(0).map(OrderKey))
            .collect::<Result<_, _>>()?,
    }))
}

/// Gives a lot to its machine, unless it was taken back. One row says both, so there is one moment for both.
pub(super) async fn grant(
    database: &Database,
    author: &Author,
    lease: Duration,
    lot: LotId,
) -> Result<(), Fault> {
    let mut session = database.begin().await?;
    stay(&mut session, author, lease).await?;
    let granted = session
        .execute(
            "UPDATE lot SET granted = TRUE WHERE id = $1 AND controller = $2 AND NOT freed",
            &values![lot.0, &author.controller],
        )
        .await?;
    if granted != 1 {
        return Err(Fault::new(&STALE, lot.to_string()));
    }
    session.commit().await
}

/// Nobody else has entered under this name.
pub(super) async fn must_be_ours(session: &mut Session, author: &Author) -> Result<(), Fault> {
    let ours = "SELECT 1 FROM controller WHERE name = $1 AND fence = $2 AND NOT given_up";
    match session
        .row(ours, &values![&author.controller, author.fence])
        .await?
    {
        Some(_) => Ok(()),
        None => Err(Fault::new(&REPLACED, author.to_string())),
    }
}

/// Writes where orders stand, each under its lot's number.
pub(super) async fn set_states(
    database: &Database,
    author: &Author,
    standings: &[Standing],
) -> Result<(), Fault> {
    if standings.is_empty() {
        return Ok(());
    }
    let mut session = database.begin().await?;
    must_be_ours(&mut session, author).await?;
    for standing in standings {
        let changed = session
            .execute(
                "UPDATE orders SET state = $3, remake = $4, lot = $2, until = NULL
                 WHERE key = $1 AND (lot IS NULL OR lot = $2)",
                &values![
                    standing.order.0,
                    standing.lot.0,
                    name(standing.state),
                    standing.remake
                ],
            )
            .await?;
        if changed == 1 {
            continue;
        }
        let there = "SELECT 1 FROM orders WHERE key = $1";
        let there = session.row(there, &values![standing.order.0]).await?;
        let code = if there.is_some() { &STALE } else { &NO_ORDER };
        return Err(Fault::new(
            code,
            format!("{} in {}", standing.order, standing.lot),
        ));
    }
    session.commit().await
}

/// The book has lost that this lot has the order: it has it again, whoever had claimed it since. A lot that is granted
/// gives nothing up, but none was since the server was replaced.
pub(super) async fn reclaim(
    database: &Database,
    author: &Author,
    standing: Standing,
    machine: &MachineId,
) -> Result<bool, Fault> {
    let mut session = database.begin().await?;
    must_be_ours(&mut session, author).await?;
    // Whoever has only claimed it gives up that whole lot, and is refused when it asks for the grant.
    let other = session
        .row(
            "SELECT lot.id FROM lot JOIN orders ON orders.lot = lot.id
             WHERE orders.key = $1 AND lot.controller <> $2 AND NOT lot.granted",
            &values![standing.order.0, &author.controller],
        )
        .await?;
    if let Some(row) = other {
        take_back(&mut session, row.get(0)?).await?;
    }
    // The lot itself may be lost. It was granted, as far as anybody knows.
    session
        .execute(
            "INSERT INTO lot (id, ticket, office, profile, machine, controller, granted)
             SELECT $1, $2, office, profile, $3, $4, TRUE FROM orders WHERE key = $5
             ON CONFLICT (id) DO NOTHING",
            &values![
                standing.lot.0,
                &format!("reclaimed {}", standing.lot),
                machine.as_str(),
                &author.controller,
                standing.order.0
            ],
        )
        .await?;
    let changed = session
        .execute(
            "UPDATE orders SET state = $3, remake = $4, hold = NULL, until = NULL, lot = $2,
                tries = CASE WHEN tries < $5 THEN $5 ELSE tries END
             WHERE key = $1 AND (lot IS NULL OR lot = 0 OR lot = $2
                OR NOT EXISTS (SELECT 1 FROM lot WHERE lot.id = orders.lot AND lot.granted AND lot.controller <> $6))",
            &values![
                standing.order.0,
                standing.lot.0,
                name(standing.state),
                standing.remake,
                1_i64,
                &author.controller
            ],
        )
        .await?;
    if changed == 1 {
        session.commit().await?;
        return Ok(true);
    }
    let there = "SELECT 1 FROM orders WHERE key = $1";
    match session.row(there, &values![standing.order.0]).await? {
        Some(_) => Err(Fault::new(
            &STALE,
            format!("{} in {}", standing.order, standing.lot),
        )),
        None => Ok(false),
    }
}

/// All controllers, with what they have in hand.
pub(super) async fn controllers(database: &Database) -> Result<Vec<Controller>, Fault> {
    let mut session = database.begin().await?;
    let (now, timeline) = (session.now().await?, session.timeline().await?);
    let rows = session
        .rows(
            "SELECT name, lease, timeline, given_up,
                (SELECT count(*) FROM orders JOIN lot ON lot.id = orders.lot
                 WHERE orders.state = 'in_lot' AND lot.controller = controller.name AND lot.granted),
                (SELECT count(*) FROM orders JOIN lot ON lot.id = orders.lot
                 WHERE orders.state = 'in_lot' AND lot.controller = controller.name AND NOT lot.granted)
             FROM controller ORDER BY name",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let left = row.get::<i64>(1)?.saturating_sub(now);
            Ok(Controller {
                name: row.get(0)?,
                lease: (left > 0).then(|| Duration::from_millis(super::uint(left))),
                given: row.count(4)?,
                claimed: row.count(5)?,
                vouched: row.get::<String>(2)? == timeline,
                given_up: row.get(3)?,
            })
        })
        .collect()
}
