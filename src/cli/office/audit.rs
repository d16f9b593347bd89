//! `cardwright audit …`: proving the ledger without trusting the controller, its token or its state tables.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::audit::Proof;
use crate::base::clock::Stopwatch;
use crate::base::ids::BoxId;
use crate::base::{Fault, hex};
use crate::cli::ask::{self, Options};
use crate::cli::facility::heads;
use crate::cli::say;
use crate::config::Config;
use crate::control::{Answer, Request, ledger};
use crate::line::audit::{Note, audit};
use crate::line::checkpoint::{FOLDER, KEY_FILE};
use crate::store::SqliteLedger;
use crate::store::ledger::restore;

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Read the whole ledger file and name the first bad record; exit code 1 if there is any.
    #[command(after_help = "\
Checked are: the hash chain; every transition, by the rules that made it; every signed head in the ledger and among the
papers; the state tables against what the records amount to; the count equation; printers' counters and the token's
counts of signatures; the database file itself. Neither token nor PIN is needed, and a running controller is not
disturbed.

Examples:
  cardwright audit verify                            the facility in this folder
  cardwright audit verify --facility /srv/hall-1

Whoever does not trust this machine gives a copy of the ledger, the public key and the signed heads kept elsewhere:
  cardwright audit verify --ledger copy/ledger.db --key kept/public-key.hex --heads kept/")]
    Verify(Verify),
    /// Sign the ledger's head now, and keep it among the papers.
    Sign {
        #[command(flatten)]
        options: Options,
    },
    /// After the first disk was lost, or an old backup restored: bring the second copy of the ledger back. What lies in
    /// its place is set aside. No controller may be running.
    Restore {
        #[command(flatten)]
        options: Options,
    },
    /// Prove that a sealed box's manifest belongs to the ledger: a file that a stranger can check offline.
    Prove {
        /// The box.
        label: String,
        /// The manifest, JSON; by default the one among the papers.
        #[arg(long)]
        manifest: Option<PathBuf>,
        /// The file to write.
        #[arg(long)]
        into: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Check such a proof. Nothing of a facility is needed: no ledger, no token, no network.
    Check {
        /// The proof.
        proof: PathBuf,
        /// The manifest, JSON.
        #[arg(long)]
        manifest: PathBuf,
        /// The public key of the signed heads, 65 bytes in hexadecimal.
        #[arg(long)]
        key: PathBuf,
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
        Verb::Restore { options } => {
            let answer = crate::cli::runtime()?.block_on(bring_back(options))?;
            Ok(ask::show(options, Ok(answer)))
        }
        Verb::Prove {
            label,
            manifest,
            into,
            options,
        } => prove(label, manifest.as_deref(), into, options),
        Verb::Check { proof, manifest, key } => check_proof(proof, manifest, key),
    }
}

async fn bring_back(options: &Options) -> anyhow::Result<Answer> {
    let config = Config::load(&options.facility)?;
    let Some(copy) = &config.paths.ledger_copy else {
        bail!("paths.ledger_copy is not set: there is no second copy");
    };
    restore(&config.path(&config.paths.ledger), &config.path(copy)).await?;
    verify(&Verify {
        ledger: None,
        key: None,
        heads: None,
        options: options.clone(),
    })
    .await
}

fn prove(label: &str, manifest: Option<&Path>, into: &Path, options: &Options) -> anyhow::Result<bool> {
    let config = Config::load(&options.facility)?;
    let own = config
        .path(&config.paths.papers)
        .join("boxes")
        .join(format!("{label}.json"));
    let path = manifest.unwrap_or(&own);
    let manifest = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let request = ledger::Request::Prove {
        label: BoxId::new(label),
        manifest,
    };
    let Some(answer) = ask::get(options, Request::Ledger(request))? else {
        return Ok(false);
    };
    let proof = serde_json::to_vec_pretty(&answer.data)?;
    std::fs::write(into, proof).with_context(|| into.display().to_string())?;
    Ok(ask::show(options, Ok(answer)))
}

fn check_proof(proof: &Path, manifest: &Path, key: &Path) -> anyhow::Result<bool> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let point = public_point(key)?;
    let proven = Proof::parse(&read(proof)?)?.verify(&read(manifest)?, &point)?;
    say(format_args!(
        "Box {} with {} cards was sealed with this manifest by record {} of {}, whose first {} records are signed.",
        proven.label, proven.cards, proven.seq, proven.head.ledger, proven.head.size
    ));
    Ok(true)
}

async fn verify(arguments: &Verify) -> anyhow::Result<Answer> {
    let config = Config::load(&arguments.options.facility)?;
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
    let watch = Stopwatch::start();
    let audited = audit(&ledger, key, notes).await;
    let seconds = watch.elapsed().as_secs_f64();
    let damage = ledger.damage().await;
    ledger.close().await;
    let audited = audited?;
    let mut answer = ledger::tell(name, &audited, &damage?);
    let records = audited.books.size();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = records as f64 / seconds;
    let _ = write!(
        answer.text,
        "\n{records} records in {seconds:.2} s: {rate:.0} a second"
    );
    match (key, notes.len()) {
        (None, 0) => answer
            .text
            .push_str("\nNo public key was found, and no signed heads that it would check."),
        (None, heads) => {
            answer.good = false;
            let _ = write!(
                answer.text,
                "\n{heads} signed heads cannot be checked: {KEY_FILE} is not among them. Name it with --key."
            );
        }
        (Some(_), _) => {}
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
    public_point(path).map(Some)
}

pub(super) fn public_point(path: &Path) -> anyhow::Result<Vec<u8>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    match hex::decode(text.trim()) {
        Some(point) if point.len() == 65 => Ok(point),
        _ => bail!("{}: 65 bytes in hexadecimal are needed", path.display()),
    }
}

/// All signed heads of a folder, by name; none if there is no folder.
fn notes(folder: &Path) -> anyhow::Result<Vec<Note>> {
    let files = heads::files(folder).with_context(|| folder.display().to_string())?;
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            Ok(Note { name, text })
        })
        .collect()
}
