//! A facility with all its doors open.

mod books;
pub mod fault;
pub(super) mod files;
pub(super) mod heads;
pub(super) mod inspect;
mod keys;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::base::{Clock, Fault, Mode, limits};
use crate::chip::ChipProfile;
use crate::config::{Config, fault::REHEARSAL_MEANS};
use crate::device::papers::FolderPapers;
use crate::device::pkcs11::{Hsm, HsmConfig, PinSource};
use crate::document::profile::CardProfile;
use crate::dossier::office::OfficeTable;
use crate::job::Fact;
use crate::job::decide::is_waited_for;
use crate::line::checkpoint;
use crate::line::context::Fingerprints;
use crate::line::tenure::is_away;
use crate::pki::{SignerKey, TrustStore};
use crate::port::{Ledger, Signer};
use crate::sim::kill::Trap;
use crate::store::{SqlOrderBook, SqliteLedger, SqliteRegistry};

pub(super) use books::open_books;
pub(super) use files::{read, read_pin, write};
pub(super) use keys::point_of;

/// The GNU C library gives threads heaps of their own, and takes larger and larger pieces from them, which keep what
/// was let go: the controller grew by half over 100,000 cards, though it held no more than at the beginning. With one
/// heap, and large pieces always from the system, it stays as it is (mallopt(3)).
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];
/// Where hsm-sim finds its token.
const TOKEN_VARIABLE: &str = "HSM_SIM_DIR";
/// The token's folder in the facility's.
pub const TOKEN: &str = "token";

/// Where it is noted, in the facility's folder, that the HSM has refused the PIN.
const PIN_REFUSED: &str = "pin-refused";

/// Everything a command may need of a facility. Held under the ledger's exclusive lock.
#[derive(Debug)]
pub struct Facility {
    /// Its configuration.
    pub config: Config,
    /// Its clock.
    pub clock: Clock,
    /// The controller's ledger.
    pub ledger: Arc<SqliteLedger>,
    /// The facility's order book.
    pub order_book: Arc<SqlOrderBook>,
    /// The authority's registry.
    pub registry: Arc<SqliteRegistry>,
    /// The HSM.
    pub hsm: Arc<Hsm>,
    /// Papers for people.
    pub papers: Arc<FolderPapers>,
    /// Document signers: certificate verified, key tested.
    pub signers: Vec<SignerKey>,
    /// CSCAs and their CRLs.
    pub trust: TrustStore,
    /// The kind of chip in the blanks.
    pub chip: ChipProfile,
    /// Who may read fingerprints, where chips hold them.
    pub fingerprints: Option<Fingerprints>,
    /// Card profiles by name.
    pub profiles: BTreeMap<String, Arc<CardProfile>>,
    /// Offices and their dates.
    pub offices: OfficeTable,
    /// Root certificates (DER) of those who sign dossiers.
    pub dossier_trust: Vec<Vec<u8>>,
    /// Public point of the key that signs manifests.
    pub manifest_key: [u8; 65],
    /// Public point of the key that signs heads of the ledger.
    pub checkpoint_key: [u8; 65],
    /// Public point of the key that dossiers are encrypted to.
    pub intake_key: [u8; 65],
    /// Where a rehearsal's controller is to die, if the environment says so.
    pub trap: Option<Arc<Trap>>,
}

impl Facility {
    /// Opens the facility in this folder and proves that it can sign. Blocks while the HSM logs in: for start-up only.
    ///
    /// # Errors
    /// What [`Config::load`], the databases and the HSM say; `FAC-002` if the ledger belongs to another facility or
    /// mode, `FAC-003` for an unreadable file, `AUDIT-005` or `AUDIT-006` if the ledger does not reach the newest
    /// signed head, `FAC-004` for a missing key, `PKI-…` for a certificate that does not hold now.
    pub async fn open(folder: &Path, clock: Clock) -> Result<Self, Fault> {
        let config = Config::load(folder)?;
        super::core::close(config.mode);
        let trap = super::trap::armed(&config)?;
        let now = clock.now();
        let trust = files::trust(&config)?;
        let signers = files::signers(&config, &trust, now)?;
        let chip = config.chip_profile()?;
        let profiles = files::profiles(&config, &chip)?;
        let fingerprints = files::fingerprints(&config)?;
        let offices = files::offices(&config)?;
        let dossier_trust = files::dossier_trust(&config)?;

        let path = |path: &Path| config.path(path);
        let (order_book, ledger) = Box::pin(open_books(&config, false, clock)).await?;
        check_first_record(&ledger, &config).await?;
        let registry = SqliteRegistry::open(&path(&config.paths.registry)).await?;

        let hsm = open_hsm(&config)?;
        let papers = path(&config.paths.papers);
        // Before anything is recorded or signed.
        heads::must_be_reached(
            &ledger,
            &hsm,
            &config.keys.checkpoint,
            &papers.join(checkpoint::FOLDER),
        )
        .await?;
        announce_tests(&ledger, &hsm, signers.iter().map(|signer| signer.label.as_str())).await?;
        let (manifest_key, checkpoint_key, intake_key) = keys::prove(&hsm, &config, &signers).await?;
        let papers = FolderPapers::new(papers);
        Ok(Self {
            clock,
            ledger: Arc::new(ledger),
            order_book: Arc::new(order_book),
            registry: Arc::new(registry),
            hsm: Arc::new(hsm),
            papers: Arc::new(papers),
            signers,
            trust,
            chip,
            fingerprints,
            profiles,
            offices,
            dossier_trust,
            manifest_key,
            checkpoint_key,
            intake_key,
            trap,
            config,
        })
    }

    /// As [`Self::open`], for a controller: an HSM or an order book's server that does not answer is waited for, and
    /// who waits says so. After a power cut they are often the last to come back, and nobody should have to start the
    /// controller again for that. A PIN that was refused, a label that no token has, or a key that is missing is not
    /// waited for.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_patiently(folder: &Path, clock: Clock) -> Result<Self, Fault> {
        loop {
            match Self::open(folder, clock).await {
                Err(fault) if is_waited_for(&fault) || is_away(&fault) => {
                    tracing::error!(code = fault.code.id, "waiting: {fault}");
                    clock.sleep(limits::AWAY_PAUSE).await;
                }
                opened => return opened,
            }
        }
    }

    /// Closes every door in order. Whatever a task still holds stays open until that task ends.
    ///
    /// # Errors
    /// `HSM-007` if the HSM does not come back.
    pub async fn close(self) -> Result<(), Fault> {
        let stopped = self.hsm.stop().await;
        if let Some(ledger) = Arc::into_inner(self.ledger) {
            ledger.close().await;
        }
        if let Some(order_book) = Arc::into_inner(self.order_book) {
            Box::pin(order_book.close()).await;
        }
        if let Some(registry) = Arc::into_inner(self.registry) {
            registry.close().await;
        }
        stopped
    }
}

/// Opens the configured HSM with the PIN of its file; production refuses a token that says it is simulated,
/// whatever its
/// library is called. Blocks while the HSM answers.
///
/// # Errors
/// `CFG-004`, `CFG-005`, `CFG-007`, and what [`Hsm::open`] says.
pub fn open_hsm(config: &Config) -> Result<Hsm, Fault> {
    let settings = HsmConfig {
        module: config.module()?,
        token: config.hsm.token.clone(),
        sessions: config.hsm.sessions,
        keep_alive: limits::HSM_KEEP_ALIVE,
        pin: PinSource {
            file: config.path(&config.hsm.pin_file),
            read: read_pin,
            refusal: config.folder.join(PIN_REFUSED),
        },
    };
    let hsm = Hsm::open(&settings)?;
    if config.mode == Mode::Production && hsm.is_simulator() {
        return Err(Fault::new(&REHEARSAL_MEANS, "the token is hsm-sim"));
    }
    Ok(hsm)
}

/// Makes sure that hsm-sim will find this facility's token, and that memory which was let go goes back to where all
/// threads take theirs from. Libraries read the environment whenever they like, so a process must not change its own:
/// it starts itself again with the variables set, and does not come back. Returns at once where they are set.
///
/// # Errors
/// `FAC-005` if the program cannot be started again.
pub fn with_environment(folder: &Path) -> Result<(), Fault> {
    let is_set = |variable: &str| std::env::var_os(variable).is_some();
    let missing: Vec<_> = HEAP
        .into_iter()
        .filter(|(variable, _)| !is_set(variable))
        .collect();
    if is_set(TOKEN_VARIABLE) && missing.is_empty() {
        return Ok(());
    }
    let restart = |error: std::io::Error| Fault::new(&fault::RESTART, error.to_string());
    let mut again = Command::new(std::env::current_exe().map_err(restart)?);
    again.args(std::env::args_os().skip(1));
    if !is_set(TOKEN_VARIABLE) {
        again.env(
            TOKEN_VARIABLE,
            std::path::absolute(folder.join(TOKEN)).map_err(restart)?,
        );
    }
    again.envs(missing);
    Err(restart(again.exec()))
}

/// The first record says what this ledger is for, and no file of settings can change that.
async fn check_first_record(ledger: &SqliteLedger, config: &Config) -> Result<(), Fault> {
    let other = |detail: &str| Fault::new(&fault::OTHER, detail);
    let first = ledger.entries_after(0, 1).await?;
    let first = first.first().ok_or_else(|| other("the ledger is empty"))?;
    match serde_json::from_slice(&first.body) {
        Ok(Fact::Opened { facility, mode }) if facility == config.facility && mode == config.mode => Ok(()),
        Ok(Fact::Opened { facility, mode }) => Err(other(&format!("{facility}, {mode}"))),
        _ => Err(other("its first record is not its opening")),
    }
}

/// Every signature that goes on no card is on record before it is asked for, or the token's count could not be
/// explained.
pub(super) async fn announce_tests<'a>(
    ledger: &SqliteLedger,
    hsm: &Hsm,
    signers: impl Iterator<Item = &'a str>,
) -> Result<(), Fault> {
    let keys = hsm.keys().await?;
    let counted = signers.filter_map(|label| {
        let key = keys.iter().find(|key| key.label == label)?;
        Some(Fact::SignatureCount {
            label: label.to_owned(),
            count: key.signatures?,
            tests: 1,
        })
    });
    ledger.append(counted.collect(), Vec::new()).await
}
