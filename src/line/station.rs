//! A station: one printer with its own encoder, one card at a time.

mod card;
mod read_back;

use tokio::sync::mpsc;

use crate::base::ids::{BlankId, MachineId, PackId};
use crate::base::limits::FEEDER_TRIED_AGAIN;
use crate::base::{Code, Fault, Place};
use crate::job::fault::TOO_MANY_PRINTS;
use crate::job::stock::Move;
use crate::job::{Fact, Phase, Step};
use crate::port::{Answer, Encoder, Instruction, Screen, Serial};
use crate::printer::{Connect, Connected, Counters, Model, ReadCounters};

use super::Line;
use super::context::Hand;
use super::feed::Work;
use super::prepare::Ready;
use super::progress::Activity;
use super::recover;
use super::settle::STOPPED;
use super::talk::with_serial;

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
    /// What a door's fault interrupted.
    begun: Option<Work>,
    /// The blank that was fed last and its pack, once its chip has named it.
    fed: Option<(BlankId, PackId)>,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Station({})", self.id)
    }
}

impl Station {
    /// A station that nothing is known of yet.
    #[must_use]
    pub fn new(
        id: MachineId,
        encoder: Box<dyn Encoder>,
        printer: Box<dyn Serial>,
        model: Model,
        screen: Box<dyn Screen>,
    ) -> Self {
        Self {
            id,
            encoder,
            printer,
            model,
            screen,
            counters: Counters::default(),
            begun: None,
            fed: None,
        }
    }

    /// Gets in step with the printer and reads its counters.
    ///
    /// # Errors
    /// The printer's.
    pub async fn connect(&mut self) -> Result<Connected, Fault> {
        let connected = with_serial(&mut *self.printer, Connect::new(&self.model)).await?;
        self.counters = with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await?;
        Ok(connected)
    }

    /// Makes the cards it is given until there are no more, and hands each lot on when it is complete. Stopped by a
    /// fault, it waits for a person to let it go on.
    ///
    /// # Errors
    /// The ledger's: without it nothing may be done. Those of the machine's own doors: what was begun is kept, and the
    /// next call goes on with it once the machine has been started again.
    pub async fn run(
        &mut self,
        line: &Line,
        resumed: Option<Hand>,
        work: &mut mpsc::Receiver<Work>,
    ) -> Result<(), Fault> {
        let mut last: Option<Hand> = None;
        if let Some(hand) = resumed {
            if !line.may_go_on(&self.id).await {
                return self.last_reading(line).await;
            }
            let ready = super::prepare::resume(line, hand.attempt().clone()).await?;
            last = Some(self.make(line, &ready, hand).await?);
        }
        let mut next = self.begun_before(line).await?;
        loop {
            // The outcome of a card shares a commit with the next card's intent, if that follows at once.
            let work = match next.take().or_else(|| work.try_recv().ok()) {
                Some(at_once) => Some(at_once),
                None => {
                    if let Some(hand) = &mut last {
                        hand.record(line).await?;
                    }
                    self.idle(line);
                    work.recv().await
                }
            };
            let Some(work) = work else {
                return self.last_reading(line).await;
            };
            let done = self.work(line, &work, &mut last).await;
            if done.is_err() {
                self.begun = Some(work);
            }
            done?;
        }
    }

    /// What a door's fault interrupted, unless recovery has seen to it.
    async fn begun_before(&mut self, line: &Line) -> Result<Option<Work>, Fault> {
        match self.begun.take() {
            Some(Work::Card(mut ready, of)) => {
                let attempt = line.ports.ledger.attempt(ready.attempt.id).await?;
                let untouched = attempt.filter(|attempt| attempt.phase == Phase::Ready);
                Ok(untouched.map(|attempt| {
                    ready.attempt = attempt;
                    Work::Card(ready, of)
                }))
            }
            lot => Ok(lot),
        }
    }

    async fn work(&mut self, line: &Line, work: &Work, last: &mut Option<Hand>) -> Result<(), Fault> {
        match work {
            Work::Card(ready, of) => {
                line.progress.lot(&self.id, ready.attempt.lot, *of);
                // A person may be long in coming: what is done must not wait for that.
                if let (true, Some(hand)) = (line.progress.is_stopped(&self.id), last.as_mut()) {
                    hand.record(line).await?;
                }
                if !line.may_go_on(&self.id).await {
                    return Ok(());
                }
                let mut hand = Hand::new(ready.attempt.clone());
                if let Some(before) = last.take() {
                    before.into_pending().into_iter().for_each(|fact| hand.also(fact));
                }
                *last = Some(self.make(line, ready, hand).await?);
            }
            Work::EndOfLot(lot) => {
                if let Some(mut hand) = last.take() {
                    hand.record(line).await?;
                }
                if line.is_stopping() {
                    return Ok(());
                }
                let explained = self.check_counters(line).await?;
                if !explained && !line.may_go_on(&self.id).await {
                    return Ok(());
                }
                self.screen_must(&Instruction::EmptyHopper { lot: lot.id })
                    .await?;
                line.record(vec![Fact::LotClosed { lot: lot.id }], Vec::new())
                    .await?;
                recover::passed_over(line, lot).await?;
                line.forget_lot(lot.id);
                line.tray(lot.clone());
            }
        }
        Ok(())
    }

    /// More prints than jobs stop the machine, and its lot is not closed before a person has looked (law 7): a twin of
    /// one of its cards may lie among them. False if there are more. A printer that does not answer is found out at its
    /// next card.
    async fn check_counters(&mut self, line: &Line) -> Result<bool, Fault> {
        let Ok(now) = with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await else {
            return Ok(true);
        };
        let before = std::mem::replace(&mut self.counters, now);
        if now.panels_printed > before.panels_printed {
            let detail = format!(
                "{} panels that nobody asked for",
                now.panels_printed - before.panels_printed
            );
            line.stop_position(&self.id, &Fault::new(&TOO_MANY_PRINTS, detail))
                .await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// What the next start compares with.
    async fn last_reading(&mut self, line: &Line) -> Result<(), Fault> {
        self.check_counters(line).await?;
        match with_serial(&mut *self.printer, ReadCounters::new(&self.model)).await {
            Ok(counters) => super::readings::put_down(line, &self.id, &counters).await,
            Err(fault) => {
                tracing::warn!(machine = %self.id, code = fault.code.id, "the counters cannot be read: {fault}");
                Ok(())
            }
        }
    }

    async fn make(&mut self, line: &Line, ready: &Ready, hand: Hand) -> Result<Hand, Fault> {
        // One that is gone on with is inside already.
        line.pairing.holds(&self.id, hand.attempt().phase != Phase::Ready);
        let hand = card::make(self, line, ready, hand).await?;
        line.pairing.holds(&self.id, false);
        line.progress.card_left(&self.id, hand.attempt());
        if hand.attempt().phase == Phase::Did(Step::Deliver) {
            // Failures count in a row and among the last cards only if the good ones are counted too.
            let attempt = hand.attempt();
            line.brake().good(&self.id, attempt.id, attempt.pack.as_ref());
        }
        if hand.attempt().is_over() {
            line.floor.settle();
        }
        Ok(hand)
    }

    fn idle(&self, line: &Line) {
        line.progress.activity(&self.id, Activity::Waiting);
    }

    /// Until there is a pack for this feeder or the line stops. A person may have filled it without a word to the
    /// books: so the machine tries from time to time, and not all the time, because each try is a record.
    async fn wait_for_blanks(&mut self, line: &Line, empty: &'static Code) -> Result<(), Fault> {
        let mut known = None;
        let since = line.clock.elapsed();
        while line.clock.elapsed().saturating_sub(since) < FEEDER_TRIED_AGAIN {
            let inside = line.floor.blanks_in(line, &self.id).await?;
            let before = known.replace(inside);
            let was_filled = before.is_some() && before != known;
            if was_filled || self.load(line).await?.is_some() {
                break;
            }
            line.progress.feeder(&self.id, Some(empty));
            line.clock.sleep(STOPPED).await;
            // Whoever asks at the end why cards are missing is told.
            if line.is_stopping() {
                return Ok(());
            }
        }
        line.progress.feeder(&self.id, None);
        Ok(())
    }

    /// A new pack into the feeder, if the floor has one.
    async fn load(&mut self, line: &Line) -> Result<Option<PackId>, Fault> {
        let Some((pack, count)) = line.floor.take_pack(line).await? else {
            return Ok(None);
        };
        let loaded = self.load_pack(line, &pack, count).await;
        // Loaded or not: a promise that outlived this would keep the pack from every feeder.
        line.floor.release(&pack);
        Ok(loaded?.then_some(pack))
    }

    async fn load_pack(&mut self, line: &Line, pack: &PackId, count: u32) -> Result<bool, Fault> {
        let instruction = Instruction::LoadPack { pack: pack.clone() };
        if self.screen.ask(&instruction).await? != Answer::Done {
            return Ok(false);
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
        Ok(true)
    }

    async fn screen_must(&mut self, instruction: &Instruction) -> Result<(), Fault> {
        match self.screen.ask(instruction).await? {
            Answer::Done => Ok(()),
            Answer::Nothing => Err(Fault::new(&super::fault::ANSWER, format!("{instruction:?}"))),
        }
    }
}
