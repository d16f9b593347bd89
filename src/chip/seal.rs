//! Sealing: the one step that cannot be undone, how to ask about it afterwards, and the proof that it took.

mod managed;

use serde::{Deserialize, Serialize};

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::fault;
use super::identify::{self, LifeCycle};
use super::link::application;
use super::manager::Credentials;
use super::profile::{ChipProfile, Dialect};
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

/// Locks the chip for ever. May be repeated after a tear between its commands.
///
/// # Errors
/// `CHIP-016` at once if the credentials for a card manager are missing.
pub fn seal<'a>(
    profile: &'a ChipProfile,
    credentials: Option<Credentials<'a>>,
) -> Result<Conversation<'a, Sealed>, Fault> {
    match (&profile.dialect, credentials) {
        (Dialect::EmrtdApplet(open), _) => Ok(Conversation::new(async move |mut card| {
            let lock = |[p1, p2]: [u8; 2]| Command::new(0, 0xDA, p1, p2).le(256);
            card.announce([application()].into_iter().chain(open.steps().map(lock)));
            card.select_application().await?;
            for [p1, p2] in open.steps() {
                card.expect(&format!("PUT DATA {p1:02X}{p2:02X}"), &lock([p1, p2]))
                    .await?;
            }
            Ok(Sealed::Sealed)
        })),
        (Dialect::GlobalPlatform(manager), Some(credentials)) => {
            Ok(Conversation::new(async move |mut card| {
                managed::seal(&mut card, manager, &credentials).await?;
                Ok(Sealed::Sealed)
            }))
        }
        (Dialect::GlobalPlatform(_), None) => Err(Fault::new(&fault::MISUSE, "no keys for the card manager")),
    }
}

/// Asks a chip after a crash whether sealing took. Changes nothing.
#[must_use]
pub fn probe_sealed() -> Conversation<'static, Sealed> {
    Conversation::new(async |mut card| {
        Ok(match identify::life_cycle(&mut card).await? {
            LifeCycle::Sealed => Sealed::Sealed,
            LifeCycle::Started | LifeCycle::Blank => Sealed::Open,
        })
    })
}

/// Proves that a sealed chip takes no write: it says that it is sealed, a new file, a change and a new secret are each
/// refused because of its life cycle, and a card manager knows neither strangers nor the supplier's keys any more.
/// Behind a card manager an open application refuses strangers, too, so it is asked first. The attempts are such that
/// even a chip that is open would keep what it has.
#[must_use]
pub fn refuses_writes(profile: &ChipProfile) -> Conversation<'_, ()> {
    Conversation::new(async |mut card| {
        let state = identify::life_cycle(&mut card).await?;
        if state != LifeCycle::Sealed {
            return Err(Fault::new(&fault::NOT_SEALED, format!("it says {state:?}")));
        }
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
            if !is_refusal(status) {
                return Err(Fault::new(&fault::NOT_SEALED, format!("{what} {status}")));
            }
        }
        match profile.managed() {
            Some(manager) => managed::refuses_writes(&mut card, manager).await,
            None => Ok(()),
        }
    })
}

/// A refusal because of who asks and when, not because of how.
fn is_refusal(status: Status) -> bool {
    matches!(
        status,
        Status::Conditions | Status::NotAllowed | Status::SecurityStatus | Status::UnknownInstruction
    )
}
