//! The people at the screens of a hall in memory. They do what the screen says, and sometimes something else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::hall::{Inner, Spot};
use super::locked;
use super::slips::Slip;
use crate::base::Fault;
use crate::base::ids::{BoxId, MachineId};
use crate::device::hall::fault::LOST;
use crate::port::{Answer, Instruction, Screen};
use crate::sim::hall::label_spoken;

/// A person does what the screen says.
const PERSON: Duration = Duration::from_millis(700);

/// A screen and the person before it.
pub(super) struct Person {
    hall: Arc<Inner>,
    id: MachineId,
    spot: Spot,
}

impl Person {
    pub(super) fn new(hall: Arc<Inner>, id: MachineId, spot: Spot) -> Self {
        Self { hall, id, spot }
    }

    fn follow(&self, instruction: &Instruction) -> io::Result<Answer> {
        let make = |slip| self.slip(slip, instruction);
        match self.hall.slips.strike(instruction, make)? {
            Some(answer) => Ok(answer),
            None => self.rightly(instruction),
        }
    }

    fn rightly(&self, instruction: &Instruction) -> io::Result<Answer> {
        self.spot
            .follow(instruction.clone(), self.hall.power.clock().elapsed())
    }

    /// Makes a mistake and answers as if it was none; nothing if it cannot be made just now.
    fn slip(&self, slip: Slip, instruction: &Instruction) -> io::Result<Option<Answer>> {
        match (&self.spot, slip, instruction) {
            (Spot::Station(spot), Slip::RefeedCleared, _) => {
                Ok(spot.station.refeed()?.then_some(Answer::Done))
            }
            (Spot::Station(spot), Slip::RefeedSpoiled, _) => {
                // The pack first: the card lies on top of it.
                let possible = self.hall.floor.holds_rejects() && self.rightly(instruction)? == Answer::Done;
                Ok((possible && spot.station.reload()?).then_some(Answer::Done))
            }
            (Spot::Station(spot), Slip::ReverseHopper, Instruction::EmptyHopper { lot }) => {
                let answer = self.rightly(instruction)?;
                spot.station.turn_tray(*lot)?;
                Ok(Some(answer))
            }
            (Spot::Station(_), Slip::MixHoppers, Instruction::EmptyHopper { lot }) => {
                for (id, other) in &self.hall.stations {
                    if *id != self.id && other.station.empty_into(*lot)? {
                        return self.rightly(instruction).map(Some);
                    }
                }
                Ok(None)
            }
            (Spot::Station(_), Slip::SwapReaders, _) => {
                let Some(other) = self.hall.stations.keys().find(|id| **id != self.id) else {
                    return Ok(None);
                };
                self.swap_readers(other);
                self.rightly(instruction).map(Some)
            }
            (Spot::Desk(_), Slip::BoxSpoiled, Instruction::PutInBox { label, slot }) => {
                if !self.hall.floor.stray_into_box(label.clone(), slot + 1)? {
                    return Ok(None);
                }
                self.rightly(instruction).map(Some)
            }
            (Spot::Desk(spot), Slip::WrongBox, Instruction::PutInBox { label, .. }) => {
                let other = |(other, _): &(BoxId, u16)| other != label;
                let Some((label, slot)) = self.hall.floor.open_boxes().into_iter().find(other) else {
                    return Ok(None);
                };
                let now = self.hall.power.clock().elapsed();
                Ok(spot.desk.put_in(label.clone(), slot)?.then(|| {
                    // The label is scanned on the box that stands there.
                    spot.says(label_spoken(&label), now);
                    Answer::Done
                }))
            }
            (Spot::Desk(spot), Slip::ForgetLabel, Instruction::PutInBox { label, slot }) => {
                Ok(spot.desk.put_in(label.clone(), *slot)?.then_some(Answer::Done))
            }
            (Spot::Desk(spot), Slip::ScanOther, _) => {
                let Some(before) = locked(&spot.last_scan).clone() else {
                    return Ok(None);
                };
                let now = self.hall.power.clock().elapsed();
                Ok(spot.desk.take_up()?.then(|| {
                    spot.says(before, now);
                    Answer::Done
                }))
            }
            _ => Ok(None),
        }
    }

    fn swap_readers(&self, other: &MachineId) {
        let mut swapped = locked(&self.hall.swapped);
        swapped.insert(self.id.clone(), other.clone());
        swapped.insert(other.clone(), self.id.clone());
        self.hall.lose_fields([&self.id, other].into_iter());
    }
}

#[async_trait]
impl Screen for Person {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        let followed = self.hall.power.act(PERSON, || self.follow(instruction)).await;
        followed.map_err(|error| Fault::new(&LOST, error.to_string()))
    }
}
