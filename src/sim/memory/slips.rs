//! Mistakes of people: each is made once, at the n-th occasion there is for it.

use std::io;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::locked;
use crate::port::Instruction;

/// A mistake that people in a hall make.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slip {
    /// The card that was taken out of the path goes back into the feeder.
    RefeedCleared,
    /// A card from the reject box is loaded together with a pack.
    RefeedSpoiled,
    /// The cards of the hopper get into their tray in the wrong order, the last one first.
    ReverseHopper,
    /// What lies in the hopper of another machine gets into the tray too.
    MixHoppers,
    /// The plugs of two machines' readers are swapped.
    SwapReaders,
    /// A card from the reject box gets into a box, behind the card that was put there.
    BoxSpoiled,
    /// A good card goes into the box of another office.
    WrongBox,
    /// The scanner is held to the card before, which lies there still.
    ScanOther,
    /// The label of the box is not scanned.
    ForgetLabel,
}

impl Slip {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::RefeedCleared,
        Self::RefeedSpoiled,
        Self::ReverseHopper,
        Self::MixHoppers,
        Self::SwapReaders,
        Self::BoxSpoiled,
        Self::WrongBox,
        Self::ScanOther,
        Self::ForgetLabel,
    ];

    /// Can it be made at this instruction?
    fn has_occasion(self, instruction: &Instruction) -> bool {
        match self {
            Self::RefeedCleared => matches!(instruction, Instruction::ClearPath),
            Self::RefeedSpoiled => matches!(instruction, Instruction::LoadPack { .. }),
            Self::ReverseHopper | Self::MixHoppers | Self::SwapReaders => {
                matches!(instruction, Instruction::EmptyHopper { .. })
            }
            Self::BoxSpoiled | Self::WrongBox | Self::ForgetLabel => {
                matches!(instruction, Instruction::PutInBox { .. })
            }
            Self::ScanOther => matches!(instruction, Instruction::NextCard),
        }
    }
}

/// Mistakes to come.
#[derive(Debug, Default)]
pub(super) struct Slips {
    coming: Mutex<Vec<(Slip, u32)>>,
    made: Mutex<Vec<Slip>>,
}

impl Slips {
    /// At the n-th occasion from now; 1 is the next.
    pub(super) fn plan(&self, slip: Slip, occasion: u32) {
        locked(&self.coming).push((slip, occasion));
    }

    /// Mistakes that were made, in their order.
    pub(super) fn made(&self) -> Vec<Slip> {
        locked(&self.made).clone()
    }

    /// Makes the mistake whose turn it is, if there is one: `make` does it, or answers nothing if just now it cannot
    /// be made; then it is made at the next occasion.
    pub(super) fn strike<T>(
        &self,
        instruction: &Instruction,
        make: impl FnOnce(Slip) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let mut coming = locked(&self.coming);
        let mut due = None;
        for (index, (slip, left)) in coming.iter_mut().enumerate() {
            if slip.has_occasion(instruction) {
                *left = left.saturating_sub(1);
                if *left == 0 && due.is_none() {
                    due = Some((index, *slip));
                }
            }
        }
        let Some((index, slip)) = due else { return Ok(None) };
        let made = make(slip)?;
        if made.is_some() {
            tracing::info!(?slip, "a mistake");
            coming.remove(index);
            locked(&self.made).push(slip);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_made_once_at_its_occasion_or_at_the_next_that_allows_it() {
        let slips = Slips::default();
        slips.plan(Slip::ScanOther, 2);
        let next = |possible: bool| {
            let made = slips.strike(&Instruction::NextCard, |slip| Ok(possible.then_some(slip)));
            made.unwrap()
        };
        assert_eq!(next(true), None, "it is not its turn");
        let elsewhere = slips.strike(&Instruction::ClearPath, |slip| Ok(Some(slip)));
        assert_eq!(elsewhere.unwrap(), None, "no occasion");
        assert_eq!(next(false), None, "it cannot be made now");
        assert_eq!(next(true), Some(Slip::ScanOther));
        assert_eq!(next(true), None, "once is enough");
    }
}
