//! What goes on a card, from dossier to bytes: MRZ, QR, data groups, EF.SOD, and the two faces as one-bit pictures.

pub mod build;
pub mod card_security;
mod cbeff;
pub mod com;
pub mod compare;
pub mod dg1;
pub mod dg13;
pub mod dg15;
pub mod dg2;
pub mod dg3;
pub mod face;
pub mod fault;
pub mod field;
pub mod file;
pub mod mrz;
pub mod profile;
pub mod qr;
pub mod security_info;
pub mod sod;
pub mod state;
pub mod tlv;
pub mod translit;

#[cfg(test)]
pub(crate) mod example;

pub use face::{Faces, Press};
pub use file::{CardFiles, FileId};
pub use mrz::Mrz;
pub use profile::CardProfile;
