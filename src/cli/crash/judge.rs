//! What must be true after every death, and at the end. The hall is asked first: its books are physics, not opinion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::house::House;
use crate::base::ids::BlankId;
use crate::cli::office::audit::check;
use crate::cli::summary::against_hall;
use crate::document::FileId;
use crate::port::{OrderBook, OrderState};
use crate::sim::hall::{self, Spot};

/// Remembers what it has seen of cards, which do not change once they left their machine.
pub(super) struct Judge {
    hall: PathBuf,
    ledger: PathBuf,
    name: String,
    /// The zone in each card's chip.
    people: BTreeMap<BlankId, Vec<u8>>,
    /// What was told of the ledger.
    told: BTreeSet<String>,
    boxed: usize,
}

impl Judge {
    pub(super) fn new(house: &House) -> Self {
        Self {
            hall: house.hall_dir(),
            ledger: house.config.path(&house.config.paths.ledger),
            name: house.config.ledger_name(),
            people: BTreeMap::new(),
            told: BTreeSet::new(),
            boxed: 0,
        }
    }

    /// Cards in boxes when it last looked.
    pub(super) fn boxed(&self) -> usize {
        self.boxed
    }

    /// One good card of a person at most, anywhere but in the reject box and in quarantine; and a ledger that is sound.
    pub(super) async fn after_a_death(&mut self) -> anyhow::Result<Vec<String>> {
        let inventory = hall::inventory(&self.hall)?;
        self.boxed = inventory.boxes.len();
        let mut wrong = Vec::new();
        let mut good: BTreeMap<&[u8], &BlankId> = BTreeMap::new();
        for card in &inventory.cards {
            if let Spot::Hopper { .. } | Spot::Tray { .. } | Spot::Reader { .. } | Spot::Boxed { .. } =
                card.spot
                && !self.people.contains_key(&card.blank)
            {
                let zone = hall::card(&self.hall, &card.blank)?
                    .chip
                    .file(FileId::Dg(1))
                    .map(<[u8]>::to_vec);
                match zone {
                    Some(zone) => {
                        self.people.insert(card.blank.clone(), zone);
                    }
                    None => wrong.push(format!("{}: an empty chip among the good cards", card.blank)),
                }
            }
        }
        for card in &inventory.cards {
            let Some(zone) = self.people.get(&card.blank) else {
                continue;
            };
            // A good card may be found to be waste later.
            if matches!(card.spot, Spot::Reject | Spot::Quarantine) {
                continue;
            }
            if let Some(other) = good.insert(zone, &card.blank) {
                wrong.push(format!("{} and {} are for one person", card.blank, other));
            }
        }
        let answer = check(&self.ledger, &self.name, None, &[]).await?;
        // What was told after an earlier death is still true, and is told once.
        let bad = answer.text.lines().filter(|line| line.starts_with("BAD"));
        wrong.extend(
            bad.filter(|line| self.told.insert((*line).to_owned()))
                .map(ToOwned::to_owned),
        );
        Ok(wrong)
    }

    /// Every order has its one card in a box, and the hall, the ledger and the order book say the same.
    pub(super) async fn at_the_end(&mut self, house: &House) -> anyhow::Result<Vec<String>> {
        let mut wrong = self.after_a_death().await?;
        let facility = Box::pin(house.open()).await?;
        for (office, counts) in facility.order_book.counts(house.today()).await? {
            for (state, count) in counts.orders {
                if matches!(state, OrderState::Waiting | OrderState::InLot) && count > 0 {
                    wrong.push(format!("{office}: {count} orders {state:?}"));
                }
            }
        }
        if !against_hall(&facility, &self.hall).await? {
            wrong.push("the hall and the ledger count differently".to_owned());
        }
        Box::pin(facility.close()).await?;
        Ok(wrong)
    }
}
