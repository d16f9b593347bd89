//! Do the keys in the HSM belong to the configuration and the certificates, and do they sign?

use super::fault::KEY;
use crate::base::Fault;
use crate::config::Config;
use crate::device::pkcs11::Hsm;
use crate::pki::SignerKey;
use crate::pki::fault::KEY_MISMATCH;
use crate::port::{KeyInfo, KeyPurpose, Signer};

/// Public points of the manifest, checkpoint and intake keys, once every key has been found for its purpose, every
/// signer's key belongs to its certificate, and every key that signs has signed.
pub(super) async fn prove(
    hsm: &Hsm,
    config: &Config,
    signers: &[SignerKey],
) -> Result<([u8; 65], [u8; 65], [u8; 65]), Fault> {
    let keys = hsm.keys().await?;
    let labels = &config.keys;
    find(&keys, &labels.lookup, KeyPurpose::Lookup)?;
    if let (Some(chips), Some(managed)) = (&labels.chips, config.chip_profile()?.managed()) {
        let transport = KeyPurpose::of_masters(managed.diversification);
        find(&keys, &chips.transport, transport)?;
        find(&keys, &chips.issuer, KeyPurpose::ChipMaster)?;
    }
    let manifest = point_of(&keys, &labels.manifest, KeyPurpose::Manifest)?;
    let checkpoint = point_of(&keys, &labels.checkpoint, KeyPurpose::Checkpoint)?;
    let intake = point_of(&keys, &labels.intake, KeyPurpose::Intake)?;
    for signer in signers {
        let point = point_of(&keys, &signer.label, KeyPurpose::DocumentSigner)?;
        if signer.certificate.key.p256_point() != Some(&point) {
            return Err(Fault::new(&KEY_MISMATCH, signer.label.as_str()));
        }
    }
    let signing = signers.iter().map(|signer| &signer.label);
    for label in signing.chain([&labels.manifest, &labels.checkpoint]) {
        hsm.self_test(label).await?;
    }
    Ok((manifest, checkpoint, intake))
}

/// The public point of the key with this label and purpose.
///
/// # Errors
/// `FAC-004` if there is none.
pub(in crate::cli) fn point_of(
    keys: &[KeyInfo],
    label: &str,
    purpose: KeyPurpose,
) -> Result<[u8; 65], Fault> {
    let key = find(keys, label, purpose)?;
    key.public
        .as_slice()
        .try_into()
        .map_err(|_| Fault::new(&KEY, format!("{label}: no public point")))
}

fn find<'a>(keys: &'a [KeyInfo], label: &str, purpose: KeyPurpose) -> Result<&'a KeyInfo, Fault> {
    keys.iter()
        .find(|key| key.label == label && key.purpose == purpose)
        .ok_or_else(|| Fault::new(&KEY, format!("{label}, {purpose:?}")))
}
