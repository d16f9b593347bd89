//! The bundle of an attempt: one immutable set of bytes for one card (law 4).

use serde::{Deserialize, Serialize};

use crate::base::Fault;
use crate::document::sod::SodDraft;
use crate::document::{CardFiles, FileId};

use super::fault::unreadable;

/// What is fixed before the HSM is asked.
#[derive(Deserialize, Serialize)]
pub struct Content {
    files: Vec<File>,
    /// The signed attributes as they will be signed; never rebuilt.
    pub draft: SodDraft,
    /// Label of the signer chosen for it.
    pub signer: String,
}

#[derive(Deserialize, Serialize)]
struct File {
    id: FileId,
    #[serde(with = "crate::base::base64")]
    bytes: Vec<u8>,
}

impl Content {
    /// A bundle of these files.
    #[must_use]
    pub fn new(files: &CardFiles, draft: SodDraft, signer: String) -> Self {
        let files = files
            .iter()
            .map(|(id, bytes)| File {
                id: *id,
                bytes: bytes.clone(),
            })
            .collect();
        Self { files, draft, signer }
    }

    /// The files, EF.SOD not among them.
    #[must_use]
    pub fn files(self) -> CardFiles {
        self.files.into_iter().map(|file| (file.id, file.bytes)).collect()
    }

    /// As stored.
    ///
    /// # Errors
    /// Never for a bundle made by [`Content::new`].
    pub fn encode(&self) -> Result<Vec<u8>, Fault> {
        serde_json::to_vec(self).map_err(|error| unreadable(error.to_string()))
    }

    /// From its stored form.
    ///
    /// # Errors
    /// `LIN-001`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(bytes).map_err(|_| unreadable("bundle content"))
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} files, signer {})", self.files.len(), self.signer)
    }
}
