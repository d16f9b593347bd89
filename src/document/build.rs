//! All files of a chip but EF.SOD, from an approved dossier.
//!
//! Nothing here depends on the blank or on today's date: the same dossier, profile, keys, number and filler give the
//! same bytes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use unicode_normalization::is_nfc;

use crate::base::Fault;
use crate::base::limits::ELEMENTARY_FILE_BYTES_MAX;
use crate::document::com::{Com, UNICODE_VERSION};
use crate::document::dg13::Dg13;
use crate::document::fault::{
    FIELD_MISSING, FIELD_UNFIT, FILE_TOO_LARGE, PREPARATION_WRONG, PROFILE_MISMATCH,
};
use crate::document::field::{Field, Value};
use crate::document::file::{CardFiles, FileId};
use crate::document::mrz::Mrz;
use crate::document::profile::{CardProfile, PaceProtocol};
use crate::document::security_info::{
    ECDSA_PLAIN_SHA256, PACE_ECDH_GM_AES_128, PK_ECDH, SecurityInfo, SecurityInfos,
};
use crate::document::{dg1, dg2, dg3, dg15};
use crate::dossier::Dossier;
use crate::pki::Curve;

pub use crate::document::compare::{Difference, How, compare};

/// Characters of the card number, DG13's item 16.
pub const CARD_NUMBER: usize = 16;

/// What of the chip's own keys is public.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChipPublic {
    /// Key of active authentication: an uncompressed point of P-256.
    pub active_authentication: Option<[u8; 65]>,
    /// Key of chip authentication: an uncompressed point of P-256.
    pub chip_authentication: Option<[u8; 65]>,
}

impl ChipPublic {
    /// All points there are, in the order of the fields.
    pub fn points(&self) -> impl Iterator<Item = &[u8; 65]> {
        self.active_authentication.iter().chain(&self.chip_authentication)
    }
}

/// Random bytes that stand in DG3 of a person without fingerprints.
pub const FILLER: usize = 16;

/// EF.CardAccess, EF.COM and every data group of the profile. `card_number` is the id given to this card at
/// preparation, `filler` what stands for fingerprints where there are none.
///
/// # Errors
/// A dossier fault if the dossier lacks or spoils what the profile needs; a bug if key, number or profile are not the
/// dossier's.
pub fn files(
    dossier: &Dossier,
    profile: &CardProfile,
    public: &ChipPublic,
    card_number: &str,
    filler: [u8; FILLER],
) -> Result<CardFiles, Fault> {
    check_preparation(dossier, profile, card_number)?;
    check_fields(dossier, profile)?;

    let mut files = CardFiles::new();
    if let Some(infos) = card_access(profile) {
        files.insert(FileId::CardAccess, infos.card_access());
    }
    let com = Com {
        lds_version: profile.sod.lds_version().to_owned(),
        unicode_version: UNICODE_VERSION.to_owned(),
        data_groups: profile.chip.data_groups.clone(),
    };
    files.insert(FileId::Com, com.encode());
    files.insert(FileId::Dg(1), dg1::encode(&Mrz::compose(dossier, profile)?));
    match (profile.has_portrait(), &dossier.portrait) {
        (true, Some(portrait)) => {
            files.insert(FileId::Dg(2), dg2::encode(portrait)?);
        }
        (true, None) => return Err(Fault::new(&FIELD_MISSING, "portrait")),
        (false, None) => {}
        (false, Some(_)) => {
            return Err(Fault::new(&FIELD_UNFIT, "portrait: the card has none"));
        }
    }
    if profile.has_data_group(3) {
        files.insert(FileId::Dg(3), dg3::encode(dossier, &filler)?);
    }
    if let Some(dg13) = profile.dg13 {
        let content = Dg13::of(dossier, dg13.place, &profile.face.unlimited_expiry, card_number);
        files.insert(FileId::Dg(13), content.encode(dg13)?);
    }
    if profile.has_data_group(14) {
        files.insert(FileId::Dg(14), security_infos(profile, public)?.dg14());
    }
    match (profile.chip.active_authentication, &public.active_authentication) {
        (true, Some(point)) => {
            files.insert(FileId::Dg(15), dg15::encode(point)?);
        }
        (false, None) => {}
        _ => return Err(Fault::new(&PREPARATION_WRONG, "key of active authentication")),
    }
    check_completeness(&files, profile)?;
    Ok(files)
}

/// What EF.SOD signs: SHA-256 over each data group, its outer tag and length included (Doc 9303-10, 4.6.2).
#[must_use]
pub fn hashes(files: &CardFiles) -> BTreeMap<u8, [u8; 32]> {
    files
        .iter()
        .filter_map(|(file, bytes)| match file {
            FileId::Dg(number) => Some((*number, Sha256::digest(bytes).into())),
            FileId::CardAccess | FileId::CardSecurity | FileId::Com | FileId::Sod => None,
        })
        .collect()
}

/// What EF.CardAccess says, if the chip has PACE.
#[must_use]
pub fn card_access(profile: &CardProfile) -> Option<SecurityInfos> {
    pace(profile).map(|pace| SecurityInfos::new(vec![pace]))
}

/// What EF.DG14 says: all of EF.CardAccess, the algorithm of active authentication, and the key of chip authentication.
fn security_infos(profile: &CardProfile, public: &ChipPublic) -> Result<SecurityInfos, Fault> {
    let active = profile
        .chip
        .active_authentication
        .then_some(SecurityInfo::ActiveAuthentication {
            algorithm: ECDSA_PLAIN_SHA256,
        });
    let mut infos: Vec<SecurityInfo> = pace(profile).into_iter().chain(active).collect();
    match (profile.chip.chip_authentication, &public.chip_authentication) {
        (Some(protocol), Some(point)) => infos.extend([
            SecurityInfo::ChipAuthentication {
                protocol: protocol.oid(),
                key_id: None,
            },
            SecurityInfo::ChipAuthenticationPublicKey {
                protocol: PK_ECDH,
                // Doc 9303-11, section 9.2.6: explicit parameters.
                key: Curve::Explicit.spki(point)?,
                key_id: None,
            },
        ]),
        (None, None) => {}
        _ => return Err(Fault::new(&PREPARATION_WRONG, "key of chip authentication")),
    }
    Ok(SecurityInfos::new(infos))
}

fn pace(profile: &CardProfile) -> Option<SecurityInfo> {
    profile.chip.pace.as_ref().map(|pace| SecurityInfo::Pace {
        protocol: match pace.protocol {
            PaceProtocol::EcdhGmAes128 => PACE_ECDH_GM_AES_128,
        },
        parameter_id: Some(pace.parameter_id.into()),
    })
}

fn check_preparation(dossier: &Dossier, profile: &CardProfile, card_number: &str) -> Result<(), Fault> {
    if dossier.profile != profile.id {
        return Err(Fault::new(&PROFILE_MISMATCH, profile.id.as_str()));
    }
    if card_number.len() != CARD_NUMBER || !card_number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Fault::new(&PREPARATION_WRONG, "card number"));
    }
    Ok(())
}

fn check_fields(dossier: &Dossier, profile: &CardProfile) -> Result<(), Fault> {
    for field in Field::ALL {
        match field.of(dossier) {
            Value::Absent if profile.requirements.fields.contains(&field) => {
                return Err(Fault::new(&FIELD_MISSING, field.name()));
            }
            // Readers compare texts byte by byte, and printers draw letter by letter.
            Value::Text(text) if !is_nfc(text) || text.chars().any(char::is_control) => {
                return Err(Fault::new(&FIELD_UNFIT, field.name()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The tag list of EF.COM, the hashes in EF.SOD and the files on the chip must be the same list.
fn check_completeness(files: &CardFiles, profile: &CardProfile) -> Result<(), Fault> {
    for (file, bytes) in files {
        if bytes.len() > ELEMENTARY_FILE_BYTES_MAX {
            return Err(Fault::new(&FILE_TOO_LARGE, file.to_string()));
        }
    }
    let built = |number: &u8| files.contains_key(&FileId::Dg(*number));
    if data_groups(files) == profile.chip.data_groups.len() && profile.chip.data_groups.iter().all(built) {
        Ok(())
    } else {
        Err(Fault::new(
            &PREPARATION_WRONG,
            "data groups are not those of the profile",
        ))
    }
}

fn data_groups(files: &CardFiles) -> usize {
    files.keys().filter(|file| matches!(file, FileId::Dg(_))).count()
}

#[cfg(test)]
mod tests;
