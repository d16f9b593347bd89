//! What is found wrong before the first byte is written: a chip of this kind does not take this card, or two parts of
//! the card do not belong together, which would otherwise be found only after seal.

use super::{ActiveSecret, CardImage, RsaSecret, TRUST_POINTS_MAX, managed};
use crate::base::Fault;
use crate::chip::profile::{ChipProfile, PutData};
use crate::chip::{active, fault};
use crate::document::FileId;
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::pki::{CvCertificate, CvRole, EllipticCurve, PublicKey, modular, rsa};

/// # Errors
/// `CHIP-014` with what is wrong.
pub(super) fn check(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    profile.check_files(image.files)?;
    if image.can.is_some() && !profile.takes(PutData::PaceSecret) {
        return refuse("the chip takes no card access number");
    }
    if profile.managed().is_some() {
        managed::check(profile, image)?;
    }
    active_authentication(profile, image)?;
    chip_authentication(profile, image)?;
    trust_points(profile, image.cvcas)
}

fn refuse(what: &str) -> Result<(), Fault> {
    Err(Fault::new(&fault::IMAGE, what))
}

fn active_authentication(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    let (dg15, key) = match (image.files.get(&FileId::Dg(15)), image.active_authentication) {
        (None, None) => return Ok(()),
        (Some(_), None) => return refuse("DG15 without its private key"),
        (None, Some(_)) => return refuse("a private key without DG15"),
        (Some(dg15), Some(key)) => (dg15, key),
    };
    let (taken, fits) = match (key, active::key(dg15)) {
        (ActiveSecret::Elliptic(own), named) => (
            profile.takes(PutData::ActiveAuthentication),
            named.is_some_and(|named| is_pair(&named, own.expose())),
        ),
        (ActiveSecret::Rsa(own), Some(PublicKey::Rsa(named))) => {
            (profile.takes(PutData::ActiveModulus), opens(&named, own))
        }
        (ActiveSecret::Rsa(_), _) => (profile.takes(PutData::ActiveModulus), false),
    };
    if !taken {
        return refuse("the chip takes no such key for active authentication");
    }
    if !fits {
        return refuse("DG15 is not the public key of the private key");
    }
    Ok(())
}

fn chip_authentication(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    let dg14 = image.files.get(&FileId::Dg(14));
    // What DG14 says besides is checked where it is made; a DG14 that cannot be read names no key.
    let infos = dg14.and_then(|file| SecurityInfos::from_dg14(file).ok());
    let named: Vec<PublicKey> = infos
        .iter()
        .flat_map(SecurityInfos::infos)
        .filter_map(|info| match info {
            SecurityInfo::ChipAuthenticationPublicKey { key, .. } => PublicKey::from_spki(key).ok(),
            _ => None,
        })
        .collect();
    match (&named[..], image.chip_authentication) {
        ([], None) => Ok(()),
        (_, Some(_)) if !profile.takes(PutData::ChipAuthentication) => {
            refuse("the chip takes no key for chip authentication")
        }
        ([named], Some(own)) if is_pair(named, own.expose()) => Ok(()),
        (_, Some(_)) => refuse("DG14 does not name the public key of the private key"),
        (_, None) => refuse("DG14 names a key for chip authentication, without its private key"),
    }
}

fn trust_points(profile: &ChipProfile, cvcas: &[CvCertificate]) -> Result<(), Fault> {
    if cvcas.is_empty() {
        return Ok(());
    }
    if !profile.takes(PutData::TrustPoint) {
        return refuse("the chip takes no certificate of a CVCA");
    }
    if cvcas.len() > TRUST_POINTS_MAX {
        return refuse("more CVCAs than a chip has places for");
    }
    for cvca in cvcas {
        if cvca.role != CvRole::Authority || cvca.curve.is_none() {
            return refuse("a certificate that is no CVCA's with its curve");
        }
        if cvca.body.len() > profile.apdu.command_data_max {
            return refuse("a CVCA's certificate is longer than a command");
        }
    }
    Ok(())
}

fn is_pair(named: &PublicKey, private: &[u8; 32]) -> bool {
    let own = EllipticCurve::P256.public(private);
    own.is_some_and(|own| named.p256_point().is_some_and(|point| own == point))
}

/// What the private key closes, the public one opens.
fn opens(named: &[u8], own: &RsaSecret) -> bool {
    // Any number below the modulus: leading zeros and one byte.
    let sample = [0x02];
    let closed = modular::power(&sample, own.exponent.expose(), &own.modulus);
    let opened = closed.and_then(|closed| rsa::open(named, &closed));
    opened.is_some_and(|opened| {
        opened.modulus == own.modulus
            && opened.message.iter().rev().take(1).eq(&sample)
            && opened.message.iter().rev().skip(1).all(|byte| *byte == 0)
    })
}
