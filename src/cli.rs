//! The command line: one file per verb, and the one place that wires rooms together.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks to its user"
)]

pub mod codes;
pub mod facility;
pub mod init;
pub mod key;
pub mod rehearse;
pub mod run;
pub mod sim;
pub mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Personalization controller for a central ID-card printing facility.
#[derive(Debug, Parser)]
#[command(name = "cardwright", version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set up an embedded rehearsal facility with a simulated hall, make every card, and say whether all balances.
    ///
    /// Run again, it continues: what is made is never made twice.
    Rehearse(rehearse::Arguments),
    /// Run the line of a facility: until told to stop, or with --drain until no order waits.
    Run(run::Arguments),
    /// Count orders, blanks and boxes of a facility whose controller is not running.
    Status {
        /// The facility's folder.
        #[arg(long, default_value = "facility")]
        dir: PathBuf,
    },
    /// The outside world for rehearsals.
    #[command(subcommand)]
    Sim(sim::Verb),
}

/// Runs the command line: 0 when done and balanced, 1 when something is not as it should be, 2 for wrong arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("CARDWRIGHT_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error")),
        )
        .with_writer(std::io::stderr)
        .init();
    let outcome = match cli.verb {
        Verb::Rehearse(arguments) => rehearse::main(&arguments),
        Verb::Run(arguments) => run::main(&arguments),
        Verb::Status { dir } => summary::main(&dir),
        Verb::Sim(verb) => sim::main(verb),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cardwright: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The runtime every verb runs on.
///
/// # Errors
/// When the operating system refuses threads.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}
