//! `cardwright key …`: the command line of keys and certificates.
//!
//! Making a key is recorded in the ledger, so these verbs take its lock: the controller is stopped for key work.
//! Listing changes nothing and may be done at any time.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use time::OffsetDateTime;

use super::super::facility::fault::REFUSED;
use super::super::facility::{announce_tests, inspect, open_books, open_hsm, with_environment};
use super::super::say;
use super::{ceremony, ceremony_facts, first_wrapping_key, import, list, made_if_missing, own, request};
use crate::base::{Clock, Fault};
use crate::config::{Config, FILE as CONFIG_FILE};
use crate::device::pkcs11::Hsm;
use crate::document::profile::CardProfile;
use crate::job::{Epoch, Fact};
use crate::pki::{Curve, EntityName};
use crate::port::{KeyInfo, KeyPurpose, Ledger, Signer};
use crate::store::{SqlOrderBook, SqliteLedger};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make all keys, a CSCA, two document signers and a CRL: rehearsals only, once for a token.
    #[command(after_help = "\
Example:
  cardwright key ceremony --facility hall-1

init and rehearse hold it by themselves; by hand it is for a token that lost its keys. Labels that exist are refused.")]
    Ceremony {
        /// The card profile whose rules the certificates follow.
        #[arg(long, default_value = "cc-2024")]
        profile: String,
        #[command(flatten)]
        at: At,
    },
    /// Make the facility's own keys that the HSM does not have yet: for wrapping, look-ups, manifests, checkpoints and
    /// dossiers. In production this comes first, once for a token; a rehearsal's ceremony has made them.
    #[command(after_help = "\
Example:
  cardwright key make --facility /srv/cardwright")]
    Make {
        #[command(flatten)]
        at: At,
    },
    /// Ask the national CSCA for a document signer's certificate: makes the key and prints a PKCS#10 request.
    #[command(after_help = "\
Example:
  cardwright key request ds-2027-1 --country VN --organization 'Bộ Công an' --name 'DS 2027-1' > ds-2027-1.csr")]
    Request {
        /// The label of the key; it is made in the HSM if it does not exist.
        label: String,
        /// The country, two letters.
        #[arg(long)]
        country: String,
        /// The organization.
        #[arg(long)]
        organization: String,
        /// The signer's name.
        #[arg(long)]
        name: String,
        /// How the curve is written: Doc 9303-12 asks for explicit parameters.
        #[arg(long, value_enum, default_value = "explicit")]
        curve: CurveForm,
        #[command(flatten)]
        at: At,
    },
    /// Take the CSCA's answer for a key, check it, and print the settings that bring it into use.
    #[command(after_help = "\
Example:
  cardwright key import ds-2027-1 ds-2027-1.crt    then add what it prints to cardwright.toml, before two people")]
    Import {
        /// The label of the key.
        label: String,
        /// The certificate, DER or PEM.
        certificate: PathBuf,
        #[command(flatten)]
        at: At,
    },
    /// All keys of the HSM, and what is left of the document signers.
    List {
        /// Answer in JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
}

/// Where.
#[derive(Args, Clone, Debug)]
pub struct At {
    /// The facility's folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
}

/// How a curve is written into a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CurveForm {
    /// By its parameters.
    Explicit,
    /// By its object identifier.
    Named,
}

/// Runs the verb.
///
/// # Errors
/// What the HSM, the certificates or the disk say.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let dir = match &verb {
        Verb::Ceremony { at, .. }
        | Verb::Make { at }
        | Verb::Request { at, .. }
        | Verb::Import { at, .. }
        | Verb::List { at, .. } => at.facility.clone(),
    };
    let mut config = Config::load(&dir)?;
    with_environment(&config.folder)?;
    super::super::runtime()?.block_on(async {
        let clock = Clock::system();
        let hsm = open_hsm(&config)?;
        let outcome = carry_out(verb, &mut config, &hsm, clock).await;
        hsm.stop().await?;
        outcome?;
        Ok(true)
    })
}

async fn carry_out(verb: Verb, config: &mut Config, hsm: &Hsm, clock: Clock) -> anyhow::Result<()> {
    match verb {
        Verb::Ceremony { profile, .. } => hold_ceremony(config, hsm, &profile, clock).await?,
        Verb::Request {
            label,
            country,
            organization,
            name,
            curve,
            ..
        } => {
            let subject = EntityName {
                country,
                organization,
                common_name: name,
            };
            let curve = match curve {
                CurveForm::Explicit => Curve::Explicit,
                CurveForm::Named => Curve::Named,
            };
            let books = Books::open(config, clock).await?;
            let made = ask_csca(hsm, &books, &label, subject, curve).await;
            books.close(None).await?;
            say(made?.trim_end());
        }
        Verb::Make { .. } => {
            let books = Books::open(config, clock).await?;
            let made = make_own(hsm, &books, config, clock.now()).await;
            books.close(None).await?;
            match made?.as_slice() {
                [] => say("The HSM has them all."),
                made => say(format_args!("Made: {}", made.join(", "))),
            }
        }
        Verb::Import {
            label, certificate, ..
        } => {
            let books = Books::open(config, clock).await?;
            let taken = import(hsm, config, &label, &certificate, clock.now()).await;
            let change = taken.is_ok().then_some((label.as_str(), "certified"));
            books.close(change).await?;
            let settings = taken?;
            say(format_args!(
                "The certificate is good. Add to {CONFIG_FILE} and start the controller:"
            ));
            say("\n[[signers]]");
            say(toml::to_string(&settings)?);
        }
        Verb::List { json, .. } => show_keys(config, hsm, clock, json).await?,
    }
    Ok(())
}

/// Makes what is missing of the facility's own keys; labels of those made. A key that a crash kept out of the ledger is
/// entered now.
async fn make_own(
    hsm: &Hsm,
    books: &Books,
    config: &Config,
    now: OffsetDateTime,
) -> Result<Vec<String>, Fault> {
    let mut made = Vec::new();
    for (label, purpose) in own(&config.keys) {
        if made_if_missing(hsm, label, purpose).await? {
            made.push(label.to_owned());
        }
        books.record_made(label).await?;
    }
    let wraps = |key: &KeyInfo| Epoch::parse(&config.keys.wrap, &key.label).is_some();
    if !hsm.keys().await?.iter().any(wraps) {
        let label = first_wrapping_key(hsm, &config.keys, now).await?;
        books.record_made(&label).await?;
        made.push(label);
    }
    Ok(made)
}

/// Makes the signer's key if there is none, and the request; its signature goes on no card and is announced as such.
async fn ask_csca(
    hsm: &Hsm,
    books: &Books,
    label: &str,
    subject: EntityName,
    curve: Curve,
) -> Result<String, Fault> {
    made_if_missing(hsm, label, KeyPurpose::DocumentSigner).await?;
    books.record_made(label).await?;
    announce_tests(&books.ledger, hsm, std::iter::once(label)).await?;
    request(hsm, label, subject, curve).await
}

async fn hold_ceremony(config: &mut Config, hsm: &Hsm, profile: &str, clock: Clock) -> Result<(), Fault> {
    let (chip, profile) = (config.chip_profile()?, CardProfile::builtin(profile)?);
    let books = Books::open(config, clock).await?;
    let held = ceremony(hsm, &config.keys, &chip, &profile, clock.now(), &config.folder).await;
    let held = match held {
        Ok(held) => held,
        Err(fault) => {
            books.close(None).await?;
            return Err(fault);
        }
    };
    let signers = held.signers.iter().map(|signer| signer.label.as_str());
    let facts = ceremony_facts(&held.made, signers);
    books.ledger.append(facts, Vec::new()).await?;
    books.close(None).await?;
    config.signers = held.signers;
    config.trust = held.trust;
    replace(&config.folder.join(CONFIG_FILE), &config.render())?;
    say(format_args!("Made: {}", held.made.join(", ")));
    Ok(())
}

async fn show_keys(config: &Config, hsm: &Hsm, clock: Clock, json: bool) -> anyhow::Result<()> {
    let signers = inspect::signer_keys(config, clock.now())?;
    let keys = list(hsm, &signers, clock.now()).await?;
    if json {
        say(format_args!("{:#}", serde_json::to_value(&keys)?));
        return Ok(());
    }
    for key in keys {
        let count = key.signatures.map(|count| format!("{count} signatures"));
        let days = key.days_left.map(|days| format!("may sign for {days} days"));
        let cards = key.cards_left.map(|cards| format!("{cards} cards left"));
        let left: Vec<String> = [count, days, cards].into_iter().flatten().collect();
        let purpose = format!("{:?}", key.purpose);
        say(format!("{:<18} {purpose:<16} {}", key.label, left.join(", ")).trim_end());
    }
    Ok(())
}

/// The ledger under its lock, for as long as keys are worked on.
struct Books {
    order_book: SqlOrderBook,
    ledger: SqliteLedger,
}

impl Books {
    async fn open(config: &Config, clock: Clock) -> Result<Self, Fault> {
        let (order_book, ledger) = open_books(config, false, clock).await?;
        Ok(Self { order_book, ledger })
    }

    async fn record(&self, label: &str, change: &str) -> Result<(), Fault> {
        let fact = Fact::Key {
            label: label.to_owned(),
            change: change.to_owned(),
        };
        self.ledger.append(vec![fact], Vec::new()).await
    }

    /// Records that a key was made, if that is not on record.
    async fn record_made(&self, label: &str) -> Result<(), Fault> {
        let known = self.ledger.history(label).await?;
        let is_made = |fact: &Fact| matches!(fact, Fact::Key { change, .. } if change == "made");
        if known.iter().any(|entry| is_made(&entry.fact)) {
            return Ok(());
        }
        self.record(label, "made").await
    }

    async fn close(self, change: Option<(&str, &str)>) -> Result<(), Fault> {
        let recorded = match change {
            Some((label, change)) => self.record(label, change).await,
            None => Ok(()),
        };
        self.ledger.close().await;
        self.order_book.close().await;
        recorded
    }
}

/// Replaces a file in one step, so that a crash leaves the old one or the new one.
fn replace(path: &Path, content: &str) -> Result<(), Fault> {
    let fresh = path.with_extension("toml.new");
    let trouble = |error: std::io::Error| Fault::new(&REFUSED, format!("{}: {error}", path.display()));
    let _ = std::fs::remove_file(&fresh);
    super::write(&fresh, content.as_bytes(), 0o600)?;
    std::fs::rename(&fresh, path).map_err(trouble)
}
