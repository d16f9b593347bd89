//! Which chip is this, and what became of it? Asked before the first write; nothing is changed.

use serde::{Deserialize, Serialize};

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::fault;
use super::link::{Card, application, elementary_file};
use super::manager::{self, Introduced, KeySet};
use super::manufacture::Cplc;
use super::profile::{ChipProfile, Expected, Managed};
use crate::base::ids::ChipId;
use crate::base::{Fault, hex};
use crate::document::FileId;

/// A chip as it presents itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identity {
    /// IC fabricator, type, batch and serial number.
    pub chip: ChipId,
    /// All 42 bytes of CPLC data, hexadecimal.
    pub cplc: String,
    /// How far it has come.
    pub life_cycle: LifeCycle,
    /// What its card manager says, on chips that are written through one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Introduced>,
}

/// How far a chip has come, as far as it can be asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeCycle {
    /// Nothing has been written.
    Blank,
    /// Files have been written; it can still be written.
    Started,
    /// It is locked for ever.
    Sealed,
}

impl Identity {
    /// A chip that must be new is new.
    ///
    /// # Errors
    /// `CHIP-007` if it was written before, `CHIP-008` if it is sealed, `CHIP-036` if it has the issuer's keys.
    pub fn require_blank(&self) -> Result<(), Fault> {
        match self.life_cycle {
            LifeCycle::Blank if self.has_issuer_keys() => Err(Fault::new(&fault::ALREADY_OURS, "")),
            LifeCycle::Blank => Ok(()),
            LifeCycle::Started => Err(Fault::new(&fault::ALREADY_STARTED, "")),
            LifeCycle::Sealed => Err(Fault::new(&fault::ALREADY_SEALED, "")),
        }
    }

    fn has_issuer_keys(&self) -> bool {
        self.manager.is_some_and(|manager| manager.keys == KeySet::Issuer)
    }

    /// A chip whose writing is begun or resumed is not sealed.
    ///
    /// # Errors
    /// `CHIP-008` if it is.
    pub fn require_open(&self) -> Result<(), Fault> {
        match self.life_cycle {
            LifeCycle::Blank | LifeCycle::Started => Ok(()),
            LifeCycle::Sealed => Err(Fault::new(&fault::ALREADY_SEALED, "")),
        }
    }
}

/// Asks a chip who it is: 4 to 6 commands. A chip of another kind than the profile's is a fault (`CHIP-005`,
/// `CHIP-032`, `CHIP-037`), one that contradicts itself (`CHIP-038`), is locked (`CHIP-035`) or is without the
/// application (`CHIP-006`) too; what the life cycle must be is the caller's matter.
#[must_use]
pub fn identify(profile: &ChipProfile) -> Conversation<'_, Identity> {
    Conversation::new(async move |mut card| {
        // The chip may have been left in its application; CPLC data are the card manager's.
        match profile.managed() {
            Some(managed) => manager::select(&mut card, managed).await?,
            None => {
                let select = Command::new(0, 0xA4, 0x04, 0x00).le(256);
                let first = FileId::Com.fid().to_be_bytes();
                card.announce([select, Cplc::ask()].into_iter().chain(ask_state(&first)));
                card.send(&select).await?;
            }
        }
        let answer = card.expect("GET DATA 9F7F", &Cplc::ask()).await?;
        let cplc = Cplc::parse(&answer).ok_or_else(|| Fault::new(&fault::GARBLED, "CPLC data"))?;
        let chip = name(&profile.chip, &cplc)?;
        let manager = match profile.managed() {
            Some(managed) => Some(introduction(&mut card, managed, &chip).await?),
            None => None,
        };
        let life_cycle = life_cycle(&mut card).await?;
        Ok(Identity {
            chip: ChipId::new(hex::encode(&chip)),
            cplc: hex::encode(cplc.bytes()),
            life_cycle,
            manager,
        })
    })
}

/// Fabricator, type, batch and serial number, if they are such as the profile expects.
fn name(expected: &Expected, cplc: &Cplc) -> Result<[u8; 10], Fault> {
    let (fabricator, kind, batch) = (cplc.fabricator(), cplc.r#type(), cplc.batch());
    if !(fabricator.eq_ignore_ascii_case(&expected.fabricator) && kind.eq_ignore_ascii_case(&expected.r#type))
    {
        return Err(Fault::new(
            &fault::FOREIGN,
            format!("fabricator {fabricator}, type {kind}"),
        ));
    }
    let known = expected.batches.is_empty()
        || expected
            .batches
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&batch));
    if !known {
        return Err(Fault::new(&fault::BATCH, format!("batch {batch}")));
    }
    Ok(cplc.name())
}

/// What the selected card manager says of its keys. The challenge is nobody's secret: nothing is proven here.
async fn introduction(card: &mut Card, managed: &Managed, chip: &[u8; 10]) -> Result<Introduced, Fault> {
    let challenge = managed.challenge(&[0; 16]);
    let (_, introduced) = manager::introduce(card, managed, challenge).await?;
    if managed.diversified_by_identity && introduced.diversification != *chip {
        let names = [introduced.diversification, *chip].map(|name| hex::encode(&name));
        return Err(Fault::new(&fault::TWO_NAMES, names.join(" and ")));
    }
    Ok(introduced)
}

/// Selects the application and asks for its state. The dialect has no command for it, so it is read off what SELECT
/// says: a locked chip refuses to name a protected file, an open one says whether it exists. EF.COM is the first file
/// to be written.
pub(super) async fn life_cycle(card: &mut Card) -> Result<LifeCycle, Fault> {
    let first = FileId::Com.fid();
    card.announce(ask_state(&first.to_be_bytes()).into_iter());
    card.select_application().await?;
    match card.select_file(first).await? {
        Status::SecurityStatus => Ok(LifeCycle::Sealed),
        Status::Success => Ok(LifeCycle::Started),
        Status::FileNotFound => Ok(LifeCycle::Blank),
        status => Err(Fault::new(&fault::REFUSED, format!("SELECT EF.COM {status}"))),
    }
}

fn ask_state(first_file: &[u8; 2]) -> [Command<'_>; 2] {
    [application(), elementary_file(first_file)]
}
