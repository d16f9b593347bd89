//! What comes in: the person record, personal number, names, dates, admission checks, the OSIA JSON form.
//!
//! ```text
//! file ─▶ jwe (if encrypted, key in the HSM) ─▶ open: json ─ jws ─ osia ─▶ Dossier ─▶ admit::check ─▶ findings
//! ```
//!
//! The authority's rule for data is *đúng, đủ, sạch, sống*: correct, complete, clean, live. Nothing is corrected here;
//! what is not in order is told to the office that sent it, field by field ([`finding`]).

pub mod admit;
pub mod fault;
pub mod field;
pub mod finding;
pub mod image;
pub mod json;
pub mod jwe;
pub mod jws;
pub mod name;
pub mod number;
pub mod office;
mod open;
pub mod osia;
pub mod places;
pub mod record;
pub mod validity;

pub use admit::{Requirements, Rules, check};
pub use field::Field;
pub use finding::{Finding, Severity};
pub use office::{Office, OfficeTable};
pub use open::{Opened, Rejected, open};
pub use record::{Capture, Dossier, Expiry, Finger, Image, ImageFormat, Person, Place, Reason, Sex};
pub use validity::Validity;
pub use validity::working_days::{Holidays, due};
