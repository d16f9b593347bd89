//! Making a facility: once, and complete or recognizably unfinished, because the configuration is written last.

pub mod verb;

use std::path::Path;

use super::facility::fault::{EXISTS, FILE};
use super::facility::{TOKEN, open_hsm, read_pin, write};
use super::key::{Ceremony, ceremony, ceremony_facts, may_hold_ceremony};
use crate::base::ids::MachineId;
use crate::base::{Clock, Entropy, Fault, Mode, Secret, hex};
use crate::chip::ChipProfile;
use crate::config::{
    ChipMasters, Config, Desk, FILE as CONFIG_FILE, HsmSettings, Keys, Paths, PcscReader, Reader, SIMULATOR,
    Station, Trust,
};
use crate::device::pkcs11::initialize_token;
use crate::document::profile::CardProfile;
use crate::job::{Fact, Term};
use crate::port::Ledger;
use crate::sim::hall;
use crate::sim::registry::Registry;
use crate::store::fault::database;

/// Files only their owner may read.
const PRIVATE: u32 = 0o600;
/// The profile whose rules the rehearsal's certificates follow.
const PROFILE: &str = "cc-2024";
const PIN: &str = "secrets/pin";
const OFFICER_PIN: &str = "secrets/officer-pin";

/// What a new facility is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Its name.
    pub name: &'a str,
    /// Rehearsal or production, for ever.
    pub mode: Mode,
    /// Machines `S01` …
    pub stations: usize,
    /// Desks `D1` …
    pub desks: usize,
    /// Their readers are the hall's virtual readers behind PC/SC, and not its sockets.
    pub pcsc: bool,
    /// The PKCS#11 library; the simulator if empty.
    pub module: &'a str,
    /// The chip profile of its blanks.
    pub chip: &'a str,
}

/// How the masters of chips' keys are labelled unless somebody wants it otherwise.
pub(super) fn chip_masters() -> ChipMasters {
    ChipMasters {
        transport: "chip-transport".to_owned(),
        issuer: "chip-issuer".to_owned(),
    }
}

/// Makes a facility in an empty or new folder. In a rehearsal it gets a token, keys, certificates and a
/// registry of its own;
/// `HSM_SIM_DIR` must lead to its token ([`super::facility::with_environment`]). A production facility gets
/// ledger, order book
/// and configuration: its token, keys and certificates come from people.
///
/// # Errors
/// `FAC-001` if the folder is not empty, `CFG-003` and `CFG-004` if the settings are refused, `FAC-003` for the
/// disk, and what
/// the HSM and the databases say.
pub async fn init(folder: &Path, wishes: &Wishes<'_>, clock: Clock) -> Result<Config, Fault> {
    check_empty(folder)?;
    // A token that was there before is not ours to remove.
    let token = folder.join(TOKEN);
    let had_token = std::fs::read_dir(token).is_ok_and(|mut entries| entries.next().is_some());
    let made = Box::pin(make(folder, wishes, clock)).await;
    if made.is_err() {
        // Half a facility would be in the way of the next try.
        let _ = clear(folder, had_token.then_some(TOKEN));
    }
    made
}

/// Removes everything from a folder, but perhaps one thing.
pub(super) fn clear(folder: &Path, but: Option<&str>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if but.is_some_and(|kept| entry.file_name() == kept) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// [`init`] in a folder that the caller answers for.
///
/// # Errors
/// As [`init`], but `FAC-001`.
pub(super) async fn make(folder: &Path, wishes: &Wishes<'_>, clock: Clock) -> Result<Config, Fault> {
    make_as(plan(folder, wishes)?, clock).await
}

/// [`make`] for a configuration that was changed.
///
/// # Errors
/// As [`make`].
pub(super) async fn make_as(mut config: Config, clock: Clock) -> Result<Config, Fault> {
    config.check()?;
    for place in [
        &config.paths.papers,
        &config.paths.dossiers,
        &config.paths.dossier_trust,
    ] {
        make_folder(&config.path(place))?;
    }
    let made = if may_hold_ceremony(config.mode) {
        let ceremony = rehearse(&config, clock).await?;
        config.signers = ceremony.signers;
        config.trust = ceremony.trust;
        Registry::open(&config.path(&config.paths.registry))
            .await
            .map_err(|error| database(&error))?
            .close()
            .await;
        ceremony.made
    } else {
        Vec::new()
    };
    begin_books(&config, made, clock).await?;
    keep(&config)?;
    Config::load(&config.folder)
}

/// The configuration is written last.
pub(super) fn keep(config: &Config) -> Result<(), Fault> {
    config.check()?;
    write(
        &config.folder.join(CONFIG_FILE),
        config.render().as_bytes(),
        PRIVATE,
    )
}

/// A token with random PINs, and all keys and certificates.
async fn rehearse(config: &Config, clock: Clock) -> Result<Ceremony, Fault> {
    let pin_file = config.path(&config.hsm.pin_file);
    let officer_file = config.folder.join(OFFICER_PIN);
    for file in [&pin_file, &officer_file] {
        // The digits of a secret are a secret: no copy outlives this line.
        let pin = Secret::new(hex::encode(Entropy::system().secret::<12>()?.expose()));
        write(file, pin.expose().as_bytes(), PRIVATE)?;
    }
    initialize_token(
        &config.module()?,
        &config.hsm.token,
        &read_pin(&officer_file)?,
        &read_pin(&pin_file)?,
    )?;
    let hsm = open_hsm(config)?;
    let profile = CardProfile::builtin(PROFILE)?;
    let chip = config.chip_profile()?;
    let held = ceremony(&hsm, &config.keys, &chip, &profile, clock.now(), &config.folder).await;
    let stopped = hsm.stop().await;
    let held = held?;
    stopped?;
    Ok(held)
}

/// Order book and ledger, with the records that every ledger begins with.
pub(super) async fn begin_books(config: &Config, made: Vec<String>, clock: Clock) -> Result<(), Fault> {
    let (order_book, ledger) = super::facility::open_books(config, true, clock).await?;
    let mut facts = vec![Fact::Opened {
        facility: config.facility.clone(),
        mode: config.mode,
    }];
    let signers = config.signers.iter().map(|signer| signer.label.as_str());
    facts.extend(ceremony_facts(&made, signers));
    let written = ledger.append(facts, Vec::new()).await;
    ledger.close().await;
    order_book.close().await;
    written
}

/// The configuration of a new facility.
pub(super) fn plan(folder: &Path, wishes: &Wishes<'_>) -> Result<Config, Fault> {
    let Wishes {
        name,
        mode,
        stations,
        desks,
        pcsc,
        module,
        chip,
    } = *wishes;
    let rehearsal = mode == Mode::Rehearsal;
    let managed = ChipProfile::built_in(chip)?.managed().is_some();
    let folder = std::path::absolute(folder)
        .map_err(|error| Fault::new(&FILE, format!("{}: {error}", folder.display())))?;
    let place = |kind: &str, id: &str, device: &str| Path::new("hall").join(kind).join(id).join(device);
    // Machines first, then desks: the order in which the hall lays its places onto readers.
    let reader = |number: usize, socket: std::path::PathBuf| {
        if !pcsc {
            return Reader::Hall(socket);
        }
        let (socket, name) = hall::virtual_reader(number);
        Reader::Pcsc(PcscReader {
            name: Some(name),
            socket: Some(Path::new("hall").join(socket)),
            ..PcscReader::default()
        })
    };
    let module = if module.is_empty() { SIMULATOR } else { module };
    Ok(Config {
        facility: name.to_owned(),
        mode,
        controller: "K1".to_owned(),
        lot_cards: 20,
        box_cards: 100,
        working_days: 5,
        chip: chip.to_owned(),
        lease_seconds: None,
        keep_free_mib: None,
        paths: Paths {
            ledger: "ledger.db".into(),
            ledger_copy: None,
            order_book: "order-book.db".into(),
            order_book_password: None,
            registry: "registry.db".into(),
            papers: "papers".into(),
            dossiers: "dossiers".into(),
            dossier_trust: "dossier-trust".into(),
            offices: "offices.toml".into(),
            profiles: None,
            layouts: None,
            holidays: None,
            fonts: None,
        },
        hsm: HsmSettings {
            module: module.to_owned(),
            token: if rehearsal { "rehearsal" } else { "cardwright" }.to_owned(),
            sessions: 2,
            pin_file: PIN.into(),
        },
        keys: Keys {
            wrap: "wrap".to_owned(),
            lookup: "lookup".to_owned(),
            manifest: "manifest".to_owned(),
            checkpoint: "checkpoint".to_owned(),
            intake: "intake".to_owned(),
            chips: managed.then(chip_masters),
            csca: rehearsal.then(|| "csca".to_owned()),
        },
        retention: Term::default(),
        trust: Trust::default(),
        signers: Vec::new(),
        fingerprints: None,
        stations: (0..stations)
            .map(|number| (number, format!("S{:02}", number + 1)))
            .map(|(number, id)| Station {
                encoder: reader(number, place("stations", &id, "encoder.sock")),
                printer: place("stations", &id, "printer"),
                baud: 115_200,
                screen: place("stations", &id, "screen.sock"),
                id: MachineId(id),
            })
            .collect(),
        desks: (0..desks)
            .map(|number| (number, format!("D{}", number + 1)))
            .map(|(number, id)| Desk {
                reader: reader(stations + number, place("desks", &id, "reader.sock")),
                scanner: place("desks", &id, "scanner"),
                baud: 115_200,
                screen: place("desks", &id, "screen.sock"),
                id: MachineId(id),
            })
            .collect(),
        folder,
    })
}

/// Succeeds for a folder that does not exist, or holds nothing but a token's empty folder.
pub(super) fn check_empty(folder: &Path) -> Result<(), Fault> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    let foreign = entries.flatten().find(|entry| entry.file_name() != TOKEN);
    foreign.map_or(Ok(()), |entry| {
        Err(Fault::new(&EXISTS, entry.path().display().to_string()))
    })
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    std::fs::create_dir_all(path).map_err(|error| Fault::new(&FILE, format!("{}: {error}", path.display())))
}
