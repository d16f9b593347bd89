//! What all tasks of the line share: ports, rules, and a few small states behind locks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::base::ids::{AttemptId, OfficeCode};
use crate::base::limits::STOP_LIST_AGE_MAX;
use crate::base::{Clock, Entropy, Fault, Mode};
use crate::chip::{ChipProfile, Terminal};
use crate::config::ChipMasters;
use crate::document::CardProfile;
use crate::document::face::Press;
use crate::dossier::name::Glyphs;
use crate::dossier::office::Resolution;
use crate::dossier::{Holidays, OfficeTable};
use crate::job::brake::Brake;
use crate::job::fault::STALE_STOP_LIST;
use crate::job::lot::Lot;
use crate::job::{Attempt, Event, Fact, Term, apply};
use crate::pki::{CvCertificate, SignerKey, TrustStore};
use crate::port::{BundlePart, Fields, Ledger, OrderBook, Papers, Registry, Signer, StopList};

use super::careful::Careful;
use super::costs::Costs;
use super::floor::Floor;
use super::headroom::Headroom;
use super::pairing::Pairing;
use super::progress::Progress;
use super::remembered::Remembered;
use super::retention::Epochs;
use super::signers::Signers;
use super::telling::NotTaken;
use super::tenure::Tenure;

/// The doors to the world.
#[derive(Clone)]
pub struct Ports {
    /// The controller's record.
    pub ledger: Arc<dyn Ledger>,
    /// The facility's orders.
    pub book: Arc<dyn OrderBook>,
    /// The authority.
    pub registry: Arc<dyn Registry>,
    /// The HSM.
    pub signer: Arc<dyn Signer>,
    /// Papers for people.
    pub papers: Arc<dyn Papers>,
}

/// Labels of the keys in the token, one purpose each.
#[derive(Clone, Debug)]
pub struct KeyLabels {
    /// What the labels of the wrapping keys begin with; each retention epoch has its own.
    pub wrap: String,
    /// Keyed hashes for look-ups.
    pub lookup: String,
    /// Signs manifests.
    pub manifest: String,
    /// Signs ledger heads.
    pub checkpoint: String,
    /// Opens dossiers encrypted to the facility.
    pub intake: String,
    /// Masters of chips' keys, where chips are written through a card manager.
    pub chips: Option<ChipMasters>,
}

/// Who may read fingerprints off the chips.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// The CVCAs whose terminals may.
    pub cvcas: Vec<CvCertificate>,
    /// The terminal that reads finished cards back.
    pub terminal: Terminal,
}

/// What does not change while the line runs.
pub struct Rules {
    /// The facility's name.
    pub facility: String,
    /// Rehearsal or production.
    pub mode: Mode,
    /// Card profiles by id.
    pub profiles: BTreeMap<String, Arc<CardProfile>>,
    /// The country roots and their CRLs, as an inspection system holds them.
    pub trust: TrustStore,
    /// Key labels.
    pub keys: KeyLabels,
    /// Public point of the manifest key, to print beside the manifest.
    pub manifest_key: [u8; 65],
    /// Offices and their dates.
    pub offices: OfficeTable,
    /// What the card font can draw.
    pub glyphs: Glyphs,
    /// Days that are no working days.
    pub holidays: Holidays,
    /// Roots of the authority's signatures on dossiers, DER.
    pub dossier_trust: Vec<Vec<u8>>,
    /// The kind of chip in the blanks.
    pub chip: ChipProfile,
    /// Who may read fingerprints, where chips hold them.
    pub fingerprints: Option<Fingerprints>,
    /// Cards in a lot.
    pub lot_cards: usize,
    /// Cards in a box.
    pub box_cards: u16,
    /// Working days from intake to the office.
    pub working_days: u16,
    /// How long personal data stays.
    pub term: Term,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports(…)")
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("facility", &self.facility)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// The line.
pub struct Line {
    /// The doors to the world.
    pub ports: Ports,
    /// What does not change.
    pub rules: Rules,
    /// Document signers, and which of them may be used.
    pub signers: Signers,
    /// The HSM behind [`Ports::signer`], waited for and not believed.
    pub hsm: Arc<Careful>,
    /// Time.
    pub clock: Clock,
    /// Randomness of the host.
    pub entropy: Entropy,
    /// Its place among other controllers.
    pub tenure: Tenure,
    /// Composes faces.
    pub press: Arc<Press>,
    /// Trays, boxes and who works on them.
    pub floor: Floor,
    /// What a supervisor sees.
    pub progress: Progress,
    /// What the work costs the controller, when somebody measures it.
    pub costs: Costs,
    /// Which machine's reader sees what.
    pub pairing: Pairing,
    /// What the host has room for.
    pub headroom: Headroom,
    /// The wrapping keys that are open.
    pub(super) epochs: Epochs,
    brake: Mutex<Brake>,
    stop_list: Mutex<Option<(StopList, Duration)>>,
    stopping: watch::Sender<bool>,
    head_wanted: AtomicBool,
    /// The ledger refused a record, or its disk did.
    unrecorded: AtomicBool,
    /// Held while the registry is told of cards, and while a card it may have been told of is revoked.
    pub telling: tokio::sync::Mutex<()>,
    /// What the registry does not take.
    pub not_taken: NotTaken,
    /// Rings when orders may have become available.
    pub work: tokio::sync::Notify,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// A line that has not started yet.
    #[must_use]
    pub fn new(
        mut ports: Ports,
        rules: Rules,
        clock: Clock,
        entropy: Entropy,
        press: impl Into<Arc<Press>>,
    ) -> Self {
        let hsm = Arc::new(Careful::new(ports.signer, clock));
        ports.signer = Arc::<Careful>::clone(&hsm);
        if ports.book.is_remote() {
            ports.book = Arc::new(Remembered::new(ports.book));
        }
        Self {
            ports,
            rules,
            signers: Signers::default(),
            hsm,
            clock,
            entropy,
            tenure: Tenure::default(),
            press: press.into(),
            floor: Floor::default(),
            progress: Progress::new(clock),
            costs: Costs::default(),
            pairing: Pairing::default(),
            headroom: Headroom::default(),
            epochs: Epochs::default(),
            brake: Mutex::default(),
            stop_list: Mutex::default(),
            stopping: watch::Sender::new(false),
            head_wanted: AtomicBool::new(false),
            unrecorded: AtomicBool::new(false),
            telling: tokio::sync::Mutex::default(),
            not_taken: NotTaken::default(),
            work: tokio::sync::Notify::new(),
        }
    }

    /// The same line with document signers, all staged.
    #[must_use]
    pub fn with_signers(mut self, signers: Vec<SignerKey>) -> Self {
        self.signers = Signers::new(signers);
        self
    }

    /// The same line with eyes on its readers.
    #[must_use]
    pub fn with_fields(mut self, fields: Option<Arc<dyn Fields>>) -> Self {
        self.pairing = Pairing::new(fields);
        self
    }

    /// The same line on a host that may run short.
    #[must_use]
    pub fn with_headroom(mut self, headroom: Headroom) -> Self {
        self.headroom = headroom;
        self
    }

    /// Records facts; durable when it returns.
    ///
    /// # Errors
    /// The ledger's. A ledger that fails stops the line: without it nothing may be done.
    pub async fn record(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        if facts.is_empty() && parts.is_empty() {
            return Ok(());
        }
        let outcome = self.ports.ledger.append(facts, parts).await;
        if outcome.is_err() {
            self.unrecorded.store(true, Ordering::Relaxed);
            self.stop();
        }
        outcome
    }

    /// Records one event of an attempt.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn event(&self, attempt: AttemptId, event: Event) -> Result<(), Fault> {
        self.record(vec![Fact::attempt(attempt, event)], Vec::new()).await
    }

    /// Where cards for an office go today: to it or, once it is closed, to its successor.
    #[must_use]
    pub fn destination(&self, office: &OfficeCode) -> OfficeCode {
        match self.rules.offices.resolve(office, self.clock.today()) {
            Resolution::Succeeded(_, successor) => successor.code.clone(),
            Resolution::Current(_) | Resolution::Expired(_) | Resolution::NotYet(_) | Resolution::Unknown => {
                office.clone()
            }
        }
    }

    /// A machine is given a lot: trays of later ones for its office wait for its own.
    pub(super) fn expect_tray(&self, lot: &Lot) {
        let office = self.destination(&lot.office);
        self.floor.expect_tray(lot.id, office, lot.machine.clone());
    }

    /// A tray is ready for a desk, which packs it for whoever stands for its office today.
    pub fn tray(&self, lot: Lot) {
        let office = self.destination(&lot.office);
        self.floor.tray(Lot { office, ..lot });
    }

    /// Asks everything to finish the cards in the machines and claim no more.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
        self.hsm.hurry();
        self.work.notify_waiters();
        self.floor.ring();
        self.floor.settle();
    }

    /// Asks for a signed head over what was just recorded.
    pub fn sign_soon(&self) {
        self.head_wanted.store(true, Ordering::Release);
    }

    /// Did somebody ask for a signed head? Asked once, it is forgotten.
    pub(super) fn is_head_wanted(&self) -> bool {
        self.head_wanted.swap(false, Ordering::AcqRel)
    }

    /// Is the line stopping?
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Did the ledger fail to take a record?
    #[must_use]
    pub fn lacks_a_record(&self) -> bool {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Returns when the line is stopping.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as the line, so this ends only by the value.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// The yield brake.
    pub fn brake(&self) -> MutexGuard<'_, Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the stop list.
    ///
    /// # Errors
    /// The registry's; the old list stays until it is too old.
    pub async fn refresh_stop_list(&self) -> Result<(), Fault> {
        let list = self.ports.registry.stop_list().await?;
        *self.stop_list.lock().unwrap_or_else(PoisonError::into_inner) = Some((list, self.clock.elapsed()));
        Ok(())
    }

    /// Why this request must not become a card, by the replicated stop list (law 9).
    ///
    /// # Errors
    /// `JOB-011` if the list is too old to say.
    pub fn stop_reason(&self, request: &str) -> Result<Option<String>, Fault> {
        let list = self.stop_list.lock().unwrap_or_else(PoisonError::into_inner);
        match &*list {
            Some((list, at)) if self.clock.elapsed().saturating_sub(*at) <= STOP_LIST_AGE_MAX => {
                Ok(list.requests.get(request).cloned())
            }
            _ => Err(Fault::new(&STALE_STOP_LIST, "")),
        }
    }
}

/// An attempt in the hands of one task, with the events that are not recorded yet: the outcome of a step and
/// the intent of
/// the next share a commit (law 1 and design of the ledger).
#[derive(Debug)]
pub struct Hand {
    attempt: Attempt,
    pending: Vec<Fact>,
}

impl Hand {
    /// Takes an attempt in hand.
    #[must_use]
    pub fn new(attempt: Attempt) -> Self {
        Self {
            attempt,
            pending: Vec::new(),
        }
    }

    /// The attempt, pending events included.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Adds an event to what will be recorded next.
    ///
    /// # Errors
    /// `JOB-016` if the rules forbid it.
    pub fn add(&mut self, event: Event) -> Result<(), Fault> {
        let id = self.attempt.id;
        self.attempt = apply(Some(&self.attempt), id, &event)
            .map_err(|illegal| Fault::new(&crate::job::fault::ILLEGAL, illegal.to_string()))?;
        self.pending.push(Fact::attempt(id, event));
        Ok(())
    }

    /// Adds another fact that must be recorded with the next events.
    pub fn also(&mut self, fact: Fact) {
        self.pending.push(fact);
    }

    /// Records what is pending; durable when it returns.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn record(&mut self, line: &Line) -> Result<(), Fault> {
        line.record(std::mem::take(&mut self.pending), Vec::new()).await
    }

    /// What is pending, to be recorded together with something else.
    #[must_use]
    pub fn into_pending(self) -> Vec<Fact> {
        self.pending
    }
}
