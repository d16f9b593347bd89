//! Reading a sealed chip back as an inspection system would (Doc 9303-11, section 4.2), knowing nothing but what is
//! printed on the card.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::active::Verdict;
use super::apdu::Status;
use super::conversation::Conversation;
use super::link::Card;
use super::pace::{self, Ephemeral, Mapping};
use super::password::Password;
use super::sm::SHORT_READ_MAX;
use super::terminal::Terminal;
use super::{bac, fault, tlv};
use crate::base::{Blame, Fault, Secret};
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::document::sod::Sod;
use crate::document::{CardFiles, FileId};
use crate::pki::elliptic::x_coordinate;

mod prove;
mod read;
mod survey;

use read::{Found, read_file, read_limit};
pub use survey::{Survey, survey};

/// What to inspect.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is known of the card.
    pub password: Password,
    /// Whether a chip without PACE may be opened by BAC.
    pub allow_bac: bool,
    /// Which files to read.
    pub wanted: Wanted,
    /// The most to ask for in one command: 223 for short APDUs, see [`Lengths`](super::profile::Lengths). Nothing to go
    /// by what the chip says of itself in EF.ATR/INFO.
    pub read_max: Option<u32>,
    /// Whether the chip shall prove that it is no copy; needs DG15, which is then read too.
    pub active_authentication: bool,
    /// Whether the chip shall prove the key of DG14 (or of EF.CardSecurity, by chip-authentication mapping) and go on
    /// under new session keys; needs DG14, which is then read too.
    pub chip_authentication: bool,
    /// Who asks for fingerprints and irises, if anybody: terminal authentication follows chip authentication.
    pub terminal: Option<Terminal>,
    /// Whether to note a file that cannot be read and go on, and to open by BAC a chip all of whose ways of PACE are
    /// unsupported: for cards of others. A card of our own has no such excuse.
    pub tolerant: bool,
}

impl Request {
    /// Everything, strictly: all files, both proofs, no BAC.
    #[must_use]
    pub fn new(password: Password) -> Self {
        Self {
            password,
            allow_bac: false,
            wanted: Wanted::All,
            read_max: None,
            active_authentication: true,
            chip_authentication: true,
            terminal: None,
            tolerant: false,
        }
    }
}

/// Which files to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// EF.COM, EF.SOD and every data group that EF.COM lists.
    All,
    /// Only these, such as EF.SOD and DG1 at a packing desk.
    Only(Vec<FileId>),
}

/// How the chip was opened.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// By PACE.
    Pace,
    /// By BAC.
    Bac,
}

/// What the chip holds. Nothing of it has been compared with a dossier or a signature yet.
#[derive(Clone)]
pub struct Inspection {
    /// The files that were read, EF.CardAccess among them if the chip has one.
    pub files: CardFiles,
    /// Files that are on the chip but need terminal authentication (`6982`): the fingerprints.
    pub protected: Vec<FileId>,
    /// Files that are listed but could not be read, or are not what they should be, and why; only if the request is
    /// tolerant.
    pub unread: BTreeMap<FileId, Fault>,
    /// What ended the conversation before its end, such as a wrong checksum: what was not asked until then is not
    /// known. Only if the request is tolerant.
    pub broken_off: Option<Fault>,
    /// How it was opened.
    pub access: Access,
    /// The way of PACE, if that was it.
    pub pace: Option<pace::Offer>,
    /// Whether it proved the key of DG14 or, after chip-authentication mapping, that of EF.CardSecurity.
    pub chip_authentication: Verdict,
    /// Whether it is no copy.
    pub active_authentication: Verdict,
    /// Whether it accepted the terminal.
    pub terminal_authentication: Verdict,
    /// Commands sent.
    pub commands: usize,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection")
            .field("files", &self.files.keys())
            .field("protected", &self.protected)
            .field("unread", &self.unread)
            .field("broken_off", &self.broken_off)
            .field("access", &self.access)
            .field("pace", &self.pace)
            .field("chip_authentication", &self.chip_authentication)
            .field("active_authentication", &self.active_authentication)
            .field("terminal_authentication", &self.terminal_authentication)
            .field("commands", &self.commands)
            .finish()
    }
}

/// Opens a chip and reads it. The seed is used once: it makes the challenges and ephemeral keys of this conversation.
#[must_use]
pub fn inspect(request: Request, seed: &Secret<[u8; 32]>) -> Conversation<'static, Inspection> {
    let random = ChaCha20Rng::from_seed(*seed.expose());
    Conversation::new(async move |card| {
        let inspector = Inspector {
            card,
            read_max: request.read_max.unwrap_or(SHORT_READ_MAX),
            request,
            random,
            seen: Inspection {
                files: CardFiles::new(),
                protected: Vec::new(),
                unread: BTreeMap::new(),
                broken_off: None,
                access: Access::Pace,
                pace: None,
                chip_authentication: Verdict::NotAsked,
                active_authentication: Verdict::NotAsked,
                terminal_authentication: Verdict::NotAsked,
                commands: 0,
            },
            identity: Vec::new(),
            session_key: None,
        };
        inspector.run().await
    })
}

struct Inspector {
    card: Card,
    request: Request,
    read_max: u32,
    random: ChaCha20Rng,
    seen: Inspection,
    /// How terminal authentication names this chip in this session.
    identity: Vec<u8>,
    /// How it names our key, once there was chip authentication.
    session_key: Option<Vec<u8>>,
}

impl Inspector {
    async fn run(mut self) -> Result<Inspection, Fault> {
        self.find_access().await?;
        self.open().await?;
        match self.examine().await {
            // What was read until then is judged all the same.
            Err(broken) if self.request.tolerant && broken.blame() == Blame::Card => {
                self.seen.broken_off = Some(broken);
                self.seen.commands = self.card.commands();
                return Ok(self.seen);
            }
            examined => examined?,
        }
        match self.confirm_access() {
            Err(weakened) if self.request.tolerant => {
                self.seen.unread.insert(FileId::CardAccess, weakened);
            }
            confirmed => confirmed?,
        }
        self.seen.commands = self.card.commands();
        Ok(self.seen)
    }

    /// The proofs and the files.
    async fn examine(&mut self) -> Result<(), Fault> {
        let listed = self.listed().await?;
        if self.request.chip_authentication {
            self.authenticate_chip(&listed).await?;
            self.authenticate_terminal().await?;
        }
        for file in listed {
            self.read(file).await?;
        }
        if self.request.active_authentication {
            self.seen.active_authentication = self.authenticate_actively().await?;
        }
        Ok(())
    }

    /// What told how to open the chip is signed, if all that is signed was asked for.
    fn confirm_access(&self) -> Result<(), Fault> {
        let asked = matches!(self.request.wanted, Wanted::All);
        let is_there = |file| self.seen.files.contains_key(&file) || self.seen.unread.contains_key(&file);
        if asked && self.seen.access == Access::Pace && !is_there(FileId::Dg(14)) {
            return Err(Fault::new(&fault::INCONSISTENT, "no DG14 confirms EF.CardAccess"));
        }
        confirm_card_access(&self.seen.files)
    }

    /// Which ways into the chip are there? EF.CardAccess says, if the chip has it.
    async fn find_access(&mut self) -> Result<(), Fault> {
        if self.request.read_max.is_none()
            && let Some(limit) = read_limit(&mut self.card).await?
        {
            self.read_max = limit;
        }
        let mut card_access = self.fetch(FileId::CardAccess).await?;
        if matches!(card_access, Found::Refused(_)) {
            // Some applets keep it in the application; and BAC needs that selected anyway.
            self.card.select_application().await?;
            card_access = self.fetch(FileId::CardAccess).await?;
        }
        if let Found::File(contents) = card_access {
            self.seen.files.insert(FileId::CardAccess, contents);
        }
        Ok(())
    }

    /// PACE if the chip has it, else BAC if that is allowed; then the application is selected.
    async fn open(&mut self) -> Result<(), Fault> {
        let Some(card_access) = self.seen.files.get(&FileId::CardAccess) else {
            return self.open_by_bac("no PACE").await;
        };
        let offers = pace::offers(card_access).unwrap_or_default();
        let proves = |offer: &&pace::Offer| offer.protocol.mapping == Mapping::ChipAuthentication;
        // Chip-authentication mapping spares a protocol of its own, where that proof is wanted at all.
        let offer = match offers.iter().find(proves) {
            Some(offer) if self.request.chip_authentication => Some(offer),
            _ => offers.iter().find(|offer| !proves(offer)),
        };
        let Some(offer) = offer.or_else(|| offers.first()).copied() else {
            if self.request.tolerant {
                return self.open_by_bac("no PACEInfo that is supported").await;
            }
            return Err(Fault::new(&fault::NO_PROTOCOL, "no PACEInfo that is supported"));
        };
        let own = Ephemeral::random(offer.protocol, offer.group, &mut self.random);
        // A chip that offers PACE and fails is never given a second chance by BAC: that would be a downgrade.
        let opened = pace::open(&mut self.card, offer, &self.request.password, &own).await?;
        self.card.secure(opened.channel);
        self.seen.pace = Some(offer);
        self.seen.access = Access::Pace;
        self.identity = offer.group.compressed(&opened.ephemeral);
        if let (Some((mapping_key, number)), Some(curve)) = (opened.proof, offer.group.curve()) {
            self.session_key = x_coordinate(&opened.own).map(<[u8]>::to_vec);
            self.prove_mapping(curve, &mapping_key, &number).await?;
        }
        self.card.select_application().await
    }

    async fn open_by_bac(&mut self, why: &str) -> Result<(), Fault> {
        let Password::Mrz(mrz) = &self.request.password else {
            return Err(Fault::new(
                &fault::NO_PROTOCOL,
                format!("{why}, and a card access number needs it"),
            ));
        };
        if !self.request.allow_bac {
            return Err(Fault::new(
                &fault::NO_PROTOCOL,
                format!("{why}, and BAC is not allowed"),
            ));
        }
        if !self.card.is_in_application() {
            self.card.select_application().await?;
        }
        let own = bac::Share::random(&mut self.random);
        let channel = bac::open(&mut self.card, mrz, own).await;
        let channel = channel.map_err(|fault| match self.request.tolerant {
            // A chip with no keys yet gives no challenge.
            true if fault.code == &fault::REFUSED => Fault::new(&fault::NOT_WRITTEN, fault.detail),
            _ => fault,
        })?;
        self.card.secure(channel);
        self.seen.access = Access::Bac;
        // The document number and its check digit.
        let information = mrz.information();
        self.identity = information
            .get(..=mrz.document().len())
            .unwrap_or_default()
            .to_vec();
        Ok(())
    }

    /// The files to read, in this order.
    async fn listed(&mut self) -> Result<Vec<FileId>, Fault> {
        if let Wanted::Only(files) = &self.request.wanted {
            return Ok(files.clone());
        }
        self.read(FileId::Com).await?;
        let com = self.seen.files.get(&FileId::Com).map_or(&[][..], Vec::as_slice);
        match listed_in(com) {
            Some(mut listed) if !self.request.tolerant => {
                // EF.SOD goes first: if chip authentication fails, this is the reading that shows it.
                listed.insert(0, FileId::Sod);
                Ok(listed)
            }
            // EF.COM is not signed: what it leaves out is looked for all the same.
            listed if self.request.tolerant => {
                let mut listed = listed.unwrap_or_default();
                self.read(FileId::Sod).await?;
                let sod = self.seen.files.get(&FileId::Sod);
                let sod = sod.and_then(|file| Sod::parse(file).ok());
                let signed = sod.iter().flat_map(|sod| sod.hashes().keys());
                for file in signed.map(|number| FileId::Dg(*number)) {
                    if !listed.contains(&file) {
                        listed.push(file);
                    }
                }
                Ok(listed)
            }
            _ => Err(Fault::new(&fault::INCONSISTENT, "EF.COM cannot be understood")),
        }
    }

    /// Reads a file that must be there, or notes that it is protected.
    async fn read(&mut self, file: FileId) -> Result<(), Fault> {
        let seen = &self.seen;
        if seen.files.contains_key(&file) || seen.protected.contains(&file) || seen.unread.contains_key(&file)
        {
            return Ok(());
        }
        let refused = match self.fetch(file).await {
            Ok(Found::File(contents)) => {
                self.seen.files.insert(file, contents);
                return Ok(());
            }
            Ok(Found::Refused(Status::SecurityStatus)) if matches!(file, FileId::Dg(3 | 4)) => {
                self.seen.protected.push(file);
                return Ok(());
            }
            Ok(Found::Refused(status)) => Fault::new(&fault::INCONSISTENT, format!("{file} {status}")),
            Err(fault) => fault,
        };
        // A broken channel and a mute chip are no matter of this file alone.
        let of_the_file = [
            &fault::REFUSED,
            &fault::GARBLED,
            &fault::LYING,
            &fault::INCONSISTENT,
        ];
        if !self.request.tolerant || !of_the_file.contains(&refused.code) || self.card.is_exhausted() {
            return Err(refused);
        }
        self.seen.unread.insert(file, refused);
        Ok(())
    }

    async fn fetch(&mut self, file: FileId) -> Result<Found, Fault> {
        read_file(&mut self.card, file, self.read_max).await
    }
}

/// The data groups in the tag list of EF.COM (Doc 9303-10, section 4.6.1).
fn listed_in(com: &[u8]) -> Option<Vec<FileId>> {
    let contents = tlv::only(u16::from(FileId::Com.tag()), com)?;
    let tags = tlv::objects(contents)
        .filter_map(Result::ok)
        .find(|object| object.tag == 0x5C)?;
    tags.value
        .iter()
        .map(|tag| FileId::from_tag(*tag).filter(|file| matches!(file, FileId::Dg(_))))
        .collect()
}

/// EF.CardAccess is not signed. What it says counts only if DG14, which is, says the same (Doc 9303-11, section 4.2.1
/// step 2); else PACE could have been weakened on the way, or hidden.
fn confirm_card_access(files: &CardFiles) -> Result<(), Fault> {
    let Some(dg14) = files.get(&FileId::Dg(14)) else {
        return Ok(());
    };
    let Some(card_access) = files.get(&FileId::CardAccess) else {
        let pace = |info: &SecurityInfo| matches!(info, SecurityInfo::Pace { .. });
        let hidden = SecurityInfos::from_dg14(dg14).is_ok_and(|signed| signed.infos().iter().any(pace));
        return if hidden {
            Err(Fault::new(
                &fault::INCONSISTENT,
                "DG14 tells of PACE, and no EF.CardAccess does",
            ))
        } else {
            Ok(())
        };
    };
    let infos = |set: Option<&[u8]>| -> Option<Vec<Vec<u8>>> {
        tlv::objects(tlv::only(0x31, set?)?)
            .map(|info| Some(info.ok()?.whole.to_vec()))
            .collect()
    };
    let signed = infos(tlv::only(u16::from(FileId::Dg(14).tag()), dg14));
    let (Some(open), Some(signed)) = (infos(Some(card_access)), signed) else {
        return Err(Fault::new(
            &fault::INCONSISTENT,
            "EF.CardAccess cannot be held against DG14",
        ));
    };
    if !open.iter().all(|info| signed.contains(info)) {
        return Err(Fault::new(
            &fault::INCONSISTENT,
            "EF.CardAccess is not confirmed by DG14",
        ));
    }
    // Who took a way in away wanted a weaker one used.
    if signed.iter().any(|info| is_of_pace(info) && !open.contains(info)) {
        return Err(Fault::new(
            &fault::INCONSISTENT,
            "EF.CardAccess hides what DG14 tells of PACE",
        ));
    }
    Ok(())
}

/// Is this a `PACEInfo` or a `PACEDomainParameterInfo` (Doc 9303-11, section 9.2)?
fn is_of_pace(info: &[u8]) -> bool {
    /// id-PACE, 0.4.0.127.0.7.2.2.4.
    const PACE: [u8; 8] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04];
    let first = tlv::only(0x30, info).and_then(|fields| tlv::objects(fields).next()?.ok());
    first.is_some_and(|first| first.tag == 0x06 && first.value.starts_with(&PACE))
}

#[cfg(test)]
mod tests;
