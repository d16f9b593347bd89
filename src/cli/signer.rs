//! `cardwright signer …`: document signers, staged, activated and taken out of use while the line runs.

use clap::{Args, Subcommand};

use super::ask::{self, Options};
use super::facility::read;
use crate::base::{Fault, hex};
use crate::config::{Config, fault::CONTRADICTION};
use crate::control::{Request, signer};

/// What to do with signers.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// All, with the days and cards that are left of each; exit code 1 if none will last.
    List {
        #[command(flatten)]
        options: Options,
    },
    /// Bring in a new one from the configuration, without stopping the line. It signs nothing yet but a test.
    #[command(after_help = "\
A signer is rolled over like this, while cards are made:

  cardwright key request ds-2027-2 … > ds.csr      with the controller stopped, weeks ahead
  cardwright key import ds-2027-2 ds.crt           prints the [[signers]] to add to cardwright.toml
  cardwright signer stage ds-2027-2                the running controller proves certificate and key
  cardwright signer activate ds-2027-2             two people
  cardwright signer list                           it takes over when the one before it is used up")]
    Stage(One),
    /// It may sign cards from now on (two people).
    Activate(One),
    /// It may sign no more; cards that wait for its signature wait.
    Stop(One),
}

/// One signer.
#[derive(Args, Debug)]
pub struct One {
    /// The label of its key.
    label: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// A configuration without this signer, a certificate that cannot be read, or an operating system that refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::List { options } => (options, signer::Request::List),
        Verb::Stage(One { label, options }) => {
            let request = staged(&options, label)?;
            (options, request)
        }
        Verb::Activate(One { label, options }) => (options, signer::Request::Activate { label }),
        Verb::Stop(One { label, options }) => (options, signer::Request::Stop { label }),
    };
    ask::ask(&options, Request::Signer(request))
}

/// What the configuration says of a signer: the next start will find it there, too.
fn staged(options: &Options, label: String) -> Result<signer::Request, Fault> {
    let config = Config::load(&options.facility)?;
    let settings = config.signers.iter().find(|signer| signer.label == label);
    let settings = settings
        .ok_or_else(|| Fault::new(&CONTRADICTION, format!("no [[signers]] has the label {label}")))?;
    let der = read(&config.path(&settings.certificate))?;
    Ok(signer::Request::Stage {
        label,
        certificate: hex::encode(&der),
        limit: settings.limit,
        unlimited: settings.unlimited,
    })
}
