//! The ground everything stands on: identifiers, time, bounds, secrets, and faults that carry blame.
//!
//! Nothing here knows a dossier, a chip or a database.

pub mod base64;
pub mod bitmap;
pub mod clock;
pub mod cpu;
pub mod dialogue;
pub mod entropy;
pub mod envelope;
pub mod fault;
pub mod font;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod mode;
pub mod place;
pub mod secret;

pub use bitmap::Bitmap;
pub use clock::Clock;
pub use dialogue::{Dialogue, Reply, Step};
pub use entropy::Entropy;
pub use fault::{Blame, Code, Fault};
pub use mode::Mode;
pub use place::Place;
pub use secret::Secret;
