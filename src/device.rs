//! Doors to hardware.

pub mod serial;
pub mod pkcs11;
