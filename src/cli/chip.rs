//! `cardwright chip …`: any eMRTD in a reader, looked at as a border would.

mod folder;
mod reader;
mod report;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::base::{Clock, Entropy, Fault};
use crate::chip::{self, Inspection, Manufacture, Request, Survey};
use crate::control::wire::Refusal;
use crate::line::talk::with_chip;

pub(super) use folder::{Folder, pem};

use report::{Report, Standing};
use source::Opening;
pub(super) use source::terminal;

/// The exit code of a card that could not be judged at all.
pub(super) const NO_JUDGMENT: u8 = 4;
/// The exit code of a card of which something could be said neither way.
const UNDETERMINED: u8 = 3;

/// What to do with the chip in a reader.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say what a chip tells anybody: its answer to reset, where it was made, its keys, its application, its ways of
    /// PACE. It tells what to write into the profile of a new kind of blank.
    #[command(after_help = "\
Examples:
  cardwright chip info --reader 'ACS ACR1252 00 00'        a PC/SC reader, by its whole name
  cardwright chip info --reader facility/hall/D1/reader.sock   a reader of the simulated hall

Exit code: 0 for a chip with the eMRTD application, 1 for one without, 4 if there was no chip to ask.")]
    Info(Info),
    /// Open a chip with what is printed on the card, and read every file that may be read.
    #[command(after_help = "\
Examples:
  cardwright chip read --reader R --mrz 001203013,990521,390521 --out card
  cardwright chip read --reader R --can 314159
  cardwright chip read --reader R --mrz -              the zone from standard input
  cardwright chip read --reader R --mrz-from /dev/ttyACM0   the zone from a scanner

The files and the portrait in the folder are personal data.

Exit code: 0 if every file was read, 1 if not, 4 if there was nothing to read: no card, no reader, a zone or number that
is mistyped or not this card's, or a folder that cannot be written.")]
    Read(Read),
    /// Judge a chip: passive, chip and active authentication, each check with its verdict and reason.
    #[command(after_help = "\
Example:
  cardwright chip verify --reader R --mrz-from /dev/ttyACM0 --csca cscas

The folder of --csca holds certificates of country signing CAs that you trust, and their revocation lists, in DER or
PEM; the folder of --terminal holds CV certificates (CVCA, document verifier, terminal) and the terminal's private key
(.pkcs8), and opens the fingerprints.

Exit code: 0 if every check passed, 1 if one failed, 3 if one could be said neither way, 4 if there was nothing to
judge: no card, no reader, a mistyped zone or number, or a folder that cannot be read.")]
    Verify(Verify),
}

/// Arguments of `chip info`.
#[derive(Args, Debug)]
pub struct Info {
    #[command(flatten)]
    place: Place,
}

/// Arguments of `chip read`.
#[derive(Args, Debug)]
pub struct Read {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    opening: Opening,
}

/// Arguments of `chip verify`.
#[derive(Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    opening: Opening,
    /// A folder of trusted country signing CAs and revocation lists.
    #[arg(long, value_name = "DIR")]
    csca: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Place {
    /// A PC/SC reader by its whole name, or a socket of the simulated hall.
    #[arg(long, value_name = "READER")]
    reader: String,
    /// Answer in JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the verb; the exit code is the verdict.
///
/// # Errors
/// When the reader, a folder or the arguments are not as they must be.
pub fn main(verb: &Verb) -> anyhow::Result<ExitCode> {
    let (Verb::Info(Info { place }) | Verb::Read(Read { place, .. }) | Verb::Verify(Verify { place, .. })) =
        verb;
    let outcome = super::runtime()?.block_on(async {
        match verb {
            Verb::Info(arguments) => info(arguments).await,
            Verb::Read(arguments) => read(arguments).await,
            Verb::Verify(arguments) => verify(arguments).await,
        }
    });
    if let (Err(error), true) = (&outcome, place.json) {
        super::say(match error.downcast_ref::<Fault>() {
            Some(fault) => json!({ "refusal": Refusal::from(fault.clone()) }),
            None => json!({ "error": format!("{error:#}") }),
        });
    }
    outcome
}

async fn info(Info { place }: &Info) -> anyhow::Result<ExitCode> {
    let mut reader = reader::open(&place.reader, Clock::system())?;
    let atr = reader.power_on().await?;
    let survey = with_chip(&mut *reader, chip::survey()).await;
    // Last: with the card manager selected the files beside the application are out of reach.
    let manufacture = with_chip(&mut *reader, chip::manufacture()).await;
    reader.power_off().await?;
    let (made, told): (Manufacture, Survey) = (manufacture?, survey?);
    super::say(report::told(&atr, &made, &told, place.json));
    Ok(if told.application {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn read(arguments: &Read) -> anyhow::Result<ExitCode> {
    let folder = arguments.opening.folder()?;
    let (seen, _) = inspect(&arguments.place, &arguments.opening).await?;
    let seen = seen?;
    let files = written(folder, &seen)?;
    super::say(report::contents(&seen, &files, arguments.place.json));
    Ok(if seen.unread.is_empty() && seen.broken_off.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn verify(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let trust = match &arguments.csca {
        Some(folder) => source::trust(folder)?,
        None => source::Trusted::default(),
    };
    let folder = arguments.opening.folder()?;
    let (seen, key) = inspect(&arguments.place, &arguments.opening).await?;
    let report = match &seen {
        Ok(seen) => Report::of(seen, key.as_ref(), &trust, Clock::system().now()),
        Err(fault) => Report::unopened(fault),
    };
    super::say(report.show(arguments.place.json));
    if let Ok(seen) = &seen {
        written(folder, seen)?;
    }
    Ok(match report.verdict() {
        Standing::Failed => ExitCode::FAILURE,
        Standing::Undetermined => ExitCode::from(UNDETERMINED),
        Standing::Passed | Standing::Absent => ExitCode::SUCCESS,
    })
}

/// Opens the chip in the reader and reads it. The inner fault is the chip's; everything else is an error.
async fn inspect(
    place: &Place,
    opening: &Opening,
) -> anyhow::Result<(Result<Inspection, Fault>, Option<chip::MrzKey>)> {
    // First what is in folders: nobody holds a card to a scanner for a mistyped name.
    let terminal = opening.terminal()?;
    let password = opening.password(Clock::system()).await?;
    let key = match &password {
        chip::Password::Mrz(key) => Some(key.clone()),
        chip::Password::Can(_) => None,
    };
    let request = Request {
        allow_bac: true,
        terminal,
        tolerant: true,
        ..Request::new(password)
    };
    let mut reader = reader::open(&place.reader, Clock::system())?;
    reader.power_on().await?;
    let conversation = chip::inspect(request, &Entropy::system().secret()?);
    let seen = with_chip(&mut *reader, conversation).await;
    reader.power_off().await?;
    match seen {
        Err(fault) if !report::is_of_the_chip(&fault) => Err(fault.into()),
        seen => Ok((seen, key)),
    }
}

/// The names of the files that were written, if a folder was named.
fn written(folder: Option<Folder>, seen: &Inspection) -> anyhow::Result<Vec<String>> {
    let Some(mut folder) = folder else {
        return Ok(Vec::new());
    };
    folder.write_card(&seen.files)?;
    Ok(folder.into_names())
}
