//! What a key is for, written into the key itself.
//!
//! `CKA_ID` of every key the daemon makes is one letter for the purpose and then the label. PKCS#11 leaves the meaning
//! of `CKA_ID` to the application (2.40 §4.8) and wants it equal in both halves of a pair. Keys of other applications,
//! whose identifier does not read this way, are not ours and are not listed.

use crate::port::KeyPurpose;

const LETTERS: [(KeyPurpose, u8); 9] = [
    (KeyPurpose::Csca, b'C'),
    (KeyPurpose::DocumentSigner, b'D'),
    (KeyPurpose::Checkpoint, b'K'),
    (KeyPurpose::Manifest, b'M'),
    (KeyPurpose::Intake, b'I'),
    (KeyPurpose::Wrap, b'W'),
    (KeyPurpose::Lookup, b'L'),
    (KeyPurpose::ChipMaster, b'S'),
    (KeyPurpose::ChipMasterTripleDes, b'T'),
];

/// The identifier of a key with this purpose and label.
pub(super) fn identifier(purpose: KeyPurpose, label: &str) -> Vec<u8> {
    let letter = LETTERS
        .iter()
        .find(|(one, _)| *one == purpose)
        .map_or(b'?', |(_, letter)| *letter);
    [&[letter], label.as_bytes()].concat()
}

/// The purpose of the key with this identifier and label, if it is one of ours.
pub(super) fn purpose(identifier: &[u8], label: &str) -> Option<KeyPurpose> {
    let (letter, rest) = identifier.split_first()?;
    let found = LETTERS.iter().find(|(_, one)| one == letter)?;
    (rest == label.as_bytes()).then_some(found.0)
}

/// A key of this purpose is one secret value, not a pair.
pub(super) fn is_secret(purpose: KeyPurpose) -> bool {
    matches!(
        purpose,
        KeyPurpose::Wrap | KeyPurpose::Lookup | KeyPurpose::ChipMaster | KeyPurpose::ChipMasterTripleDes
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_reads_back_and_strangers_do_not() {
        for (wanted, _) in LETTERS {
            assert_eq!(purpose(&identifier(wanted, "ds-01"), "ds-01"), Some(wanted));
        }
        assert_eq!(purpose(b"Dds-02", "ds-01"), None);
        assert_eq!(purpose(b"Xds-01", "ds-01"), None);
        assert_eq!(purpose(b"", ""), None);
    }
}
