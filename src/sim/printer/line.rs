//! The printer's ear: bytes in, requests out, in bounded memory whatever comes.

use crate::printer::model::{DownloadForm, Model};

const ESCAPE: u8 = 0x1B;
const END: u8 = b'\r';
/// No command of the guide is longer without its data.
const HEAD_BYTES_MAX: usize = 64;

/// What was heard.
#[derive(Clone, Eq, PartialEq)]
pub(super) enum Request {
    /// A well-formed frame: mnemonic, parameters, and a download's data.
    Command { words: Vec<String>, data: Vec<u8> },
    /// A frame that is too long or ends wrongly.
    Malformed,
    /// A download whose size cannot be.
    Oversized,
}

/// Cuts the stream into requests.
#[derive(Debug)]
pub(super) struct Ear {
    form: DownloadForm,
    plain_bytes: usize,
    compressed_bytes_max: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between frames; the escape may be left out here.
    Idle,
    /// In mnemonic and parameters.
    Head(Vec<u8>),
    /// In a download's data.
    Data {
        words: Vec<String>,
        data: Vec<u8>,
        bytes: usize,
    },
    /// Everything up to the next end is lost.
    Lost { oversized: bool },
}

impl Ear {
    pub(super) fn new(model: &Model) -> Self {
        Self {
            form: model.download,
            plain_bytes: model.raster.bytes(),
            compressed_bytes_max: model.raster.compressed_bytes_max(),
            state: State::Idle,
        }
    }

    /// Takes bytes up to the end of the next request; gives that request, if there is one, and the rest of the bytes.
    pub(super) fn hear<'a>(&mut self, mut bytes: &'a [u8]) -> (Option<Request>, &'a [u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let State::Data {
                data, bytes: wanted, ..
            } = &mut self.state
            {
                let missing = wanted.saturating_sub(data.len());
                if missing > 0 {
                    let (taken, left) = bytes.split_at(missing.min(bytes.len()));
                    data.extend_from_slice(taken);
                    bytes = left;
                    continue;
                }
            }
            bytes = rest;
            if let Some(request) = self.push(byte) {
                return (Some(request), bytes);
            }
        }
        (None, bytes)
    }

    fn push(&mut self, byte: u8) -> Option<Request> {
        let (state, request) = match (std::mem::replace(&mut self.state, State::Idle), byte) {
            (State::Idle, 0 | b'\n' | END) => (State::Idle, None),
            (State::Idle | State::Head(_), ESCAPE) => (State::Head(Vec::new()), None),
            (State::Idle, byte) => (State::Head(vec![byte]), None),
            (State::Head(head), END) => (State::Idle, Some(command(&head, Vec::new()))),
            (State::Head(head), _) if head.len() >= HEAD_BYTES_MAX => {
                (State::Lost { oversized: false }, None)
            }
            (State::Head(mut head), byte) => {
                head.push(byte);
                (self.after(head), None)
            }
            (State::Data { words, data, .. }, END) => (State::Idle, Some(Request::Command { words, data })),
            (State::Lost { oversized: true }, END) => (State::Idle, Some(Request::Oversized)),
            (State::Lost { .. }, END) => (State::Idle, Some(Request::Malformed)),
            (State::Data { .. }, _) => (State::Lost { oversized: false }, None),
            (lost @ State::Lost { .. }, _) => (lost, None),
        };
        self.state = state;
        request
    }

    /// Does binary data begin behind this head?
    fn after(&self, head: Vec<u8>) -> State {
        if head.last() != Some(&b';') || !head.starts_with(b"Db") {
            return State::Head(head);
        }
        let words = split(&head[..head.len() - 1]);
        let wanted = match (words[0].as_str(), self.form) {
            ("Db", _) => 3,
            ("Dbc", DownloadForm::CompressedFromLine) => 5,
            _ => 4,
        };
        if words.len() < wanted {
            return State::Head(head);
        }
        let (bytes, limit) = if words[0] == "Db" {
            (Some(self.plain_bytes), self.plain_bytes)
        } else {
            (words[wanted - 1].parse().ok(), self.compressed_bytes_max)
        };
        match bytes.filter(|&bytes| bytes <= limit) {
            Some(bytes) => State::Data {
                words,
                data: Vec::with_capacity(bytes),
                bytes,
            },
            None => State::Lost { oversized: true },
        }
    }

    /// Bytes held at this moment.
    #[cfg(test)]
    fn held(&self) -> usize {
        match &self.state {
            State::Head(head) => head.capacity(),
            State::Data { data, .. } => data.capacity(),
            State::Idle | State::Lost { .. } => 0,
        }
    }
}

fn command(head: &[u8], data: Vec<u8>) -> Request {
    Request::Command {
        words: split(head),
        data,
    }
}

fn split(head: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(head)
        .split(';')
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(ear: &mut Ear, mut bytes: &[u8]) -> Vec<String> {
        let mut heard = Vec::new();
        while !bytes.is_empty() {
            let (request, rest) = ear.hear(bytes);
            bytes = rest;
            heard.extend(request.map(|request| match request {
                Request::Command { words, data } => format!("{}+{}", words.join(";"), data.len()),
                Request::Malformed => "malformed".to_owned(),
                Request::Oversized => "oversized".to_owned(),
            }));
        }
        heard
    }

    #[test]
    fn frames_with_and_without_escape_and_data_that_looks_like_frames() {
        let mut ear = Ear::new(&Model::default());
        assert_eq!(
            all(
                &mut ear,
                b"\x1bPem;18\rSs\r\x1bDbc;k;2;4;\r\x1bSe\r\0\0\x1bSp;k\r"
            ),
            ["Pem;18+0", "Ss+0", "Dbc;k;2;4+4", "Sp;k+0"]
        );
        assert_eq!(all(&mut ear, b"\x1bDbc;k;2;99999999;\x01\x02\r"), ["oversized"]);
        assert_eq!(
            all(&mut ear, b"\x1bDbc;k;2;1;\x01\x02\r\x1bSs\r"),
            ["malformed", "Ss+0"]
        );
        assert_eq!(all(&mut ear, b"\x1bSp\x1bSs\r"), ["Ss+0"]);
    }

    #[test]
    fn megabytes_of_garbage_take_no_memory() {
        let mut ear = Ear::new(&Model::default());
        let garbage: Vec<u8> = (0..4_000_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_be_bytes()[3])
            .collect();
        let mut rest = garbage.as_slice();
        while !rest.is_empty() {
            rest = ear.hear(rest).1;
            assert!(ear.held() <= 100_000);
        }
        all(&mut ear, &vec![b'x'; 4_000_000]);
        assert_eq!(all(&mut ear, b"\r\x1bRtp\r"), ["malformed", "Rtp+0"]);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_requests(bytes in prop::collection::vec(
            prop_oneof![
                Just(ESCAPE), Just(END), Just(b';'), Just(b'D'), Just(b'b'), Just(b'c'), Just(b'3'), any::<u8>()
            ],
            0..300,
        ), cut in 1usize..7) {
            let whole = all(&mut Ear::new(&Model::default()), &bytes);
            let mut ear = Ear::new(&Model::default());
            let pieces: Vec<_> = bytes.chunks(cut).flat_map(|piece| all(&mut ear, piece)).collect();
            prop_assert_eq!(whole, pieces);
        }
    }
}
