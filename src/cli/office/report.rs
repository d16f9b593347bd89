//! `cardwright report …` and `reconcile`: figures, and everybody's books side by side.

use clap::{Args, Subcommand};
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::cli::ask::{self, Options};
use crate::control::{Request, report};

/// Which figures.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The morning figures per office: received, returned, in production, boxed, dispatched, late.
    ///
    /// Also kept as CSV among the papers: papers/reports.
    #[command(after_help = "\
Examples:
  cardwright report day                        as it stands now
  cardwright report day --date 2026-11-22      as it stood at the end of that day")]
    Day {
        /// The day in Viet Nam, as 2026-11-22; today if it is not given.
        #[arg(long, value_parser = day)]
        date: Option<Date>,
        #[command(flatten)]
        options: Options,
    },
}

/// What to compare.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright reconcile            every difference in words, and what to do about it
  cardwright reconcile --json     the same for a program

Exit code: 0 if everything agrees, 1 with each difference and what to do about it.")]
pub struct Reconcile {
    #[command(flatten)]
    options: Options,
}

/// Runs `report`.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let Verb::Day { date, options } = verb;
    ask::ask(&options, Request::Report(report::Request::Day { date }))
}

/// Runs `reconcile`.
///
/// # Errors
/// When the operating system refuses threads.
pub fn reconcile(arguments: &Reconcile) -> anyhow::Result<bool> {
    ask::ask(&arguments.options, Request::Reconcile)
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, &Iso8601::DATE).map_err(|error| error.to_string())
}
