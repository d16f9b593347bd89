//! Doors to hardware.

pub mod pkcs11;
