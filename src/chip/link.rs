//! A script's end of the wire: commands with or without secure messaging, counted and bounded.

use std::sync::Arc;

use super::apdu::{self, Command, Status};
use super::conversation::Wire;
use super::fault;
use super::scp;
use super::sm::SecureChannel;
use crate::base::{Fault, limits};

/// The application identifier of the eMRTD application (Doc 9303-10, section 4).
pub(super) const APPLICATION: [u8; 7] = [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];

/// The longest answer that an extended Le can ask for, and its status (ISO/IEC 7816-3, section 12.1).
const ANSWER_BYTES_MAX: usize = apdu::LE_MAX as usize + 2;

/// The chip, as a script sees it.
pub(super) struct Card {
    wire: Arc<Wire>,
    channel: Option<Channel>,
    commands: usize,
    in_application: bool,
}

/// What commands go through.
enum Channel {
    /// To the application, for who knows the card's face (Doc 9303-11).
    Reader(SecureChannel),
    /// To the card manager, for who knows the chip's keys.
    Manager(scp::Channel),
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
        self.channel = Some(Channel::Reader(channel));
    }

    /// From now on everything goes through the card manager's channel.
    pub(super) fn manage(&mut self, channel: scp::Channel) {
        self.channel = Some(Channel::Manager(channel));
    }

    /// The most data that a command can carry if the chip takes so much.
    pub(super) fn capacity(&self, command_data_max: usize) -> usize {
        match &self.channel {
            Some(Channel::Manager(channel)) => channel.capacity(command_data_max),
            _ => command_data_max,
        }
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

    /// These are sent next as long as each succeeds, so a reader may have them at once. In a channel nothing can be
    /// said ahead: what is sent depends on what was answered.
    pub(super) fn announce<'c>(&self, commands: impl Iterator<Item = Command<'c>>) {
        if self.channel.is_none() {
            self.wire.announce(commands.map(|command| command.encode()));
        }
    }

    /// Sends a command and returns data and status, whatever the status is.
    pub(super) async fn send(&mut self, command: &Command<'_>) -> Result<(Vec<u8>, Status), Fault> {
        self.count()?;
        let bytes = match &mut self.channel {
            Some(Channel::Reader(channel)) => channel.protect(command),
            Some(Channel::Manager(channel)) => channel.wrap(command),
            None => command.encode(),
        };
        let mut answer = self.exchange(command.ins, bytes).await?;
        if self.channel.is_none() {
            answer = self.whole(command, answer).await?;
        }
        let name = || format!("command {:02X}", command.ins);
        if let Some(Channel::Reader(channel)) = &mut self.channel {
            return channel.unprotect(answer).map_err(|fault| fault.at(name()));
        }
        let (data, status) = apdu::response(&answer).ok_or_else(|| Fault::new(&fault::GARBLED, name()))?;
        let length = data.len();
        answer.truncate(length);
        match &mut self.channel {
            Some(Channel::Manager(channel)) => {
                let data = channel.unwrap(answer, status).map_err(|fault| fault.at(name()))?;
                Ok((data, status))
            }
            _ => Ok((answer, status)),
        }
    }

    /// Sends bytes that are made elsewhere, as they are: the command that opens a channel.
    pub(super) async fn send_ready(&mut self, bytes: Vec<u8>) -> Result<(Vec<u8>, Status), Fault> {
        self.count()?;
        let ins = bytes.get(1).copied().unwrap_or_default();
        let answer = self.exchange(ins, bytes).await?;
        let garbled = || Fault::new(&fault::GARBLED, format!("command {ins:02X}"));
        let (data, status) = apdu::response(&answer).ok_or_else(garbled)?;
        Ok((data.to_vec(), status))
    }

    /// The whole of a plain answer from a chip or a reader with the manners of T=0 (ISO/IEC 7816-3, section 10.3.4):
    /// after `6Cxx` nothing was done and the right length is known; after `61xx` the rest waits to be fetched. In a
    /// channel neither can be: its answers are protected as a whole.
    async fn whole(&mut self, command: &Command<'_>, mut answer: Vec<u8>) -> Result<Vec<u8>, Fault> {
        if let [0x6C, length] = answer[..]
            && command.le.is_some()
        {
            self.count()?;
            answer = self
                .exchange(command.ins, command.le(short(length)).encode())
                .await?;
        }
        let (mut whole, mut fetched) = (Vec::new(), false);
        while let [ref begun @ .., 0x61, length] = answer[..] {
            whole.extend(begun);
            // More than any answer has, or a rest that is announced and never comes.
            if whole.len() > ANSWER_BYTES_MAX || fetched && begun.is_empty() {
                return Err(Fault::new(
                    &fault::LYING,
                    format!("command {:02X} has no end", command.ins),
                ));
            }
            fetched = true;
            self.count()?;
            let fetch = Command::new(0, 0xC0, 0, 0).le(short(length));
            answer = self.exchange(fetch.ins, fetch.encode()).await?;
        }
        if whole.is_empty() {
            return Ok(answer);
        }
        whole.append(&mut answer);
        Ok(whole)
    }

    fn count(&mut self) -> Result<(), Fault> {
        if self.commands == limits::CHIP_COMMANDS_MAX {
            return Err(Fault::new(&fault::LYING, "too many commands"));
        }
        self.commands += 1;
        Ok(())
    }

    async fn exchange(&self, ins: u8, bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let answer = self.wire.exchange(bytes).await;
        let answer = answer.ok_or_else(|| Fault::new(&fault::SILENT, format!("command {ins:02X}")))?;
        if answer.len() > ANSWER_BYTES_MAX {
            let what = format!("{} bytes to command {ins:02X}", answer.len());
            return Err(Fault::new(&fault::LYING, what));
        }
        Ok(answer)
    }

    /// Sends a command that must succeed.
    pub(super) async fn expect(&mut self, what: &str, command: &Command<'_>) -> Result<Vec<u8>, Fault> {
        match self.send(command).await? {
            (data, Status::Success) => Ok(data),
            (_, status) => Err(refused(what, status)),
        }
    }

    /// Selects the eMRTD application.
    pub(super) async fn select_application(&mut self) -> Result<(), Fault> {
        let (_, status) = self.send(&application()).await?;
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
        let (_, status) = self.send(&elementary_file(&fid.to_be_bytes())).await?;
        Ok(status)
    }
}

/// Selects the eMRTD application.
pub(super) fn application() -> Command<'static> {
    Command::new(0, 0xA4, 0x04, 0x0C).data(&APPLICATION)
}

/// Selects an elementary file.
pub(super) fn elementary_file(fid: &[u8; 2]) -> Command<'_> {
    Command::new(0, 0xA4, 0x02, 0x0C).data(fid)
}

/// A length in one byte, where zero stands for 256.
fn short(length: u8) -> u32 {
    if length == 0 { 256 } else { u32::from(length) }
}

/// A command that should have worked was refused.
pub(super) fn refused(what: impl std::fmt::Display, status: Status) -> Fault {
    let code = match status {
        Status::Memory => &fault::MEMORY,
        _ => &fault::REFUSED,
    };
    Fault::new(code, format!("{what} {status}"))
}
