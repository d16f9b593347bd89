//! The shape of commands and answers on the line.
//!
//! Command: `ESC mnemonic;param;… CR`; a download carries binary data as its last parameter. Answer: ACK (0x06), NACK
//! (0x15) and one code byte, or a line of ASCII that ends with CR or NUL (Programming Guide A5013, section
//! "Communication").

const ESCAPE: u8 = 0x1B;
const END: u8 = 0x0D;
const ACK: u8 = 0x06;
const NACK: u8 = 0x15;

/// An answer in words is never longer than this; firmware versions and model names stay below 40 characters.
pub const TEXT_BYTES_MAX: usize = 128;

/// A command without data, such as `Pem;18`.
#[must_use]
pub fn command(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 2);
    frame.push(ESCAPE);
    frame.extend_from_slice(text.as_bytes());
    frame.push(END);
    frame
}

/// A command with binary data as its last parameter, such as `Dbc;k;2;<n>` and its `n` bytes.
#[must_use]
pub fn download(head: &str, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(head.len() + data.len() + 3);
    frame.push(ESCAPE);
    frame.extend_from_slice(head.as_bytes());
    frame.push(b';');
    frame.extend_from_slice(data);
    frame.push(END);
    frame
}

/// Ends whatever command a former session left half said, without letting it happen.
///
/// A bare CR would complete it, and a cut-off `Seb` (reject) would become `Se` (deliver as good). The two tildes belong
/// to no mnemonic and no parameter, so the printer refuses the wreck.
pub const ABANDON: &[u8] = b"~~\r";

/// One complete answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Understood and done.
    Ack,
    /// Refused, with the code byte.
    Nack(u8),
    /// A line of printable ASCII, without its end.
    Text(String),
}

/// A byte that can stand in no answer, or a line that never ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Noise;

/// Puts answers together from bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Parser {
    refused: bool,
    line: String,
}

impl Parser {
    /// Takes the next byte; gives an answer when this byte completes one.
    ///
    /// # Errors
    /// [`Noise`] if the byte cannot stand here. The parser is then empty again.
    pub fn push(&mut self, byte: u8) -> Result<Option<Answer>, Noise> {
        if self.refused {
            self.refused = false;
            return Ok(Some(Answer::Nack(byte)));
        }
        match byte {
            ACK if self.line.is_empty() => Ok(Some(Answer::Ack)),
            NACK if self.line.is_empty() => {
                self.refused = true;
                Ok(None)
            }
            // Some models end a line with several of these; between answers they mean nothing.
            b'\r' | b'\n' | 0 if self.line.is_empty() => Ok(None),
            b'\r' | b'\n' | 0 => Ok(Some(Answer::Text(std::mem::take(&mut self.line)))),
            b' '..=b'~' if self.line.len() < TEXT_BYTES_MAX => {
                self.line.push(char::from(byte));
                Ok(None)
            }
            _ => {
                self.line.clear();
                Err(Noise)
            }
        }
    }

    /// Has an answer begun that is not complete?
    #[must_use]
    pub fn midway(&self) -> bool {
        self.refused || !self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(parser: &mut Parser, bytes: &[u8]) -> Vec<Result<Answer, Noise>> {
        bytes
            .iter()
            .filter_map(|&byte| parser.push(byte).transpose())
            .collect()
    }

    #[test]
    fn frames_as_the_guide_shows_them() {
        assert_eq!(command("Pem;18"), b"\x1bPem;18\r");
        assert_eq!(
            download("Dbc;k;2;3", &[0, 0x1B, 0x0D]),
            b"\x1bDbc;k;2;3;\x00\x1b\r\r"
        );
    }

    #[test]
    fn each_kind_of_answer() {
        let mut parser = Parser::default();
        assert_eq!(
            parse(&mut parser, b"\x06\x15TNO CARD\0\r\n12\r"),
            [
                Ok(Answer::Ack),
                Ok(Answer::Nack(b'T')),
                Ok(Answer::Text("NO CARD".into())),
                Ok(Answer::Text("12".into()))
            ]
        );
        assert!(!parser.midway());
        assert_eq!(parse(&mut parser, b"a\x06"), [Err(Noise)]);
        assert_eq!(parser.push(0x11), Err(Noise), "XON is noise: flow control is off");
        assert_eq!(parse(&mut parser, &[b'x'; TEXT_BYTES_MAX + 1]), [Err(Noise)]);
    }

    fn answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            Just(Answer::Ack),
            any::<u8>().prop_map(Answer::Nack),
            "[ -~]{1,60}".prop_map(Answer::Text)
        ]
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_answers(answers in prop::collection::vec(answer(), 0..8)) {
            let mut bytes = Vec::new();
            for answer in &answers {
                match answer {
                    Answer::Ack => bytes.push(ACK),
                    Answer::Nack(code) => bytes.extend([NACK, *code]),
                    Answer::Text(text) => { bytes.extend(text.bytes()); bytes.push(0); }
                }
            }
            let heard: Result<Vec<_>, _> = parse(&mut Parser::default(), &bytes).into_iter().collect();
            prop_assert_eq!(heard, Ok(answers));
        }

        #[test]
        fn memory_stays_bounded_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut parser = Parser::default();
            for byte in bytes {
                let _ = parser.push(byte);
                prop_assert!(parser.line.len() <= TEXT_BYTES_MAX);
            }
        }
    }
}
