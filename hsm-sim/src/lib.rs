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
//! | `faults.json` | what goes wrong, and when (below) |
//! | `pin-locked` | while it is there, the PIN is locked; the fault of that name makes it |
//! | `logins` | one line for each try of a PIN: the value it returned |
//!
//! ## Bad days on a schedule
//!
//! `faults.json` is a list. Each operation that begins takes the next fault off it; the list may be replaced at any
//! time, and is gone when its last fault was shown. An example: `[{"skip": 40}, "sessions_lost", {"per_second": 50}]`.
//!
//! | in the list | what a caller sees |
//! |---|---|
//! | `{"skip": n}` | n operations that go well |
//! | `"sessions_lost"` | every session is gone: `CKR_SESSION_HANDLE_INVALID` |
//! | `"logged_out"` | the login is gone: `CKR_USER_NOT_LOGGED_IN`, or keys that are not found |
//! | `"device_removed"` | `CKR_DEVICE_REMOVED` until the library is finalized and initialized again |
//! | `{"token_absent": n}` | `CKR_TOKEN_NOT_PRESENT`, n times |
//! | `{"failing": n}` | `CKR_DEVICE_ERROR`, n times |
//! | `{"frozen_ms": n}` | nobody is answered for n milliseconds |
//! | `{"latency_ms": n}` | each operation takes n milliseconds longer, from now on |
//! | `{"per_second": n}` | throttling: n operations a second for all callers, from now on; 0 lifts it |
//! | `"wrong_signature"` | the next signature has a wrong bit |
//! | `"wrong_key"` | the next signature is another key's |
//! | `"repeated_nonce"` | the next signature repeats the first half of the one before it |
//! | `"pin_locked"` | the login is gone and `CKR_PIN_LOCKED` |
//!
//! With `HSM_SIM_FORWARD` set to the path of another PKCS#11 library, this one has no token of its own: it hands every
//! call on to that library and shows the same faults in front of it. Such a token, too, says that it is for rehearsals.
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
/// The environment variable that names another PKCS#11 library, to fail in front of.
pub const FORWARD_VARIABLE: &str = "HSM_SIM_FORWARD";
/// Vendor attribute of a private EC key: the number of signatures made, eight bytes big-endian. It never goes back;
/// after a crash, or while another process uses the key, it may be up to 1,024 too high.
pub const CKA_SIGNATURE_COUNT: cryptoki_sys::CK_ATTRIBUTE_TYPE = cryptoki_sys::CKA_VENDOR_DEFINED | 0x0001;
