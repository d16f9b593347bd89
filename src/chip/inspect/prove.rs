//! How a chip proves itself: chip authentication, chip-authentication mapping, active authentication.

use rand_chacha::rand_core::Rng;

use super::super::active::{self, Verdict};
use super::super::apdu::{Command, Status};
use super::super::chip_auth::{self, Offered};
use super::super::{fault, terminal};
use super::read::Found;
use super::{Inspector, Wanted};
use crate::base::Fault;
use crate::document::FileId;
use crate::document::card_security;
use crate::document::security_info::SecurityInfos;
use crate::pki::elliptic::{EllipticCurve, x_coordinate};

impl Inspector {
    /// Chip-authentication mapping (Doc 9303-11, section 4.4.3.5): the number that the chip gave must lead from the
    /// static key to its mapping key. Whether the state signed the static key is for passive authentication to say.
    pub(super) async fn prove_mapping(
        &mut self,
        curve: EllipticCurve,
        mapping_key: &[u8],
        number: &[u8],
    ) -> Result<(), Fault> {
        // The master file is current after PACE.
        self.read(FileId::CardSecurity).await?;
        let file = self.seen.files.get(&FileId::CardSecurity);
        let keys = file.map(|file| card_security::chip_keys(file, curve.parameter_id().into()));
        self.seen.chip_authentication = match keys {
            Some(Ok(keys)) if keys.is_empty() => Verdict::Unsupported,
            Some(Ok(keys)) => {
                let proven = keys
                    .iter()
                    .any(|key| curve.multiply(number, key).as_deref() == Some(mapping_key));
                if proven { Verdict::Genuine } else { Verdict::Failed }
            }
            Some(Err(_)) | None => Verdict::Failed,
        };
        Ok(())
    }

    /// Chip authentication: afterwards everything is read under the new keys, which is the proof that the chip has
    /// them. A chip that cannot follow is opened once more, so that the rest of it is known.
    pub(super) async fn authenticate_chip(&mut self, listed: &[FileId]) -> Result<(), Fault> {
        if self.seen.chip_authentication != Verdict::NotAsked {
            return Ok(());
        }
        let infos = self.dg14(listed).await?;
        self.seen.chip_authentication = match infos.as_ref().map(chip_auth::offered) {
            Some(Offered::Supported(offer)) => return self.move_to_new_keys(&offer, listed).await,
            Some(Offered::Unsupported) => Verdict::Unsupported,
            Some(Offered::Absent) | None => Verdict::Absent,
        };
        Ok(())
    }

    async fn move_to_new_keys(&mut self, offer: &chip_auth::Offer, listed: &[FileId]) -> Result<(), Fault> {
        self.seen.chip_authentication = Verdict::Failed;
        let Some(own) = chip_auth::run(&mut self.card, offer, &mut self.random).await? else {
            return Ok(());
        };
        let next = listed.iter().find(|file| !self.seen.files.contains_key(file));
        let followed = match next {
            Some(file) => self.read(*file).await,
            None => self.card.select_application().await,
        };
        match followed {
            Ok(()) => {
                self.seen.chip_authentication = Verdict::Genuine;
                self.session_key = x_coordinate(&own).map(<[u8]>::to_vec);
            }
            Err(broken) if broken.code == &fault::CHANNEL => {
                self.card.open();
                self.open().await?;
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// Terminal authentication, if there is a terminal and the chip proved itself before.
    pub(super) async fn authenticate_terminal(&mut self) -> Result<(), Fault> {
        if let (Some(terminal), Some(session_key)) = (&self.request.terminal, &self.session_key) {
            self.seen.terminal_authentication =
                terminal::run(&mut self.card, terminal, &self.identity, session_key).await?;
        } else if self.request.terminal.is_some() {
            self.seen.terminal_authentication = Verdict::Unsupported;
        }
        Ok(())
    }

    /// The infos of EF.DG14, or nothing if the chip has none.
    async fn dg14(&mut self, listed: &[FileId]) -> Result<Option<SecurityInfos>, Fault> {
        let dg14 = FileId::Dg(14);
        if listed.contains(&dg14) {
            self.read(dg14).await?;
        } else if matches!(self.request.wanted, Wanted::Only(_)) {
            self.look_for(dg14).await?;
        }
        let infos = self
            .seen
            .files
            .get(&dg14)
            .map(|file| SecurityInfos::from_dg14(file));
        match infos {
            Some(Err(malformed)) if self.request.tolerant => {
                self.seen.unread.insert(dg14, malformed);
                Ok(None)
            }
            infos => infos.transpose(),
        }
    }

    /// Active authentication.
    pub(super) async fn authenticate_actively(&mut self) -> Result<Verdict, Fault> {
        let dg15 = FileId::Dg(15);
        // If everything was read and DG15 is not listed, there is none; a shorter reading has to look.
        if matches!(self.request.wanted, Wanted::Only(_)) {
            self.look_for(dg15).await?;
        }
        let Some(key) = self.seen.files.get(&dg15) else {
            return Ok(Verdict::Absent);
        };
        if active::key(key).is_none() {
            return Ok(Verdict::Unsupported);
        }
        let mut challenge = [0; 8];
        self.random.fill_bytes(&mut challenge);
        // The signature of a long RSA key needs an extended answer.
        let le = if self.read_max > 256 { self.read_max } else { 256 };
        let (signature, status) = self
            .card
            .send(&Command::new(0, 0x88, 0, 0).data(&challenge).le(le))
            .await?;
        let infos = self.seen.files.get(&FileId::Dg(14));
        let infos = infos.and_then(|file| SecurityInfos::from_dg14(file).ok());
        Ok(match status {
            Status::Success => active::verify(key, infos.as_ref(), &challenge, &signature),
            _ => Verdict::Failed,
        })
    }

    /// Reads a file that need not be there.
    async fn look_for(&mut self, file: FileId) -> Result<(), Fault> {
        if self.seen.files.contains_key(&file) {
            return Ok(());
        }
        match self.fetch(file).await? {
            Found::File(contents) => {
                self.seen.files.insert(file, contents);
                Ok(())
            }
            Found::Refused(Status::FileNotFound) => Ok(()),
            Found::Refused(status) => Err(Fault::new(&fault::INCONSISTENT, format!("{file} {status}"))),
        }
    }
}
