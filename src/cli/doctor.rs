//! `cardwright doctor`: what is missing on this machine, and how to get it. It changes nothing and takes no lock, so it
//! may be asked while the controller runs.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::base::{Clock, Fault, Mode};
use crate::config::{Config, OrderBookPlace};
use crate::control::client::Connection;
use crate::control::serve;
use crate::device::hall::fault::UNREACHABLE;
use crate::device::host::disk_left;
use crate::device::screen;
use crate::job::Epoch;
use crate::pki::SignerKey;
use crate::pki::policy::remaining;
use crate::port::{KeyInfo, KeyPurpose, Signer};
use crate::store::fault::NO_REGISTRY;
use crate::store::postgres::{self, Server};

use super::facility::{inspect, open_hsm, read_pin, with_environment};
use super::key::own;
use super::{readers, say};

/// Free space under which the ledger may not get through a day, in MiB: 400,000 cards take about 4 GiB.
const DISK_MIB_LEAST: u64 = 8_192;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright doctor --facility /srv/cardwright

Exit code: 0 if nothing is missing, 1 otherwise.")]
pub struct Arguments {
    /// The facility's folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
    /// Answer in JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    good: bool,
    found: String,
}

impl Check {
    fn new(what: &str, outcome: Result<String, String>) -> Self {
        let good = outcome.is_ok();
        let found = match outcome {
            Ok(found) | Err(found) => found,
        };
        let what = what.to_owned();
        Self { what, good, found }
    }
}

/// Runs the verb.
///
/// # Errors
/// When the program cannot start itself again or the operating system refuses threads.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.facility);
    if let Ok(config) = &config {
        with_environment(&config.folder)?;
    }
    let checks = super::runtime()?.block_on(async {
        let mut checks = vec![Check::new("disk", disk(&arguments.facility))];
        match &config {
            Ok(config) => facility(config, &mut checks).await,
            Err(fault) => {
                checks.push(Check::new(
                    "facility",
                    Err(format!(
                        "{fault} Make one with cardwright init, or name its folder with --facility."
                    )),
                ));
                let found = readers::at_hand(Clock::system()).await;
                checks.push(Check::new("readers", Ok(found)));
            }
        }
        checks
    });
    let good = checks.iter().all(|check| check.good);
    if arguments.json {
        say(format_args!("{:#}", serde_json::to_value(&checks)?));
        return Ok(good);
    }
    for check in &checks {
        let mark = if check.good { "ok     " } else { "MISSING" };
        say(format_args!("{mark}  {:<12} {}", check.what, check.found));
    }
    Ok(good)
}

async fn facility(config: &Config, checks: &mut Vec<Check>) {
    let clock = Clock::system();
    let told = |outcome: Result<String, Fault>| outcome.map_err(|fault| fault.to_string());
    let named = format!(
        "{}, {:?}, in {}",
        config.facility,
        config.mode,
        config.folder.display()
    );
    checks.push(Check::new("facility", Ok(named)));
    checks.push(Check::new("controller", controller(config, clock).await));
    checks.push(Check::new("second copy", second_copy(config)));
    checks.push(Check::new("order book", told(order_book(config, clock).await)));
    checks.push(Check::new("PIN", told(pin(config))));
    let (token, keys) = hsm(config).await;
    checks.extend(token);
    checks.push(Check::new("retention", retention(config, clock, &keys)));
    checks.push(Check::new("registry", registry(config)));
    let known = inspect::signer_keys(config, clock.now());
    checks.push(Check::new("signers", signers(config, clock, &keys, &known)));
    // Why they cannot be told is said above.
    let known = known.unwrap_or_default();
    checks.push(Check::new("profiles", told(inspect::profiles(config, &known))));
    checks.push(Check::new(
        "working days",
        told(inspect::holidays(config, clock.today())),
    ));
    checks.push(Check::new("offices", told(inspect::offices(config))));
    checks.push(Check::new("dossiers", told(inspect::dossier_trust(config))));
    let stations = config
        .stations
        .iter()
        .map(|station| (&station.id, &station.printer));
    let desks = config.desks.iter().map(|desk| (&desk.id, &desk.scanner));
    for (id, port) in stations.chain(desks) {
        checks.push(Check::new(id.as_str(), serial(config, port)));
    }
    checks.push(Check::new("screens", screens(config, clock).await));
    for (what, found) in readers::inspect(config, clock).await {
        checks.push(Check::new(&what, found));
    }
    if config.stations.is_empty() {
        let hint = "no station in the configuration: add [[stations]] to cardwright.toml";
        checks.push(Check::new("stations", Err(hint.to_owned())));
    }
}

fn disk(folder: &Path) -> Result<String, String> {
    let free = disk_left(folder).map_err(|fault| fault.to_string())? >> 20;
    if free < DISK_MIB_LEAST {
        return Err(format!(
            "{free} MiB free; the ledger needs {DISK_MIB_LEAST} MiB for a day: make room or move the facility"
        ));
    }
    Ok(format!("{free} MiB free"))
}

/// Where the ledger is copied to before a chip is sealed or a card printed. Real cards are not made on one disk.
fn second_copy(config: &Config) -> Result<String, String> {
    let hint = "name a folder on another host's disk in cardwright.toml, paths.ledger_copy";
    let unless_rehearsed = |what: String| match config.mode {
        Mode::Rehearsal => Ok(format!("{what}; a rehearsal needs no better")),
        Mode::Production => Err(format!("{what}: the ledger is lost with its disk; {hint}")),
    };
    let Some(copy) = &config.paths.ledger_copy else {
        return unless_rehearsed("none".to_owned());
    };
    let copy = config.path(copy);
    let disk = |folder: &Path| {
        let found = fs::metadata(folder).map_err(|error| format!("{}: {error}; {hint}", folder.display()));
        found.map(|found| found.dev())
    };
    let ledger = config.path(&config.paths.ledger);
    if disk(&copy)? == disk(ledger.parent().unwrap_or(&config.folder))? {
        return unless_rehearsed(format!("{}, on the ledger's own disk", copy.display()));
    }
    Ok(copy.display().to_string())
}

async fn controller(config: &Config, clock: Clock) -> Result<String, String> {
    match Connection::open(&config.folder.join(serve::NAME), clock).await {
        Ok(Some(_)) => Ok("running".to_owned()),
        Ok(None) => Ok("not running; start it with cardwright run".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Where it is; a server is asked, under nobody's name.
async fn order_book(config: &Config, clock: Clock) -> Result<String, Fault> {
    match config.order_book() {
        OrderBookPlace::File(path) => Ok(format!("{}, for this controller alone", path.display())),
        OrderBookPlace::Server { url, password_file } => {
            let password = password_file.as_deref().map(read_pin).transpose()?;
            let version = postgres::version(&Server { url, password }, clock).await?;
            Ok(format!("{url} as controller {}: {version}", config.controller))
        }
    }
}

fn pin(config: &Config) -> Result<String, Fault> {
    let path = config.path(&config.hsm.pin_file);
    read_pin(&path).map(|_| format!("{}, for its owner only", path.display()))
}

/// Loads the library and logs in, as the controller does; a second session harms nobody. Then looks for the facility's
/// own keys.
async fn hsm(config: &Config) -> (Vec<Check>, Vec<KeyInfo>) {
    let opened = async {
        let module = config.module()?;
        let hsm = open_hsm(config)?;
        let keys = hsm.keys().await;
        hsm.stop().await?;
        let found = format!("{}, token {:?}", module.display(), config.hsm.token);
        Ok::<_, Fault>((found, keys?))
    };
    match opened.await {
        Ok((found, keys)) => {
            let of_purpose = |(label, purpose): &(&str, KeyPurpose)| {
                keys.iter()
                    .any(|key| key.label == *label && key.purpose == *purpose)
            };
            let (there, missing): (Vec<_>, Vec<_>) = own(&config.keys).partition(of_purpose);
            let labels = |keys: &[(&str, KeyPurpose)]| {
                keys.iter()
                    .map(|(label, _)| *label)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let own = if missing.is_empty() {
                Ok(labels(&there))
            } else {
                Err(format!(
                    "no key for {}. Make them with cardwright key make",
                    labels(&missing)
                ))
            };
            let checks = vec![Check::new("PKCS#11", Ok(found)), Check::new("keys", own)];
            (checks, keys)
        }
        Err(fault) => (vec![Check::new("PKCS#11", Err(fault.to_string()))], Vec::new()),
    }
}

/// The wrapping keys that are there, and whether the days of all of them are still to come.
fn retention(config: &Config, clock: Clock, keys: &[KeyInfo]) -> Result<String, String> {
    let (term, today) = (config.retention, clock.today());
    let labels = keys.iter().map(|key| key.label.as_str());
    let mut open: Vec<Epoch> = labels
        .filter_map(|label| Epoch::parse(&config.keys.wrap, label))
        .collect();
    open.sort();
    let Some(oldest) = open.first() else {
        return Ok("no wrapping key yet: the controller makes it with the first dossier".to_owned());
    };
    let found = format!(
        "{} wrapping keys, the oldest of {}; data goes {} days after an order's end",
        open.len(),
        oldest.first,
        term.keep_days
    );
    match term.due(&open, today).as_slice() {
        [] => Ok(found),
        due => Err(format!(
            "{found}; {} should be destroyed by now: run the controller, then cardwright privacy show",
            due.len()
        )),
    }
}

/// The authority's own system; the rehearsal has one in its folder.
fn registry(config: &Config) -> Result<String, String> {
    let path = config.path(&config.paths.registry);
    let found = path.display().to_string();
    if path.exists() {
        Ok(found)
    } else {
        Err(Fault::new(&NO_REGISTRY, found).to_string())
    }
}

/// What is left of each document signer: days by its certificate, cards by the token's count.
fn signers(
    config: &Config,
    clock: Clock,
    keys: &[KeyInfo],
    known: &Result<Vec<SignerKey>, Fault>,
) -> Result<String, String> {
    match known {
        Ok(signers) if signers.is_empty() => {
            let how = match config.mode {
                Mode::Rehearsal => "cardwright key ceremony",
                Mode::Production => "cardwright key request, then key import",
            };
            Err(format!("none: nothing can be signed. Get one with {how}"))
        }
        Ok(signers) => {
            let left = |signer: &SignerKey| {
                let key = keys.iter().find(|key| key.label == signer.label);
                let signed = key.and_then(|key| key.signatures).unwrap_or(0);
                let left = remaining(signer, signed, clock.now());
                let cards = left.cards.map_or_else(
                    || "no limit of cards".to_owned(),
                    |cards| format!("{cards} cards"),
                );
                (
                    left,
                    format!("{}: {} days, {cards} left", signer.label, left.days),
                )
            };
            let all: Vec<_> = signers.iter().map(left).collect();
            let told = all
                .iter()
                .map(|(_, words)| words.as_str())
                .collect::<Vec<_>>()
                .join("; ");
            if all.iter().any(|(left, _)| left.days > 0 && left.cards != Some(0)) {
                Ok(told)
            } else {
                Err(format!(
                    "{told}: nothing can be signed. Get the next with cardwright key request"
                ))
            }
        }
        Err(fault) => Err(fault.to_string()),
    }
}

/// Whom machines and desks ask. A screen that is not open costs nothing before a controller asks there.
async fn screens(config: &Config, clock: Clock) -> Result<String, String> {
    let stations = config.stations.iter().map(|one| (&one.id, &one.screen));
    let desks = config.desks.iter().map(|one| (&one.id, &one.screen));
    let (mut open, mut closed) = (0, Vec::new());
    for (id, path) in stations.chain(desks) {
        match screen::look(&config.path(path), clock, config.mode).await {
            Ok(()) => open += 1,
            Err(fault) if *fault.code == UNREACHABLE => closed.push(id.as_str()),
            Err(fault) => return Err(fault.at(id).to_string()),
        }
    }
    if closed.is_empty() {
        return Ok(format!("{open} open"));
    }
    let who = match config.mode {
        Mode::Rehearsal => "the hall opens them",
        Mode::Production => "open each at its place: cardwright position screen",
    };
    Ok(format!("{open} open, not {}; {who}", closed.join(", ")))
}

/// A port is there, is a device, and may be read and written by whoever asks.
fn serial(config: &Config, port: &Path) -> Result<String, String> {
    let path = config.path(port);
    let rehearsal = config.mode == Mode::Rehearsal;
    let Ok(found) = fs::metadata(&path) else {
        let hint = if rehearsal {
            // The hall, its stations or desks, the machine, the cable.
            let hall = path.ancestors().nth(3).unwrap_or(&config.folder);
            format!("start the hall: cardwright sim hall {}", hall.display())
        } else {
            "plug it in, and name it in cardwright.toml; dmesg tells what the system called it".to_owned()
        };
        return Err(format!("{} is not there: {hint}", path.display()));
    };
    if !found.file_type().is_char_device() {
        return Err(format!("{} is no serial port", path.display()));
    }
    let rights = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    rustix::fs::access(&path, rights)
        .map(|()| path.display().to_string())
        .map_err(|error| {
            format!(
                "{}: {error}; join the group of serial ports (usermod -aG dialout USER) and log in again",
                path.display()
            )
        })
}
