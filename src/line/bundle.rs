//! The bundle of an attempt: one immutable set of bytes for one card (law 4).

use serde::{Deserialize, Serialize};

use crate::base::Fault;
use crate::chip::Can;
use crate::document::sod::SodDraft;
use crate::document::{CardFiles, FileId};

use super::fault::unreadable;

/// What is fixed before the HSM is asked.
pub struct Content {
    files: CardFiles,
    /// The signed attributes as they will be signed; never rebuilt.
    pub draft: SodDraft,
    /// Label of the signer chosen for it.
    pub signer: String,
    /// The card access number drawn for this card, if it has one: it goes into the chip and onto the face.
    pub can: Option<Can>,
}

/// What stands before the files' bytes, in JSON.
#[derive(Deserialize, Serialize)]
struct Head {
    /// The files in their order, and how long each is.
    files: Vec<(FileId, usize)>,
    draft: SodDraft,
    signer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    can: Option<String>,
}

impl Content {
    /// A bundle of these files.
    #[must_use]
    pub fn new(files: CardFiles, draft: SodDraft, signer: String, can: Option<Can>) -> Self {
        Self {
            files,
            draft,
            signer,
            can,
        }
    }

    /// The files, EF.SOD not among them.
    #[must_use]
    pub fn files(self) -> CardFiles {
        self.files
    }

    /// As stored: the length of the head in four bytes, the head, the bytes of all files.
    ///
    /// # Errors
    /// `LIN-001` for a head that cannot be written, which no bundle has.
    pub fn encode(&self) -> Result<Vec<u8>, Fault> {
        let head = Head {
            files: self.files.iter().map(|(id, bytes)| (*id, bytes.len())).collect(),
            draft: self.draft.clone(),
            signer: self.signer.clone(),
            can: self.can.as_ref().map(|can| can.as_str().to_owned()),
        };
        let head = serde_json::to_vec(&head).map_err(|error| unreadable(error.to_string()))?;
        let length = u32::try_from(head.len()).map_err(|_| unreadable("bundle head"))?;
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(head);
        for file in self.files.values() {
            bytes.extend(file);
        }
        Ok(bytes)
    }

    /// From its stored form.
    ///
    /// # Errors
    /// `LIN-001`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let broken = || unreadable("bundle content");
        let (length, rest) = bytes.split_first_chunk().ok_or_else(broken)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| broken())?;
        let (head, mut rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| broken())?;
        let mut files = CardFiles::new();
        for (id, length) in head.files {
            let (file, behind) = rest.split_at_checked(length).ok_or_else(broken)?;
            files.insert(id, file.to_vec());
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(broken());
        }
        let can = head.can.map(|digits| Can::new(&digits)).transpose()?;
        Ok(Self::new(files, head.draft, head.signer, can))
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} files, signer {})", self.files.len(), self.signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sod::LdsVersion;

    #[test]
    fn a_bundle_reads_back_and_a_damaged_one_does_not() {
        let files = CardFiles::from([
            (FileId::Dg(1), vec![0x61, 1, 2]),
            (FileId::Dg(2), vec![0x75; 300]),
            (FileId::Com, Vec::new()),
        ]);
        let hashes = [(1, [1; 32]), (2, [2; 32])].into();
        let draft = SodDraft::new(&hashes, LdsVersion::V1, None).unwrap();
        let bytes = |can: Option<&str>| {
            let can = can.map(|digits| Can::new(digits).unwrap());
            let content = Content::new(files.clone(), draft.clone(), "ds".into(), can);
            content.encode().unwrap()
        };
        for can in [None, Some("004711")] {
            let read = Content::decode(&bytes(can)).unwrap();
            assert_eq!((&read.draft, read.signer.as_str()), (&draft, "ds"));
            assert_eq!(read.can.as_ref().map(Can::as_str), can);
            assert_eq!(read.files(), files);
        }
        let bytes = bytes(None);
        for damaged in [
            &bytes[..bytes.len() - 1],
            &bytes[..3],
            &[&bytes[..], &[0]].concat(),
        ] {
            assert!(Content::decode(damaged).is_err());
        }
    }
}
