//! A script's end of the wire: commands with or without secure messaging, counted and bounded.

use std::sync::Arc;

use super::apdu::{self, Command, Status};
use super::conversation::Wire;
use super::fault;
use super::sm::SecureChannel;
use crate::base::{Fault, limits};

/// The application identifier of the eMRTD application (Doc 9303-10, section 4).
pub(super) const APPLICATION: [u8; 7] = [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];

/// The chip, as a script sees it.
pub(super) struct Card {
    wire: Arc<Wire>,
    channel: Option<SecureChannel>,
    commands: usize,
    in_application: bool,
}

impl Card {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            channel: None,
            commands: 0,
            in_application: false,
        }
    }

    /// From now on everything goes through this channel.
    pub(super) fn secure(&mut self, channel: SecureChannel) {
        self.channel = Some(channel);
    }

    /// From now on nothing is protected, until another channel is opened.
    pub(super) fn open(&mut self) {
        self.channel = None;
    }

    /// Whether the eMRTD application was the last to be selected.
    pub(super) fn is_in_application(&self) -> bool {
        self.in_application
    }

    /// Whether this conversation has used up its commands.
    pub(super) fn is_exhausted(&self) -> bool {
        self.commands == limits::CHIP_COMMANDS_MAX
    }

    /// Commands sent so far.
    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// Sends a command and returns data and status, whatever the status is.
    pub(super) async fn send(&mut self, command: &Command<'_>) -> Result<(Vec<u8>, Status), Fault> {
        if self.commands == limits::CHIP_COMMANDS_MAX {
            return Err(Fault::new(&fault::LYING, "too many commands"));
        }
        self.commands += 1;
        let bytes = match &mut self.channel {
            Some(channel) => channel.protect(command),
            None => command.encode(),
        };
        let name = || format!("command {:02X}", command.ins);
        let answer = self.wire.exchange(bytes).await;
        let mut answer = answer.ok_or_else(|| Fault::new(&fault::SILENT, name()))?;
        if let Some(channel) = &mut self.channel {
            return channel.unprotect(answer).map_err(|fault| fault.at(name()));
        }
        let (data, status) = apdu::response(&answer).ok_or_else(|| Fault::new(&fault::GARBLED, name()))?;
        let length = data.len();
        answer.truncate(length);
        Ok((answer, status))
    }

    /// Sends a command that must succeed.
    pub(super) async fn expect(&mut self, what: &str, command: &Command<'_>) -> Result<Vec<u8>, Fault> {
        match self.send(command).await? {
            (data, Status::Success) => Ok(data),
            (_, status) => Err(Fault::new(&fault::REFUSED, format!("{what} {status}"))),
        }
    }

    /// Selects the eMRTD application.
    pub(super) async fn select_application(&mut self) -> Result<(), Fault> {
        let (_, status) = self
            .send(&Command::new(0, 0xA4, 0x04, 0x0C).data(&APPLICATION))
            .await?;
        match status {
            Status::Success => {
                self.in_application = true;
                Ok(())
            }
            _ => Err(Fault::new(&fault::NO_APPLICATION, format!("SELECT {status}"))),
        }
    }

    /// Selects an elementary file and says how the chip answered.
    pub(super) async fn select_file(&mut self, fid: u16) -> Result<Status, Fault> {
        let (_, status) = self
            .send(&Command::new(0, 0xA4, 0x02, 0x0C).data(&fid.to_be_bytes()))
            .await?;
        Ok(status)
    }
}
