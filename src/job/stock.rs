//! Conservation of blanks (law 7): counts per pack and place, moved by one pure function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::ids::{PackId, PersonId};
use crate::base::{Fault, Place};

use super::attempt::Attempt;
use super::fact::{Blank, Fact};
use super::fault::STOCK;

/// Blanks of one pack go from one place to another.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The pack.
    pub pack: PackId,
    /// Where from; nowhere when a pack is received.
    pub from: Option<Place>,
    /// Where to.
    pub to: Place,
    /// How many.
    pub count: u32,
    /// Who; nobody when a machine did it.
    pub by: Vec<PersonId>,
    /// Why, for moves that need a reason.
    pub reason: String,
}

/// What a supplier says is in a pack.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SupplierList {
    /// The pack.
    pub pack: PackId,
    /// Kind of blank.
    pub blank_type: String,
    /// Its blanks, in the order in which they lie.
    pub blanks: Vec<Blank>,
}

impl SupplierList {
    /// The sealed pack comes into the vault.
    #[must_use]
    pub fn received(self, by: Vec<PersonId>) -> Fact {
        Fact::PackReceived {
            pack: self.pack,
            blank_type: self.blank_type,
            blanks: self.blanks,
            by,
        }
    }
}

impl Move {
    /// Blanks leave the vault for the floor, where machines ask for them.
    #[must_use]
    pub fn issued(pack: PackId, count: u32, by: Vec<PersonId>) -> Self {
        Self {
            pack,
            from: Some(Place::Vault),
            to: Place::Issued,
            count,
            by,
            reason: "issued to the floor".to_owned(),
        }
    }
}

/// How many blanks of each pack are in each place.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stock(BTreeMap<(PackId, Place), u32>);

impl Stock {
    /// From rows, as a store keeps them.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = (PackId, Place, u32)>) -> Self {
        Self(
            rows.into_iter()
                .map(|(pack, place, count)| ((pack, place), count))
                .collect(),
        )
    }

    /// All rows with a count above zero.
    pub fn rows(&self) -> impl Iterator<Item = (&PackId, &Place, u32)> {
        self.0
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|((pack, place), count)| (pack, place, *count))
    }

    /// Blanks of this pack in this place.
    #[must_use]
    pub fn count(&self, pack: &PackId, place: &Place) -> u32 {
        self.0.get(&(pack.clone(), place.clone())).copied().unwrap_or(0)
    }

    /// Makes a move.
    ///
    /// # Errors
    /// `JOB-017` if there are not so many blanks where they should come from; nothing is moved then.
    pub fn apply(&mut self, step: &Move) -> Result<(), Fault> {
        if let Some(from) = &step.from {
            let left = self
                .count(&step.pack, from)
                .checked_sub(step.count)
                .ok_or_else(|| {
                    Fault::new(
                        &STOCK,
                        format!(
                            "pack {}: {} in {from}, {} asked",
                            step.pack,
                            self.count(&step.pack, from),
                            step.count
                        ),
                    )
                })?;
            self.0.insert((step.pack.clone(), from.clone()), left);
        }
        *self.0.entry((step.pack.clone(), step.to.clone())).or_insert(0) += step.count;
        Ok(())
    }

    /// Unmakes the move that was made last.
    pub fn take_back(&mut self, step: &Move) {
        let mut change = |place: &Place, counted: fn(u32, u32) -> u32| {
            if let Some(count) = self.0.get_mut(&(step.pack.clone(), place.clone())) {
                *count = counted(*count, step.count);
            }
        };
        change(&step.to, u32::saturating_sub);
        if let Some(from) = &step.from {
            change(from, u32::saturating_add);
        }
    }
}

/// The move of blanks outside of cards that a fact tells of.
#[must_use]
pub fn told(fact: &Fact) -> Option<Move> {
    match fact {
        Fact::Stock { step } => Some(step.clone()),
        Fact::PackReceived { pack, blanks, by, .. } => Some(Move {
            pack: pack.clone(),
            from: None,
            to: Place::Vault,
            count: u32::try_from(blanks.len()).unwrap_or(u32::MAX),
            by: by.clone(),
            reason: String::new(),
        }),
        Fact::WrittenOff {
            pack, from, code, by, ..
        } if *from != Place::Defective => Some(Move {
            pack: pack.clone(),
            from: Some(from.clone()),
            to: Place::Defective,
            count: 1,
            by: by.clone(),
            reason: code.clone(),
        }),
        _ => None,
    }
}

/// The move that an event of an attempt implies: the attempt says where its card lies, the stock follows.
#[must_use]
pub fn implied(before: Option<&Attempt>, after: &Attempt) -> Option<Move> {
    let to = after.place.clone()?;
    let pack = after.pack.clone()?;
    let counted = before.and_then(|before| before.pack.as_ref().and_then(|_| before.place.clone()));
    // A blank is known to have left the feeder when its chip has named it.
    let from = counted.unwrap_or_else(|| Place::Feeder(after.machine.clone()));
    (from != to).then(|| Move {
        pack,
        from: Some(from),
        to,
        count: 1,
        by: Vec::new(),
        reason: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_never_goes_below_zero_and_a_refused_move_moves_nothing() {
        let mut stock = Stock::default();
        let receive = Move {
            pack: PackId::new("P1"),
            from: None,
            to: Place::Vault,
            count: 10,
            by: Vec::new(),
            reason: String::new(),
        };
        stock.apply(&receive).unwrap();
        let issue = Move {
            from: Some(Place::Vault),
            to: Place::Issued,
            count: 11,
            ..receive
        };
        let before = stock.clone();
        assert_eq!(stock.apply(&issue).unwrap_err().code.id, "JOB-017");
        assert_eq!(stock, before);
        let all = Move { count: 10, ..issue };
        stock.apply(&all).unwrap();
        assert_eq!(stock.rows().count(), 1);
        stock.take_back(&all);
        assert!(stock.rows().eq(before.rows()));
    }
}
