//! The conversations with an Evolis printer: connect, read, feed, print, deliver.

mod card;
mod connect;
mod report;

pub use card::{Deliver, Delivered, Fed, Feed, Outlet, Print, Printed};
pub use connect::{Connect, Connected};
pub use report::{Counters, ReadCounters, Status, StatusReport, Used};

use super::command::Command;
use super::fault;
use crate::base::Fault;

/// A value that the printer cannot mean.
fn bad_value(command: &Command, text: &str) -> Fault {
    let words: String = text.chars().take(32).collect();
    Fault::new(&fault::BAD_VALUE, format!("{}: {words:?}", command.text()))
}

/// What `Rlr;p` says: is there a card inside?
fn presence(text: &str) -> Result<bool, Fault> {
    match text {
        "OK" => Ok(true),
        "NO CARD" => Ok(false),
        other => Err(bad_value(&Command::CardPresence, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Bitmap, Dialogue, Reply, Step};
    use crate::printer::{Model, ReadForm, raster};
    use proptest::prelude::*;

    /// Runs a dialogue on these pieces of answer and on silence after them; how it ended, and whether ink was asked
    /// for.
    fn end<D: Dialogue>(mut dialogue: D, pieces: &[Option<Vec<u8>>]) -> (Option<Fault>, bool) {
        let silence = std::iter::repeat_n(&None, 400);
        let mut inked = false;
        let mut reply = Reply::Start;
        for piece in pieces.iter().chain(silence) {
            match dialogue.next(reply) {
                Ok(Step::Done(_)) => return (None, inked),
                Ok(Step::Send(bytes, _)) => inked |= bytes == b"\x1bSp;k\r",
                Ok(Step::Wait(_)) => {}
                Err(fault) => return (Some(fault), inked),
            }
            reply = piece.as_ref().map_or(Reply::Elapsed, |bytes| Reply::Bytes(bytes));
        }
        panic!("the dialogue never ends");
    }

    /// Answers that look right more often than not, and anything else.
    fn piece() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop_oneof![
            6 => Just(Some(vec![0x06])),
            4 => Just(Some(b"OK\0".to_vec())),
            2 => Just(Some(b"NO CARD\0".to_vec())),
            2 => Just(Some(b"12\r".to_vec())),
            1 => Just(Some(b"18;18\0".to_vec())),
            3 => Just(None),
            1 => prop::sample::select(b"12TCFRKDWx".to_vec()).prop_map(|code| Some(vec![0x15, code])),
            2 => prop::collection::vec(any::<u8>(), 0..6).prop_map(Some),
        ]
    }

    proptest! {
        #[test]
        fn dialogues_end_whatever_is_answered(
            pieces in prop::collection::vec(piece(), 0..60),
            acknowledged in any::<bool>(),
        ) {
            let reads = if acknowledged { ReadForm::AckThenText } else { ReadForm::Text };
            let model = Model { reads, ..Model::default() };
            end(Connect::new(&model), &pieces);
            end(Feed::new(&model), &pieces);
            end(ReadCounters::new(&model), &pieces);
            end(Status::new(&model), &pieces);
            end(Deliver::new(&model, Outlet::Good), &pieces);
            end(Deliver::new(&model, Outlet::Reject), &pieces);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn once_ink_was_asked_for_no_fault_says_repeat(mut pieces in prop::collection::vec(piece(), 0..20)) {
            // As far as the first panel everything goes well.
            let well = [None, Some(b"OK\0".to_vec())].into_iter().chain(std::iter::repeat_n(Some(vec![0x06]), 3));
            pieces.splice(0..0, well);
            let face = Bitmap::new(raster::FACE_WIDTH, raster::FACE_HEIGHT);
            let print = Print::new(&Model::default(), &face, Some(&face)).unwrap();
            let (fault, inked) = end(print, &pieces);
            prop_assert!(inked);
            prop_assert!(fault.is_none_or(|fault| !fault.code.safe_to_repeat));
        }
    }

    #[test]
    fn a_back_needs_a_flip_over() {
        let face = Bitmap::new(raster::FACE_WIDTH, raster::FACE_HEIGHT);
        let model = Model {
            flip_over: false,
            ..Model::default()
        };
        assert_eq!(
            Print::new(&model, &face, Some(&face)).unwrap_err().code,
            &fault::NO_FLIP_OVER
        );
        assert!(Print::new(&model, &face, None).is_ok());
    }

    #[test]
    fn bytes_that_wait_before_the_first_command_belong_to_nobody() {
        let pieces = [Some(vec![0x06])];
        let (fault, _) = end(Feed::new(&Model::default()), &pieces);
        assert_eq!(fault.unwrap().code, &fault::DESYNC);
    }
}
