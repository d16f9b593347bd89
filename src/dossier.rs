//! What comes in: the person record, personal number, names, dates, admission checks, the OSIA JSON form.

pub mod record;

pub use record::{Capture, Dossier, Expiry, Finger, Image, ImageFormat, Person, Place, Reason, Sex};
