//! `cardwright audit …`: proving the ledger without trusting the controller, its token or its state tables.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::base::{Fault, hex};
use crate::cli::ask::{self, Options};
use crate::config::Config;
use crate::control::{Answer, Request, ledger};
use crate::line::audit::{Note, audit};
use crate::line::checkpoint::{FOLDER, KEY_FILE};
use crate::store::SqliteLedger;

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Read the whole ledger file and name the first bad record; exit code 1 if there is any.
    #[command(after_help = "\
Checked are: the hash chain; every transition, by the rules that made it; every signed head in the ledger and among the
papers; the state tables against what the records amount to; the count equation; printers' counters and the token's
counts of signatures; the database file itself. Neither token nor PIN is needed, and a running controller is not
disturbed.

Whoever does not trust this machine gives a copy of the ledger, the public key and the signed heads kept elsewhere:
  cardwright audit verify --ledger copy/ledger.db --key kept/public-key.hex --heads kept/")]
    Verify(Verify),
    /// Sign the ledger's head now, and keep it among the papers.
    Sign {
        #[command(flatten)]
        options: Options,
    },
}

/// What to verify.
#[derive(Args, Debug)]
pub struct Verify {
    /// Another ledger file than the facility's own.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// The public key of the signed heads, 65 bytes in hexadecimal.
    #[arg(long)]
    key: Option<PathBuf>,
    /// The folder of signed heads.
    #[arg(long)]
    heads: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When files cannot be read, or the operating system refuses threads.
pub fn main(verb: &Verb) -> anyhow::Result<bool> {
    match verb {
        Verb::Verify(arguments) => {
            let answer = crate::cli::runtime()?.block_on(verify(arguments))?;
            Ok(ask::show(&arguments.options, Ok(answer)))
        }
        Verb::Sign { options } => ask::ask(options, Request::Ledger(ledger::Request::Sign)),
    }
}

async fn verify(arguments: &Verify) -> anyhow::Result<Answer> {
    let config = Config::load(&arguments.options.dir)?;
    let papers = config.path(&config.paths.papers).join(FOLDER);
    let heads = arguments.heads.clone().unwrap_or_else(|| papers.clone());
    let key = key(arguments.key.as_deref(), &papers)?;
    let path = arguments
        .ledger
        .clone()
        .unwrap_or_else(|| config.path(&config.paths.ledger));
    Ok(check(&path, &config.ledger_name(), key.as_deref(), &notes(&heads)?).await?)
}

/// Everything that can be said of a ledger file.
///
/// # Errors
/// When it cannot be read.
pub async fn check(path: &Path, name: &str, key: Option<&[u8]>, notes: &[Note]) -> Result<Answer, Fault> {
    let ledger = SqliteLedger::read(path, name).await?;
    let audited = audit(&ledger, key, notes).await;
    let damage = ledger.damage().await;
    ledger.close().await;
    let mut answer = ledger::tell(name, &audited?, &damage?);
    if key.is_none() {
        answer
            .text
            .push_str("\nNo public key was found: signed heads are not checked.");
    }
    Ok(answer)
}

/// The key that was named, or else the one among the papers, or none before the first head was signed.
fn key(named: Option<&Path>, papers: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let own = papers.join(KEY_FILE);
    let path = match named {
        Some(path) => path,
        None if own.exists() => &own,
        None => return Ok(None),
    };
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    match hex::decode(text.trim()) {
        Some(point) if point.len() == 65 => Ok(Some(point)),
        _ => bail!("{}: 65 bytes in hexadecimal are needed", path.display()),
    }
}

/// All signed heads of a folder, by name; none if there is no folder.
fn notes(folder: &Path) -> anyhow::Result<Vec<Note>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "txt") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            notes.push(Note { name, text });
        }
    }
    notes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(notes)
}
