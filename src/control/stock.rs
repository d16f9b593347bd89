//! Blanks: packs come in with the supplier's list, go out to the floor and into feeders, and come back; at every
//! instant each is in exactly one known place (law 7).

mod count;
mod waste;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;

use crate::base::ids::{ChipId, MachineId, PackId, PersonId};
use crate::base::limits::CONTROL_FRAME_BYTES_MAX;
use crate::base::{Fault, Place, hex};
use crate::job::Fact;
use crate::job::stock::{Move, SupplierList};
use crate::line::Line;

use super::fault::NO_MACHINE;
use super::refused::{LIST, NOT_THERE, OTHER_PACK};
use super::{Answer, Who, record};

pub(super) use count::everything;
pub use count::unexplained;

/// Blanks of one list: a list that fits a request is never longer.
const BLANKS_MAX: usize = CONTROL_FRAME_BYTES_MAX / 32;
/// Letters of a name on a list.
const NAME_MAX: usize = 80;

/// What can be asked about blanks.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// A sealed pack comes in.
    Receive {
        /// What the supplier says is in it.
        list: SupplierList,
    },
    /// Packs leave the vault for the floor.
    Issue {
        /// Which.
        packs: Vec<PackId>,
    },
    /// A pack from the floor is put into a feeder.
    Load {
        /// Which.
        pack: PackId,
        /// Where.
        machine: MachineId,
    },
    /// Blanks go back: from the floor or a feeder into the vault, from the vault to the supplier.
    Return {
        /// Of which pack.
        pack: PackId,
        /// Where from.
        from: Place,
        /// How many.
        count: u32,
    },
    /// The count equation.
    Count {
        /// As of a shift that began then; without it, of everything that ever came in.
        #[serde(
            default,
            with = "time::serde::rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
    },
    /// Somebody counted the blanks in a feeder.
    Counted {
        /// Which machine's.
        machine: MachineId,
        /// How many there are.
        is: u32,
    },
    /// Somebody counted the blanks of a pack that lie with the waste and are no cards.
    CountedWaste {
        /// Which pack's.
        pack: PackId,
        /// How many there are.
        is: u32,
    },
    /// Two people have looked for the blanks that a count found missing, and declare them not found.
    Explain {
        /// Which machine's feeder.
        machine: MachineId,
        /// What they think became of them.
        reason: String,
    },
}

impl Request {
    /// Blanks that leave the books need two people.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        match self {
            Self::Return { from, .. } => *from == Place::Vault,
            Self::Explain { .. } => true,
            _ => false,
        }
    }

    /// Is what a person wrote fit to be kept?
    ///
    /// # Errors
    /// `CTL-010`.
    pub(super) fn check_words(&self) -> Result<(), Fault> {
        match self {
            Self::Explain { reason, .. } => super::reason(reason).map(drop),
            _ => Ok(()),
        }
    }
}

/// Answers.
///
/// # Errors
/// What the list, the books or the rules refuse; the ledger's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Receive { list } => receive(line, who, list).await,
        Request::Issue { packs } => issue(line, who, &packs).await,
        Request::Load { pack, machine } => load(line, who, pack, machine).await,
        Request::Return { pack, from, count } => give_back(line, who, pack, from, count).await,
        Request::Count { since } => count::equation(line, since).await,
        Request::Counted { machine, is } => count::counted(line, who, machine, is).await,
        Request::CountedWaste { pack, is } => waste::counted(line, who, pack, is).await,
        Request::Explain { machine, reason } => count::explain(line, who, &machine, &reason).await,
    }
}

async fn receive(line: &Line, who: &Who, mut list: SupplierList) -> Result<Answer, Fault> {
    // Chips are looked up as the encoder tells them.
    for chip in list.blanks.iter_mut().map(|blank| &mut blank.chip) {
        *chip = ChipId(chip.0.to_uppercase());
    }
    check(line, &list).await?;
    let (pack, count) = (list.pack.clone(), list.blanks.len());
    record(line, vec![list.received(who.people())]).await?;
    Ok(Answer::good(
        format!("Pack {pack}: {count} blanks are in the vault."),
        json!({ "pack": pack, "blanks": count }),
    ))
}

/// A list is taken as a whole or not at all.
async fn check(line: &Line, list: &SupplierList) -> Result<(), Fault> {
    let refuse = |why: String| Err(Fault::new(&LIST, why));
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= NAME_MAX
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    if !plain(list.pack.as_str()) {
        return refuse("the pack's name is not a plain one".to_owned());
    }
    if list.blanks.is_empty() {
        return refuse("it names no blank".to_owned());
    }
    if list.blanks.len() > BLANKS_MAX {
        return refuse(format!("it names more than {BLANKS_MAX} blanks"));
    }
    if list.blank_type != line.rules.chip.id {
        return refuse(format!(
            "its blanks are of type {:?}, this facility makes cards from {:?}",
            list.blank_type, line.rules.chip.id
        ));
    }
    if !line.ports.ledger.history(list.pack.as_str()).await?.is_empty() {
        return refuse(format!("pack {} came in before", list.pack));
    }
    let (mut serials, mut chips) = (BTreeSet::new(), BTreeSet::new());
    for (row, blank) in (1..).zip(&list.blanks) {
        let is_chip = hex::decode(blank.chip.as_str()).is_some();
        if !plain(blank.blank.as_str()) || !plain(blank.chip.as_str()) || !is_chip {
            return refuse(format!(
                "row {row} is not a serial number and a chip (in hexadecimal digits)"
            ));
        }
        if !serials.insert(&blank.blank) || !chips.insert(&blank.chip) {
            return refuse(format!("row {row} names a blank or a chip for the second time"));
        }
        if let Some((_, pack)) = line.ports.ledger.blank(&blank.chip).await? {
            return refuse(format!("the chip of row {row} came in with pack {pack}"));
        }
        if let Some(pack) = line.ports.ledger.pack_of(&blank.blank).await? {
            return refuse(format!("the blank of row {row} came in with pack {pack}"));
        }
    }
    Ok(())
}

async fn issue(line: &Line, who: &Who, packs: &[PackId]) -> Result<Answer, Fault> {
    let stock = line.ports.ledger.stock().await?;
    let packs: BTreeSet<&PackId> = packs.iter().collect();
    let mut facts = Vec::new();
    let mut issued = Vec::new();
    for pack in packs {
        let count = stock.count(pack, &Place::Vault);
        if count == 0 {
            return Err(Fault::new(&NOT_THERE, format!("pack {pack}, vault")));
        }
        let step = Move::issued(pack.clone(), count, who.people());
        facts.push(Fact::Stock { step });
        issued.push(json!({ "pack": pack, "blanks": count }));
    }
    if facts.is_empty() {
        return Err(Fault::new(&NOT_THERE, "no pack was named"));
    }
    record(line, facts).await?;
    Ok(Answer::good(
        format!("{} packs are on the floor.", issued.len()),
        json!({ "issued": issued }),
    ))
}

async fn load(line: &Line, who: &Who, pack: PackId, machine: MachineId) -> Result<Answer, Fault> {
    known(line, &machine).await?;
    let stock = line.ports.ledger.stock().await?;
    let count = stock.count(&pack, &Place::Issued);
    if count == 0 {
        return Err(Fault::new(&NOT_THERE, format!("pack {pack}, issued")));
    }
    let feeder = Place::Feeder(machine.clone());
    if let Some((other, _, _)) = stock
        .rows()
        .find(|(other, place, _)| **place == feeder && **other != pack)
    {
        return Err(Fault::new(&OTHER_PACK, format!("{machine}: {other}")));
    }
    // A machine that is just asking its operator for a pack must not be promised this one too.
    if !line.floor.promise(&pack) {
        return Err(Fault::new(
            &NOT_THERE,
            format!("pack {pack} is on its way to another machine"),
        ));
    }
    let recorded = record(
        line,
        vec![moved(&pack, Place::Issued, feeder, count, who.people(), "loaded")],
    )
    .await;
    line.floor.release(&pack);
    recorded?;
    Ok(Answer::good(
        format!("{machine}: {count} blanks of pack {pack} are in its feeder."),
        json!({ "machine": machine, "pack": pack, "blanks": count }),
    ))
}

async fn give_back(line: &Line, who: &Who, pack: PackId, from: Place, count: u32) -> Result<Answer, Fault> {
    let (to, by, why) = match &from {
        Place::Vault => (Place::Returned, who.both()?, "returned to the supplier"),
        Place::Issued | Place::Feeder(_) => (Place::Vault, who.people(), "returned to the vault"),
        _ => return Err(Fault::new(&NOT_THERE, format!("nothing is returned from {from}"))),
    };
    let there = line.ports.ledger.stock_of(&pack).await?.count(&pack, &from);
    if count == 0 || there < count {
        return Err(Fault::new(
            &NOT_THERE,
            format!("pack {pack}, {from}: {there}, {count} asked"),
        ));
    }
    record(line, vec![moved(&pack, from.clone(), to.clone(), count, by, why)]).await?;
    Ok(Answer::good(
        format!(
            "Pack {pack}: {count} blanks, {why}; {} are left in {from}.",
            there - count
        ),
        json!({ "pack": pack, "from": from, "to": to, "count": count, "left": there - count }),
    ))
}

/// A move that people make.
pub(super) fn moved(
    pack: &PackId,
    from: Place,
    to: Place,
    count: u32,
    by: Vec<PersonId>,
    reason: &str,
) -> Fact {
    Fact::Stock {
        step: Move {
            pack: pack.clone(),
            from: Some(from),
            to,
            count,
            by,
            reason: reason.to_owned(),
        },
    }
}

/// A machine that runs now, or that the ledger has heard of: blanks never go into a feeder that is only a typing error.
pub(super) async fn known(line: &Line, machine: &MachineId) -> Result<(), Fault> {
    let runs = line.progress.snapshot().machines.contains_key(machine);
    if runs || !line.ports.ledger.history(machine.as_str()).await?.is_empty() {
        return Ok(());
    }
    Err(Fault::new(&NO_MACHINE, machine.as_str()))
}
