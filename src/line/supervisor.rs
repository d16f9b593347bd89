//! Starts the line, keeps it running, and brings it to an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::base::limits::READY_CARDS_PER_MACHINE;
use crate::job::Fact;
use crate::port::OrderState;

use super::Line;
use super::checkpoint::Checkpoints;
use super::desk::Desk;
use super::feed::feed;
use super::progress::{Activity, MachineProgress};
use super::settle::{settle, settle_once};
use super::station::Station;
use super::{readings, recover};

/// How often the stop list is fetched.
const STOP_LIST: Duration = Duration::from_secs(60);
/// How often a draining line asks whether it is done.
const DRAINING: Duration = Duration::from_millis(100);
/// How long a draining line waits for a person to come to stopped machines when all else is at rest.
const PATIENCE: Duration = Duration::from_secs(3);

/// When to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// When told to.
    WhenStopped,
    /// When no order waits any more; open boxes are sealed then.
    WhenDrained,
}

/// Recovers, runs all machines and desks, and ends when told to or when there is no more work.
///
/// # Errors
/// The first fault that nobody below could deal with; the line is stopped in order all the same.
pub async fn run(
    line: Arc<Line>,
    stations: Vec<Station>,
    desks: Vec<Desk>,
    ending: Ending,
) -> Result<(), Fault> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut started = vec![Fact::Started { version }];
    started.extend(readings::signatures(&line).await?);
    line.record(started, Vec::new()).await?;
    let heads = Arc::new(Mutex::new(Checkpoints::new(&line)));
    let mut found = recover::books(&line).await?;
    let mut tasks: JoinSet<Result<Option<Desk>, Fault>> = JoinSet::new();
    for mut station in stations {
        let lots = found.lots.remove(&station.id).unwrap_or_default();
        let in_path = found.in_machines.remove(&station.id);
        let own = Arc::clone(&line);
        tasks.spawn(async move {
            // A printer that does not answer stops its position like any other fault: a person looks, and lets it go
            // on.
            while let Err(fault) = station.connect().await {
                own.stop_position(&station.id, &fault).await?;
                if !station.may_go_on(&own).await {
                    return Ok(None);
                }
            }
            readings::printer(&own, &station.id, &station.counters).await?;
            let resumed = match in_path {
                Some(attempt) => recover::machine(&own, &mut station, attempt).await?,
                None => {
                    recover::empty_machine(&mut station).await?;
                    None
                }
            };
            let (out, work) = mpsc::channel(READY_CARDS_PER_MACHINE);
            let feeding = feed(Arc::clone(&own), station.id.clone(), lots, out);
            let making = async {
                let made = station.run(Arc::clone(&own), resumed, work).await;
                if made.is_err() {
                    // Who feeds it has no other way to learn that nobody takes its cards any more.
                    own.stop();
                }
                made
            };
            let (fed, made) = tokio::join!(feeding, making);
            fed.and(made).map(|()| None)
        });
    }
    for desk in desks {
        let own = Arc::clone(&line);
        tasks.spawn(async move { desk.run(own).await.map(Some) });
    }
    let own = Arc::clone(&line);
    tasks.spawn(async move { settle(&own).await.map(|()| None) });
    let (own, signing) = (Arc::clone(&line), Arc::clone(&heads));
    tasks.spawn(async move { signing.lock().await.keep(&own).await.map(|()| None) });
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
            let outcome = drained(&own).await;
            own.stop();
            outcome.map(|()| None)
        });
    }
    let (mut outcome, mut desk) = (Ok(()), None);
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(Some(free))) => desk = Some(free),
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
    if let (Ending::WhenDrained, Some(mut desk)) = (ending, desk) {
        desk.seal_all(&line).await?;
        while settle_once(&line).await? > 0 {}
    }
    let mut stopped = readings::signatures(&line).await?;
    stopped.push(Fact::Stopped);
    line.record(stopped, Vec::new()).await?;
    let signed = heads.lock().await.sign(&line).await;
    signed.map(|_| ())
}

/// Returns when no order waits or is being made, or when nothing moves any more because machines are stopped and nobody
/// lets them go on.
async fn drained(line: &Line) -> Result<(), Fault> {
    let mut still = Duration::ZERO;
    loop {
        line.clock.sleep(DRAINING).await;
        if line.is_stopping() {
            return Ok(());
        }
        let none = async |state| -> Result<bool, Fault> {
            let first = line.ports.book.in_state(state, OrderKey(0), 1).await?;
            Ok(first.is_empty())
        };
        let quiet = line.floor.is_quiet() && none(OrderState::Waiting).await?;
        if quiet && none(OrderState::InLot).await? {
            return Ok(());
        }
        let machines = line.progress.snapshot().machines;
        let all_stopped = !machines.is_empty() && machines.values().all(|machine| machine.stopped);
        let at_rest = |machine: &MachineProgress| machine.stopped || machine.activity == Activity::Waiting;
        let stuck = machines.values().any(|machine| machine.stopped) && machines.values().all(at_rest);
        still = if quiet && stuck {
            still + DRAINING
        } else {
            Duration::ZERO
        };
        if all_stopped || still >= PATIENCE {
            return Ok(());
        }
    }
}
