//! What an answer, or its absence, means for the card.

use super::command::{Command, Effect};
use super::fault;
use crate::base::{Code, Fault};

/// How far a dialogue has gone with the card.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Progress {
    /// Nothing was sent that touches it.
    #[default]
    Untouched,
    /// It may have moved.
    Moved,
    /// There may be ink on it.
    Inked,
}

impl Progress {
    /// The progress once this command is on its way.
    pub(super) fn after(self, command: &Command) -> Self {
        self.max(match command.effect() {
            Effect::Inks => Self::Inked,
            Effect::Moves => Self::Moved,
            Effect::Nothing => Self::Untouched,
        })
    }
}

/// The fault behind a NACK (Programming Guide A5013, ACK/NACK mode).
pub(super) fn refusal(code: u8, command: &Command, progress: Progress) -> Fault {
    let inked = progress == Progress::Inked;
    let meaning: &'static Code = match code {
        b'1' => &fault::COMMAND_REFUSED,
        b'2' => &fault::PARAMETER_REFUSED,
        b'T' => &fault::MECHANICAL,
        b'C' if inked => &fault::COVER_OPENED_IN_PRINT,
        b'C' => &fault::COVER_OPEN,
        // A feeder error while printing means that the printer reached for a second card.
        b'F' if inked => &fault::MECHANICAL,
        b'F' => &fault::FEEDER_EMPTY,
        b'R' if inked => &fault::RIBBON_OUT_IN_PRINT,
        b'R' => &fault::RIBBON_OUT,
        b'K' | b'W' => &fault::MAGNETIC,
        b'D' => &fault::MAGNETIC_DATA,
        _ => &fault::UNKNOWN_REFUSAL,
    };
    Fault::new(meaning, format!("{}: NACK 0x{code:02X}", command.text()))
}

/// The fault behind no answer.
pub(super) fn silence(command: &Command, progress: Progress) -> Fault {
    let meaning = match progress {
        Progress::Untouched => &fault::SILENT,
        Progress::Moved | Progress::Inked => &fault::POSITION_UNKNOWN,
    };
    Fault::new(meaning, command.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Blame;

    #[test]
    fn every_code_of_the_guide() {
        let table: [(u8, &Code, &Code, Blame); 9] = [
            (b'1', &fault::COMMAND_REFUSED, &fault::COMMAND_REFUSED, Blame::Bug),
            (
                b'2',
                &fault::PARAMETER_REFUSED,
                &fault::PARAMETER_REFUSED,
                Blame::Bug,
            ),
            (b'T', &fault::MECHANICAL, &fault::MECHANICAL, Blame::Device),
            (
                b'C',
                &fault::COVER_OPEN,
                &fault::COVER_OPENED_IN_PRINT,
                Blame::Operator,
            ),
            (b'F', &fault::FEEDER_EMPTY, &fault::MECHANICAL, Blame::Operator),
            (
                b'R',
                &fault::RIBBON_OUT,
                &fault::RIBBON_OUT_IN_PRINT,
                Blame::Operator,
            ),
            (b'K', &fault::MAGNETIC, &fault::MAGNETIC, Blame::Card),
            (b'D', &fault::MAGNETIC_DATA, &fault::MAGNETIC_DATA, Blame::Bug),
            (b'W', &fault::MAGNETIC, &fault::MAGNETIC, Blame::Card),
        ];
        for (code, before, inked, blame) in table {
            let fault = refusal(code, &Command::BeginSequence, Progress::Moved);
            assert_eq!((fault.code, fault.blame()), (before, blame));
            assert_eq!(refusal(code, &Command::PrintBlack, Progress::Inked).code, inked);
        }
        assert_eq!(
            refusal(0, &Command::BeginSequence, Progress::Moved).code,
            &fault::UNKNOWN_REFUSAL
        );
    }

    #[test]
    fn with_ink_on_the_card_nothing_is_safe_to_repeat() {
        for code in 0..=u8::MAX {
            assert!(
                !refusal(code, &Command::CardPresence, Progress::Inked)
                    .code
                    .safe_to_repeat
            );
        }
        assert!(
            !silence(&Command::CardPresence, Progress::Inked)
                .code
                .safe_to_repeat
        );
        assert!(
            !silence(&Command::CardPresence, Progress::Moved)
                .code
                .safe_to_repeat
        );
        assert!(
            silence(&Command::CardPresence, Progress::Untouched)
                .code
                .safe_to_repeat
        );
    }
}
