//! Doors to hardware.

pub mod serial;
