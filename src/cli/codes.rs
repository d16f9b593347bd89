//! Every fault code of the house, so that a code in a ledger, a log or a return file can be told in words.

use crate::base::Code;

/// All catalogues, room by room.
static CATALOGUES: &[&[&Code]] = &[
    crate::base::entropy::ALL,
    crate::base::envelope::ALL,
    crate::dossier::fault::ALL,
    crate::pki::fault::ALL,
    crate::document::fault::ALL,
    crate::document::face::fault::ALL,
    crate::document::sod::fault::ALL,
    crate::chip::fault::ALL,
    crate::printer::fault::ALL,
    crate::job::fault::ALL,
    crate::audit::fault::ALL,
    crate::port::fault::ALL,
    crate::config::fault::ALL,
    crate::device::hall::fault::ALL,
    crate::device::papers::fault::ALL,
    crate::device::pkcs11::fault::ALL,
    crate::device::serial::fault::ALL,
    crate::store::fault::ALL,
    crate::line::fault::ALL,
    crate::control::fault::ALL,
    crate::control::refused::ALL,
    super::facility::fault::ALL,
];

/// All codes.
pub fn all() -> impl Iterator<Item = &'static Code> {
    CATALOGUES.iter().copied().flatten().copied()
}

/// The code with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id == id)
}
