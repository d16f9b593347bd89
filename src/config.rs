//! The configuration of a facility: one TOML file in its folder. It holds no secret; the PIN lies in a file of its own.

pub mod fault;
mod module;
mod reader;
mod render;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::ids::MachineId;
use crate::base::{Fault, Mode, limits};
use crate::chip::ChipProfile;
use crate::job::Term;

pub use module::SIMULATOR;
pub use reader::{PcscReader, Reader};

/// The file's name in the facility's folder.
pub const FILE: &str = "cardwright.toml";
/// The chip profile unless the configuration says another.
pub const CHIP: &str = "rehearsal";
/// Speed of serial lines unless the configuration says another.
const BAUD: u32 = 115_200;

/// A facility. All paths are relative to its folder unless they are absolute.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The facility's name.
    pub facility: String,
    /// Rehearsal or production, for ever.
    pub mode: Mode,
    /// The name of the controller that runs here.
    pub controller: String,
    /// Cards in one lot at most.
    pub lot_cards: usize,
    /// Cards in one box at most.
    pub box_cards: usize,
    /// Working days from receipt until a card is due at its office.
    pub working_days: u16,
    /// The kind of chip in the blanks: a chip profile of the program, or the path of one (TOML).
    #[serde(default = "chip")]
    pub chip: String,
    /// Seconds after which a controller that is not heard of is taken for dead by others at the same order book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u64>,
    /// Mebibytes of every disk that no new work is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_free_mib: Option<u64>,
    /// Where things lie.
    pub paths: Paths,
    /// The HSM.
    pub hsm: HsmSettings,
    /// Labels of its keys.
    pub keys: Keys,
    /// How long personal data stays.
    #[serde(default)]
    pub retention: Term,
    /// Who is trusted to certify document signers.
    pub trust: Trust,
    /// Document signers, in no particular order: which one signs is decided card by card.
    #[serde(default)]
    pub signers: Vec<SignerSettings>,
    /// Who may read fingerprints, where chips hold them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<Fingerprints>,
    /// Machines that encode and print.
    #[serde(default)]
    pub stations: Vec<Station>,
    /// Desks where cards are checked and packed.
    #[serde(default)]
    pub desks: Vec<Desk>,
    /// The facility's folder; not in the file.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Where things lie.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// The controller's ledger.
    pub ledger: PathBuf,
    /// A folder on another disk for a second copy of the ledger, which is there before a chip is sealed or a card
    /// printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_copy: Option<PathBuf>,
    /// The facility's order book: a file, or `postgres://USER@HOST:PORT/DATABASE` where several controllers share it.
    pub order_book: PathBuf,
    /// The file that holds the password of that server's user, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_book_password: Option<PathBuf>,
    /// The authority's registry.
    pub registry: PathBuf,
    /// Papers for people.
    pub papers: PathBuf,
    /// Dossiers as they came.
    pub dossiers: PathBuf,
    /// Root certificates (DER) of those who sign dossiers.
    pub dossier_trust: PathBuf,
    /// The table of offices, TOML; a JSON list of the same name takes its place where there is no TOML.
    pub offices: PathBuf,
    /// Card profiles beyond the built-in ones; one of the same name takes the built-in one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<PathBuf>,
    /// Layouts of faces beyond the built-in ones; one of the same name takes the built-in one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layouts: Option<PathBuf>,
    /// The days on which nobody works, TOML, in place of the table that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<PathBuf>,
    /// A folder with `regular.ttf` and `bold.ttf`, which print texts in place of the typefaces of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fonts: Option<PathBuf>,
}

/// Where an order book is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OrderBookPlace<'a> {
    /// In a file of this facility.
    File(PathBuf),
    /// On a PostgreSQL server.
    Server {
        /// Its address, without a password.
        url: &'a str,
        /// The file that holds the password.
        password_file: Option<PathBuf>,
    },
}

/// The HSM.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HsmSettings {
    /// The PKCS#11 library's path, or `hsm-sim` for the one that comes with the program.
    pub module: String,
    /// The token's label.
    pub token: String,
    /// Sessions, each in a thread of its own.
    pub sessions: usize,
    /// The file that holds the PIN, readable by its owner only.
    pub pin_file: PathBuf,
}

/// Labels of the keys that are not document signers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// What the labels of the wrapping keys begin with. The controller makes one for each retention epoch and destroys
    /// it when the epoch closes.
    pub wrap: String,
    /// Makes keyed hashes for look-ups.
    pub lookup: String,
    /// Signs box manifests.
    pub manifest: String,
    /// Signs heads of the ledger.
    pub checkpoint: String,
    /// Opens dossiers that are encrypted to the facility.
    pub intake: String,
    /// Masters of chips' keys, where chips are written through a card manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chips: Option<ChipMasters>,
    /// The rehearsal's country signing CA; production has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csca: Option<String>,
}

/// Labels of the keys from which chips' own keys follow. The masters never leave the HSM.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChipMasters {
    /// The supplier's: with its keys chips are delivered.
    pub transport: String,
    /// The issuer's: its keys take their place when a chip is sealed.
    pub issuer: String,
}

/// Who is trusted to certify document signers.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// CSCA certificates (DER), whose fingerprints two people have compared.
    pub cscas: Vec<PathBuf>,
    /// Their revocation lists (DER).
    pub crls: Vec<PathBuf>,
}

/// A document signer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignerSettings {
    /// The label of its key.
    pub label: String,
    /// Its certificate (DER).
    pub certificate: PathBuf,
    /// Cards it may sign at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// It may sign cards without expiry.
    #[serde(default)]
    pub unlimited: bool,
}

/// Who may read fingerprints off the chips.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprints {
    /// CV certificates of the CVCAs whose terminals may: one, or two while they change.
    pub cvcas: Vec<PathBuf>,
    /// A folder with the CV certificates and the private key of the terminal that reads finished cards back.
    pub terminal: PathBuf,
}

/// A machine that encodes and prints.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its name.
    pub id: MachineId,
    /// The reader in it.
    pub encoder: Reader,
    /// Its printer's serial port.
    pub printer: PathBuf,
    /// Bits per second on that port.
    #[serde(default = "baud")]
    pub baud: u32,
    /// Socket of its screen in the rehearsal's hall.
    pub screen: PathBuf,
}

/// A desk where cards are checked and packed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// Its name.
    pub id: MachineId,
    /// The reader on it.
    pub reader: Reader,
    /// Its hand scanner's serial port.
    pub scanner: PathBuf,
    /// Bits per second on that port.
    #[serde(default = "baud")]
    pub baud: u32,
    /// Socket of its screen in the rehearsal's hall.
    pub screen: PathBuf,
}

fn baud() -> u32 {
    BAUD
}

fn chip() -> String {
    CHIP.to_owned()
}

impl Config {
    /// Reads the configuration of the facility in this folder.
    ///
    /// # Errors
    /// `CFG-001` if there is none, `CFG-002` with the line if it cannot be understood, `CFG-003` for a contradiction,
    /// `CFG-004` if production is to run on a rehearsal's means.
    pub fn load(folder: &Path) -> Result<Self, Fault> {
        let folder = std::path::absolute(folder)
            .map_err(|error| Fault::new(&fault::MISSING, format!("{}: {error}", folder.display())))?;
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Fault::new(&fault::MISSING, format!("{}: {error}", path.display())))?;
        Self::parse(&text, &folder).map_err(|fault| fault.at(path.display()))
    }

    /// Reads a configuration's text, for a facility in this folder.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            // Not the line itself: it may hold what somebody should never have written there.
            let line = |before: &str| format!("line {}: ", before.matches('\n').count() + 1);
            let before = error.span().and_then(|span| text.get(..span.start));
            let place = before.map(line).unwrap_or_default();
            Fault::new(&fault::UNREADABLE, format!("{place}{}", error.message()))
        })?;
        folder.clone_into(&mut config.folder);
        config.check()?;
        Ok(config)
    }

    /// The text of the file, with what each setting means.
    #[must_use]
    pub fn render(&self) -> String {
        render::render(self)
    }

    /// A path of the configuration as a path of the system.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Where the order book is.
    #[must_use]
    pub fn order_book(&self) -> OrderBookPlace<'_> {
        match self.order_book_url() {
            Some(url) => OrderBookPlace::Server {
                url,
                password_file: self
                    .paths
                    .order_book_password
                    .as_deref()
                    .map(|file| self.path(file)),
            },
            None => OrderBookPlace::File(self.path(&self.paths.order_book)),
        }
    }

    fn order_book_url(&self) -> Option<&str> {
        let text = self.paths.order_book.to_str()?;
        ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
            .then_some(text)
    }

    /// How long this controller is taken for alive without a word.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease_seconds.map_or(limits::BOOK_LEASE, Duration::from_secs)
    }

    /// Bytes of every disk that no new work is given.
    #[must_use]
    pub fn disk_kept(&self) -> u64 {
        self.keep_free_mib
            .map_or(limits::DISK_KEPT, |mebibytes| mebibytes.saturating_mul(1 << 20))
    }

    /// The PKCS#11 library.
    ///
    /// # Errors
    /// `CFG-005` if hsm-sim is asked for and lies nowhere near the program.
    pub fn module(&self) -> Result<PathBuf, Fault> {
        module::resolve(&self.hsm.module, &self.folder)
    }

    /// Names of all machines and desks.
    #[must_use]
    pub fn positions(&self) -> Vec<MachineId> {
        self.places().cloned().collect()
    }

    fn places(&self) -> impl Iterator<Item = &MachineId> {
        self.stations
            .iter()
            .map(|station| &station.id)
            .chain(self.desks.iter().map(|desk| &desk.id))
    }

    /// The name the ledger's first record follows from.
    #[must_use]
    pub fn ledger_name(&self) -> String {
        format!("{}/{}", self.facility, self.controller)
    }

    /// Do the settings fit each other, and the mode?
    ///
    /// # Errors
    /// `CFG-003` for a contradiction, `CFG-004` if production is to run on a rehearsal's means.
    pub fn check(&self) -> Result<(), Fault> {
        let named = |what: &str, text: &str| ensure(!text.trim().is_empty(), format!("{what} is empty"));
        named("facility", &self.facility)?;
        named("controller", &self.controller)?;
        named("hsm.token", &self.hsm.token)?;
        within("lot_cards", self.lot_cards, limits::LOT_CARDS_MAX)?;
        within("box_cards", self.box_cards, limits::BOX_CARDS_MAX)?;
        self.check_term()?;
        ensure(self.hsm.sessions >= 1, "hsm.sessions: at least one".to_owned())?;
        let lease = limits::BOOK_LEASE_MIN..=limits::BOOK_LEASE_MAX;
        ensure(
            lease.contains(&self.lease()),
            format!(
                "lease_seconds: {} to {}",
                lease.start().as_secs(),
                lease.end().as_secs()
            ),
        )?;
        ensure(
            self.disk_kept() >= limits::DISK_KEPT,
            format!("keep_free_mib: at least {}", limits::DISK_KEPT >> 20),
        )?;
        self.check_order_book()?;
        self.check_labels()?;
        self.check_places()?;
        match self.mode {
            Mode::Rehearsal => Ok(()),
            Mode::Production => self.check_production(),
        }
    }

    /// The profile of the chips in the blanks.
    ///
    /// # Errors
    /// `CHIP-015` if there is none such or it is not valid, `CFG-001` if its file cannot be read, `CFG-003` if it needs
    /// key masters that are not named.
    pub fn chip_profile(&self) -> Result<ChipProfile, Fault> {
        let path = Path::new(&self.chip);
        let profile = if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(self.path(path)).map_err(|error| {
                Fault::new(&fault::MISSING, format!("chip profile {}: {error}", self.chip))
            })?;
            ChipProfile::parse(&text)?
        } else {
            ChipProfile::built_in(&self.chip)?
        };
        let masters = profile.managed().is_none() || self.keys.chips.is_some();
        ensure(
            masters,
            format!("keys.chips: chips of profile {} need them", profile.id),
        )?;
        Ok(profile)
    }

    /// A certificate that belongs to a rehearsal is for rehearsals, any other for production.
    ///
    /// # Errors
    /// `CFG-004` or `CFG-006`.
    pub fn check_certificate(&self, name: &str, is_rehearsal: bool) -> Result<(), Fault> {
        match (self.mode, is_rehearsal) {
            (Mode::Rehearsal, true) | (Mode::Production, false) => Ok(()),
            (Mode::Production, true) => Err(Fault::new(
                &fault::REHEARSAL_MEANS,
                format!("{name}: a rehearsal certificate"),
            )),
            (Mode::Rehearsal, false) => Err(Fault::new(&fault::PRODUCTION_MEANS, name)),
        }
    }

    /// A password stands in no configuration, and belongs to a server.
    fn check_order_book(&self) -> Result<(), Fault> {
        let Some(url) = self.order_book_url() else {
            return ensure(
                self.paths.order_book_password.is_none(),
                "paths.order_book_password: the order book is a file".to_owned(),
            );
        };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        ensure(
            !user.contains(':') && !rest.contains("password="),
            "paths.order_book: the password goes into the file paths.order_book_password".to_owned(),
        )
    }

    /// Data that stays for longer than anybody allows is refused before it comes in.
    fn check_term(&self) -> Result<(), Fault> {
        let Term {
            epoch_days,
            keep_days,
        } = self.retention;
        within(
            "retention.epoch_days",
            epoch_days.into(),
            limits::EPOCH_DAYS_MAX.into(),
        )?;
        let longest = limits::KEEP_DAYS_MAX;
        ensure(
            keep_days <= longest,
            format!("retention.keep_days: at most {longest}"),
        )
    }

    /// Each label names one key: a key has one purpose.
    fn check_labels(&self) -> Result<(), Fault> {
        let keys = &self.keys;
        let labels = [
            &keys.wrap,
            &keys.lookup,
            &keys.manifest,
            &keys.checkpoint,
            &keys.intake,
        ]
        .into_iter()
        .chain(&keys.csca)
        .chain(
            keys.chips
                .iter()
                .flat_map(|chips| [&chips.transport, &chips.issuer]),
        )
        .chain(self.signers.iter().map(|signer| &signer.label));
        let mut seen = BTreeSet::new();
        for label in labels {
            // Labels of signers become names of files.
            let is_name = Path::new(label)
                .components()
                .eq([Component::Normal(label.as_ref())]);
            ensure(is_name, format!("key label {label:?} is not a plain name"))?;
            ensure(seen.insert(label), format!("key label {label} occurs twice"))?;
        }
        Ok(())
    }

    /// Each machine and each device exists once.
    fn check_places(&self) -> Result<(), Fault> {
        let mut seen = BTreeSet::new();
        for id in self.places() {
            ensure(!id.as_str().is_empty(), "a machine without a name".to_owned())?;
            ensure(seen.insert(id), format!("machine {id} occurs twice"))?;
        }
        let stations = self
            .stations
            .iter()
            .map(|station| (&station.encoder, [&station.printer, &station.screen]));
        let desks = self
            .desks
            .iter()
            .map(|desk| (&desk.reader, [&desk.scanner, &desk.screen]));
        let mut seen = BTreeSet::new();
        for (reader, others) in stations.chain(desks) {
            ensure(
                reader.is_told(),
                "a reader without a name, USB port or serial number".to_owned(),
            )?;
            let others = others.map(|path| path.display().to_string());
            for device in [reader.to_string()].into_iter().chain(others) {
                let twice = format!("device {device} occurs twice");
                ensure(seen.insert(device), twice)?;
            }
        }
        Ok(())
    }

    fn check_production(&self) -> Result<(), Fault> {
        let refuse = |what: &str| Err(Fault::new(&fault::REHEARSAL_MEANS, what));
        if module::is_simulator(&self.hsm.module) {
            return refuse("hsm.module: hsm-sim");
        }
        if self.keys.csca.is_some() {
            return refuse("keys.csca: the national CSCA is not in this HSM");
        }
        let stations = self
            .stations
            .iter()
            .map(|station| (&station.id, &station.encoder));
        let desks = self.desks.iter().map(|desk| (&desk.id, &desk.reader));
        match stations.chain(desks).find(|(_, reader)| reader.is_in_hall()) {
            Some((id, _)) => refuse(&format!("{id}: a reader in the hall")),
            None => Ok(()),
        }
    }
}

fn within(name: &str, value: usize, max: usize) -> Result<(), Fault> {
    ensure((1..=max).contains(&value), format!("{name}: 1 to {max}"))
}

fn ensure(kept: bool, rule: String) -> Result<(), Fault> {
    if kept {
        Ok(())
    } else {
        Err(Fault::new(&fault::CONTRADICTION, rule))
    }
}

#[cfg(test)]
mod tests;
