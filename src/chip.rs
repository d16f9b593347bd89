//! Talking to an eMRTD chip: identify, personalize, seal, and read back as an inspection system would (ICAO Doc 9303-10
//! and 9303-11). No I/O: every conversation is a [`Dialogue`](crate::base::Dialogue) of command and response APDUs with
//! deadlines.
//!
//! From the ground up: [`tlv`] and [`apdu`] are the encodings, [`kdf`] and [`cipher`] the computations that both
//! sides of a protocol share, [`sm`], [`bac`], [`pace`], [`chip_auth`], [`active`] and [`terminal`] the protocols,
//! [`profile`] what is known of a kind of chip, [`scp`] and [`manager`] the way past a card manager, and the rest are
//! the conversations, written as straight-line code (see [`conversation`]).

pub mod active;
pub mod aes_key;
pub mod apdu;
pub mod atr;
pub mod bac;
pub mod chip_auth;
pub mod cipher;
pub mod conversation;
pub mod diversify;
pub mod fault;
pub mod identify;
pub mod inspect;
pub mod kdf;
pub mod keys;
mod link;
pub mod manager;
pub mod manufacture;
pub mod pace;
pub mod password;
pub mod perso;
pub mod profile;
pub mod scp;
pub mod seal;
pub mod sm;
pub mod terminal;
pub mod tlv;
pub mod triple_des;

pub use active::Verdict;
pub use conversation::Conversation;
pub use identify::{Identity, LifeCycle, identify};
pub use inspect::{Access, Inspection, Request, Survey, Wanted, inspect, survey};
use link::APPLICATION;
pub use manager::{CardKeys, Credentials, pretest};
pub use manufacture::{Manufacture, manufacture};
pub use password::{Can, MrzKey, Password};
pub use perso::{ActiveSecret, CardImage, RsaSecret, Written, personalize};
pub use profile::ChipProfile;
pub use seal::{Sealed, probe_sealed, refuses_writes, seal};
pub use terminal::Terminal;
