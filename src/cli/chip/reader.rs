//! A reader by what a person calls it.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::base::Clock;
use crate::device::hall::HallEncoder;
use crate::device::pcsc::PcscEncoder;
use crate::port::Encoder;

/// The reader with this name: a socket of the simulated hall if there is one, else a reader of PC/SC, which is looked
/// for when the chip is asked for.
///
/// # Errors
/// When the name is a path, and no socket lies there.
pub(super) fn open(name: &str, clock: Clock) -> anyhow::Result<Box<dyn Encoder>> {
    let path = Path::new(name);
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        return Ok(Box::new(HallEncoder::new(path.to_owned(), clock)));
    }
    // Names of readers may hold a stroke, as "SONY FeliCa RC-S300/P" does.
    if ["/", "./", "../"].iter().any(|start| name.starts_with(start)) {
        anyhow::bail!("{name} is no socket of a hall");
    }
    Ok(Box::new(PcscEncoder::open(name, None, clock)))
}
