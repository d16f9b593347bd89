//! Reading a sealed chip back as an inspection system would (Doc 9303-11, section 4.2), knowing nothing but what is
//! printed on the card.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::active::{self, Verdict};
use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::link::Card;
use super::pace::Ephemeral;
use super::password::Password;
use super::{bac, fault, pace, tlv};
use crate::base::{Fault, Secret};
use crate::document::{CardFiles, FileId};

mod read;

use read::{Found, read_file};

/// What to inspect.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is known of the card.
    pub password: Password,
    /// Whether a chip without PACE may be opened by BAC.
    pub allow_bac: bool,
    /// Which files to read.
    pub wanted: Wanted,
    /// The most to ask for in one command: 223 for short APDUs, see [`Lengths`](super::profile::Lengths).
    pub read_max: u32,
    /// Whether the chip shall prove that it is no copy; needs DG15, which is then read too.
    pub active_authentication: bool,
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
    /// How it was opened.
    pub access: Access,
    /// Whether it is no copy.
    pub active_authentication: Verdict,
    /// Commands sent.
    pub commands: usize,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection")
            .field("files", &self.files.keys())
            .field("protected", &self.protected)
            .field("access", &self.access)
            .field("active_authentication", &self.active_authentication)
            .field("commands", &self.commands)
            .finish()
    }
}

/// Opens a chip and reads it. The seed is used once: it makes the challenges and ephemeral keys of this conversation.
#[must_use]
pub fn inspect(request: Request, seed: &Secret<[u8; 32]>) -> Conversation<'static, Inspection> {
    let random = ChaCha20Rng::from_seed(*seed.expose());
    Conversation::new(async move |card| {
        Inspector {
            card,
            request,
            random,
        }
        .run()
        .await
    })
}

struct Inspector {
    card: Card,
    request: Request,
    random: ChaCha20Rng,
}

impl Inspector {
    async fn run(mut self) -> Result<Inspection, Fault> {
        let mut files = CardFiles::new();
        let access = self.open(&mut files).await?;
        let mut protected = Vec::new();
        let listed = match &self.request.wanted {
            Wanted::Only(files) => files.clone(),
            Wanted::All => {
                self.read(FileId::Com, &mut files, &mut protected).await?;
                let com = files.get(&FileId::Com).map_or(&[][..], Vec::as_slice);
                let mut listed = listed_in(com)
                    .ok_or_else(|| Fault::new(&fault::INCONSISTENT, "EF.COM cannot be understood"))?;
                listed.push(FileId::Sod);
                listed
            }
        };
        for file in listed {
            self.read(file, &mut files, &mut protected).await?;
        }
        let active_authentication = self.authenticate(&mut files).await?;
        confirm_card_access(&files)?;
        Ok(Inspection {
            files,
            protected,
            access,
            active_authentication,
            commands: self.card.commands(),
        })
    }

    /// PACE if the chip has it, else BAC if that is allowed; then the application is selected.
    async fn open(&mut self, files: &mut CardFiles) -> Result<Access, Fault> {
        let card = &mut self.card;
        let mut selected = false;
        let mut card_access = read_file(card, FileId::CardAccess, self.request.read_max).await?;
        if matches!(card_access, Found::Refused(_)) {
            // Some applets keep it in the application; and BAC needs that selected anyway.
            card.select_application().await?;
            selected = true;
            card_access = read_file(card, FileId::CardAccess, self.request.read_max).await?;
        }
        if let Found::File(contents) = card_access {
            let offer = pace::offer(&contents)
                .ok_or_else(|| Fault::new(&fault::NO_PROTOCOL, "no PACEInfo that is supported"))?;
            files.insert(FileId::CardAccess, contents);
            let own = Ephemeral::random(offer.curve, &mut self.random);
            // A chip that offers PACE and fails is never given a second chance by BAC: that would be a downgrade.
            let channel = pace::open(card, offer, &self.request.password, &own).await?;
            card.secure(channel);
            card.select_application().await?;
            return Ok(Access::Pace);
        }
        let Password::Mrz(mrz) = &self.request.password else {
            return Err(Fault::new(&fault::NO_PROTOCOL, "a card access number needs PACE"));
        };
        if !self.request.allow_bac {
            return Err(Fault::new(&fault::NO_PROTOCOL, "no PACE, and BAC is not allowed"));
        }
        if !selected {
            card.select_application().await?;
        }
        let channel = bac::open(card, mrz, bac::Share::random(&mut self.random)).await?;
        card.secure(channel);
        Ok(Access::Bac)
    }

    /// Reads a file that must be there, or notes that it is protected.
    async fn read(
        &mut self,
        file: FileId,
        files: &mut CardFiles,
        protected: &mut Vec<FileId>,
    ) -> Result<(), Fault> {
        if files.contains_key(&file) || protected.contains(&file) {
            return Ok(());
        }
        match read_file(&mut self.card, file, self.request.read_max).await? {
            Found::File(contents) => {
                files.insert(file, contents);
            }
            Found::Refused(Status::SecurityStatus) if matches!(file, FileId::Dg(3 | 4)) => {
                protected.push(file);
            }
            Found::Refused(status) => {
                return Err(Fault::new(&fault::INCONSISTENT, format!("{file} {status}")));
            }
        }
        Ok(())
    }

    async fn authenticate(&mut self, files: &mut CardFiles) -> Result<Verdict, Fault> {
        if !self.request.active_authentication {
            return Ok(Verdict::NotAsked);
        }
        let dg15 = FileId::Dg(15);
        // If everything was read and DG15 is not listed, there is none; a shorter reading has to look.
        if matches!(self.request.wanted, Wanted::Only(_)) && !files.contains_key(&dg15) {
            match read_file(&mut self.card, dg15, self.request.read_max).await? {
                Found::File(contents) => {
                    files.insert(dg15, contents);
                }
                Found::Refused(Status::FileNotFound) => {}
                Found::Refused(status) => {
                    return Err(Fault::new(&fault::INCONSISTENT, format!("{dg15} {status}")));
                }
            }
        }
        let Some(key) = files.get(&dg15) else {
            return Ok(Verdict::Absent);
        };
        if active::public_point(key).is_none() {
            return Ok(Verdict::Unsupported);
        }
        let mut challenge = [0; 8];
        self.random.fill_bytes(&mut challenge);
        let (signature, status) = self
            .card
            .send(&Command::new(0, 0x88, 0, 0).data(&challenge).le(256))
            .await?;
        Ok(match status {
            Status::Success => active::verify(key, &challenge, &signature),
            _ => Verdict::Failed,
        })
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
/// step 2); else PACE could have been weakened on the way.
fn confirm_card_access(files: &CardFiles) -> Result<(), Fault> {
    let (Some(card_access), Some(dg14)) = (files.get(&FileId::CardAccess), files.get(&FileId::Dg(14))) else {
        return Ok(());
    };
    let infos = |set: Option<&[u8]>| -> Option<Vec<Vec<u8>>> {
        tlv::objects(tlv::only(0x31, set?)?)
            .map(|info| Some(info.ok()?.whole.to_vec()))
            .collect()
    };
    let signed = infos(tlv::only(u16::from(FileId::Dg(14).tag()), dg14));
    match (infos(Some(card_access)), signed) {
        (Some(open), Some(signed)) if open.iter().all(|info| signed.contains(info)) => Ok(()),
        _ => Err(Fault::new(
            &fault::INCONSISTENT,
            "EF.CardAccess is not confirmed by DG14",
        )),
    }
}

#[cfg(test)]
mod tests;
