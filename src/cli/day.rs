//! A day of the hall in memory: the real line on ports without a database, a device or a socket.
//!
//! A facility with its own keys, registry, packs and people is made from one seed. Under tokio's paused time its day
//! passes as fast as the processor allows, and the same seed gives the same day, to the last fact. Controllers come
//! and go: the power can be cut at any act at any door, and the next controller finds books and hall as they are.
//!
//! [`storm`] draws what goes wrong from the seed and a plan ([`faults`]), `people` look after what stopped, `watch`
//! looks on at every commit, and the [`judge`] counts the hall in the evening.

pub mod faults;
pub mod judge;
pub mod kit;
mod people;
pub mod storm;
#[cfg(test)]
mod tests;
pub mod verb;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::ids::{MachineId, OrderKey, PersonId};
use crate::base::limits::DISK_KEPT;
use crate::base::{Clock, Entropy, Fault, Mode, Place};
use crate::job::Fact;
use crate::job::stock::Move;
use crate::line::desk::Desk;
use crate::line::fault::TASK;
use crate::line::headroom::Headroom;
use crate::line::station::Station;
use crate::line::{self, Ending, Line, Ports};
use crate::port::{KeyPurpose, Ledger, OrderBook, OrderState};
use crate::printer::Model;
use crate::sim::chip::Oddity;
use crate::sim::dossiers::Request;
use crate::sim::hall;
use crate::sim::memory::{
    Hall, MemoryHost, MemoryLedger, MemoryOrderBook, MemoryPapers, MemoryRegistry, MemorySigner, Power,
};

use kit::{Kit, MORNING, People};
use watch::{Meters, Watch};

/// A controller that is not done after this long will never be.
const SHIFT: Duration = Duration::from_secs(3 * 3_600);

/// The kind of chip in the blanks of usual days.
pub const CHIP: &str = "rehearsal";

/// What a day is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything; on days that share a kit, everything but the people and their documents.
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

impl Plan {
    /// Small packs, lots and boxes, so that a short day has many of them.
    #[must_use]
    pub fn usual(seed: u64, dossiers: usize, stations: usize, desks: usize) -> Self {
        Self {
            seed,
            dossiers,
            stations,
            desks,
            pack: 20,
            lot: 8,
            box_cards: 10,
            round: Duration::from_secs(30),
            chip: CHIP,
            odd: BTreeMap::new(),
        }
    }
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
    /// The computer that the controllers run on.
    pub host: Arc<MemoryHost>,
    kit: Arc<Kit>,
    clock: Clock,
    watch: Arc<Mutex<Watch>>,
    visits: people::Visits,
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

/// Lets days pass: time stands still while somebody works, and leaps when everybody waits.
///
/// # Errors
/// When the operating system has no threads or handles left.
pub fn pass<F: Future>(days: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    Ok(runtime.block_on(days))
}

impl Day {
    /// Builds a facility with people of its own. Must be called under paused time.
    ///
    /// # Errors
    /// If the plan cannot be built.
    pub async fn new(plan: Plan) -> Result<Self, Fault> {
        let kit = Kit::new(plan.seed, plan.dossiers, People::All, plan.chip).await?;
        Self::with(&kit, plan).await
    }

    /// Builds a facility for the kit's people: packs received and issued. Must be called under paused time.
    ///
    /// # Errors
    /// If the plan cannot be built.
    pub async fn with(kit: &Arc<Kit>, plan: Plan) -> Result<Self, Fault> {
        let clock = Clock::starting_at(MORNING);
        let power = Power::new(clock);
        let day = Self {
            hall: built(&plan, kit.requests.len(), &power)?,
            ledger: Arc::new(MemoryLedger::new(Arc::clone(&power), "day/K1")),
            book: Arc::new(MemoryOrderBook::new(Arc::clone(&power))),
            registry: Arc::new(MemoryRegistry::new(Arc::clone(&power))),
            signer: Arc::new(kit.signer.copy(Arc::clone(&power), plan.seed)),
            papers: Arc::new(MemoryPapers::new(Arc::clone(&power))),
            host: Arc::new(MemoryHost::new(clock)),
            kit: Arc::clone(kit),
            watch: Arc::default(),
            visits: people::Visits::default(),
            controllers: AtomicU64::new(0),
            plan,
            power,
            clock,
        };
        day.look_on();
        day.open_books().await?;
        Ok(day)
    }

    /// The registry approves these requests and sends them; the facility admits or returns them.
    ///
    /// # Errors
    /// The token's or the order book's.
    pub async fn admit(&self, requests: &[Request]) -> Result<(), Fault> {
        let line = self.controller();
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

    /// What the registry sends on this day.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.kit.requests
    }

    /// Rules that were broken while the day passed, in the order in which they were.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        locked(&self.watch).broken().to_vec()
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
        let line = Arc::new(self.controller());
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

    /// When the machines stand still, the supervisor goes round once more: false if something was found that a
    /// controller must see to.
    ///
    /// # Errors
    /// The books'.
    pub async fn evening(&self) -> Result<bool, Fault> {
        self.power.restore(None);
        people::evening(self, &self.controller()).await
    }

    /// Is there nothing left to do: no order that waits or is being made, no lot that is open?
    ///
    /// # Errors
    /// The books'.
    pub async fn is_done(&self) -> Result<bool, Fault> {
        for state in [OrderState::Waiting, OrderState::InLot] {
            let first = self.book.in_state(state, OrderKey(0), 1).await?;
            if !first.is_empty() {
                return Ok(false);
            }
        }
        Ok(self.ledger.open_lots().await?.is_empty())
    }

    /// A controller that has not started yet.
    fn controller(&self) -> Line {
        let number = self.controllers.fetch_add(1, Ordering::Relaxed);
        let ports = Ports {
            ledger: self.ledger.clone(),
            book: self.book.clone(),
            registry: self.registry.clone(),
            signer: self.signer.clone(),
            papers: self.papers.clone(),
        };
        let entropy = Entropy::seeded(self.plan.seed.wrapping_add(number << 32));
        let line = Line::new(
            ports,
            self.kit.rules(&self.plan),
            self.clock,
            entropy,
            self.kit.press(),
        );
        line.with_signers(self.kit.issued.signers.clone())
            .with_headroom(Headroom::new(self.host.clone(), DISK_KEPT))
    }

    /// From now on every commit is watched.
    fn look_on(&self) {
        let (watch, hall, signer) = (
            Arc::clone(&self.watch),
            self.hall.clone(),
            Arc::clone(&self.signer),
        );
        let before = signer.signatures(KeyPurpose::DocumentSigner);
        self.ledger.observe(move |commit| {
            let meters = Meters {
                panels: hall.panels(),
                signatures: signer.signatures(KeyPurpose::DocumentSigner) - before,
            };
            locked(&watch).commit(commit, &meters);
        });
    }

    fn stations(&self) -> Result<Vec<Station>, Fault> {
        let station = |id: &MachineId| {
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
        let desk = |id: &MachineId| {
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
        let signers = self.kit.issued.signers.iter().map(|signer| signer.label.as_str());
        facts.extend(super::key::ceremony_facts(&self.kit.issued.made, signers));
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

fn built(plan: &Plan, cards: usize, power: &Arc<Power>) -> Result<Hall, Fault> {
    let names = |letter: &str, count: usize| (1..=count).map(|n| format!("{letter}{n:02}")).collect();
    // Twice as many blanks as cards, and one more pack for every machine.
    let blanks = u32::try_from(cards * 2).unwrap_or(u32::MAX);
    let packs = blanks.div_ceil(plan.pack.max(1)) + u32::try_from(plan.stations).unwrap_or(0);
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

fn missing() -> Fault {
    Fault::new(&TASK, "a place of the hall has no device")
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
