//! What goes on a card, from dossier to bytes: MRZ, QR, data groups, EF.SOD, and the two faces as one-bit pictures.

pub mod face;
pub mod file;
pub mod sod;

pub use face::{Faces, Press};
pub use file::{CardFiles, FileId};
