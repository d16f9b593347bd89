//! Starts the line, keeps it running, and brings it to an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::base::Fault;
use crate::base::ids::{MachineId, OrderKey};
use crate::base::limits::READY_CARDS_PER_MACHINE;
use crate::job::lot::Lot;
use crate::job::{Attempt, Fact, Phase};
use crate::port::{Attempts, OrderState};

use super::Line;
use super::books::Meters;
use super::checkpoint::Checkpoints;
use super::context::Hand;
use super::desk::{self, Desk};
use super::feed::{Work, feed};
use super::patience::Patient;
use super::progress::{Activity, MachineProgress};
use super::settle::{settle, settle_once};
use super::station::Station;
use super::tenure::{Endurance, is_away};
use super::{readings, recover, retention, telling, tenure, watch};

/// How often the stop list is fetched.
const STOP_LIST: Duration = Duration::from_secs(60);
/// How often a draining line asks whether it is done.
const DRAINING: Duration = Duration::from_millis(100);
/// How long a draining line waits for a person to come to stopped machines when all else is at rest.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long desks wait for each other's readers to be cleared.
const CLEARING: Duration = Duration::from_secs(10);

/// When to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// When told to.
    WhenStopped,
    /// When no order waits any more; open boxes are sealed then.
    WhenDrained,
}

/// Everybody's names.
struct Places {
    stations: Vec<MachineId>,
    desks: Vec<MachineId>,
}

/// Recovers, runs all machines and desks, and ends when told to or when there is no more work.
///
/// # Errors
/// The first fault that nobody below could deal with; the line is stopped in order all the same.
pub async fn run(
    line: Arc<Line>,
    stations: Vec<Station>,
    mut desks: Vec<Desk>,
    ending: Ending,
) -> Result<(), Fault> {
    line.hsm.be_patient();
    line.recall_signers().await?;
    line.recall_clock(true).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut started = vec![Fact::Started { version }];
    started.extend(readings::signatures(&line).await?);
    line.record(started, Vec::new()).await?;
    retention::recover(&line).await?;
    let heads = Arc::new(Mutex::new(Checkpoints::new(&line)));
    let endurance = Endurance::of(&line);
    let mut found = loop {
        match recover::books(&line).await {
            Err(fault) if endurance.outlasts(&line, &fault).await => {}
            found => break found?,
        }
    };
    let places = Places {
        stations: stations.iter().map(|station| station.id.clone()).collect(),
        desks: desks.iter().map(|desk| desk.id.clone()).collect(),
    };
    recover::positions(&line, &places.stations).await?;
    recover::positions(&line, &places.desks).await?;
    recover::without_machine(&line, &found, &places.stations).await?;
    let meters = Arc::new(readings::known(&line, &places.stations).await?);
    // A desk's reader sees a card whenever a packer lays one on it, which proves nothing about machines.
    places.desks.iter().for_each(|desk| line.pairing.excuse(desk));
    let mut tasks: JoinSet<Result<Option<Desk>, Fault>> = JoinSet::new();
    let own = Arc::clone(&line);
    tasks.spawn(async move {
        watch::readers(&own).await;
        Ok(None)
    });
    for mut station in stations {
        station.screen = Patient::new(&line, station.screen);
        let lots = found.lots.remove(&station.id).unwrap_or_default();
        lots.iter().for_each(|lot| line.expect_tray(lot));
        let (own, meters) = (Arc::clone(&line), Arc::clone(&meters));
        tasks.spawn(async move { Box::pin(machine(own, station, lots, meters)).await.map(|()| None) });
    }
    clear_readers(&line, &mut desks).await;
    for mut desk in desks {
        desk.screen = Patient::new(&line, desk.screen);
        let own = Arc::clone(&line);
        tasks.spawn(async move { pack(&own, desk).await.map(Some) });
    }
    let own = Arc::clone(&line);
    tasks.spawn(async move { settle(&own).await.map(|()| None) });
    let own = Arc::clone(&line);
    tasks.spawn(async move { tenure::keep(&own).await.map(|()| None) });
    let (own, signing) = (Arc::clone(&line), Arc::clone(&heads));
    tasks.spawn(async move { signing.lock().await.keep(&own).await.map(|()| None) });
    let own = Arc::clone(&line);
    tasks.spawn(async move { retention::keep(&own).await.map(|()| None) });
    let own = Arc::clone(&line);
    tasks.spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = own.stopped() => return Ok(None),
                () = own.clock.sleep(STOP_LIST) => {
                    if let Err(fault) = own.refresh_stop_list().await {
                        tracing::warn!(code = fault.code.id, "the stop list is not refreshed: {fault}");
                    }
                }
            }
        }
    });
    if ending == Ending::WhenDrained {
        let own = Arc::clone(&line);
        tasks.spawn(async move {
            let outcome = drained(&own, &places).await;
            own.stop();
            outcome.map(|()| None)
        });
    }
    let (mut outcome, mut desks) = (Ok(()), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(Some(free))) => desks.push(free),
            Ok(Ok(None)) => {}
            Ok(Err(fault)) => {
                tracing::error!(code = fault.code.id, "the line stops: {fault}");
                line.stop();
                outcome = outcome.and(Err(fault));
            }
            Err(error) => {
                line.stop();
                let fault = Fault::new(&super::fault::TASK, error.to_string());
                outcome = outcome.and(Err(fault));
            }
        }
    }
    outcome?;
    if ending == Ending::WhenDrained {
        desk::seal_all(&line, desks).await?;
        let endurance = Endurance::of(&line);
        loop {
            match settle_once(&line).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(fault) if endurance.outlasts(&line, &fault).await => {}
                Err(fault) => return Err(fault),
            }
        }
    }
    let mut stopped = readings::signatures(&line).await?;
    stopped.push(Fact::Stopped);
    line.record(stopped, Vec::new()).await?;
    let signed = heads.lock().await.sign(&line).await;
    signed.map(|_| ())
}

/// A machine to the line's end. Whatever fails at its own doors stops it alone; when a person lets it go on, it begins
/// as after a restart.
async fn machine(
    line: Arc<Line>,
    mut station: Station,
    lots: Vec<Lot>,
    meters: Arc<Meters>,
) -> Result<(), Fault> {
    // Nothing is prepared for it before it is known what lies in it.
    let Some(resumed) = begin(&line, &mut station, Some(meters)).await? else {
        return Ok(());
    };
    let (out, work) = mpsc::channel(READY_CARDS_PER_MACHINE);
    let feeding = feed(Arc::clone(&line), station.id.clone(), lots, out);
    let (fed, made) = tokio::join!(feeding, make(&line, station, resumed, work));
    fed.and(made)
}

async fn make(
    line: &Line,
    mut station: Station,
    mut resumed: Option<Hand>,
    mut work: mpsc::Receiver<Work>,
) -> Result<(), Fault> {
    loop {
        match station.run(line, resumed.take(), &mut work).await {
            Err(fault) if line.is_left_to_the_next_start(&fault) => return Ok(()),
            Err(fault) if line.is_left_to_a_person(&fault) => {
                if !tenure::pause(line, &station.id, &fault).await? {
                    return Ok(());
                }
                match begin(line, &mut station, None).await? {
                    Some(settled) => resumed = settled,
                    None => return Ok(()),
                }
            }
            Err(fault) => {
                // Who feeds it has no other way to learn that nobody takes its cards any more.
                line.stop();
                return Err(fault);
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// Gets in step with a machine and settles what is in doubt in it: the card to go on with, if there is one. Nothing at
/// all if the line stops meanwhile. What the ledger knows of its printer's counters is handed over when the line
/// starts, and looked up when the machine begins again.
async fn begin(
    line: &Line,
    station: &mut Station,
    mut known: Option<Arc<Meters>>,
) -> Result<Option<Option<Hand>>, Fault> {
    loop {
        let known = known.take();
        let begun = async {
            station.connect().await?;
            let meters = match known {
                Some(meters) => meters,
                None => Arc::new(readings::known(line, std::slice::from_ref(&station.id)).await?),
            };
            readings::at_start(line, &meters, &station.id, &station.counters).await?;
            match recover::in_path(line, &station.id).await? {
                Some(attempt) => recover::machine(line, station, attempt).await,
                None => recover::empty_machine(station).await.map(|()| None),
            }
        };
        match begun.await {
            Err(fault) if line.is_left_to_the_next_start(&fault) => return Ok(None),
            // A machine that does not answer is looked at by a person like one that fails later.
            Err(fault) if line.is_left_to_a_person(&fault) => {
                if !tenure::pause(line, &station.id, &fault).await? {
                    return Ok(None);
                }
            }
            begun => return begun.map(Some),
        }
    }
}

/// A desk to the line's end; its own doors stop it alone.
async fn pack(line: &Line, mut desk: Desk) -> Result<Desk, Fault> {
    loop {
        match desk.run(line).await {
            Err(fault) if line.is_left_to_the_next_start(&fault) => return Ok(desk),
            Err(fault) if line.is_left_to_a_person(&fault) => {
                if !tenure::pause(line, &desk.id, &fault).await? {
                    return Ok(desk);
                }
            }
            ended => return ended.map(|()| desk),
        }
    }
}

/// A tray may go to another desk than before the restart, on whose reader one of its cards still lies. A desk where
/// nobody is holds up the others for a moment only.
async fn clear_readers(line: &Line, desks: &mut [Desk]) {
    if line.floor.is_quiet() {
        return;
    }
    let clearing = async {
        for desk in desks {
            if let Err(fault) = desk.clear().await {
                tracing::warn!(desk = %desk.id, code = fault.code.id, "the reader is not cleared: {fault}");
            }
        }
    };
    let _ = line.clock.within(CLEARING, clearing).await;
}

/// Returns when no order waits or is being made, or when nothing moves any more: machines are stopped and nobody lets
/// them go on, or all that is left are cards in quarantine, of which nobody says what becomes of them.
async fn drained(line: &Line, places: &Places) -> Result<(), Fault> {
    let mut still = Duration::ZERO;
    loop {
        line.clock.sleep(DRAINING).await;
        if line.is_stopping() {
            return Ok(());
        }
        let (quiet, (claimed, done)) = match (line.floor.is_quiet(), left(line).await) {
            // Nobody knows what there is to do.
            (_, Err(fault)) if is_away(&fault) => continue,
            (quiet, left) => (quiet, left?),
        };
        if quiet && claimed && done && lots_are_closed(line, places).await? {
            return Ok(());
        }
        let machines = line.progress.snapshot().machines;
        let stopped = |places: &[MachineId]| places.iter().all(|place| line.progress.is_stopped(place));
        let at_rest = |machine: &MachineProgress| {
            machine.stopped && !matches!(machine.activity, Activity::Step(_))
                || machine.activity == Activity::Waiting
        };
        // Whoever could go on with what waits is stopped, or nothing more is taken on.
        let short = line.headroom.short().is_some();
        let stuck = (short || machines.values().any(|machine| machine.stopped))
            && machines.values().all(at_rest)
            && (claimed || short || stopped(&places.stations))
            && (quiet || stopped(&places.desks));
        let left_to_people =
            quiet && claimed && machines.values().all(at_rest) && only_quarantined(line).await?;
        still = if stuck || left_to_people {
            still + DRAINING
        } else {
            Duration::ZERO
        };
        if still >= PATIENCE {
            return Ok(());
        }
    }
}

/// Does no order wait, and is none in a lot of this controller?
async fn left(line: &Line) -> Result<(bool, bool), Fault> {
    let book = &line.ports.book;
    let waiting = book.in_state(OrderState::Waiting, OrderKey(0), 1).await?;
    let given = book.given(OrderKey(0), 1).await?;
    Ok((waiting.is_empty(), given.is_empty()))
}

/// Does every card that is not done lie in quarantine, and does the registry know of all others that it takes?
async fn only_quarantined(line: &Line) -> Result<bool, Fault> {
    let untold = telling::untold(line, 1).await?;
    let open = line.ports.ledger.attempts(Attempts::Open).await?;
    let waits = |attempt: &Attempt| attempt.phase == Phase::Quarantined;
    let somebody_must_act = !open.is_empty() || !line.not_taken.attempts().is_empty();
    Ok(untold.is_empty() && somebody_must_act && open.iter().all(waits))
}

/// A lot of which no card is owed any more must be closed all the same.
async fn lots_are_closed(line: &Line, places: &Places) -> Result<bool, Fault> {
    let open = line.ports.ledger.open_lots().await?;
    Ok(!open.iter().any(|lot| places.stations.contains(&lot.machine)))
}
