//! Into which box a card goes is not believed but scanned. A count of cards cannot tell two cards that lie in each
//! other's boxes, and a person at the right screen may well stand before the wrong box; so the label of the box is
//! scanned after the card went in. It costs a second a card, with the scanner that is in the packer's hand already;
//! tapping every card again before its box is sealed would cost three, and would find it when the tray is gone.

use super::{Desk, SCANS_MAX, Scan};
use crate::base::Fault;
use crate::base::ids::{AttemptId, BoxId};
use crate::job::fault::{FACE_UNREADABLE, LABEL_UNREAD, WRONG_CARD};
use crate::line::Line;
use crate::port::{Answer, Instruction};

/// Where a card got to that was to be put into a box.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Put {
    /// Into that box: its label was scanned.
    There,
    /// Nowhere: its place is taken, and it lies on the reader.
    Taken,
    /// Into another box, by that one's label. It was taken out again, and lies on the reader if that went well.
    Elsewhere,
}

impl Desk {
    /// Has the card on the reader put into a box and the label of the box scanned.
    ///
    /// # Errors
    /// `JOB-024` if no label was scanned: then nobody knows which box it was, and the card is in doubt.
    pub(super) async fn put_in_box(&mut self, label: &BoxId, slot: u16) -> Result<Put, Fault> {
        let put = Instruction::PutInBox {
            label: label.clone(),
            slot,
        };
        if self.screen.ask(&put).await? == Answer::Nothing {
            return Ok(Put::Taken);
        }
        let stands_there = self.scan_label().await?;
        if stands_there == *label {
            return Ok(Put::There);
        }
        tracing::warn!(
            desk = %self.id, code = WRONG_CARD.id, "put into {stands_there} instead of {label}: taken back"
        );
        let back = Instruction::TakeBack { label: stands_there };
        self.screen.ask(&back).await?;
        Ok(Put::Elsewhere)
    }

    /// The label that was scanned. A packer who forgot is asked for it.
    async fn scan_label(&mut self) -> Result<BoxId, Fault> {
        let mut scans = 1;
        loop {
            match self.scan().await {
                Ok(Scan {
                    label: Some(label), ..
                }) => return Ok(label),
                // It said something else, or nothing.
                Ok(_) => {}
                Err(fault) if *fault.code == FACE_UNREADABLE => {}
                Err(fault) => return Err(fault),
            }
            let asked = scans < SCANS_MAX && self.screen.ask(&Instruction::ScanLabel).await? == Answer::Done;
            if !asked {
                return Err(Fault::new(&LABEL_UNREAD, ""));
            }
            scans += 1;
        }
    }

    /// Is the card in this place of a box the one of this attempt? It is taken out, opened with what is read off its
    /// face, and put back. If it is not, what shows it; a card that lies in another's place goes where it belongs.
    pub(super) async fn look_closely(
        &mut self,
        line: &Line,
        attempt: AttemptId,
        label: &BoxId,
        slot: u16,
    ) -> Result<Result<(), &'static str>, Fault> {
        let (label, pick) = (label.clone(), label.clone());
        let look = Instruction::LookInBox {
            label: label.clone(),
            slot,
        };
        if self.screen.ask(&look).await? == Answer::Nothing {
            return Ok(Err("its place in the box is empty"));
        }
        self.hush().await?;
        let pick = Instruction::PickFromBox { label: pick, slot };
        if self.screen.ask(&pick).await? == Answer::Nothing {
            return Ok(Err("its place in the box is empty"));
        }
        match self.named(line).await {
            Some(named) if named.id == attempt => match self.put_in_box(&label, slot).await? {
                Put::There => Ok(Ok(())),
                Put::Taken | Put::Elsewhere => Ok(Err("it was taken out of its box")),
            },
            named => {
                tracing::warn!(desk = %self.id, code = WRONG_CARD.id, "another card in {label}, place {slot}");
                self.put_right(line, named).await?;
                Ok(Err("another card lies in its place"))
            }
        }
    }
}
