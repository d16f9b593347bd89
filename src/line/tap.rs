//! A card in somebody's hand, tapped at a desk's reader: who does its chip say it is?

use std::convert::Infallible;

use tokio::sync::oneshot;

use crate::base::Fault;
use crate::base::ids::MachineId;
use crate::base::limits::TAP_WITHIN;
use crate::chip::{Identity, identify};
use crate::port::Encoder;

use super::Line;
use super::fault::{DESK_BUSY, NO_DESK};
use super::talk::with_chip;

/// What a tap brought.
pub type Tapped = Result<Identity, Fault>;

/// Somebody who waits for a tap.
pub(super) type Waiting = oneshot::Sender<Tapped>;

impl Line {
    /// Asks a desk that is free who lies on its reader.
    ///
    /// # Errors
    /// `LIN-007` if there is no such desk, `LIN-006` if it is packing; the reader's and the chip's.
    pub async fn tap(&self, desk: &MachineId) -> Tapped {
        let (waiting, tapped) = oneshot::channel();
        match self.floor.wait_for_tap(desk, waiting) {
            None => return Err(Fault::new(&NO_DESK, desk.as_str())),
            Some(false) => return Err(Fault::new(&DESK_BUSY, desk.as_str())),
            Some(true) => {}
        }
        let busy = || Err(Fault::new(&DESK_BUSY, desk.as_str()));
        match self.clock.within(TAP_WITHIN, tapped).await {
            Some(Ok(tapped)) => tapped,
            // The desk took up a tray at that very moment, or went.
            Some(Err(_)) | None => busy(),
        }
    }

    /// Answers whoever waits for a tap at this desk.
    pub(super) async fn answer_tap(&self, desk: &MachineId, reader: &mut dyn Encoder) {
        if let Some(waiting) = self.floor.next_tap(desk) {
            // Whoever asked may have left.
            let _ = waiting.send(read(self, reader).await);
        }
    }
}

/// Answers taps at a desk at which nobody packs, because no controller runs.
pub async fn serve(line: &Line, desk: &MachineId, mut reader: Box<dyn Encoder>) -> Infallible {
    line.floor.set_free(desk, true);
    loop {
        line.answer_tap(desk, &mut *reader).await;
        line.floor.rung().await;
    }
}

/// Asks a chip who it is; nothing is changed, and it is left without power.
async fn read(line: &Line, reader: &mut dyn Encoder) -> Tapped {
    let atr = reader.power_on().await?;
    let identity = match line.rules.chip.check_atr(&atr) {
        Ok(()) => with_chip(reader, identify(&line.rules.chip)).await,
        Err(foreign) => Err(foreign),
    };
    // A reader that fails now fails at its next card.
    let _ = reader.power_off().await;
    identity
}
