//! The packing desk: every card is tapped and scanned, the chip opened with what was read off the face (law 5).

mod boxes;
mod placing;

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use crate::audit::{Hash, paper};
use crate::base::ids::{BoxId, MachineId, OfficeCode, OrderKey, SodHash};
use crate::base::limits::CONTROL_FRAME_BYTES_MAX;
use crate::base::{Blame, Fault};
use crate::chip::{MrzKey, Password, Request, Verdict, Wanted, inspect};
use crate::document::field::Field;
use crate::document::profile::QrProfile;
use crate::document::{FileId, dg1, qr};
use crate::job::decide::{self, Card};
use crate::job::fault::{FACE_DIFFERS, FACE_UNREADABLE, MISSING_CARD, WRONG_CARD};
use crate::job::{Aim, Attempt, Event, Evidence, Phase, Step};
use crate::port::{Answer, Attempts, Encoder, Instruction, Screen, Serial};

use super::Line;
use super::context::Hand;
use super::costs::Effort;
use super::fault::NO_PROFILE;
use super::floor::{Held, Packing};
use super::progress::Activity;
use super::settle::is_boxed;
use super::talk::with_chip;
use super::tenure::is_away;
pub use boxes::seal_all;
use placing::Put;

/// A hand scanner has sent its reading within this time.
const SCAN: Duration = Duration::from_secs(5);
/// A scanner that says nothing for this long has nothing to say.
const HUSH: Duration = Duration::from_millis(1);
/// An outcome waits so long for the next card before it is recorded by itself.
const LINGER: Duration = Duration::from_secs(2);
/// A scanner that says nothing for this long has finished what it was asked before.
const QUIET: Duration = Duration::from_millis(500);
/// How often to look for trays when nobody rang.
const IDLE: Duration = Duration::from_millis(500);
/// Times one card is scanned.
const SCANS_MAX: u8 = 2;

/// A desk and the ports to it.
pub struct Desk {
    /// Its name.
    pub id: MachineId,
    /// The reader.
    pub reader: Box<dyn Encoder>,
    /// The hand scanner.
    pub scanner: Box<dyn Serial>,
    /// The screen and the packer before it.
    pub screen: Box<dyn Screen>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({})", self.id)
    }
}

/// What the scanner read off a card or a box. Personal data: never shown.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "personal data")]
pub struct Scan {
    /// The machine readable zone, its lines in one.
    pub mrz: Option<String>,
    /// The text of the QR code.
    pub qr: Option<String>,
    /// The label of a box.
    pub label: Option<BoxId>,
}

impl Desk {
    /// Packs trays until the line stops.
    ///
    /// # Errors
    /// The ledger's, or the desk's own devices.
    pub async fn run(&mut self, line: &Line) -> Result<(), Fault> {
        while !line.is_stopping() {
            line.progress.activity(&self.id, Activity::Waiting);
            line.floor.set_free(&self.id, true);
            line.answer_tap(&self.id, &mut *self.reader).await;
            let packing = if line.progress.is_stopped(&self.id) {
                None
            } else {
                line.floor.take_tray(|machine| line.progress.stands(machine))
            };
            match packing {
                Some(packing) => {
                    line.floor.set_free(&self.id, false);
                    self.pack(line, &packing).await?;
                }
                None => {
                    let _ = line.clock.within(IDLE, line.floor.rung()).await;
                }
            }
        }
        Ok(())
    }

    /// One tray. Whatever goes wrong at it, what is done is recorded, and the tray waits on.
    async fn pack(&mut self, line: &Line, packing: &Packing<'_>) -> Result<(), Fault> {
        let mut last = None;
        let emptied = self.pack_cards(line, packing, &mut last).await;
        if let Some(mut hand) = last {
            hand.record(line).await?;
        }
        if !emptied.as_ref().is_ok_and(|emptied| *emptied) {
            line.tray(packing.lot.clone());
        }
        if emptied? || line.is_stopping() {
            self.close(line, packing).await
        } else {
            Ok(())
        }
    }

    /// Card by card, in hopper order; false if the line or this desk stops before the tray is empty.
    async fn pack_cards(
        &mut self,
        line: &Line,
        packing: &Packing<'_>,
        last: &mut Option<Hand>,
    ) -> Result<bool, Fault> {
        let lot = packing.lot.id;
        // The tray first: a card that is taken out of a box to be looked at has then a place to be put back to.
        let brought = self.screen.ask(&Instruction::TakeTray { lot }).await?;
        line.progress.lot(&self.id, lot, packing.lot.orders.len());
        self.settle_doubts(line, packing).await?;
        if brought == Answer::Nothing {
            return Ok(true);
        }
        let mut first = true;
        loop {
            if let (true, Some(hand)) = (line.progress.is_stopped(&self.id), last.as_mut()) {
                hand.record(line).await?;
            }
            // Another desk takes up what a stopped one has left.
            if line.progress.is_stopped(&self.id) || line.is_stopping() {
                if !line.is_stopping() {
                    self.clear().await?;
                }
                return Ok(false);
            }
            self.hush().await?;
            if self.next_card(line, last).await? == Answer::Nothing {
                return Ok(true);
            }
            line.progress.activity(&self.id, Activity::Step(Step::Prove));
            let proven = self.prove(line, packing);
            match line.costs.of(Effort::Step(Step::Prove), proven).await {
                Ok(attempt)
                    if std::mem::take(&mut first) && lies_reversed(line, packing, &attempt).await? =>
                {
                    self.screen.ask(&Instruction::TurnTray { lot }).await?;
                }
                Ok(attempt) => {
                    let packed = self.pack_card(line, packing, attempt, last.take());
                    *last = Some(line.costs.of(Effort::Step(Step::Box), packed).await?);
                }
                Err((attempt, fault)) => self.refuse(line, attempt, &fault).await?,
            }
        }
    }

    /// Asks for the next card. The outcome of the card before shares a commit with what follows, but it does not wait
    /// for a packer who has gone.
    async fn next_card(&mut self, line: &Line, last: &mut Option<Hand>) -> Result<Answer, Fault> {
        let mut asked = pin!(self.screen.ask(&Instruction::NextCard));
        if let Some(answer) = line.clock.within(LINGER, asked.as_mut()).await {
            return answer;
        }
        if let Some(hand) = last {
            hand.record(line).await?;
        }
        asked.await
    }

    /// Whose card is this, and do face and chip belong together? Reading changes nothing, so the intent is recorded
    /// with the outcome: before the tap nobody knows which attempt it would be.
    async fn prove(
        &mut self,
        line: &Line,
        packing: &Packing<'_>,
    ) -> Result<Attempt, (Option<Attempt>, Fault)> {
        let mut scans = 1;
        let (mrz, qr, attempt, zone) = loop {
            let Scan { mrz, qr, .. } = self.scan().await.map_err(|fault| (None, fault))?;
            let fault = match mrz {
                None => Fault::new(&FACE_UNREADABLE, "MRZ"),
                Some(mrz) => match self.open_patiently(line, &mrz).await {
                    Ok((attempt, zone)) => break (mrz, qr, attempt, zone),
                    Err(fault) => fault,
                },
            };
            if scans >= SCANS_MAX {
                return Err((None, fault));
            }
            scans += 1;
            self.scan_anew().await.map_err(|fault| (None, fault))?;
        };
        let refuse = |attempt: &Attempt, fault| (Some(attempt.clone()), fault);
        if zone != mrz {
            return Err(refuse(&attempt, Fault::new(&FACE_DIFFERS, "MRZ and DG1")));
        }
        let number = crate::document::mrz::Mrz::parse(&mrz)
            .ok()
            .and_then(|fields| fields.personal_number.clone());
        let awaited = matches!(
            attempt.phase,
            Phase::Did(Step::Deliver | Step::Prove) | Phase::Doing(Step::Prove)
        );
        if !awaited || attempt.lot != packing.lot.id {
            return Err((
                None,
                Fault::new(&WRONG_CARD, format!("{} in {}", attempt.id, packing.lot.id)),
            ));
        }
        let profile = line.rules.profiles.get(&packing.lot.profile);
        let profile = profile.ok_or_else(|| (None, Fault::new(&NO_PROFILE, &packing.lot.profile)))?;
        if !names_same_person(profile.qr.as_ref(), qr.as_deref(), number.as_deref()) {
            return Err(refuse(&attempt, Fault::new(&FACE_DIFFERS, "QR and MRZ")));
        }
        Ok(attempt)
    }

    /// Reading harms no card: a reader that failed once is asked once more before a person is.
    async fn open_patiently(&mut self, line: &Line, mrz: &str) -> Result<(Attempt, String), Fault> {
        match self.open(line, mrz).await {
            Err(fault) if decide::after(Step::Prove, &fault, 1).card == Card::Again => {
                self.open(line, mrz).await
            }
            opened => opened,
        }
    }

    /// Has the card scanned again, once the scanner is quiet: a reading that does not open the chip may be one that a
    /// controller asked for which is gone.
    async fn scan_anew(&mut self) -> Result<(), Fault> {
        while !self.scanner.receive(QUIET).await?.is_empty() {}
        self.screen.ask(&Instruction::ScanAgain).await.map(|_| ())
    }

    /// Has a card that lies on the reader put back into its tray: whoever takes the tray next must find it there.
    ///
    /// # Errors
    /// The screen's.
    pub(super) async fn clear(&mut self) -> Result<(), Fault> {
        self.screen.ask(&Instruction::ClearReader).await.map(|_| ())
    }

    /// Opens the chip with what was read off the face; the signed object names the attempt.
    async fn open(&mut self, line: &Line, mrz: &str) -> Result<(Attempt, String), Fault> {
        let key = MrzKey::from_td1(mrz).map_err(|_| Fault::new(&FACE_UNREADABLE, "check digits"))?;
        self.reader.power_on().await?;
        let request = Request {
            allow_bac: true,
            wanted: Wanted::Only(vec![FileId::Sod, FileId::Dg(1)]),
            read_max: Some(line.rules.chip.apdu.read_max),
            // One proof is enough at a desk: the station asked for both.
            chip_authentication: line
                .rules
                .profiles
                .values()
                .any(|card| !card.chip.active_authentication && card.chip.chip_authentication.is_some()),
            ..Request::new(Password::Mrz(key))
        };
        let seed = line.entropy.secret()?;
        let inspection = with_chip(&mut *self.reader, inspect(request, &seed)).await?;
        self.reader.power_off().await?;
        let file = |id| inspection.files.get(&id).map_or(&[][..], Vec::as_slice);
        let sod = SodHash(Hash::of(&[file(FileId::Sod)]).to_string());
        let attempts = line.ports.ledger.attempts(Attempts::OfSod(sod)).await?;
        let attempt = attempts
            .into_iter()
            .next()
            .ok_or_else(|| Fault::new(&WRONG_CARD, "not made here"))?;
        let proofs = [inspection.active_authentication, inspection.chip_authentication];
        is_genuine(proofs, attempt.chip_key.is_some())?;
        Ok((attempt, dg1::decode(file(FileId::Dg(1)))?.zone()))
    }

    async fn pack_card(
        &mut self,
        line: &Line,
        packing: &Packing<'_>,
        attempt: Attempt,
        before: Option<Hand>,
    ) -> Result<Hand, Fault> {
        let mut hand = Hand::new(attempt);
        before
            .into_iter()
            .flat_map(Hand::into_pending)
            .for_each(|fact| hand.also(fact));
        if hand.attempt().phase != Phase::Did(Step::Prove) {
            hand.add(Event::Intended {
                step: Step::Prove,
                machine: self.id.clone(),
                aim: None,
            })?;
            hand.add(Event::Done {
                evidence: Evidence::Prove {
                    desk: self.id.clone(),
                },
            })?;
        }
        // The outcome of the card before must be durable before its box is looked at for the next free place.
        hand.record(line).await?;
        let (label, slot) = self.place(line, &packing.lot.office).await?;
        let aim = Some(Aim::Slot(label.clone(), slot));
        hand.add(Event::Intended {
            step: Step::Box,
            machine: self.id.clone(),
            aim,
        })?;
        hand.record(line).await?;
        match self.put_in_box(&label, slot).await? {
            Put::There => {
                hand.add(Event::Done {
                    evidence: Evidence::Box { label, slot },
                })?;
                line.progress.boxed(&self.id);
                // A pack and an order are cleared where the card was made.
                line.brake().good(&self.id, hand.attempt().id, None);
            }
            // What lies there does not belong there. The card is the tray's next one again.
            Put::Taken => {
                hand.add(undone("its place in the box is taken"))?;
                hand.record(line).await?;
                self.recount(line, &label).await?;
            }
            // It names itself once more, and goes into its box.
            Put::Elsewhere => {
                hand.add(undone("the label of another box was scanned"))?;
                hand.record(line).await?;
            }
        }
        Ok(hand)
    }

    /// A card that is not proven: waste if it is known whose it is, else put aside for a person.
    async fn refuse(&mut self, line: &Line, attempt: Option<Attempt>, fault: &Fault) -> Result<(), Fault> {
        let made_by = attempt.clone();
        self.put_away(line, attempt, fault).await?;
        self.brake(line, made_by.as_ref(), fault).await
    }

    /// Law 6: a desk that refuses card after card stops, and so does a machine whose cards are refused wherever they
    /// come. A card in the wrong tray is nobody's failure.
    async fn brake(&mut self, line: &Line, attempt: Option<&Attempt>, fault: &Fault) -> Result<(), Fault> {
        let blame = fault.blame();
        if matches!(blame, Blame::Operator | Blame::Registry) {
            return Ok(());
        }
        let mut pulls = line.brake().failed(&self.id, blame, None, None);
        if let Some(attempt) = attempt {
            let (id, pack) = (Some(attempt.id), attempt.pack.as_ref());
            pulls.extend(line.brake().failed(&attempt.machine, blame, id, pack));
        }
        line.pull(&pulls, fault).await
    }

    async fn put_away(&mut self, line: &Line, attempt: Option<Attempt>, fault: &Fault) -> Result<(), Fault> {
        tracing::warn!(desk = %self.id, code = fault.code.id, "refused: {fault}");
        let code = fault.code.id.to_owned();
        let verdict = decide::after(Step::Prove, fault, SCANS_MAX);
        let waste = attempt
            .filter(|attempt| verdict.card == Card::Spoil && attempt.phase == Phase::Did(Step::Deliver));
        line.progress.refused(&self.id, fault.code.id);
        let Some(attempt) = waste else {
            return self.screen.ask(&Instruction::PutAside { code }).await.map(|_| ());
        };
        let mut hand = Hand::new(attempt);
        hand.add(Event::Intended {
            step: Step::Prove,
            machine: self.id.clone(),
            aim: None,
        })?;
        hand.add(Event::Failed {
            step: Step::Prove,
            code: code.clone(),
            detail: fault.detail.clone(),
        })?;
        hand.add(Event::Spoiled {
            code: code.clone(),
            by: Vec::new(),
        })?;
        // First the card lies with the waste, then the books say so: a crash in between leaves a card that is looked
        // for, and found there. The other way round it would lie on in a tray that nobody is sent to.
        self.screen.ask(&Instruction::Reject { code }).await?;
        hand.record(line).await?;
        line.floor.settle();
        Ok(())
    }

    /// The tray is empty: orders of boxed cards are done, cards that did not turn up are looked for.
    async fn close(&mut self, line: &Line, packing: &Packing<'_>) -> Result<(), Fault> {
        let lot = Attempts::InLot(packing.lot.id);
        let mut boxed = Vec::new();
        for attempt in line.ports.ledger.attempts(lot).await? {
            if attempt.is_good() {
                boxed.push(is_boxed(&attempt));
            } else if matches!(attempt.phase, Phase::Did(Step::Deliver | Step::Prove)) && !line.is_stopping()
            {
                let mut hand = Hand::new(attempt);
                hand.add(Event::Quarantined {
                    code: MISSING_CARD.id.to_owned(),
                })?;
                hand.record(line).await?;
                line.progress.refused(&self.id, MISSING_CARD.id);
            }
        }
        match line.ports.book.set_states(&boxed).await {
            // It is told again together with the registry.
            Err(fault) if is_away(&fault) => Ok(()),
            told => told,
        }
    }

    /// After a crash: does the card lie where it was to be put? That some card does is not enough, so the one that lies
    /// there is tapped. Asked for all boxes of the office and of those it stands for: a card of another lot may lie in
    /// the very place that this lot's first card would be given.
    async fn settle_doubts(&mut self, line: &Line, packing: &Packing<'_>) -> Result<(), Fault> {
        let doubts = line.ports.ledger.attempts(Attempts::Boxing).await?;
        if doubts.is_empty() {
            return Ok(());
        }
        let mut boxes = line.ports.ledger.boxes(false).await?;
        boxes.retain(|state| line.destination(&state.office) == packing.lot.office);
        // A desk that took its tray before the office closed has its box, and its doubts, in hand.
        let others: BTreeSet<OfficeCode> = boxes.iter().map(|state| state.office.clone()).collect();
        let others = others.into_iter().filter(|office| *office != packing.lot.office);
        let held: Vec<(OfficeCode, Option<Held<'_>>)> = others
            .map(|office| (office.clone(), line.floor.hold(&office)))
            .collect();
        let is_packed =
            |office: &OfficeCode| held.iter().any(|(other, hold)| other == office && hold.is_none());
        boxes.retain(|state| !is_packed(&state.office));
        for attempt in doubts {
            let Some(Aim::Slot(label, slot)) = attempt.aim.clone() else {
                continue;
            };
            if !boxes.iter().any(|state| state.label == label) {
                continue;
            }
            let there = self.look_closely(line, attempt.id, &label, slot).await?;
            let mut hand = Hand::new(attempt);
            hand.add(match there {
                Ok(()) => Event::Done {
                    evidence: Evidence::Box { label, slot },
                },
                Err(because) => undone(because),
            })?;
            hand.record(line).await?;
        }
        Ok(())
    }

    /// Lets pass what a scanner said to a controller that is gone: it must not be taken for the next card.
    async fn hush(&mut self) -> Result<(), Fault> {
        let mut passed = 0;
        loop {
            let said = self.scanner.receive(HUSH).await?.len();
            passed += said;
            if said == 0 {
                return Ok(());
            }
            if passed > CONTROL_FRAME_BYTES_MAX {
                return Err(Fault::new(&FACE_UNREADABLE, "the scanner does not stop talking"));
            }
        }
    }

    /// Reads lines until the scanner says `END`.
    async fn scan(&mut self) -> Result<Scan, Fault> {
        let mut text = Vec::new();
        loop {
            let bytes = self.scanner.receive(SCAN).await?;
            if bytes.is_empty() || text.len() > CONTROL_FRAME_BYTES_MAX {
                return Err(Fault::new(&FACE_UNREADABLE, "the scanner sent nothing"));
            }
            text.extend_from_slice(&bytes);
            if text.ends_with(b"END\r") {
                return Ok(Scan::of(&String::from_utf8_lossy(&text)));
            }
        }
    }
}

/// Does the QR code name the person whom the zone names? A card of a profile without one has none.
fn names_same_person(form: Option<&QrProfile>, qr: Option<&str>, number: Option<&str>) -> bool {
    match (form, qr, number) {
        (None, None, Some(_)) => true,
        (Some(form), Some(text), Some(number)) => {
            let fields = qr::parse(text, form).unwrap_or_default();
            fields.get(&Field::Number).is_some_and(|named| named == number)
        }
        _ => false,
    }
}

/// Is the tray's first card the one that should be its last? Cards of a lot are packed in the office's order.
async fn lies_reversed(line: &Line, packing: &Packing<'_>, first: &Attempt) -> Result<bool, Fault> {
    let attempts = line
        .ports
        .ledger
        .attempts(Attempts::InLot(packing.lot.id))
        .await?;
    let awaited = |order: &&OrderKey| {
        let of_order = |attempt: &&Attempt| attempt.id.order == **order;
        let mut of_order = attempts.iter().filter(of_order);
        of_order.any(|attempt| matches!(attempt.phase, Phase::Did(Step::Deliver | Step::Prove)))
    };
    let awaited: Vec<&OrderKey> = packing.lot.orders.iter().filter(awaited).collect();
    Ok(awaited.len() > 1 && awaited.last() == Some(&&first.id.order))
}

/// The card is not in its box, and this shows it.
fn undone(because: &str) -> Event {
    Event::Undone {
        step: Step::Box,
        because: because.to_owned(),
    }
}

/// A chip that got keys of its own must prove that it has one of them, by active or by chip authentication, and fail in
/// neither: a copy of the files on another chip cannot.
fn is_genuine(proofs: [Verdict; 2], has_key: bool) -> Result<(), Fault> {
    let failed = |proof| !matches!(proof, Verdict::Genuine | Verdict::Absent | Verdict::NotAsked);
    if proofs.contains(&Verdict::Genuine) == has_key && !proofs.into_iter().any(failed) {
        return Ok(());
    }
    let [active, agreement] = proofs;
    Err(Fault::new(
        &FACE_DIFFERS,
        format!("active authentication: {active:?}, chip authentication: {agreement:?}"),
    ))
}

impl Scan {
    /// From what was sent up to `END`. What is no line of ours is nothing.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut scan = Self::default();
        for line in text.split('\r') {
            match line.trim_start_matches('\n').split_once(' ') {
                Some(("MRZ", mrz)) => scan.mrz = Some(mrz.to_owned()),
                Some(("QR", text)) => match text.strip_prefix(paper::BOX) {
                    Some(label) => scan.label = Some(BoxId::new(label)),
                    None => scan.qr = Some(text.to_owned()),
                },
                _ => {}
            }
        }
        scan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_without_the_chips_key_is_not_boxed() {
        use Verdict::{Absent, Failed, Genuine, NotAsked, Unsupported};
        for (proofs, has_key) in [
            ([Genuine, NotAsked], true),
            ([Absent, Genuine], true),
            ([Genuine, Genuine], true),
            ([Absent, NotAsked], false),
            ([Absent, Absent], false),
        ] {
            assert!(is_genuine(proofs, has_key).is_ok(), "{proofs:?}");
        }
        for (proofs, has_key) in [
            ([Absent, NotAsked], true),
            ([NotAsked, NotAsked], true),
            ([Genuine, NotAsked], false),
            ([Genuine, Failed], true),
            ([Failed, Genuine], true),
            ([Genuine, Unsupported], true),
        ] {
            assert_eq!(
                is_genuine(proofs, has_key).unwrap_err().code,
                &FACE_DIFFERS,
                "{proofs:?}"
            );
        }
    }
}
