//! `cardwright run`: the line of a facility.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::base::ids::MachineId;
use crate::base::{Clock, Entropy, Fault};
use crate::config::{Config, OrderBookPlace};
use crate::control::Control;
use crate::control::serve::{self, Server};
use crate::device::host::LinuxHost;
use crate::device::screen::SocketScreen;
use crate::device::serial::{Cable, SerialConfig};
use crate::line::context::KeyLabels;
use crate::line::desk::Desk;
use crate::line::headroom::Headroom;
use crate::line::station::Station;
use crate::line::{self, Ending, Line, Ports, Rules};
use crate::port::{Encoder, OfficeCounts, OrderBook, OrderState, Signer};
use crate::printer::Model;

use super::facility::{Facility, files, inspect, with_environment};
use super::readers;
use super::trap;

/// Orders that are still to get a card, or are getting one.
pub(super) const WANTED: [OrderState; 2] = [OrderState::Waiting, OrderState::InLot];

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright run                                 until SIGTERM or SIGINT: cards in the machines are finished first
  cardwright run --drain                         until no order waits
  cardwright run --log json --log-level info     for a log collector

Dossiers that are put into the facility's dossier folder while it runs are admitted at once. Every other verb asks the
running controller through its control socket.")]
pub struct Arguments {
    /// The facility's folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
    /// End when no order waits any more; open boxes are sealed then. The exit code is 1 if orders are left, because
    /// the machines that could make them stand, or because somebody ended it before.
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    pub(super) log: super::log::Options,
}

/// Runs the verb.
///
/// # Errors
/// Whatever stops the line.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    with_environment(&arguments.facility)?;
    super::runtime()?.block_on(async {
        let clock = Clock::system();
        let facility = Facility::open_patiently(&arguments.facility, clock).await?;
        let line = Arc::new(line(&facility, clock).await?);
        let ending = if arguments.drain {
            Ending::WhenDrained
        } else {
            Ending::WhenStopped
        };
        let outcome = make(&facility, &line, ending).await;
        let balanced = super::summary::print(&facility, &line).await?;
        let all_made = !arguments.drain || outcome.is_err() || super::summary::is_all_made(&line).await?;
        drop(line);
        facility.close().await?;
        outcome?;
        Ok(balanced && all_made)
    })
}

/// A line on a facility's doors.
///
/// # Errors
/// Broken built-in data, or the HSM.
pub async fn line(facility: &Facility, clock: Clock) -> Result<Line, Fault> {
    let keys = &facility.config.keys;
    let rules = Rules {
        facility: facility.config.facility.clone(),
        mode: facility.config.mode,
        profiles: facility.profiles.clone(),
        trust: facility.trust.clone(),
        keys: KeyLabels {
            wrap: keys.wrap.clone(),
            lookup: keys.lookup.clone(),
            manifest: keys.manifest.clone(),
            checkpoint: keys.checkpoint.clone(),
            intake: keys.intake.clone(),
            chips: keys.chips.clone(),
        },
        manifest_key: facility.manifest_key,
        offices: facility.offices.clone(),
        glyphs: files::glyphs(&facility.config)?,
        holidays: files::holidays(&facility.config)?,
        dossier_trust: facility.dossier_trust.clone(),
        chip: facility.chip.clone(),
        fingerprints: facility.fingerprints.clone(),
        lot_cards: facility.config.lot_cards,
        box_cards: u16::try_from(facility.config.box_cards).unwrap_or(u16::MAX),
        working_days: facility.config.working_days,
        term: facility.config.retention,
    };
    let ports = Ports {
        ledger: facility.ledger.clone(),
        book: facility.order_book.clone(),
        registry: facility.registry.clone(),
        signer: facility.hsm.clone(),
        papers: facility.papers.clone(),
    };
    let ports = trap::ports(facility.trap.as_ref(), ports, &rules);
    let line = Line::new(
        ports,
        rules,
        clock,
        Entropy::system(),
        files::press(&facility.config)?,
    )
    .with_signers(facility.signers.clone())
    .with_fields(readers::fields(&facility.config, clock))
    .with_headroom(headroom(&facility.config)?);
    let mut uncounted = Vec::new();
    for key in facility.hsm.keys().await? {
        match key.signatures {
            Some(signatures) => line.signers.count(&key.label, signatures),
            None => uncounted.push(key.label),
        }
    }
    line.count_signatures(&uncounted).await?;
    line.recall_signers().await?;
    line.recall_clock(false).await?;
    Ok(line)
}

/// The host, with the disks that the facility writes to.
fn headroom(config: &Config) -> Result<Headroom, Fault> {
    let paths = &config.paths;
    let own = [&paths.ledger, &paths.papers]
        .into_iter()
        .chain(&paths.ledger_copy);
    let mut folders: Vec<PathBuf> = own.map(|path| config.path(path)).collect();
    if let OrderBookPlace::File(path) = config.order_book() {
        folders.push(path);
    }
    Ok(Headroom::new(
        Arc::new(LinuxHost::new(folders)?),
        config.disk_kept(),
    ))
}

/// Runs the line to its end, showing progress; SIGTERM and SIGINT end it in order.
///
/// # Errors
/// Whatever stops the line.
pub async fn make(facility: &Facility, line: &Arc<Line>, ending: Ending) -> Result<(), Fault> {
    let (stations, desks) = (stations(facility, line), desks(facility, line));
    let (book, today) = (&*facility.order_book, line.clock.today());
    if let Err(fault) = inspect::holidays(&facility.config, today) {
        tracing::warn!(code = fault.code.id, "{fault}");
    }
    line.progress.want(orders_in(&WANTED, book, today).await?);
    line.progress
        .hold(orders_in(&[OrderState::Held], book, today).await?);
    let file = facility.config.folder.join(super::ask::PROPOSALS);
    let control = Arc::new(Control::keeping(Arc::clone(line), &file));
    let server = Server::bind(&facility.config.folder.join(serve::NAME), control).await?;
    let mut beside = JoinSet::new();
    beside.spawn(server.run());
    let (working, ended) = oneshot::channel();
    let shown = tokio::spawn(super::progress::show(Arc::clone(line), ended));
    let inbox = facility.config.path(&facility.config.paths.dossiers);
    beside.spawn(super::inbox::watch(Arc::clone(line), inbox));
    beside.spawn(stop_on_signal(Arc::clone(line)));
    let outcome = line::run(Arc::clone(line), stations, desks, ending).await;
    drop(working);
    // It shows how the line stands now; if it cannot, the summary does.
    let _ = shown.await;
    // All of them hold the line: it must be free when this returns.
    beside.shutdown().await;
    outcome
}

/// The machines of the configuration.
pub(super) fn stations(facility: &Facility, line: &Line) -> Vec<Station> {
    let stations = facility.config.stations.iter().map(|station| {
        let path = |path: &Path| facility.config.path(path);
        Station::new(
            station.id.clone(),
            readers::open(&facility.config, &station.encoder, line.clock),
            Box::new(cable(path(&station.printer), station.baud, line.clock)),
            Model {
                baud: station.baud,
                ..Model::default()
            },
            Box::new(screen(facility, &station.screen, line.clock)),
        )
    });
    let trap = facility.trap.as_ref();
    stations.map(|station| trap::station(trap, station)).collect()
}

/// The reader of a desk, if there is such a desk.
pub(super) fn reader(facility: &Facility, desk: &MachineId, clock: Clock) -> Option<Box<dyn Encoder>> {
    let desk = facility.config.desks.iter().find(|known| known.id == *desk)?;
    Some(readers::open(&facility.config, &desk.reader, clock))
}

/// The packing desks of the configuration.
pub(super) fn desks(facility: &Facility, line: &Line) -> Vec<Desk> {
    let desks = facility.config.desks.iter().map(|desk| {
        let path = |path: &Path| facility.config.path(path);
        Desk {
            id: desk.id.clone(),
            reader: readers::open(&facility.config, &desk.reader, line.clock),
            scanner: Box::new(cable(path(&desk.scanner), desk.baud, line.clock)),
            screen: Box::new(screen(facility, &desk.screen, line.clock)),
        }
    });
    let trap = facility.trap.as_ref();
    desks.map(|desk| trap::desk(trap, desk)).collect()
}

fn screen(facility: &Facility, path: &Path, clock: Clock) -> SocketScreen {
    let config = &facility.config;
    SocketScreen::new(config.path(path), clock, config.mode)
}

fn cable(path: PathBuf, baud: u32, clock: Clock) -> Cable {
    Cable::new(SerialConfig { path, baud }, clock)
}

/// How many orders stand so, of all offices.
pub(super) async fn orders_in(
    states: &[OrderState],
    book: &dyn OrderBook,
    today: time::Date,
) -> Result<u64, Fault> {
    let offices = book.counts(today).await?;
    let counted =
        |counts: &OfficeCounts| -> u64 { states.iter().filter_map(|state| counts.orders.get(state)).sum() };
    Ok(offices.values().map(counted).sum())
}

async fn stop_on_signal(line: Arc<Line>) {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    if let Ok(mut terminate) = terminate {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::warn!("stopping: cards in the machines are finished first");
        line.stop();
    }
}
