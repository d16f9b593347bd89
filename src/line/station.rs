//! A station: one printer with its own encoder, one card at a time.

mod card;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::base::ids::{MachineId, PackId};
use crate::base::{Fault, Place};
use crate::job::Fact;
use crate::job::fault::TOO_MANY_PRINTS;
use crate::job::stock::Move;
use crate::port::{Answer, Encoder, Instruction, Screen, Serial};
use crate::printer::{Connect, Connected, Counters, Model, ReadCounters};

use super::Line;
use super::context::Hand;
use super::feed::Work;
use super::prepare::Ready;
use super::progress::Activity;
use super::talk::with_serial;

/// How often a stopped station asks whether it may go on.
const STOPPED: Duration = Duration::from_millis(200);

/// A station and the ports to it.
pub struct Station {
    /// Its name.
    pub id: MachineId,
    /// The reader in it.
    pub encoder: Box<dyn Encoder>,
    /// The printer.
    pub printer: Box<dyn Serial>,
    /// The printer's model.
    pub model: Model,
    /// The operator's screen.
    pub screen: Box<dyn Screen>,
    /// The printer's counters after the last card.
    pub counters: Counters,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Station({})", self.id)
    }
}

impl Station {
    /// Gets in step with the printer and reads its counters.
    ///
    /// # Errors
    /// The printer's.
    pub async fn connect(&mut self) -> Result<Connected, Fault> {
        let connected = with_serial(&mut *self.printer, Connect::new(&self.model)).await?;
        self.counters = with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await?;
        Ok(connected)
    }

    /// Makes the cards it is given until there are no more, and hands each lot on when it is complete.
    /// Stopped by a fault, it
    /// waits for a person to let it go on.
    ///
    /// # Errors
    /// The ledger's: without it nothing may be done.
    pub async fn run(
        mut self,
        line: Arc<Line>,
        resumed: Option<Hand>,
        mut work: mpsc::Receiver<Work>,
    ) -> Result<(), Fault> {
        let mut last: Option<Hand> = None;
        if let Some(hand) = resumed {
            let ready = super::prepare::resume(&line, hand.attempt().clone()).await?;
            last = Some(self.make(&line, &ready, hand).await?);
        }
        loop {
            // The outcome of a card shares a commit with the next card's intent, if that follows at once.
            let next = match work.try_recv() {
                Ok(next) => Some(next),
                Err(_) => {
                    if let Some(hand) = &mut last {
                        hand.record(&line).await?;
                    }
                    self.idle(&line);
                    work.recv().await
                }
            };
            match next {
                None => return self.last_reading(&line).await,
                Some(Work::Card(ready)) => {
                    // A stopped machine's last card is known and must not wait for a person to be recorded.
                    if line.progress.is_stopped(&self.id)
                        && let Some(hand) = &mut last
                    {
                        hand.record(&line).await?;
                    }
                    if !self.may_go_on(&line).await {
                        continue;
                    }
                    let mut hand = Hand::new(ready.attempt.clone());
                    if let Some(before) = last.take() {
                        before.into_pending().into_iter().for_each(|fact| hand.also(fact));
                    }
                    last = Some(self.make(&line, &ready, hand).await?);
                }
                Some(Work::EndOfLot(lot)) => {
                    if let Some(mut hand) = last.take() {
                        hand.record(&line).await?;
                    }
                    if line.is_stopping() {
                        continue;
                    }
                    self.check_counters(&line).await?;
                    self.screen_must(&Instruction::EmptyHopper { lot: lot.id })
                        .await?;
                    line.record(vec![Fact::LotClosed { lot: lot.id }], Vec::new())
                        .await?;
                    line.floor.tray(lot);
                }
            }
        }
    }

    /// More prints than jobs stop the machine before its lot is closed (law 7). A printer that does not answer is found
    /// out at its next card.
    async fn check_counters(&mut self, line: &Line) -> Result<(), Fault> {
        let Ok(now) = with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await else {
            return Ok(());
        };
        let before = std::mem::replace(&mut self.counters, now);
        if now.panels_printed > before.panels_printed {
            let detail = format!(
                "{} panels that nobody asked for",
                now.panels_printed - before.panels_printed
            );
            line.stop_position(&self.id, &Fault::new(&TOO_MANY_PRINTS, detail))
                .await?;
        }
        Ok(())
    }

    /// What the next start compares with.
    async fn last_reading(&mut self, line: &Line) -> Result<(), Fault> {
        match with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await {
            Ok(counters) => super::readings::printer(line, &self.id, &counters).await,
            Err(fault) => {
                tracing::warn!(machine = %self.id, code = fault.code.id, "the counters cannot be read: {fault}");
                Ok(())
            }
        }
    }

    /// Waits while the position is stopped; false when the line stops meanwhile, and the card stays ready
    /// for the next start.
    pub(super) async fn may_go_on(&mut self, line: &Line) -> bool {
        while line.progress.is_stopped(&self.id) && !line.is_stopping() {
            line.clock.sleep(STOPPED).await;
        }
        !line.is_stopping()
    }

    async fn make(&mut self, line: &Line, ready: &Ready, hand: Hand) -> Result<Hand, Fault> {
        let hand = card::make(self, line, ready, hand).await?;
        line.progress.card_left(&self.id, hand.attempt());
        if hand.attempt().is_over() {
            line.floor.settle();
        }
        Ok(hand)
    }

    fn idle(&self, line: &Line) {
        line.progress.activity(&self.id, Activity::Waiting);
    }

    /// A new pack into the feeder, if the floor has one.
    async fn load(&mut self, line: &Line) -> Result<Option<PackId>, Fault> {
        let Some((pack, count)) = line.floor.take_pack(line).await? else {
            return Ok(None);
        };
        let instruction = Instruction::LoadPack { pack: pack.clone() };
        if self.screen.ask(&instruction).await? != Answer::Done {
            return Ok(None);
        }
        let step = Move {
            pack: pack.clone(),
            from: Some(Place::Issued),
            to: Place::Feeder(self.id.clone()),
            count,
            by: Vec::new(),
            reason: "loaded at the screen's request".to_owned(),
        };
        line.record(vec![Fact::Stock { step }], Vec::new()).await?;
        Ok(Some(pack))
    }

    async fn screen_must(&mut self, instruction: &Instruction) -> Result<(), Fault> {
        match self.screen.ask(instruction).await? {
            Answer::Done => Ok(()),
            Answer::Nothing => Err(Fault::new(&super::fault::ANSWER, format!("{instruction:?}"))),
        }
    }
}
