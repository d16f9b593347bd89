//! The label: one line of text, as a square code on the manifest and on the box, checkable offline with nothing but the
//! facility's public key.
//!
//! `CW1.<box>.<cards>.<digest>.<signature>`: the digest is the manifest's, the signature covers everything before its
//! own full stop; both are base64url without padding (RFC 4648 section 5).

use data_encoding::BASE64URL_NOPAD;

use super::Manifest;
use crate::audit::{Hash, fault, seal};
use crate::base::Fault;

/// Version and kind of label in one word.
const CW1: &str = "CW1";

impl Manifest {
    /// The part of the label that is signed.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if the manifest contradicts itself.
    pub fn label(&self) -> Result<String, Fault> {
        let digest = BASE64URL_NOPAD.encode(&self.digest()?.0);
        Ok(format!("{CW1}.{}.{}.{digest}", self.box_id, self.lines.len()))
    }

    /// The SHA-256 of [`Self::label`], which is what the HSM signs.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if the manifest contradicts itself.
    pub fn signing_digest(&self) -> Result<[u8; 32], Fault> {
        Ok(Hash::of(&[self.label()?.as_bytes()]).0)
    }

    /// The label's whole text, from the HSM's signature (raw r‖s).
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if the manifest contradicts itself.
    pub fn qr_text(&self, signature: &[u8; 64]) -> Result<String, Fault> {
        let signature = BASE64URL_NOPAD.encode(signature);
        Ok(format!("{}.{signature}", self.label()?))
    }
}

/// Checks that a label was signed with this key and belongs to this manifest; gives the manifest back as read.
///
/// # Errors
/// `LABEL_UNREADABLE`, `SIGNATURE_WRONG`, `MANIFEST_UNREADABLE`, `MANIFEST_REFUSED`, or `LABEL_DIFFERS` with what
/// differs.
pub fn verify_qr(text: &str, manifest_json: &[u8], point: &[u8]) -> Result<Manifest, Fault> {
    let unreadable = || Fault::new(&fault::LABEL_UNREADABLE, "");
    let differs = |what: &str| Err(Fault::new(&fault::LABEL_DIFFERS, what));

    let (label, signature) = text.rsplit_once('.').ok_or_else(unreadable)?;
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .map_err(|_| unreadable())?;
    let &[CW1, box_id, cards, _digest] = label.split('.').collect::<Vec<_>>().as_slice() else {
        return Err(unreadable());
    };
    // First the signature: of a text nobody vouches for, nothing else is worth saying.
    seal::verify(point, label.as_bytes(), &signature)?;

    let manifest = Manifest::from_json(manifest_json)?;
    if box_id != manifest.box_id.as_str() {
        return differs("box number");
    }
    if cards != manifest.lines.len().to_string() {
        return differs("number of cards");
    }
    if label != manifest.label()? {
        return differs("content");
    }
    Ok(manifest)
}
