//! A card in somebody's hand, tapped at a desk's reader: who does its chip say it is?

use std::convert::Infallible;

use tokio::sync::oneshot;

use crate::base::Fault;
use crate::base::ids::MachineId;
use crate::base::limits::TAP_WITHIN;
use crate::chip::fault::NOT_SEALED;
use crate::chip::{Identity, LifeCycle, MrzKey, Password, Request, Wanted, identify, inspect};
use crate::document::mrz::Mrz;
use crate::document::{FileId, dg1};
use crate::job::fault::CONTENT_DIFFERS;
use crate::port::Encoder;

use super::Line;
use super::fault::{DESK_BUSY, NO_DESK};
use super::talk::with_chip;

/// What a tap brought.
pub type Tapped = Result<Identity, Fault>;

/// Somebody who waits for a tap.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What the card must open with, if it is to be proven whose it is.
    key: Option<MrzKey>,
    answer: oneshot::Sender<Result<Read, Fault>>,
}

/// Who a chip says it is, and what its DG1 says if it was opened.
type Read = (Identity, Option<Result<String, Fault>>);

impl Waiting {
    /// Nobody waits any more.
    pub(super) fn is_closed(&self) -> bool {
        self.answer.is_closed()
    }
}

impl Line {
    /// Asks a desk that is free who lies on its reader.
    ///
    /// # Errors
    /// `LIN-007` if there is no such desk, `LIN-006` if it is packing; the reader's and the chip's.
    pub async fn tap(&self, desk: &MachineId) -> Tapped {
        self.tapped(desk, None).await.map(|(identity, _)| identity)
    }

    /// Asks a desk that is free whether the card on its reader is the one with this zone: sealed, opened by it, and
    /// saying the same.
    ///
    /// # Errors
    /// As [`Self::tap`]. The inner one says why it is not.
    pub async fn tap_card(
        &self,
        desk: &MachineId,
        mrz: &Mrz,
    ) -> Result<(Identity, Result<(), Fault>), Fault> {
        let key = MrzKey::new(&mrz.document_number(), mrz.birth(), mrz.expiry())?;
        let (identity, opened) = self.tapped(desk, Some(key)).await?;
        let not_sealed = || {
            Err(Fault::new(
                &NOT_SEALED,
                format!("it says {:?}", identity.life_cycle),
            ))
        };
        let proven = match opened {
            Some(Ok(zone)) if zone == mrz.zone() => Ok(()),
            Some(Ok(_)) => Err(Fault::new(&CONTENT_DIFFERS, "DG1")),
            Some(Err(fault)) => Err(fault),
            None => not_sealed(),
        };
        Ok((identity, proven))
    }

    async fn tapped(&self, desk: &MachineId, key: Option<MrzKey>) -> Result<Read, Fault> {
        let (answer, tapped) = oneshot::channel();
        match self.floor.wait_for_tap(desk, Waiting { key, answer }) {
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
            let _ = waiting.answer.send(read(self, reader, waiting.key).await);
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

/// Asks a chip who it is, and opens it if it is sealed and there is a key; nothing is changed, and it is left without
/// power.
async fn read(line: &Line, reader: &mut dyn Encoder, key: Option<MrzKey>) -> Result<Read, Fault> {
    let atr = reader.power_on().await?;
    let mut read = match line.rules.chip.check_atr(&atr) {
        Ok(()) => with_chip(reader, identify(&line.rules.chip))
            .await
            .map(|identity| (identity, None)),
        Err(foreign) => Err(foreign),
    };
    if let (Ok((identity, opened)), Some(key)) = (&mut read, key)
        && identity.life_cycle == LifeCycle::Sealed
    {
        *opened = Some(open(line, reader, key).await);
    }
    // A reader that fails now fails at its next card.
    let _ = reader.power_off().await;
    read
}

/// What DG1 says on a card that this key opens.
async fn open(line: &Line, reader: &mut dyn Encoder, key: MrzKey) -> Result<String, Fault> {
    reader.power_off().await?;
    reader.power_on().await?;
    let request = Request {
        allow_bac: true,
        wanted: Wanted::Only(vec![FileId::Dg(1)]),
        read_max: Some(line.rules.chip.apdu.read_max),
        ..Request::new(Password::Mrz(key))
    };
    let seed = line.entropy.secret()?;
    let inspection = with_chip(reader, inspect(request, &seed)).await?;
    let contents = inspection
        .files
        .get(&FileId::Dg(1))
        .map_or(&[][..], Vec::as_slice);
    Ok(dg1::decode(contents)?.zone())
}
