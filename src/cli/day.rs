//! A day of the hall in memory: the real line on ports without a database, a device or a socket.
//!
//! A facility with its own keys, registry, packs and people is made from one seed. Under tokio's paused time its day
//! passes as fast as the processor allows, and the same seed gives the same day, to the last fact. Controllers come
//! and go: the power can be cut at any act at any door, and the next controller finds books and hall as they are.

pub mod judge;
mod people;
pub mod storm;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::base::ids::PersonId;
use crate::base::{Clock, Entropy, Fault, Mode, Place};
use crate::chip::ChipProfile;
use crate::config::Keys;
use crate::document::face::Press;
use crate::document::profile::{BUILTIN, CardProfile};
use crate::dossier::name::Glyphs;
use crate::dossier::{Holidays, OfficeTable};
use crate::job::Fact;
use crate::job::stock::Move;
use crate::line::context::KeyLabels;
use crate::line::desk::Desk;
use crate::line::fault::TASK;
use crate::line::station::Station;
use crate::line::{self, Ending, Line, Ports, Rules};
use crate::pki::TrustStore;
use crate::port::{KeyPurpose, Ledger, OrderBook, OrderState, Signer};
use crate::printer::Model;
use crate::sim::chip::Oddity;
use crate::sim::memory::{
    Hall, MemoryLedger, MemoryOrderBook, MemoryPapers, MemoryRegistry, MemorySigner, Power,
};
use crate::sim::{dossiers, hall};

use super::facility::point_of;
use super::init::chip_masters;
use super::key::{Issued, issue};

/// When every day begins.
const MORNING: OffsetDateTime = datetime!(2026-11-23 00:00 UTC);
/// The profile whose rules the certificates follow.
const PROFILE: &str = "cc-2024";
/// A controller that is not done after this long will never be.
const SHIFT: Duration = Duration::from_secs(12 * 3_600);

/// What a day is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Dossiers of invented people.
    pub dossiers: usize,
    /// Machines.
    pub stations: usize,
    /// Desks.
    pub desks: usize,
    /// Blanks in a pack.
    pub pack: u32,
    /// Cards in a lot.
    pub lot: usize,
    /// Cards in a box.
    pub box_cards: u16,
    /// How often the supervisor makes a round.
    pub round: Duration,
    /// The kind of chip in the blanks.
    pub chip: &'static str,
    /// Blanks that are not what their pack says, by their number.
    pub odd: BTreeMap<u32, Oddity>,
}

/// The facility and its hall. They outlive every controller.
pub struct Day {
    /// What it is made of.
    pub plan: Plan,
    /// Every controller's power supply.
    pub power: Arc<Power>,
    /// Machines, desks and cards.
    pub hall: Hall,
    /// The controller's record.
    pub ledger: Arc<MemoryLedger>,
    /// The facility's orders.
    pub book: Arc<MemoryOrderBook>,
    /// The authority.
    pub registry: Arc<MemoryRegistry>,
    /// The token.
    pub signer: Arc<MemorySigner>,
    /// Papers for people.
    pub papers: Arc<MemoryPapers>,
    clock: Clock,
    issued: Issued,
    manifest_key: [u8; 65],
    intake_key: [u8; 65],
    offices: OfficeTable,
    dossier_trust: Vec<Vec<u8>>,
    controllers: AtomicU64,
}

/// How a controller ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// In order.
    Done,
    /// By a fault that nobody below could deal with.
    Failed(Fault),
    /// Its power was cut.
    Cut,
    /// Never: it was still waiting for something at the end of its shift.
    Stuck,
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Day({:?})", self.plan)
    }
}

impl Day {
    /// Builds the facility: key ceremony, packs received and issued. Must be called under paused time.
    ///
    /// # Errors
    /// If the plan cannot be built.
    pub async fn new(plan: Plan) -> Result<Self, Fault> {
        let clock = Clock::starting_at(MORNING);
        let power = Power::new(clock);
        let signer = MemorySigner::new(Arc::clone(&power), plan.seed);
        let keys = labels(&plan)?;
        let issued = issue(&signer, &keys, &CardProfile::builtin(PROFILE)?, clock.now()).await?;
        let listed = signer.keys().await?;
        let people = dossiers::generate(people_of(&plan, None));
        let day = Self {
            hall: built(&plan, &power)?,
            ledger: Arc::new(MemoryLedger::new(Arc::clone(&power), "day/K1")),
            book: Arc::new(MemoryOrderBook::new(Arc::clone(&power))),
            registry: Arc::new(MemoryRegistry::new(Arc::clone(&power))),
            signer: Arc::new(signer),
            papers: Arc::new(MemoryPapers::new(Arc::clone(&power))),
            manifest_key: point_of(&listed, &keys.manifest, KeyPurpose::Manifest)?,
            intake_key: point_of(&listed, &keys.intake, KeyPurpose::Intake)?,
            offices: OfficeTable::new(people.offices)?,
            dossier_trust: vec![people.trust_anchor_der],
            controllers: AtomicU64::new(0),
            plan,
            power,
            clock,
            issued,
        };
        day.open_books().await?;
        Ok(day)
    }

    /// All requests of the day, as the registry sends them.
    #[must_use]
    pub fn requests(&self) -> Vec<dossiers::Request> {
        let people = dossiers::generate(people_of(&self.plan, Some(self.intake_key)));
        people.requests().collect()
    }

    /// The registry approves these requests and sends them; the facility admits or returns them.
    ///
    /// # Errors
    /// The token's or the order book's.
    pub async fn admit(&self, requests: &[dossiers::Request]) -> Result<(), Fault> {
        let line = self.controller()?;
        for request in requests {
            self.registry.approve(&request.request_id);
            let resolve = |name: &str| {
                let mut attached = request.attachments.iter();
                attached
                    .find(|(known, _)| known == name)
                    .map(|(_, bytes)| bytes.clone())
            };
            line.admit(&request.body, &resolve).await?;
        }
        Ok(())
    }

    /// Starts a controller and lets it work until no order waits, or until its power is cut after so many moments. The
    /// hall's people do what their screens say, and a supervisor looks after what stopped.
    ///
    /// # Errors
    /// Broken built-in data.
    pub async fn work(&self, cut_after: Option<u64>) -> Result<End, Fault> {
        self.power.restore(cut_after);
        self.work_with(self.stations()?, self.desks()?).await
    }

    /// As [`Self::work`], at these machines and desks.
    async fn work_with(&self, stations: Vec<Station>, desks: Vec<Desk>) -> Result<End, Fault> {
        let line = Arc::new(self.controller()?);
        let end = {
            let working = line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained);
            let controller = async {
                tokio::select! {
                    biased;
                    () = self.power.failed() => End::Cut,
                    outcome = working => outcome.map_or_else(End::Failed, |()| End::Done),
                    () = people::supervise(self, &line) => End::Stuck,
                }
            };
            let shift = Box::pin(self.clock.within(SHIFT, controller));
            shift.await.unwrap_or(End::Stuck)
        };
        // What a dead controller's tasks hold goes with them, before the next one starts.
        while Arc::strong_count(&line) > 1 {
            tokio::task::yield_now().await;
        }
        Ok(end)
    }

    /// Is there nothing left to do: no order that waits or is being made, no lot that is open?
    ///
    /// # Errors
    /// The books'.
    pub async fn is_done(&self) -> Result<bool, Fault> {
        for state in [OrderState::Waiting, OrderState::InLot] {
            let first = self
                .book
                .in_state(state, crate::base::ids::OrderKey(0), 1)
                .await?;
            if !first.is_empty() {
                return Ok(false);
            }
        }
        Ok(self.ledger.open_lots().await?.is_empty())
    }

    /// A controller that has not started yet.
    fn controller(&self) -> Result<Line, Fault> {
        let number = self.controllers.fetch_add(1, Ordering::Relaxed);
        let keys = labels(&self.plan)?;
        let mut profiles = BTreeMap::new();
        for (id, text) in BUILTIN {
            profiles.insert((*id).to_owned(), Arc::new(CardProfile::parse(text)?));
        }
        let rules = Rules {
            facility: "day".to_owned(),
            mode: Mode::Rehearsal,
            profiles,
            trust: TrustStore {
                cscas: vec![self.issued.csca.clone()],
                crls: vec![self.issued.crl.clone()],
            },
            keys: KeyLabels {
                wrap: keys.wrap,
                lookup: keys.lookup,
                manifest: keys.manifest,
                checkpoint: keys.checkpoint,
                intake: keys.intake,
                chips: keys.chips,
            },
            manifest_key: self.manifest_key,
            offices: self.offices.clone(),
            glyphs: Glyphs::of(crate::base::font::SANS)?,
            holidays: Holidays::viet_nam()?,
            dossier_trust: self.dossier_trust.clone(),
            chip: ChipProfile::built_in(self.plan.chip)?,
            lot_cards: self.plan.lot,
            box_cards: self.plan.box_cards,
            working_days: 5,
        };
        let ports = Ports {
            ledger: self.ledger.clone(),
            book: self.book.clone(),
            registry: self.registry.clone(),
            signer: self.signer.clone(),
            papers: self.papers.clone(),
        };
        let entropy = Entropy::seeded(self.plan.seed.wrapping_add(number << 32));
        let line = Line::new(ports, rules, self.clock, entropy, Press::builtin()?);
        Ok(line.with_signers(self.issued.signers.clone()))
    }

    fn stations(&self) -> Result<Vec<Station>, Fault> {
        let station = |id: &crate::base::ids::MachineId| {
            Ok(Station::new(
                id.clone(),
                self.hall.encoder(id).ok_or_else(missing)?,
                self.hall.serial(id).ok_or_else(missing)?,
                Model::default(),
                self.hall.screen(id).ok_or_else(missing)?,
            ))
        };
        self.hall.stations().map(station).collect()
    }

    fn desks(&self) -> Result<Vec<Desk>, Fault> {
        let desk = |id: &crate::base::ids::MachineId| {
            Ok(Desk {
                id: id.clone(),
                reader: self.hall.encoder(id).ok_or_else(missing)?,
                scanner: self.hall.serial(id).ok_or_else(missing)?,
                screen: self.hall.screen(id).ok_or_else(missing)?,
            })
        };
        self.hall.desks().map(desk).collect()
    }

    /// The ledger begins; packs come in with the suppliers' lists and go out to the floor, before two witnesses.
    async fn open_books(&self) -> Result<(), Fault> {
        let by = vec![PersonId::new("vault-1"), PersonId::new("vault-2")];
        let mut facts = vec![Fact::Opened {
            facility: "day".to_owned(),
            mode: Mode::Rehearsal,
        }];
        let signers = self.issued.signers.iter().map(|signer| signer.label.as_str());
        facts.extend(super::key::ceremony_facts(&self.issued.made, signers));
        for list in self.hall.lists() {
            let step = Move {
                pack: list.pack.clone(),
                from: Some(Place::Vault),
                to: Place::Issued,
                count: u32::try_from(list.blanks.len()).unwrap_or(u32::MAX),
                by: by.clone(),
                reason: "issued to the floor".to_owned(),
            };
            facts.push(Fact::PackReceived {
                pack: list.pack,
                blank_type: list.blank_type,
                blanks: list.blanks,
                by: by.clone(),
            });
            facts.push(Fact::Stock { step });
        }
        self.ledger.append(facts, Vec::new()).await
    }
}

fn built(plan: &Plan, power: &Arc<Power>) -> Result<Hall, Fault> {
    let names = |letter: &str, count: usize| (1..=count).map(|n| format!("{letter}{n:02}")).collect();
    // Twice as many blanks as cards, and one more pack for every machine.
    let cards = u32::try_from(plan.dossiers * 2).unwrap_or(u32::MAX);
    let packs = cards.div_ceil(plan.pack.max(1)) + u32::try_from(plan.stations).unwrap_or(0);
    let hall = hall::Plan {
        stations: names("S", plan.stations),
        desks: names("D", plan.desks),
        packs,
        blanks_per_pack: plan.pack,
        seed: plan.seed,
        chip: Some(plan.chip.to_owned()),
        odd: plan.odd.clone(),
        ..hall::Plan::default()
    };
    Hall::new(Arc::clone(power), hall).map_err(|error| Fault::new(&TASK, error.to_string()))
}

fn people_of(plan: &Plan, intake: Option<[u8; 65]>) -> dossiers::Plan {
    dossiers::Plan {
        seed: plan.seed,
        count: plan.dossiers,
        issued: MORNING.date(),
        intake,
    }
}

fn labels(plan: &Plan) -> Result<Keys, Fault> {
    let managed = ChipProfile::built_in(plan.chip)?.managed().is_some();
    Ok(Keys {
        wrap: "wrap".to_owned(),
        lookup: "lookup".to_owned(),
        manifest: "manifest".to_owned(),
        checkpoint: "checkpoint".to_owned(),
        intake: "intake".to_owned(),
        chips: managed.then(chip_masters),
        csca: Some("csca".to_owned()),
    })
}

fn missing() -> Fault {
    Fault::new(&TASK, "a place of the hall has no device")
}
