//! `cardwright sim rot`: bits of a ledger's file turn over, one at a time, and each time the file is audited.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::office::audit::check;
use super::say;
use super::scratch::Scratch;
use crate::base::Entropy;
use crate::store::SqliteLedger;
use crate::store::ledger::Content;

/// Arguments of `sim rot`.
#[derive(Args, Debug)]
#[command(after_help = "\
The file itself is not touched: bits are turned over in a copy. Each turned bit is one of these:
  found      the audit names what is wrong, or the file cannot be read
  harmless   everything the file says is what it said before: the bit lay where nothing is kept
  sealed     in the sealed part of a card's bundle, which is refused when it is opened
  missed     the file says something else, and the audit has not found it
It ends with 1 if anything was missed.")]
pub struct Arguments {
    /// The ledger's file. No controller may be running.
    ledger: PathBuf,
    /// Its name: facility and controller.
    #[arg(long, default_value = "rehearsal/K1")]
    name: String,
    /// Bits to turn over.
    #[arg(long, default_value_t = 1_000)]
    flips: u32,
    /// Decides which.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// What became of the bits.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rot {
    /// Seen by the audit.
    pub found: u32,
    /// In space where nothing is kept.
    pub harmless: u32,
    /// In sealed parts.
    pub sealed: u32,
    /// Bytes of the file whose bit was turned unnoticed.
    pub missed: Vec<u64>,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such ledger, or it is not sound to begin with.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let rot = super::runtime()?.block_on(rot(
        &arguments.ledger,
        &arguments.name,
        arguments.flips,
        &Entropy::seeded(arguments.seed),
    ))?;
    if arguments.json {
        say(serde_json::to_string_pretty(&rot)?);
    } else {
        say(format_args!(
            "{} bits turned over: {} found, {} harmless, {} in sealed parts, {} missed",
            arguments.flips,
            rot.found,
            rot.harmless,
            rot.sealed,
            rot.missed.len()
        ));
        for byte in &rot.missed {
            say(format_args!("missed at byte {byte}"));
        }
    }
    Ok(rot.missed.is_empty())
}

/// Turns over so many bits of a copy of a ledger, one at a time.
///
/// # Errors
/// As [`main`].
pub async fn rot(ledger: &Path, name: &str, flips: u32, dice: &Entropy) -> anyhow::Result<Rot> {
    let scratch = Scratch::new(None)?;
    let copy = scratch.dir.join("rotten.db");
    // Records that lie in the write-ahead log only would not be in the copy.
    let log = fs::metadata(format!("{}-wal", ledger.display())).map_or(0, |log| log.len());
    if log > 0 {
        bail!(
            "{} has a write-ahead log: stop its controller first",
            ledger.display()
        );
    }
    let bytes = fs::copy(ledger, &copy).with_context(|| ledger.display().to_string())?;
    let sound = check(&copy, name, None, &[]).await?;
    if !sound.good {
        bail!("{} is not sound to begin with:\n{}", ledger.display(), sound.text);
    }
    let before = content(&copy, name).await?;
    let file = OpenOptions::new().read(true).write(true).open(&copy)?;
    let mut rot = Rot::default();
    for _ in 0..flips {
        let bit = u64::from_be_bytes(dice.bytes()?) % (bytes * 8);
        let (place, mask) = (bit / 8, 1_u8 << (bit % 8));
        let mut byte = [0];
        file.read_exact_at(&mut byte, place)?;
        file.write_all_at(&[byte[0] ^ mask], place)?;
        match check(&copy, name, None, &[]).await {
            Ok(answer) if answer.good => match content(&copy, name).await {
                Ok(after) if after == before => rot.harmless += 1,
                Ok(after) if after.books == before.books => rot.sealed += 1,
                _ => rot.missed.push(place),
            },
            _ => rot.found += 1,
        }
        file.write_all_at(&byte, place)?;
    }
    Ok(rot)
}

async fn content(path: &Path, name: &str) -> anyhow::Result<Content> {
    let ledger = SqliteLedger::read(path, name).await?;
    let content = ledger.content().await;
    ledger.close().await;
    Ok(content?)
}
