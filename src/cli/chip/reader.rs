//! A reader by what a person calls it.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::base::Clock;
use crate::device::hall::HallEncoder;
use crate::port::Encoder;

/// The reader with this name: a socket of the simulated hall.
///
/// # Errors
/// When there is no such socket.
pub(super) fn open(name: &str, clock: Clock) -> anyhow::Result<Box<dyn Encoder>> {
    let path = Path::new(name);
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        return Ok(Box::new(HallEncoder::new(path.to_owned(), clock)));
    }
    anyhow::bail!("{name} is no socket of a hall")
}
