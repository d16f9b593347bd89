//! Everything that exists before the first dossier: facility, offices, the hall and its packs of blanks.

use std::path::Path;

use crate::base::ids::PersonId;
use crate::base::{Clock, Mode};
use crate::job::Fact;
use crate::job::stock::{Move, SupplierList};
use crate::port::Ledger;
use crate::sim::hall;

use super::super::facility::Facility;
use super::super::init;
use super::{Scale, people};

/// Blanks in a pack.
const PACK: u32 = 50;
/// Stands in the folder while it is being set up: what lies beside it is of no worth yet.
const UNFINISHED: &str = "unfinished";

/// Removes what an interrupted setup left behind. A folder without the mark is never touched.
pub(in crate::cli) fn clear_unfinished(dir: &Path) -> std::io::Result<()> {
    if !dir.join(UNFINISHED).exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // The mark goes last, or an interruption here would leave a folder that nobody dares to clear.
        if entry.file_name() == UNFINISHED {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_file(dir.join(UNFINISHED))
}

/// The folder holds a whole facility.
pub(in crate::cli) fn is_done(dir: &Path) -> bool {
    dir.join(crate::config::FILE).exists()
}

/// Makes the facility and the hall it works in.
pub(in crate::cli) async fn facility(scale: &Scale, dir: &Path, clock: Clock) -> anyhow::Result<()> {
    init::check_empty(dir)?;
    std::fs::write(dir.join(UNFINISHED), b"")?;
    init::make(
        dir,
        "rehearsal",
        Mode::Rehearsal,
        scale.stations,
        scale.desks,
        clock,
        "hsm-sim",
    )
    .await?;
    make_hall(scale, &dir.join("hall"))?;
    people::introduce(scale, dir, clock)?;
    std::fs::remove_file(dir.join(UNFINISHED))?;
    Ok(())
}

fn make_hall(scale: &Scale, dir: &Path) -> anyhow::Result<()> {
    // A tenth more blanks than cards, and one more pack for every station.
    let cards = u32::try_from(scale.cards)?;
    let packs = (cards + cards / 10).div_ceil(PACK) + u32::try_from(scale.stations)?;
    hall::create(
        dir,
        hall::Plan {
            stations: (1..=scale.stations)
                .map(|number| format!("S{number:02}"))
                .collect(),
            desks: (1..=scale.desks).map(|number| format!("D{number}")).collect(),
            packs,
            blanks_per_pack: PACK,
            seed: scale.seed,
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
