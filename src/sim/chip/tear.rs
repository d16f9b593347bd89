//! Power that is lost in the middle of a write.
//!
//! Every write to memory costs power: a byte of a file one unit, an object that is written as one (a file's room, a
//! secret, a key set, a state) one unit as well. When a command is torn it has so many units left. What a page had when
//! its writing was torn is erased: half of it new, the rest as bare memory reads.

use super::Chip;
use crate::chip::apdu::Status;

/// Bytes that memory writes at once.
const PAGE: usize = 64;
/// What erased memory reads.
const BARE: u8 = 0xFF;

impl Chip {
    /// The field vanishes while this command is under way, after so many units were written. Nobody hears the answer.
    pub fn tear_after(&mut self, command: &[u8], units: usize) {
        self.session.units = Some(units);
        let _ = self.transmit(command);
        self.power_off();
    }

    /// The field vanishes when this command is half done.
    pub fn tear(&mut self, command: &[u8]) {
        self.tear_after(command, command.len() / 2);
    }

    /// Is there power for writing an object?
    pub(super) fn burn(&mut self, units: usize) -> Result<(), Status> {
        match &mut self.session.units {
            None => Ok(()),
            Some(left) if *left >= units => {
                *left -= units;
                Ok(())
            }
            // Nobody hears this.
            Some(_) => Err(Status::Memory),
        }
    }

    /// Writes into a file as far as there is power.
    pub(super) fn burn_file(&mut self, fid: u16, offset: usize, bytes: &[u8]) -> Result<(), Status> {
        let file = self.memory.files.get_mut(&fid).ok_or(Status::NotAllowed)?;
        let end = offset + bytes.len();
        let place = file.get_mut(offset..end).ok_or(Status::WrongOffset)?;
        let written = self
            .session
            .units
            .map_or(bytes.len(), |left| left.min(bytes.len()));
        place[..written].copy_from_slice(&bytes[..written]);
        if written < bytes.len() {
            let torn = offset + written;
            let page_end = ((torn / PAGE + 1) * PAGE).min(file.len());
            if let Some(rest) = file.get_mut(torn..page_end) {
                rest.fill(BARE);
            }
        }
        self.burn(bytes.len())
    }
}
