//! A desk's boxes: the next free place, sealing, and finding out what is wrong when a box does not hold what the books
//! say. People put cards into the wrong box; the chip in the card knows where it belongs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::Desk;
use super::placing::Put;
use crate::audit::paper;
use crate::base::ids::{BoxId, OfficeCode};
use crate::base::{Blame, Fault};
use crate::job::fault::{BOX_MISCOUNT, STOPPING, WRONG_CARD};
use crate::job::{Attempt, Fact, Phase};
use crate::line::Line;
use crate::line::costs::Effort;
use crate::line::fault::TASK;
use crate::line::packing;
use crate::line::tenure::Endurance;
use crate::port::{Answer, Attempts, BoxStanding, BoxState, Instruction};

/// How long the last boxes of a day wait for a person to find what is missing in one of them.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often.
const VISITS: u8 = 5;

/// Seals every open box that has cards in it, each desk one box after the other. What does not hold what the books say
/// is looked through by one desk when all have done; a box in which a card is missing waits a while for a person, and
/// stays open if nobody finds it.
///
/// # Errors
/// As [`packing::seal`].
pub async fn seal_all(line: &Arc<Line>, mut desks: Vec<Desk>) -> Result<(), Fault> {
    desks.retain(|desk| !line.progress.is_stopped(&desk.id));
    // They came to their end in any order.
    desks.sort_by(|one, other| one.id.cmp(&other.id));
    let boxes = Arc::new(Mutex::new(filled(line).await?));
    let mut sealing = JoinSet::new();
    for desk in desks {
        let (line, boxes) = (Arc::clone(line), Arc::clone(&boxes));
        sealing.spawn(async move { desk.seal_some(&line, &boxes).await });
    }
    let (mut outcome, mut able, mut unable) = (Ok(()), None, None);
    while let Some(sealed) = sealing.join_next().await {
        match sealed.map_err(|error| Fault::new(&TASK, error.to_string())) {
            Ok(Ok(Ok(desk))) => able = Some(desk),
            Ok(Ok(Err(fault))) => unable = Some(fault),
            Ok(Err(fault)) | Err(fault) => outcome = outcome.and(Err(fault)),
        }
    }
    outcome?;
    match (able, unable) {
        (Some(mut desk), _) => desk.seal_rest(line).await,
        (None, Some(fault)) => Err(fault),
        (None, None) => {
            let boxes = filled(line).await?.len();
            tracing::error!(boxes, "every desk stands: the boxes stay open");
            Ok(())
        }
    }
}

/// Open boxes that have cards in them.
async fn filled(line: &Line) -> Result<VecDeque<BoxState>, Fault> {
    let mut boxes = line.ports.ledger.boxes(false).await?;
    boxes.retain(|state| state.standing == BoxStanding::Open && state.cards > 0);
    Ok(boxes.into())
}

impl Desk {
    /// The open box of an office and its next free place; a full box is sealed and another opened.
    ///
    /// # Errors
    /// The ledger's, or those of sealing.
    pub(super) async fn place(&mut self, line: &Line, office: &OfficeCode) -> Result<(BoxId, u16), Fault> {
        let boxes = line.ports.ledger.boxes_of(office).await?;
        for state in boxes.iter().filter(|state| state.standing == BoxStanding::Open) {
            let cards = u16::try_from(state.cards).unwrap_or(u16::MAX);
            if cards < line.rules.box_cards {
                return Ok((state.label.clone(), cards + 1));
            }
            match self.seal(line, &state.label, office).await {
                // Cards go on into the next box; this one is sealed when registry, HSM or disk answer again, or when
                // what is missing in it has been found.
                Err(fault)
                    if *fault.code == BOX_MISCOUNT
                        || matches!(fault.blame(), Blame::Registry | Blame::Key | Blame::Device) =>
                {
                    tracing::warn!(code = fault.code.id, "{} is not sealed yet: {fault}", state.label);
                }
                sealed => sealed?,
            }
        }
        let number = boxes.len() + 1;
        let label = BoxId(if line.ports.book.is_remote() {
            // Each controller numbers its own boxes: where there are several, its name stands before them.
            let ledger = line.ports.ledger.name();
            let controller = ledger.rsplit_once('/').map_or(ledger, |(_, name)| name);
            format!("{controller}-{office}-{number:03}")
        } else {
            format!("{office}-{number:03}")
        });
        let name = line.rules.offices.get(office).map(|known| known.name.as_str());
        let to = format!("{office} – {}", name.unwrap_or_default());
        let paper = paper::label(&label, &to, line.rules.mode, line.clock.now())?;
        line.ports
            .papers
            .keep("labels", &format!("{label}.pdf"), &paper)
            .await?;
        let opened = Fact::BoxOpened {
            label: label.clone(),
            office: office.clone(),
        };
        line.record(vec![opened], Vec::new()).await?;
        Ok((label, 1))
    }

    /// Seals what is as the books say, until no box is left. A desk that fails by itself leaves its box to the others:
    /// the inner error is why.
    async fn seal_some(
        mut self,
        line: &Line,
        boxes: &Mutex<VecDeque<BoxState>>,
    ) -> Result<Result<Self, Fault>, Fault> {
        let waiting = || boxes.lock().unwrap_or_else(PoisonError::into_inner);
        let endurance = Endurance::of(line);
        loop {
            let Some(state) = waiting().pop_front() else {
                return Ok(Ok(self));
            };
            let sealed = packing::seal(line, &mut *self.screen, &state.label, &state.office);
            match line.costs.of(Effort::SealBox, sealed).await {
                Err(fault) if *fault.code == BOX_MISCOUNT => {}
                Err(fault) if endurance.outlasts(line, &fault).await => waiting().push_back(state),
                Err(fault)
                    if *fault.code == STOPPING
                        || matches!(fault.blame(), Blame::Device | Blame::Operator) =>
                {
                    tracing::warn!(desk = %self.id, code = fault.code.id, "closes no more boxes: {fault}");
                    waiting().push_back(state);
                    return Ok(Err(fault));
                }
                sealed => sealed?,
            }
        }
    }

    /// Seals what the others left, and looks for what is missing.
    async fn seal_rest(&mut self, line: &Line) -> Result<(), Fault> {
        let endurance = Endurance::of(line);
        for visit in 1..=VISITS {
            let mut open = 0;
            for state in filled(line).await? {
                let sealed = self.seal(line, &state.label, &state.office);
                match line.costs.of(Effort::SealBox, sealed).await {
                    Err(fault) if *fault.code == BOX_MISCOUNT => {
                        tracing::warn!(code = fault.code.id, "{} stays open: {fault}", state.label);
                        open += 1;
                    }
                    Err(fault) if endurance.outlasts(line, &fault).await => open += 1,
                    sealed => sealed?,
                }
            }
            if open == 0 || visit == VISITS {
                break;
            }
            line.clock.sleep(PATIENCE).await;
        }
        Ok(())
    }

    /// Seals a box. If it does not hold what the books say, it is looked through, and then the other open boxes.
    async fn seal(&mut self, line: &Line, label: &BoxId, office: &OfficeCode) -> Result<(), Fault> {
        match packing::seal(line, &mut *self.screen, label, office).await {
            Err(fault) if *fault.code == BOX_MISCOUNT => {}
            sealed => return sealed,
        }
        self.recount(line, label).await?;
        for state in line.ports.ledger.boxes(false).await? {
            if state.standing == BoxStanding::Open && state.label != *label {
                self.recount(line, &state.label).await?;
            }
        }
        packing::seal(line, &mut *self.screen, label, office).await
    }

    /// Looks at every place of a box in which no card should be. One that lies there is taken out, names itself, and
    /// goes where it belongs.
    pub(super) async fn recount(&mut self, line: &Line, label: &BoxId) -> Result<(), Fault> {
        let attempts = line.ports.ledger.attempts(Attempts::InBox(label.clone())).await?;
        let good = attempts.iter().filter(|attempt| attempt.is_good());
        let taken: BTreeSet<u16> = good
            .filter_map(|attempt| attempt.boxed.as_ref().map(|(_, slot)| *slot))
            .collect();
        let last = attempts.len();
        for slot in (1..=line.rules.box_cards.saturating_mul(2)).filter(|slot| !taken.contains(slot)) {
            let place = Instruction::LookInBox {
                label: label.clone(),
                slot,
            };
            if self.screen.ask(&place).await? == Answer::Nothing {
                if usize::from(slot) > last {
                    break;
                }
                continue;
            }
            self.hush().await?;
            let pick = Instruction::PickFromBox {
                label: label.clone(),
                slot,
            };
            if self.screen.ask(&pick).await? == Answer::Done {
                tracing::warn!(desk = %self.id, code = WRONG_CARD.id, "a card too many in {label}, place {slot}");
                let named = self.named(line).await;
                self.put_right(line, named).await?;
            }
        }
        Ok(())
    }

    /// Whose card is on the reader, as it was scanned and as its chip says; nothing if it does not say.
    pub(super) async fn named(&mut self, line: &Line) -> Option<Attempt> {
        let mrz = self.scan().await.ok()?.mrz?;
        let (attempt, _) = self.open(line, &mrz).await.ok()?;
        Some(attempt)
    }

    /// A card on the reader that lay where it does not belong.
    pub(super) async fn put_right(&mut self, line: &Line, named: Option<Attempt>) -> Result<(), Fault> {
        let code = WRONG_CARD.id.to_owned();
        match named {
            Some(attempt) if attempt.is_good() => {
                if let Some((label, slot)) = self.own_place(line, &attempt).await?
                    && self.put_in_box(&label, slot).await? == Put::There
                {
                    return Ok(());
                }
            }
            Some(attempt) if matches!(attempt.phase, Phase::Spoiled | Phase::NotFound) => {
                return self.screen.ask(&Instruction::Reject { code }).await.map(|_| ());
            }
            _ => {}
        }
        self.screen.ask(&Instruction::PutAside { code }).await.map(|_| ())
    }

    /// The place of a good card, if it is free and its box is not sealed.
    async fn own_place(&mut self, line: &Line, attempt: &Attempt) -> Result<Option<(BoxId, u16)>, Fault> {
        let Some((label, slot)) = attempt.boxed.clone() else {
            return Ok(None);
        };
        let boxes = line.ports.ledger.boxes(false).await?;
        let open = |standing| standing == BoxStanding::Open;
        if !boxes
            .iter()
            .any(|state| state.label == label && open(state.standing))
        {
            return Ok(None);
        }
        let look = Instruction::LookInBox {
            label: label.clone(),
            slot,
        };
        let free = self.screen.ask(&look).await? == Answer::Nothing;
        Ok(free.then_some((label, slot)))
    }
}
