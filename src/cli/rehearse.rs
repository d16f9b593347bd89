//! `cardwright rehearse`: a whole facility in a folder, from nothing to sealed boxes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::base::ids::PersonId;
use crate::base::{Clock, Place};
use crate::job::Fact;
use crate::job::fact::Mode;
use crate::job::stock::Move;
use crate::line::admit::Intake;
use crate::line::{Ending, Line};
use crate::port::Ledger;
use crate::sim::{dossiers, hall, registry};

use super::facility::{Facility, with_token_env};

/// Stations of the embedded hall.
const STATIONS: usize = 8;
/// Packing desks of the embedded hall.
const DESKS: usize = 4;
/// Blanks in a pack.
const PACK: u32 = 50;

/// Arguments of `rehearse`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The facility's folder; made if it is not there.
    #[arg(long, default_value = "facility")]
    dir: PathBuf,
    /// Dossiers of invented people.
    #[arg(long, default_value_t = 1_000)]
    cards: usize,
    /// The same seed invents the same people.
    #[arg(long, default_value_t = 2021)]
    seed: u64,
}

/// Runs the verb.
///
/// # Errors
/// Whatever stops the line.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&arguments.dir)?;
    let dir = std::fs::canonicalize(&arguments.dir)?;
    with_token_env(&dir)?;
    super::runtime()?.block_on(rehearse(arguments, &dir))
}

async fn rehearse(arguments: &Arguments, dir: &Path) -> anyhow::Result<bool> {
    let clock = Clock::system();
    let fresh = !dir.join("cardwright.toml").exists();
    if fresh {
        println!("Setting up a rehearsal facility in {}", dir.display());
        super::init::init(
            dir,
            "rehearsal",
            Mode::Rehearsal,
            STATIONS,
            DESKS,
            clock,
            "hsm-sim",
        )
        .await?;
    }
    let hall_dir = dir.join("hall");
    if !hall_dir.join("hall.json").exists() {
        make_hall(arguments, &hall_dir)?;
    }
    let _hall = Hall::start(&hall_dir, clock).await?;
    let people = people(arguments, clock, None);
    if fresh {
        write_offices(dir, &people)?;
    }
    let facility = Facility::open(dir, clock).await?;
    let line = Arc::new(super::run::line(&facility, clock).await?);
    if facility.ledger.stock().await?.rows().next().is_none() {
        receive_packs(&facility, &hall_dir).await?;
    }
    let admitted = dir.join("admitted");
    if !admitted.exists() {
        let people = people_for(arguments, clock, &facility);
        admit(&line, dir, &people, arguments.cards).await?;
        std::fs::write(&admitted, b"")?;
    }
    println!("Making cards on {STATIONS} stations and {DESKS} desks");
    let outcome = super::run::make(&facility, &line, Ending::WhenDrained).await;
    let balanced = super::summary::print(&facility, &line).await?;
    let agrees = super::summary::against_hall(&facility, &hall_dir).await?;
    drop(line);
    facility.close().await?;
    outcome?;
    Ok(balanced && agrees)
}

fn people(arguments: &Arguments, clock: Clock, intake: Option<[u8; 65]>) -> dossiers::Generated {
    dossiers::generate(dossiers::Plan {
        seed: arguments.seed,
        count: arguments.cards,
        issued: clock.today(),
        intake,
    })
}

fn people_for(arguments: &Arguments, clock: Clock, facility: &Facility) -> dossiers::Generated {
    people(arguments, clock, Some(facility.intake_key))
}

fn write_offices(dir: &Path, people: &dossiers::Generated) -> anyhow::Result<()> {
    std::fs::write(
        dir.join("offices.json"),
        serde_json::to_vec_pretty(&people.offices)?,
    )?;
    let trust = dir.join("dossier-trust");
    std::fs::create_dir_all(&trust)?;
    std::fs::write(trust.join("registry.der"), &people.trust_anchor_der)?;
    Ok(())
}

fn make_hall(arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
    // A tenth more blanks than cards, and one more pack for every station.
    let cards = u32::try_from(arguments.cards)?;
    let packs = (cards + cards / 10).div_ceil(PACK) + u32::try_from(STATIONS)?;
    hall::create(
        dir,
        hall::Plan {
            stations: (1..=STATIONS).map(|number| format!("S{number:02}")).collect(),
            desks: (1..=DESKS).map(|number| format!("D{number}")).collect(),
            packs,
            blanks_per_pack: PACK,
            seed: arguments.seed,

            ..hall::Plan::default()
        },
    )?;
    Ok(())
}

/// Packs come in with the supplier's lists and go out to the floor, before two witnesses.
async fn receive_packs(facility: &Facility, hall_dir: &Path) -> anyhow::Result<()> {
    let by = vec![
        PersonId::new("rehearsal-vault-1"),
        PersonId::new("rehearsal-vault-2"),
    ];
    let mut lists: Vec<_> = std::fs::read_dir(hall_dir.join("packs"))?.collect::<Result<_, _>>()?;
    lists.sort_by_key(std::fs::DirEntry::path);
    for list in lists {
        let list: hall::SupplierList = serde_json::from_slice(&std::fs::read(list.path())?)?;
        let count = u32::try_from(list.blanks.len())?;
        let issue = Move {
            pack: list.pack.clone(),
            from: Some(Place::Vault),
            to: Place::Issued,
            count,
            by: by.clone(),
            reason: "issued to the floor".to_owned(),
        };
        let received = Fact::PackReceived {
            pack: list.pack,
            blank_type: list.blank_type,
            blanks: list.blanks,
            by: by.clone(),
        };
        facility
            .ledger
            .append(vec![received, Fact::Stock { step: issue }], Vec::new())
            .await?;
    }
    Ok(())
}

/// The registry approves and sends; the facility admits or returns.
async fn admit(
    line: &Arc<Line>,
    dir: &Path,
    people: &dossiers::Generated,
    count: usize,
) -> anyhow::Result<()> {
    let authority = registry::Registry::open(&dir.join("registry.db")).await?;
    let (mut admitted, mut held, mut returned) = (0u64, 0u64, 0u64);
    let mut approved = Vec::new();
    for (number, request) in people.requests().enumerate() {
        approved.push(request.request_id.clone());
        let attachments = &request.attachments;
        let resolve = |name: &str| {
            attachments
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, bytes)| bytes.clone())
        };
        match line.admit(&request.body, &resolve).await? {
            Intake::Admitted { held: true, .. } => held += 1,
            Intake::Admitted { .. } => admitted += 1,
            Intake::Returned { .. } => returned += 1,
        }
        if (number + 1) % 250 == 0 {
            println!("  {} of {count} dossiers read", number + 1);
        }
    }
    authority.approve(&approved).await?;
    authority.close().await;
    println!("Dossiers: {admitted} admitted, {held} held, {returned} returned to their offices");
    Ok(())
}

/// The hall's process; stopped when dropped.
struct Hall(Child);

impl Hall {
    async fn start(dir: &Path, clock: Clock) -> anyhow::Result<Self> {
        let ready = dir.join("ready");
        let _ = std::fs::remove_file(&ready);
        let program = std::env::current_exe()?;
        let child = Command::new(program)
            .args(["sim", "hall"])
            .arg(dir)
            .stdin(Stdio::null())
            .spawn()
            .context("the hall's process does not start")?;
        let mut hall = Self(child);
        for _ in 0..200 {
            if ready.exists() {
                return Ok(hall);
            }
            if let Some(status) = hall.0.try_wait()? {
                bail!("the hall ended at once: {status}");
            }
            clock.sleep(Duration::from_millis(50)).await;
        }
        bail!("the hall is not ready after 10 s")
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        // SIGTERM lets it write its books; nothing more can be done here if that fails.
        if let Ok(pid) = i32::try_from(self.0.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
