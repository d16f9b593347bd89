//! What the program says of itself while it works: to standard error, for people or for machines. Messages and fields
//! hold codes and identifiers, never personal data (law 10).

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Decides what is told, in the syntax of tracing-subscriber's `EnvFilter`; overrides `--log-level`.
const FILTER: &str = "CARDWRIGHT_LOG";

/// How to log.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The form of the log on standard error.
    #[arg(long, value_enum, default_value = "human")]
    log: Form,
    /// What is told at least: error, warn, info, debug.
    #[arg(long, default_value = "warn")]
    log_level: tracing::Level,
}

/// The form of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Form {
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log: Form::Human,
            log_level: tracing::Level::ERROR,
        }
    }
}

/// Starts logging; once in a process.
pub fn start(options: &Options) {
    let filter =
        EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(options.log_level.to_string()));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process changes nothing.
    let _ = match options.log {
        Form::Human => log.try_init(),
        Form::Json => log.json().flatten_event(true).try_init(),
    };
}
