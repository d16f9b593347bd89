//! Doors to hardware.

pub mod pkcs11;
pub mod serial;
