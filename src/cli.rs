//! The command line: one file per verb, and the one place that wires rooms together.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks to its user"
)]

/// As the standard one, but for whoever reads: see [`say`].
macro_rules! println {
    () => { $crate::cli::say("") };
    ($($text:tt)+) => { $crate::cli::say(format_args!($($text)+)) };
}

pub mod admit;
pub mod ask;
pub mod bench;
pub mod card;
pub mod chip;
pub mod clock;
pub mod codes;
pub mod controller;
mod core;
pub mod crash;
pub mod day;
pub mod doctor;
pub mod encoder_worker;
pub mod export;
pub mod facility;
mod hall_books;
pub mod inbox;
pub mod init;
pub mod key;
pub mod log;
pub mod office;
pub mod order;
pub mod position;
pub mod preview;
pub mod privacy;
mod progress;
mod readers;
pub mod rehearse;
pub mod rot;
pub mod run;
mod scratch;
pub mod signer;
pub mod sim;
pub mod status;
pub mod summary;
mod trap;
pub mod whereabouts;

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
    /// Make a new facility.
    Init(init::verb::Arguments),
    /// Say what is missing on this machine, and how to get it.
    Doctor(doctor::Arguments),
    /// Keys and certificates.
    #[command(subcommand)]
    Key(key::verb::Verb),
    /// What time it is, by both local sources.
    #[command(subcommand)]
    Clock(clock::Verb),
    /// Document signers: what is left of them, and rolling over to the next one while cards are made.
    #[command(subcommand)]
    Signer(signer::Verb),
    /// Several controllers at one order book, and what becomes of one that is lost.
    #[command(subcommand)]
    Controller(controller::Verb),
    /// The whole facility on one page: orders, machines, stopped positions, blanks, boxes, signers.
    Status(status::Arguments),
    /// Admit dossiers from files and folders.
    Admit(admit::Arguments),
    /// One order: its whole history, and what a person may change about it.
    #[command(subcommand)]
    Order(order::Verb),
    /// Where a person's card is.
    Where(whereabouts::Arguments),
    /// A card in somebody's hand: what it is and where it belongs.
    #[command(subcommand)]
    Card(card::Verb),
    /// The chip in a reader, of any eMRTD: what it says, what it holds, whether it is genuine.
    #[command(subcommand)]
    Chip(chip::Verb),
    /// Draw both faces of an order's card as they would be printed.
    Preview(preview::Arguments),
    /// Take a finished card of a rehearsal out of its box and read everything on it.
    Export(export::Arguments),
    /// Machines and desks: what they do, stopping them, letting them go on.
    #[command(subcommand)]
    Position(position::Verb),
    /// Blanks: packs in, out, into feeders and back, and counting them.
    #[command(subcommand)]
    Stock(office::stock::Verb),
    /// Lots: what each machine was given.
    #[command(subcommand)]
    Lot(office::lot::Verb),
    /// A card is waste.
    Spoil(office::cards::Spoil),
    /// A card was found and tapped, or cannot be found: what becomes of it.
    Found(office::cards::Found),
    /// Spoiled cards are destroyed before two witnesses.
    Destroy(office::cards::Destroy),
    /// Boxes: seal, dispatch, lost.
    #[command(subcommand)]
    Box(office::boxes::Verb),
    /// Everybody's books side by side: registry, token, printers, blanks, ledger.
    Reconcile(office::report::Reconcile),
    /// Figures per office.
    #[command(subcommand)]
    Report(office::report::Verb),
    /// Personal data: what is kept and until when, and erasing it before its term.
    #[command(subcommand)]
    Privacy(privacy::Verb),
    /// Prove the ledger.
    #[command(subcommand)]
    Audit(office::audit::Verb),
    /// Measure how fast it is on this machine.
    #[command(subcommand)]
    Bench(bench::Verb),
    /// Owns one PC/SC reader for a controller, which starts it and talks to it on pipes.
    #[command(hide = true)]
    EncoderWorker(encoder_worker::Arguments),
    /// The outside world for rehearsals.
    #[command(subcommand)]
    Sim(sim::Verb),
}

/// Runs the command line: 0 when done and balanced, 1 when something is not as it should be, 2 for wrong arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    core::forbid();
    match &cli.verb {
        Verb::Run(arguments) => log::start(&arguments.log),
        _ => log::start(&log::Options::default()),
    }
    let outcome = match cli.verb {
        Verb::Rehearse(arguments) => rehearse::main(&arguments),
        Verb::Run(arguments) => run::main(&arguments),
        Verb::Init(arguments) => init::verb::main(&arguments),
        Verb::Doctor(arguments) => doctor::main(&arguments),
        Verb::Key(verb) => key::verb::main(verb),
        Verb::Status(arguments) => status::main(&arguments),
        Verb::Admit(arguments) => admit::main(&arguments),
        Verb::Clock(verb) => clock::main(verb),
        Verb::Signer(verb) => signer::main(verb),
        Verb::Controller(verb) => controller::main(verb),
        Verb::Order(verb) => order::main(verb),
        Verb::Privacy(verb) => privacy::main(verb),
        Verb::Where(arguments) => whereabouts::main(&arguments),
        Verb::Card(verb) => card::main(verb),
        Verb::Chip(verb) => {
            return chip::main(&verb).unwrap_or_else(|error| {
                complain(&error);
                ExitCode::from(chip::NO_JUDGMENT)
            });
        }
        Verb::Preview(arguments) => preview::main(&arguments),
        Verb::Export(arguments) => export::main(&arguments),
        Verb::Position(verb) => position::main(verb),
        Verb::Stock(verb) => office::stock::main(verb),
        Verb::Lot(verb) => office::lot::main(verb),
        Verb::Spoil(arguments) => office::cards::spoil(arguments),
        Verb::Found(arguments) => office::cards::found(arguments),
        Verb::Destroy(arguments) => office::cards::destroy(arguments),
        Verb::Box(verb) => office::boxes::main(verb),
        Verb::Reconcile(arguments) => office::report::reconcile(&arguments),
        Verb::Report(verb) => office::report::main(verb),
        Verb::Audit(verb) => office::audit::main(&verb),
        Verb::Bench(verb) => bench::main(verb),
        Verb::EncoderWorker(arguments) => encoder_worker::main(arguments),
        Verb::Sim(verb) => sim::main(verb),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn complain(error: &anyhow::Error) {
    eprintln!("cardwright: {error:#}");
}

/// Says something to whoever asked. A reader that has gone away (`| head`) wants to hear no more, which is no fault.
fn say(text: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A count of what cannot be done without.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("a whole number is needed".to_owned()),
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
