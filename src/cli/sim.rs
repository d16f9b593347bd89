//! `cardwright sim …`: the outside world.

use std::path::PathBuf;

use clap::Subcommand;

use crate::sim::hall;

/// Parts of the outside world.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the simulated hall: stations, printers, desks, and the people at them, with books of its own on disk.
    Hall {
        /// The hall's folder.
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
        Verb::Inventory { dir } => {
            println!("{}", serde_json::to_string_pretty(&hall::inventory(&dir)?)?);
            Ok(true)
        }
    }
}
