//! # hsm-sim: a PKCS#11 module for rehearsals and tests
//!
//! A shared library that speaks PKCS#11 2.40 and behaves as a network HSM would: one slot, one persistent token, PINs
//! with retry counters, sessions, objects with usage flags, and the mechanisms that card personalization needs. It is
//! **not** a security boundary: whoever reads this process's memory has the keys. Production refuses it by its
//! manufacturer ([`MANUFACTURER`]).
//!
//! The token is the folder named by the environment variable `HSM_SIM_DIR`; without it the slot is empty.
//!
//! | file | what it holds |
//! |---|---|
//! | `token.json` | label, PIN records, objects; private ones sealed under a key that only a PIN opens; mode 0600 |
//! | `counters/N` | signatures made with object N, the number up to which they are reserved, and the boot that counted |
//! | `lock` | held while one of the other files changes, so several processes may share a token |
//! | `faults.json` | faults to be shown once, in order (see `fault`): how tests take sessions away |
//!
//! From the ground up: [`rv`], [`object`], [`mechanism`], [`token`], [`session`], [`module`] (the one state), and
//! [`ffi`], the only place with unsafe code and the only exported symbol, `C_GetFunctionList`.

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod fault;
#[allow(
    unsafe_code,
    non_snake_case,
    reason = "the C boundary: raw pointers and the names of the standard"
)]
mod ffi;
mod mechanism;
mod module;
mod object;
mod rv;
mod session;
mod token;

pub use ffi::C_GetFunctionList;

/// Manufacturer of the library and of the token as `C_GetInfo` and `C_GetTokenInfo` tell it.
pub const MANUFACTURER: &str = "cardwright rehearsal";
/// Model of the token.
pub const MODEL: &str = "hsm-sim";
/// The environment variable that names the token's folder.
pub const FOLDER_VARIABLE: &str = "HSM_SIM_DIR";
/// Vendor attribute of a private EC key: the number of signatures made, eight bytes big-endian. It never goes back;
/// after a crash, or while another process uses the key, it may be up to 1,024 too high.
pub const CKA_SIGNATURE_COUNT: cryptoki_sys::CK_ATTRIBUTE_TYPE = cryptoki_sys::CKA_VENDOR_DEFINED | 0x0001;
