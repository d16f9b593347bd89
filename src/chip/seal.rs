//! Sealing: the one step that cannot be undone, how to ask about it afterwards, and the proof that it took.

use serde::{Deserialize, Serialize};

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::fault;
use super::identify::{self, LifeCycle};
use super::profile::ChipProfile;
use crate::base::Fault;

/// Whether a chip is sealed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealed {
    /// Locked: reading needs access, writing is over.
    Sealed,
    /// Still open for writing: sealing may be done again.
    Open,
}

/// Locks the chip for ever. May be repeated after a tear between its two commands.
#[must_use]
pub fn seal(profile: &ChipProfile) -> Conversation<'_, Sealed> {
    Conversation::new(async move |mut card| {
        card.select_application().await?;
        if profile.applet.personalized_state {
            card.expect("PUT DATA DEAF", &Command::new(0, 0xDA, 0xDE, 0xAF).le(256))
                .await?;
        }
        card.expect("PUT DATA DEAD", &Command::new(0, 0xDA, 0xDE, 0xAD).le(256))
            .await?;
        Ok(Sealed::Sealed)
    })
}

/// Asks a chip after a crash whether sealing took. Changes nothing.
#[must_use]
pub fn probe_sealed() -> Conversation<'static, Sealed> {
    Conversation::new(async |mut card| {
        card.select_application().await?;
        Ok(match identify::life_cycle(&mut card).await? {
            LifeCycle::Sealed => Sealed::Sealed,
            LifeCycle::Started | LifeCycle::Blank => Sealed::Open,
        })
    })
}

/// Proves that a sealed chip takes no write: a new file, a change and a new secret are each refused because of its life
/// cycle. The attempts are such that even a chip that is open would keep what it has.
#[must_use]
pub fn refuses_writes() -> Conversation<'static, ()> {
    Conversation::new(async |mut card| {
        card.select_application().await?;
        // DG16 is on no card; no file is selected; no data are given.
        let attempts = [
            (
                "CREATE FILE",
                Command::new(0, 0xE0, 0, 0).data(&[0x63, 4, 0, 1, 0x01, 0x10]),
            ),
            ("UPDATE BINARY", Command::new(0, 0xD6, 0, 0).data(&[0])),
            ("PUT DATA 62", Command::new(0, 0xDA, 0, 0x62).data(&[0x62, 0])),
        ];
        for (what, attempt) in attempts {
            let (_, status) = card.send(&attempt).await?;
            if !matches!(
                status,
                Status::Conditions | Status::NotAllowed | Status::SecurityStatus | Status::UnknownInstruction
            ) {
                return Err(Fault::new(&fault::NOT_SEALED, format!("{what} {status}")));
            }
        }
        Ok(())
    })
}
