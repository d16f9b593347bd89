//! Counting: the count equation from the books, and what people counted by hand beside it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::audit::Balance;
use crate::base::ids::{MachineId, PackId};
use crate::base::{Fault, Place};
use crate::control::refused::UNEXPLAINED;
use crate::control::{Answer, Who, reason, record};
use crate::job::Fact;
use crate::line::Line;
use crate::line::audit::books_at;

use super::{known, moved};

/// Times the books are read while they change under the reading.
const READINGS_MAX: u8 = 5;

/// The count equation per pack, machine and kind of blank, in all or for a shift.
pub(super) async fn equation(line: &Line, since: Option<OffsetDateTime>) -> Result<Answer, Fault> {
    let balance = match since {
        None => everything(line).await?,
        Some(since) => shift(line, since).await?,
    };
    let mut text = balance.table();
    let types = by_type(line, &balance).await?;
    for (kind, count) in &types {
        let _ = writeln!(text, "{kind}: {} came in, {} in known places", count.0, count.1);
    }
    let open = all_unexplained(line, &balance).await?;
    for (machine, is, books) in &open {
        let _ = writeln!(
            text,
            "{machine}: counted {is} in its feeder, the books said {books}; not explained"
        );
    }
    let discrepancies = balance.check();
    let data = json!({
        "packs": balance.packs.iter().map(|(pack, count)| json!({
            "pack": pack,
            "opening": count.opening,
            "received": count.received,
            "places": places(&count.places),
        })).collect::<Vec<_>>(),
        "types": types.iter().map(|(kind, count)| json!({
            "type": kind, "came_in": count.0.to_string(), "placed": count.1.to_string(),
        })).collect::<Vec<_>>(),
        "discrepancies": discrepancies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "unexplained": open.iter().map(|(machine, is, books)| json!({
            "machine": machine, "is": is, "books": books,
        })).collect::<Vec<_>>(),
    });
    Ok(Answer {
        text,
        data,
        good: discrepancies.is_empty() && open.is_empty(),
    })
}

/// A count by hand is put on record whatever it is; one that differs stays until it is explained.
pub(super) async fn counted(line: &Line, who: &Who, machine: MachineId, is: u32) -> Result<Answer, Fault> {
    known(line, &machine).await?;
    let place = Place::Feeder(machine.clone());
    let books = in_place(line, &place)
        .await?
        .iter()
        .map(|(_, count)| u64::from(*count))
        .sum();
    let is = u64::from(is);
    let fact = Fact::Counted {
        place,
        is,
        books,
        by: who.people(),
    };
    record(line, vec![fact]).await?;
    let data = json!({ "machine": machine, "is": is, "books": books });
    if is == books {
        return Ok(Answer::good(
            format!("{machine}: {is} blanks, as the books say."),
            data,
        ));
    }
    let off = books.abs_diff(is);
    let left = if is < books {
        format!(
            "If {off} cannot be found, two people declare it: cardwright stock explain {machine} --reason …"
        )
    } else {
        format!("If {off} are too many, find out where they came from: nobody can declare them away.")
    };
    let text = format!(
        "{machine}: {is} blanks were counted, the books say {books}. This is on record and must be explained before a \
         lot of this machine can be closed by hand.\n\
         Look in the feeder, the path and the reject box, and count again while the machine stands still.\n\
         {left}"
    );
    Ok(Answer::bad(text, data))
}

/// Two people declare what a count found missing.
pub(super) async fn explain(
    line: &Line,
    who: &Who,
    machine: &MachineId,
    words: &str,
) -> Result<Answer, Fault> {
    let by = who.both()?;
    let words = reason(words)?;
    let Some((is, books)) = unexplained(line, machine).await? else {
        return Err(Fault::new(
            &crate::control::fault::ALREADY,
            format!("{machine}: nothing is unexplained"),
        ));
    };
    let Some(mut missing) = books
        .checked_sub(is)
        .and_then(|missing| u32::try_from(missing).ok())
    else {
        let more = format!(
            "{machine}: {} blanks too many; find out where they came from",
            is.saturating_sub(books)
        );
        return Err(Fault::new(&UNEXPLAINED, more));
    };
    let place = Place::Feeder(machine.clone());
    let there = in_place(line, &place).await?;
    let now: u32 = there.iter().map(|(_, count)| *count).sum();
    if now < missing {
        return Err(Fault::new(
            &UNEXPLAINED,
            format!("{machine}: only {now} left by the books; count again"),
        ));
    }
    let (lost, left) = (missing, u64::from(now - missing));
    let mut facts = Vec::new();
    for (pack, count) in there {
        let step = count.min(missing);
        if step > 0 {
            missing -= step;
            facts.push(moved(
                &pack,
                place.clone(),
                Place::NotFound,
                step,
                by.clone(),
                &words,
            ));
        }
    }
    facts.push(Fact::Counted {
        place,
        is: left,
        books: left,
        by,
    });
    record(line, facts).await?;
    Ok(Answer::good(
        format!("{machine}: {lost} blanks are declared not found. Every count names them from now on."),
        json!({ "machine": machine, "not_found": lost, "left": left }),
    ))
}

/// The count of a machine's feeder that differed and is not explained: what was counted, and what the books said.
///
/// # Errors
/// The ledger's.
pub async fn unexplained(line: &Line, machine: &MachineId) -> Result<Option<(u64, u64)>, Fault> {
    let history = line.ports.ledger.history(machine.as_str()).await?;
    let last = history.into_iter().rev().find_map(|entry| match entry.fact {
        Fact::Counted { is, books, .. } => Some((is, books)),
        _ => None,
    });
    Ok(last.filter(|(is, books)| is != books))
}

/// Blanks by pack in a place.
async fn in_place(line: &Line, place: &Place) -> Result<Vec<(PackId, u32)>, Fault> {
    let stock = line.ports.ledger.stock().await?;
    let rows = stock.rows().filter(|(_, there, _)| *there == place);
    Ok(rows.map(|(pack, _, count)| (pack.clone(), count)).collect())
}

/// Everything that ever came in, and where it is.
pub(in crate::control) async fn everything(line: &Line) -> Result<Balance, Fault> {
    let ledger = &line.ports.ledger;
    let mut readings = 0;
    loop {
        let size = ledger.size().await?;
        let balance = Balance::of(ledger.received().await?, ledger.stock().await?.rows());
        readings += 1;
        // Two readings of books that change in between need not agree.
        if balance.check().is_empty() || readings == READINGS_MAX || ledger.size().await? == size {
            return Ok(balance);
        }
    }
}

/// Since a shift began: what was there then, what came in since, and where it is now. What had left the house before
/// the shift (boxed, destroyed, returned) is no part of it.
async fn shift(line: &Line, since: OffsetDateTime) -> Result<Balance, Fault> {
    let ns = i64::try_from(since.unix_timestamp_nanos()).unwrap_or(i64::MAX);
    let opening = books_at(&*line.ports.ledger, ns).await?;
    let now = everything(line).await?;
    let mut before: BTreeMap<(PackId, Place), u64> = BTreeMap::new();
    for (pack, place, count) in opening.stock.rows() {
        before.insert((pack.clone(), place.clone()), u64::from(count));
    }
    let mut balance = Balance::new();
    for (pack, count) in now.packs {
        let came = opening.packs.get(&pack).map_or(0, |came| came.blanks);
        // A card that was revoked has come back from its box.
        let gone = |place: &Place, now: u64| {
            let then = before.get(&(pack.clone(), place.clone())).copied().unwrap_or(0);
            if has_left(place) { then.min(now) } else { 0 }
        };
        let left: u64 = count.places.iter().map(|(place, now)| gone(place, *now)).sum();
        balance.open(&pack, came.saturating_sub(left));
        balance.receive(&pack, count.received.saturating_sub(came));
        for (place, blanks) in count.places {
            let still = blanks - gone(&place, blanks);
            balance.place(&pack, place, still);
        }
    }
    balance
        .packs
        .retain(|_, count| count.came_in() > 0 || count.placed() > 0);
    Ok(balance)
}

/// Places that blanks do not come back from.
fn has_left(place: &Place) -> bool {
    matches!(
        place,
        Place::Boxed | Place::Defective | Place::Returned | Place::Destroyed | Place::NotFound | Place::Tests
    )
}

/// What came in and what is placed, by kind of blank.
async fn by_type(line: &Line, balance: &Balance) -> Result<BTreeMap<String, (u128, u128)>, Fault> {
    let mut types: BTreeMap<String, (u128, u128)> = BTreeMap::new();
    for (pack, count) in &balance.packs {
        let history = line.ports.ledger.history(pack.as_str()).await?;
        let kind = history.into_iter().find_map(|entry| match entry.fact {
            Fact::PackReceived { blank_type, .. } => Some(blank_type),
            _ => None,
        });
        let sums = types.entry(kind.unwrap_or_else(|| "?".to_owned())).or_default();
        *sums = (sums.0 + count.came_in(), sums.1 + count.placed());
    }
    Ok(types)
}

async fn all_unexplained(line: &Line, balance: &Balance) -> Result<Vec<(MachineId, u64, u64)>, Fault> {
    let mut machines: Vec<MachineId> = balance
        .packs
        .values()
        .flat_map(|count| count.places.keys())
        .filter_map(|place| place.machine().cloned())
        .collect();
    machines.sort();
    machines.dedup();
    let mut open = Vec::new();
    for machine in machines {
        if let Some((is, books)) = unexplained(line, &machine).await? {
            open.push((machine, is, books));
        }
    }
    Ok(open)
}

fn places(places: &BTreeMap<Place, u64>) -> Vec<Value> {
    let counted = places.iter().filter(|(_, count)| **count > 0);
    counted
        .map(|(place, count)| json!({ "place": place, "blanks": count }))
        .collect()
}
