//! `cardwright sim …`: the outside world.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::base::ids::{BlankId, MachineId};
use crate::sim::{dossiers, hall, registry};

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
        #[arg(long)]
        into: PathBuf,
        /// The rehearsal's folder.
        #[arg(long, default_value = "facility")]
        dir: PathBuf,
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
    Day(super::day::verb::Arguments),
    /// Hold a card onto a desk's reader in a running hall, until Enter is pressed; then it goes back to where it lay.
    Tap {
        /// The number on the blank.
        blank: String,
        /// The desk.
        #[arg(long)]
        desk: String,
        /// The hall's folder.
        #[arg(long, default_value = "facility/hall")]
        dir: PathBuf,
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
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            let stop = async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            };
            hall::run(&dir, stop).await?;
            Ok(true)
        }),
        Verb::Dossiers {
            into,
            dir,
            from,
            count,
            corrected,
        } => {
            let people = Cast::of(&dir)?.invent(from.saturating_add(count), None);
            let mut approved = Vec::new();
            for number in from..from.saturating_add(count) {
                let request = if corrected {
                    people.correction(number)
                } else {
                    people.request(number)
                };
                println!("{}", write(&into, &request)?.display());
                approved.push(request.request_id);
            }
            super::runtime()?.block_on(async {
                let authority = registry::Registry::open(&dir.join("registry.db")).await?;
                authority.approve(&approved).await?;
                authority.close().await;
                Ok::<(), anyhow::Error>(())
            })?;
            Ok(true)
        }
        Verb::Day(arguments) => super::day::verb::main(&arguments),
        Verb::Tap { blank, desk, dir } => super::runtime()?.block_on(async {
            let (blank, desk) = (BlankId(blank), MachineId(desk));
            let Some(held) = hall::hold(&dir, &desk, &blank).await? else {
                println!("{blank} is out of reach, or another card lies on the reader of {desk}");
                return Ok(false);
            };
            println!("{blank} lies on the reader of {desk}: press Enter to take it away");
            // Nothing else runs here that could be kept waiting.
            std::io::stdin().read_line(&mut String::new())?;
            drop(held);
            Ok(true)
        }),
        Verb::Inventory { dir } => {
            println!("{}", serde_json::to_string_pretty(&hall::inventory(&dir)?)?);
            Ok(true)
        }
    }
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
