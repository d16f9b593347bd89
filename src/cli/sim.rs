//! `cardwright sim …`: the outside world.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::Subcommand;
use tokio::task::JoinSet;

use crate::base::Clock;
use crate::base::ids::{BlankId, MachineId};
use crate::sim::pcscd::{self, Pcscd};
use crate::sim::{dossiers, hall, kill, registry, vpicc};

use super::rehearse::people::Cast;

/// Parts of the outside world.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the simulated hall: stations, printers, desks, and the people at them, with books of its own on disk.
    Hall {
        /// The hall's folder.
        dir: PathBuf,
    },
    /// Approve dossiers of invented people in a rehearsal's registry, and write them as files as it would send them.
    ///
    /// A rehearsal's dossiers begin with number 0, so new people are those from its `--cards` on. About two in a
    /// hundred carry a mistake on purpose; `--corrected` writes what the office sends after it came back: the same
    /// dossier without the mistake, as version 2.
    Dossiers {
        /// The folder to write into; made if it is not there.
        #[arg(long, value_name = "FOLDER")]
        dir: PathBuf,
        /// The rehearsal's folder.
        #[arg(long, value_name = "FOLDER", default_value = "facility")]
        facility: PathBuf,
        /// The first dossier's number.
        #[arg(long, default_value_t = 1_000)]
        from: usize,
        /// How many.
        #[arg(long, default_value_t = 10)]
        count: usize,
        /// Without mistakes, as version 2.
        #[arg(long)]
        corrected: bool,
    },
    /// Begin an authority's registry in a file, to try a production facility without one.
    Registry {
        /// The file, as `paths.registry` names it.
        file: PathBuf,
    },
    Day(super::day::verb::Arguments),
    /// Hold a card onto a desk's reader in a running hall, until Enter is pressed; then it goes back to where it lay.
    Tap {
        /// The number on the blank.
        blank: String,
        /// The desk.
        #[arg(long)]
        desk: String,
        /// The hall's folder.
        #[arg(long, value_name = "FOLDER", default_value = "facility/hall")]
        hall: PathBuf,
    },
    /// List the kill points: every moment of every journalled act at which a rehearsal's controller can be made to die.
    KillPoints,
    /// Kill a controller with SIGKILL at its kill points, restart it against the same hall, and judge what lies there.
    Crash(super::crash::Arguments),
    /// Turn over bits in a copy of a ledger's file, one at a time, and audit it each time.
    Rot(super::rot::Arguments),
    /// Lay cards of a hall, blank or finished, onto virtual readers, so that any PC/SC program sees them.
    ///
    /// They are copies: what a program writes on them is forgotten, and the hall's own cards stay as they are. Needs
    /// vsmartcard-vpcd in the system's pcscd, or with --pcscd in one of its own; ends with SIGTERM or Ctrl-C.
    Chip {
        /// Numbers of blanks, as sim inventory and order show name them: B00000001 …
        #[arg(required = true)]
        blanks: Vec<String>,
        /// The hall's folder.
        #[arg(long, value_name = "FOLDER", default_value = "facility/hall")]
        hall: PathBuf,
        /// Where the virtual reader of the first listens; each next one has the next port.
        #[arg(long, default_value = "127.0.0.1:35963")]
        at: SocketAddr,
        /// Start a pcscd of its own in this folder, with a reader for each card.
        #[arg(long, value_name = "FOLDER", conflicts_with = "at")]
        pcscd: Option<PathBuf>,
    },
    /// Print what physically lies where, by the hall's own books.
    Inventory {
        /// The hall's folder.
        dir: PathBuf,
    },
}

/// Runs the verb.
///
/// # Errors
/// The hall's.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    match verb {
        Verb::Hall { dir } => super::runtime()?.block_on(async {
            hall::run(&dir, until_told()?).await?;
            Ok(true)
        }),
        Verb::Dossiers {
            dir,
            facility,
            from,
            count,
            corrected,
        } => {
            let people = Cast::of(&facility)?.invent(from.saturating_add(count), None);
            let mut approved = Vec::new();
            for number in from..from.saturating_add(count) {
                let request = if corrected {
                    people.correction(number)
                } else {
                    people.request(number)
                };
                println!("{}", write(&dir, &request)?.display());
                approved.push(request.request_id);
            }
            super::runtime()?.block_on(async {
                let authority = registry::Registry::open(&facility.join("registry.db")).await?;
                authority.approve(&approved).await?;
                authority.close().await;
                Ok::<(), anyhow::Error>(())
            })?;
            Ok(true)
        }
        Verb::Registry { file } => super::runtime()?.block_on(async {
            registry::Registry::open(&file).await?.close().await;
            Ok(true)
        }),
        Verb::Day(arguments) => super::day::verb::main(&arguments),
        Verb::Tap {
            blank,
            desk,
            hall: folder,
        } => super::runtime()?.block_on(async {
            let (blank, desk) = (BlankId(blank), MachineId(desk));
            let Some(held) = hall::hold(&folder, &desk, &blank).await? else {
                println!("{blank} is out of reach, or another card lies on the reader of {desk}");
                return Ok(false);
            };
            println!("{blank} lies on the reader of {desk}: press Enter to take it away");
            // Nothing else runs here that could be kept waiting.
            std::io::stdin().read_line(&mut String::new())?;
            drop(held);
            Ok(true)
        }),
        Verb::KillPoints => {
            kill::Point::all().for_each(super::say);
            Ok(true)
        }
        Verb::Crash(arguments) => super::crash::main(&arguments),
        Verb::Rot(arguments) => super::rot::main(&arguments),
        Verb::Chip {
            blanks,
            hall,
            at,
            pcscd,
        } => super::runtime()?.block_on(chips(&blanks, &hall, at, pcscd.as_deref())),
        Verb::Inventory { dir } => {
            println!("{}", serde_json::to_string_pretty(&hall::inventory(&dir)?)?);
            Ok(true)
        }
    }
}

/// Ends with SIGTERM or Ctrl-C.
fn until_told() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

/// Presents copies of these cards until told to stop.
async fn chips(
    blanks: &[String],
    hall_dir: &Path,
    at: SocketAddr,
    own: Option<&Path>,
) -> anyhow::Result<bool> {
    let stop = until_told()?;
    let own = own.map(|folder| Pcscd::start(folder, blanks.len())).transpose()?;
    if let Some(own) = &own {
        println!("export PCSCLITE_CSOCK_NAME={}", own.socket().display());
    }
    let mut readers = JoinSet::new();
    for (number, blank) in blanks.iter().enumerate() {
        let card = hall::card(hall_dir, &BlankId::new(blank))?;
        let address = match &own {
            Some(own) => own.address(number),
            None => u16::try_from(number)
                .ok()
                .and_then(|number| at.port().checked_add(number))
                .map(|port| SocketAddr::new(at.ip(), port)),
        };
        let address = address.ok_or_else(|| anyhow::anyhow!("no reader for so many cards"))?;
        let reader = match &own {
            Some(_) => format!("reader {:?}", pcscd::reader_name(number)),
            None => format!("the reader at {address}"),
        };
        println!("{blank} ({:?}) lies on {reader}", card.chip.life_cycle());
        readers.spawn(async move {
            vpicc::present(address, &Mutex::new(card.chip), Clock::system()).await;
        });
    }
    stop.await;
    readers.shutdown().await;
    Ok(true)
}

/// Writes a document under its request's name and its attachments under theirs; answers where the document lies.
fn write(folder: &Path, request: &dossiers::Request) -> std::io::Result<PathBuf> {
    for (name, content) in &request.attachments {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, content)?;
    }
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}-{}.json", request.request_id, request.version));
    std::fs::write(&file, &request.body)?;
    Ok(file)
}
