//! The card manager, and how it is convinced (GlobalPlatform Card Specification 2.3.1, section 11): which keys a chip
//! has, whether they are ours, and the channel through which it is managed.

use serde::{Deserialize, Serialize};

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::link::{Card, refused};
use super::profile::{ChipProfile, Managed};
use super::scp::{ChipKeys, DIVERSIFICATION, DataKey, Introduction, Opened, initialize_update};
use super::{APPLICATION, fault};
use crate::base::{Fault, hex};

/// The keys of one chip, computed by the HSM from its diversification data.
#[derive(Debug)]
pub struct CardKeys {
    /// Whose keys these are.
    pub diversification: [u8; DIVERSIFICATION],
    /// With which it was delivered.
    pub transport: ChipKeys,
    /// With which it leaves the house: nobody but the issuer manages it then.
    pub issuer: ChipKeys,
}

/// What a writer proves itself with.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The chip's keys.
    pub keys: &'a CardKeys,
    /// Fresh randomness.
    pub challenge: [u8; 16],
}

/// Which of its two key sets a chip has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySet {
    /// The supplier's.
    Transport,
    /// The issuer's: sealing has begun, or is done.
    Issuer,
}

/// What a card manager says of its keys.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Introduced {
    /// From which its keys follow.
    pub diversification: [u8; DIVERSIFICATION],
    /// Which they are.
    pub keys: KeySet,
}

/// The short test of a blank before it is bound: it holds the transport keys that were made for it. It is told nothing
/// that it could count as a failed authentication.
///
/// # Errors
/// `CHIP-014` if the profile's chips have no card manager.
pub fn pretest<'a>(
    profile: &'a ChipProfile,
    credentials: Credentials<'a>,
) -> Result<Conversation<'a, ()>, Fault> {
    let managed = managed(profile)?;
    Ok(Conversation::new(async move |mut card| {
        select(&mut card, managed).await?;
        let challenge = managed.challenge(&credentials.challenge);
        let (introduction, introduced) = introduce(&mut card, managed, challenge).await?;
        same_chip(&introduced, credentials.keys)?;
        match introduced.keys {
            KeySet::Transport => {
                introduction.prove(&credentials.keys.transport, challenge, &managed.manager())
            }
            KeySet::Issuer => Err(Fault::new(&fault::ALREADY_OURS, "")),
        }
    }))
}

/// The profile's card manager.
pub(super) fn managed(profile: &ChipProfile) -> Result<&Managed, Fault> {
    let none = || Fault::new(&fault::IMAGE, format!("{} has no card manager", profile.id));
    profile.managed().ok_or_else(none)
}

/// Selects the card manager by its name.
pub(super) async fn select(card: &mut Card, managed: &Managed) -> Result<(), Fault> {
    let name = managed.manager();
    let (_, status) = card
        .send(&Command::new(0, 0xA4, 0x04, 0x00).data(&name).le(256))
        .await?;
    match status {
        Status::Success => Ok(()),
        // CARD_LOCKED answers with a warning, TERMINATED with another (section 11.9.3.2).
        Status::Deactivated | Status::Conditions | Status::Other(0x6285) => {
            Err(Fault::new(&fault::LOCKED, format!("card manager {status}")))
        }
        _ => Err(Fault::new(&fault::FOREIGN, format!("no card manager, {status}"))),
    }
}

/// Asks the selected card manager for its keys, whichever it has.
pub(super) async fn introduce(
    card: &mut Card,
    managed: &Managed,
    challenge: &[u8],
) -> Result<(Introduction, Introduced), Fault> {
    let (answer, status) = card.send_ready(initialize_update(0, challenge)).await?;
    match status {
        Status::Success => {}
        Status::NotFound => return Err(Fault::new(&fault::KEYS, format!("INITIALIZE UPDATE {status}"))),
        Status::Conditions => return Err(Fault::new(&fault::LOCKED, format!("INITIALIZE UPDATE {status}"))),
        _ => return Err(refused("INITIALIZE UPDATE", status)),
    }
    let introduction = Introduction::parse(managed.protocol, &answer)?;
    let keys = match introduction.key_version {
        version if version == managed.transport_version => KeySet::Transport,
        version if version == managed.issuer_version => KeySet::Issuer,
        version => return Err(Fault::new(&fault::KEYS, format!("version {version:02X}"))),
    };
    if let Some(options) = introduction.options()
        && options != managed.options()
    {
        let what = format!("{} with options {options:02X}", managed.protocol);
        return Err(Fault::new(&fault::KEYS, what));
    }
    let introduced = Introduced {
        diversification: introduction.diversification,
        keys,
    };
    Ok((introduction, introduced))
}

/// Opens the channel with whichever of the two key sets the chip has; it says which, and what secrets are encrypted
/// with besides.
///
/// # Errors
/// `CHIP-031` before the chip was told anything, `CHIP-033` if it refused although it holds the keys.
pub(super) async fn admit(
    card: &mut Card,
    managed: &Managed,
    credentials: &Credentials<'_>,
) -> Result<(KeySet, DataKey), Fault> {
    select(card, managed).await?;
    let challenge = managed.challenge(&credentials.challenge);
    let (introduction, introduced) = introduce(card, managed, challenge).await?;
    same_chip(&introduced, credentials.keys)?;
    let keys = match introduced.keys {
        KeySet::Transport => &credentials.keys.transport,
        KeySet::Issuer => &credentials.keys.issuer,
    };
    let Opened {
        channel,
        authenticate,
        data,
    } = introduction.open(keys, challenge, &managed.manager(), managed.level)?;
    match card.send_ready(authenticate).await? {
        (_, Status::Success) => card.manage(channel),
        (_, status) => {
            return Err(Fault::new(
                &fault::NOT_ADMITTED,
                format!("EXTERNAL AUTHENTICATE {status}"),
            ));
        }
    }
    Ok((introduced.keys, data))
}

/// What follows goes to the application (section 11.5.2.3.6): no load file, no module, its name, no privileges, no
/// parameters, no token.
pub(super) async fn install_for_personalization(card: &mut Card) -> Result<(), Fault> {
    let [a, b, c, d, e, f, g] = APPLICATION;
    let data = [0, 0, 7, a, b, c, d, e, f, g, 0, 0, 0];
    card.expect(
        "INSTALL [for personalization]",
        &Command::new(0x80, 0xE6, 0x20, 0).data(&data).le(256),
    )
    .await?;
    Ok(())
}

/// The chip that the keys were made for is the one that answers.
fn same_chip(introduced: &Introduced, keys: &CardKeys) -> Result<(), Fault> {
    if introduced.diversification == keys.diversification {
        return Ok(());
    }
    let names = [introduced.diversification, keys.diversification].map(|name| hex::encode(&name));
    Err(Fault::new(&fault::TWO_NAMES, names.join(" and ")))
}
