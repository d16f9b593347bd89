//! Blanks that are no cards and never will be. One that can be named is written off by name and recognized when it
//! comes out of a feeder again (law 3); one that cannot is a number of its pack, until its number on the plastic is
//! read, or until it turns up where the numbers say that it cannot be.

use crate::base::ids::{BlankId, PackId, PersonId};
use crate::base::{Fault, Place};
use crate::job::Fact;
use crate::job::fault::STOCK;
use crate::job::stock::Move;

use super::Line;

/// What an unnamed blank that is a number no more is booked back under.
const FED_AGAIN: &str = "a blank that was written off without a name came out of a feeder again";

/// Was this blank written off by name?
///
/// # Errors
/// The ledger's.
pub async fn is_written_off(line: &Line, blank: &BlankId) -> Result<bool, Fault> {
    let history = line.ports.ledger.history(blank.as_str()).await?;
    Ok(history
        .iter()
        .any(|entry| matches!(&entry.fact, Fact::WrittenOff { blank: known, .. } if known == blank)))
}

/// Blanks of a pack that lie with the waste and have no name there: those whose chips said nothing.
///
/// # Errors
/// The ledger's.
pub async fn unnamed(line: &Line, pack: &PackId) -> Result<u32, Fault> {
    let defective = line
        .ports
        .ledger
        .stock_of(pack)
        .await?
        .count(pack, &Place::Defective);
    let mut named = 0;
    if defective > 0 {
        for entry in line.ports.ledger.history(pack.as_str()).await? {
            let Fact::PackReceived { blanks, .. } = entry.fact else {
                continue;
            };
            for listed in blanks {
                named += u32::from(is_written_off(line, &listed.blank).await?);
            }
        }
    }
    Ok(defective.saturating_sub(named))
}

/// What records that a person writes off a blank that lies with the waste and whose number they have read. If blanks of
/// its pack lie there without a name it is taken for one of these; else the books still have it with the rest of its
/// pack.
///
/// # Errors
/// `JOB-017` if by the books none of its pack is left; the ledger's.
pub async fn written_off(
    line: &Line,
    blank: &BlankId,
    pack: &PackId,
    code: &str,
    by: Vec<PersonId>,
) -> Result<Fact, Fault> {
    let from = if unnamed(line, pack).await? > 0 {
        Place::Defective
    } else {
        rest_of(line, pack)
            .await?
            .ok_or_else(|| Fault::new(&STOCK, format!("pack {pack}: none is left, and {blank} is there")))?
    };
    Ok(Fact::WrittenOff {
        blank: blank.clone(),
        pack: pack.clone(),
        from,
        code: code.to_owned(),
        by,
    })
}

/// What books back so many unnamed blanks of a pack that do not lie with the waste any more: to where the rest of the
/// pack is.
///
/// # Errors
/// The ledger's.
pub async fn fed_again(
    line: &Line,
    pack: &PackId,
    to: Option<Place>,
    count: u32,
    by: Vec<PersonId>,
) -> Result<Option<Fact>, Fault> {
    let to = match to {
        Some(to) => Some(to),
        None => rest_of(line, pack).await?,
    };
    Ok(to.map(|to| Fact::Stock {
        step: Move {
            pack: pack.clone(),
            from: Some(Place::Defective),
            to,
            count,
            by,
            reason: FED_AGAIN.to_owned(),
        },
    }))
}

/// Where the unused rest of a pack is by the books: in a feeder, on the floor, in the vault.
async fn rest_of(line: &Line, pack: &PackId) -> Result<Option<Place>, Fault> {
    let stock = line.ports.ledger.stock_of(pack).await?;
    let is_rest = |place: &Place| matches!(place, Place::Feeder(_) | Place::Issued | Place::Vault);
    let mut places: Vec<Place> = stock
        .rows()
        .map(|(_, place, _)| place.clone())
        .filter(is_rest)
        .collect();
    places.sort_by_key(|place| match place {
        Place::Feeder(_) => 0,
        Place::Issued => 1,
        _ => 2,
    });
    Ok(places.into_iter().next())
}
