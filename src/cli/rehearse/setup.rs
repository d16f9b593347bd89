//! Everything that exists before the first dossier: facility, offices, the hall and its packs of blanks.

use std::path::{Path, PathBuf};

use crate::base::ids::PersonId;
use crate::base::{Clock, Mode};
use crate::config::Config;
use crate::job::Fact;
use crate::job::stock::{Move, SupplierList};
use crate::port::Ledger;
use crate::sim::hall;

use super::super::facility::{Facility, TOKEN};
use super::super::init;
use super::{Scale, people};

/// Stands in the folder while it is being set up: what lies beside it is of no worth yet.
const UNFINISHED: &str = "unfinished";

/// Removes what an interrupted setup left behind. A folder without the mark is never touched.
pub(in crate::cli) fn clear_unfinished(dir: &Path) -> std::io::Result<()> {
    if !dir.join(UNFINISHED).exists() {
        return Ok(());
    }
    // The mark goes last, or an interruption here would leave a folder that nobody dares to clear.
    init::clear(dir, Some(UNFINISHED))?;
    std::fs::remove_file(dir.join(UNFINISHED))
}

/// The folder holds a whole facility.
pub(in crate::cli) fn is_done(dir: &Path) -> bool {
    dir.join(crate::config::FILE).exists()
}

/// Makes the facility and the hall it works in.
pub(in crate::cli) async fn facility(
    scale: &Scale,
    dir: &Path,
    sharing: &Sharing,
    clock: Clock,
) -> anyhow::Result<()> {
    init::check_empty(dir)?;
    std::fs::write(dir.join(UNFINISHED), b"")?;
    let wishes = init::Wishes {
        name: "rehearsal",
        mode: Mode::Rehearsal,
        stations: scale.stations,
        desks: scale.desks,
        pcsc: scale.pcsc,
        module: "hsm-sim",
        chip: &scale.chip,
    };
    match &sharing.beside {
        None => {
            let mut config = init::plan(dir, &wishes)?;
            sharing.tell(&mut config);
            Box::pin(init::make_as(config, clock)).await?;
            people::introduce(scale, dir, clock)?;
        }
        Some((first, controller)) => {
            let config = beside(dir, &wishes, sharing, first, controller)?;
            init::begin_books(&config, Vec::new(), clock).await?;
            init::keep(&config)?;
            // Its dossiers came to the first.
            std::fs::write(dir.join("admitted"), b"")?;
        }
    }
    make_hall(scale, &dir.join("hall"))?;
    std::fs::remove_file(dir.join(UNFINISHED))?;
    Ok(())
}

/// What a rehearsal shares with others, and how it is cut.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Sharing {
    /// Cards in a lot.
    pub(in crate::cli) lot: Option<usize>,
    /// The folder for a second copy of its ledger, if it has one.
    pub(in crate::cli) ledger_copy: Option<PathBuf>,
    /// The server of the order book.
    pub(in crate::cli) order_book: Option<String>,
    /// The file with its user's password.
    pub(in crate::cli) password: Option<PathBuf>,
    /// The lease in seconds.
    pub(in crate::cli) lease: Option<u64>,
    /// The rehearsal it stands beside, and the controller's own name.
    pub(in crate::cli) beside: Option<(PathBuf, String)>,
}

impl Sharing {
    fn tell(&self, config: &mut Config) {
        if let Some(lot) = self.lot {
            config.lot_cards = lot;
        }
        config.paths.ledger_copy.clone_from(&self.ledger_copy);
        if let Some(url) = &self.order_book {
            config.paths.order_book = url.into();
            config.paths.order_book_password.clone_from(&self.password);
            config.lease_seconds = self.lease;
        }
    }
}

/// A second controller: machines and a ledger of its own; order book, registry, offices and whoever is trusted are the
/// first one's, and so are the keys, in a token of its own as an HSM's partition is copied to another HSM.
fn beside(
    dir: &Path,
    wishes: &init::Wishes<'_>,
    sharing: &Sharing,
    first: &Path,
    controller: &str,
) -> anyhow::Result<Config> {
    let known = Config::load(first)?;
    let own = init::plan(dir, wishes)?;
    let mut config = Config {
        controller: controller.to_owned(),
        stations: own.stations,
        desks: own.desks,
        folder: own.folder,
        ..known.clone()
    };
    sharing.tell(&mut config);
    for shared in [
        &mut config.paths.registry,
        &mut config.paths.offices,
        &mut config.paths.dossier_trust,
    ] {
        *shared = known.path(shared);
    }
    if let Some(password) = &mut config.paths.order_book_password {
        *password = known.path(password);
    }
    for folder in [&config.paths.papers, &config.paths.dossiers] {
        std::fs::create_dir_all(config.path(folder))?;
    }
    for part in [TOKEN, "secrets", "pki"] {
        copy(&first.join(part), &dir.join(part))?;
    }
    std::fs::copy(first.join("people.json"), dir.join("people.json"))?;
    Ok(config)
}

/// Copies a folder with what is in it; permissions stay.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn make_hall(scale: &Scale, dir: &Path) -> anyhow::Result<()> {
    // A tenth more blanks than cards, and one more pack for every station.
    let cards = u32::try_from(scale.cards)?;
    let packs = (cards + cards / 10).div_ceil(scale.pack) + u32::try_from(scale.stations)?;
    hall::create(
        dir,
        hall::Plan {
            stations: (1..=scale.stations)
                .map(|number| format!("S{number:02}"))
                .collect(),
            desks: (1..=scale.desks).map(|number| format!("D{number}")).collect(),
            packs,
            blanks_per_pack: scale.pack,
            seed: scale.seed,
            chip: Some(scale.chip.clone()),
            virtual_readers: scale.pcsc,
            ..if scale.real_time {
                hall::Plan::true_to_time()
            } else {
                hall::Plan::default()
            }
        },
    )?;
    Ok(())
}

/// Packs come in with the supplier's lists and go out to the floor, before two witnesses. Those that came in already
/// are left alone.
pub(in crate::cli) async fn receive_packs(facility: &Facility, hall_dir: &Path) -> anyhow::Result<()> {
    let by = vec![
        PersonId::new("rehearsal-vault-1"),
        PersonId::new("rehearsal-vault-2"),
    ];
    let known = facility.ledger.received().await?;
    let mut lists: Vec<_> = std::fs::read_dir(hall_dir.join("packs"))?.collect::<Result<_, _>>()?;
    lists.sort_by_key(std::fs::DirEntry::path);
    for list in lists {
        let list: SupplierList = serde_json::from_slice(&std::fs::read(list.path())?)?;
        if known.iter().any(|(pack, _)| *pack == list.pack) {
            continue;
        }
        let count = u32::try_from(list.blanks.len())?;
        let step = Move::issued(list.pack.clone(), count, by.clone());
        let facts = vec![list.received(by.clone()), Fact::Stock { step }];
        facility.ledger.append(facts, Vec::new()).await?;
    }
    Ok(())
}
