//! Doors to hardware.

pub mod hall;
pub mod host;
pub mod papers;
pub mod pcsc;
pub mod pkcs11;
pub mod screen;
pub mod serial;
