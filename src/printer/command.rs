//! The commands this controller uses, what each does to the card, and how long it may take.
//!
//! Deliberately absent: `Sc`, which repeats the last job and so makes a twin; `Ssd`, which prints what is left in
//! memory; the raw motors (`M…`).

use std::time::Duration;

use super::frame;
use super::model::{Download, Model, RejectBox, Station};
use crate::base::limits;

/// What a command does to the card in the printer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Puts ink on it.
    Inks,
    /// May move it.
    Moves,
    /// Nothing.
    Nothing,
}

/// One command of the Evolis language.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// `Pem;4`: answer every command with ACK or NACK, keep the error policy.
    AcknowledgeCommands,
    /// `Ss`: a card begins.
    BeginSequence,
    /// `Rlr;p`: is there a card inside?
    CardPresence,
    /// `Rco;c`: cards inserted so far.
    CardsInserted,
    /// `Rlr;r`: is cleaning due?
    CleaningDue,
    /// `Scs`: forget the error state.
    ClearErrors,
    /// `Db`, `Dbc`: a picture into the black panel of the present side.
    Download(Download),
    /// `Se`: the card ends and goes to the good output.
    EndSequence,
    /// `Rem`: the error policy, present and saved.
    ErrorPolicy,
    /// `Sic`, `Sis`: a card from the feeder to the encoder.
    FeedTo(Station),
    /// `Rfv`: the firmware version.
    FirmwareVersion,
    /// `Pem;18;s`: the host manages errors, the printer makes no recovery try, also after a restart.
    HostManagedErrors,
    /// `Pmi;F;s`: cards come from the feeder.
    InsertFromFeeder,
    /// `Rlr`: the last reply in words.
    LastReply,
    /// `Rtp`: the model's name.
    ModelName,
    /// `Rco;p`: panels printed so far.
    PanelsPrinted,
    /// `Sp;k`: print the black panel of the present side.
    PrintBlack,
    /// `Seb`, `Ser`: the card goes to the reject box.
    Reject(RejectBox),
    /// `Pr;…`: this ribbon is in the printer.
    Ribbon(String),
    /// `Rco;l`: cards that the ribbon will still do.
    RibbonLeft,
    /// `Rsn`: the serial number.
    SerialNumber,
    /// `Sv`: what follows is for the back.
    ToBack,
    /// `Sr`: what follows is for the front.
    ToFront,
}

impl Command {
    /// The command in words, without a download's data: for the line and for reports.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::AcknowledgeCommands => "Pem;4",
            Self::BeginSequence => "Ss",
            Self::CardPresence => "Rlr;p",
            Self::CardsInserted => "Rco;c",
            Self::CleaningDue => "Rlr;r",
            Self::ClearErrors => "Scs",
            Self::Download(download) => download.head(),
            Self::EndSequence => "Se",
            Self::ErrorPolicy => "Rem",
            Self::FeedTo(Station::Contact) => "Sis",
            Self::FeedTo(Station::Contactless) => "Sic",
            Self::FirmwareVersion => "Rfv",
            Self::HostManagedErrors => "Pem;18;s",
            Self::InsertFromFeeder => "Pmi;F;s",
            Self::LastReply => "Rlr",
            Self::ModelName => "Rtp",
            Self::PanelsPrinted => "Rco;p",
            Self::PrintBlack => "Sp;k",
            Self::Reject(RejectBox::UnderFeeder) => "Seb",
            Self::Reject(RejectBox::UnderOutput) => "Ser",
            Self::Ribbon(ribbon) => return format!("Pr;{ribbon}"),
            Self::RibbonLeft => "Rco;l",
            Self::SerialNumber => "Rsn",
            Self::ToBack => "Sv",
            Self::ToFront => "Sr",
        }
        .to_owned()
    }

    /// The bytes for the line.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Download(download) => download.encode(),
            other => frame::command(&other.text()),
        }
    }

    /// Is it answered in words (a read) rather than acknowledged?
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(
            self,
            Self::CardPresence
                | Self::CardsInserted
                | Self::CleaningDue
                | Self::ErrorPolicy
                | Self::FirmwareVersion
                | Self::LastReply
                | Self::ModelName
                | Self::PanelsPrinted
                | Self::RibbonLeft
                | Self::SerialNumber
        )
    }

    /// What it does to the card. In doubt, more.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::PrintBlack => Effect::Inks,
            // `Ss` may draw a card in and `Sv` may turn it, depending on the model.
            Self::BeginSequence | Self::EndSequence | Self::FeedTo(_) | Self::Reject(_) | Self::ToBack => {
                Effect::Moves
            }
            _ => Effect::Nothing,
        }
    }

    /// May it be sent again after an answer got lost?
    #[must_use]
    pub fn safe_to_repeat(&self) -> bool {
        self.effect() == Effect::Nothing
    }

    /// How long the printer may take to answer, for a command of this encoded length.
    #[must_use]
    pub fn deadline(&self, model: &Model, encoded_bytes: usize) -> Duration {
        match self.effect() {
            Effect::Nothing => model.reply_deadline(encoded_bytes),
            Effect::Inks | Effect::Moves => limits::PRINTER_MOTION_DEADLINE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_touches_the_card_is_not_repeated_and_gets_time() {
        let model = Model::default();
        for command in [
            Command::BeginSequence,
            Command::EndSequence,
            Command::FeedTo(Station::Contactless),
            Command::PrintBlack,
            Command::Reject(RejectBox::UnderOutput),
            Command::ToBack,
        ] {
            assert!(!command.safe_to_repeat() && !command.is_read(), "{command:?}");
            assert_eq!(command.deadline(&model, 4), limits::PRINTER_MOTION_DEADLINE);
        }
        assert_eq!(Command::CardPresence.encode(), b"\x1bRlr;p\r");
        assert!(Command::CardPresence.safe_to_repeat());
    }
}
