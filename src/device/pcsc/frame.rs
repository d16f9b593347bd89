//! What the controller and the process that owns a reader say to each other, on a pipe each way.
//!
//! A frame is a length (4 bytes, big-endian), then as many bytes: a kind and its content. The controller asks, the
//! process answers each request with one frame, in order, and never speaks unasked.
//!
//! | kind | from | content |
//! |------|------|---------|
//! | `10` | controller | which readers are there, and which fields are occupied? No reader is disturbed. |
//! | `14` | controller | the same, and where are they plugged in? Each is opened for a moment. |
//! | `15` | controller | the same as `10`, as soon as something is not as it was told last, or after half a second |
//! | `16` | controller | the same with places, as `14`; each reader is opened once, when it appears |
//! | `11` | controller | begin a session with the card in the field |
//! | `12` | controller | exchange this command APDU, 4 to 65,544 bytes |
//! | `13` | controller | end the session |
//! | `17` | controller | how long have exchanges taken so far? |
//! | `18` | controller | as `12`, if what was exchanged before succeeded (status 9000) |
//! | `20` | process | readers: for each, a byte of [`flags`](Reader) and three texts (name, USB port, serial number), each with a length byte before it |
//! | `21` | process | the session has begun: the answer to reset, at most 33 bytes |
//! | `22` | process | the response APDU, 2 to 65,538 bytes |
//! | `23` | process | the session is over |
//! | `24` | process | time within PC/SC for all exchanges, in nanoseconds (8 bytes, big-endian) |
//! | `25` | process | not sent, because what was exchanged before did not succeed |
//! | `2F` | process | a fault: its code in 8 letters, then its circumstances in UTF-8 |
//!
//! Whatever is longer, shorter or of another kind ends the conversation: a process that says it is killed.

use zeroize::Zeroizing;

use crate::base::Fault;

use super::fault;

/// Bytes before a frame.
pub(super) const LENGTH_BYTES: usize = 4;
/// The longest frame: a response of 65,536 bytes and its status word, after its kind.
pub(super) const FRAME_BYTES_MAX: usize = 1 + COMMAND_BYTES_MAX;
/// Header, extended length, 65,535 bytes of data, extended expected length.
pub(super) const COMMAND_BYTES_MAX: usize = 4 + 3 + 65_535 + 2;
/// 65,536 bytes and the status word.
pub(super) const RESPONSE_BYTES_MAX: usize = 65_536 + 2;
/// ISO/IEC 7816-3: TS, T0 and at most 31 more.
const ATR_BYTES_MAX: usize = 33;
/// The circumstances of a fault are a few words.
const DETAIL_BYTES_MAX: usize = 512;
/// Letters of a fault's code.
const CODE_BYTES: usize = 8;

const LIST: u8 = 0x10;
const POWER_ON: u8 = 0x11;
const TRANSMIT: u8 = 0x12;
const POWER_OFF: u8 = 0x13;
const LIST_PORTS: u8 = 0x14;
const WATCH: u8 = 0x15;
const WATCH_PORTS: u8 = 0x16;
const SPENT: u8 = 0x17;
const FOLLOW: u8 = 0x18;
const READERS: u8 = 0x20;
const ATR: u8 = 0x21;
const RESPONSE: u8 = 0x22;
const DONE: u8 = 0x23;
const TIME: u8 = 0x24;
const NOT_SENT: u8 = 0x25;
const FAULT: u8 = 0x2F;

/// A card is in its field.
const OCCUPIED: u8 = 0x01;
/// A program holds it for itself.
const HELD: u8 = 0x02;

/// What the controller asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Request {
    /// Which readers are there?
    List {
        /// And where are they plugged in?
        ports: bool,
    },
    /// Which are there now, and not as was told last?
    Watch {
        /// And where are they plugged in?
        ports: bool,
    },
    /// Begin a session.
    PowerOn,
    /// Exchange an APDU.
    Transmit(Zeroizing<Vec<u8>>),
    /// Exchange an APDU if the one before it succeeded.
    Follow(Zeroizing<Vec<u8>>),
    /// End the session.
    PowerOff,
    /// How long have exchanges taken?
    Spent,
}

/// What the process answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// The readers that are there.
    Readers(Vec<Reader>),
    /// The session has begun.
    Atr(Vec<u8>),
    /// The chip's answer.
    Response(Vec<u8>),
    /// The APDU was to follow another, which did not succeed.
    NotSent,
    /// The session is over.
    Done,
    /// Time within PC/SC for all exchanges, in nanoseconds.
    Time(u64),
    /// Nothing of the kind.
    Fault(Fault),
}

/// A reader as the smart card service and the system know it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reader {
    /// The name pcscd gave it; the number in it depends on the order of plugging in.
    pub name: String,
    /// Its USB port, as the kernel names it (`1-2.3`), where the driver tells.
    pub usb: Option<String>,
    /// Its serial number, where it has one.
    pub serial: Option<String>,
    /// A card is in its field.
    pub occupied: bool,
    /// A program holds it for itself; its port and serial number cannot be asked then.
    pub held: bool,
}

/// The length of the frame behind these four bytes; nothing if no frame is so long, or so short.
pub(super) fn length(bytes: [u8; LENGTH_BYTES]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes))
        .ok()
        .filter(|length| (1..=FRAME_BYTES_MAX).contains(length))
}

impl Request {
    /// The whole frame, length included; nothing if the APDU is none.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::List { ports: false } => frame(LIST, &[]),
            Self::List { ports: true } => frame(LIST_PORTS, &[]),
            Self::Watch { ports: false } => frame(WATCH, &[]),
            Self::Watch { ports: true } => frame(WATCH_PORTS, &[]),
            Self::PowerOn => frame(POWER_ON, &[]),
            Self::Transmit(command) if is_command(command) => frame(TRANSMIT, command),
            Self::Follow(command) if is_command(command) => frame(FOLLOW, command),
            Self::Transmit(_) | Self::Follow(_) => None,
            Self::PowerOff => frame(POWER_OFF, &[]),
            Self::Spent => frame(SPENT, &[]),
        }
    }

    /// Reads a frame without its length.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        match frame {
            [LIST] => Some(Self::List { ports: false }),
            [LIST_PORTS] => Some(Self::List { ports: true }),
            [WATCH] => Some(Self::Watch { ports: false }),
            [WATCH_PORTS] => Some(Self::Watch { ports: true }),
            [POWER_ON] => Some(Self::PowerOn),
            [TRANSMIT, command @ ..] if is_command(command) => {
                Some(Self::Transmit(Zeroizing::new(command.to_vec())))
            }
            [FOLLOW, command @ ..] if is_command(command) => {
                Some(Self::Follow(Zeroizing::new(command.to_vec())))
            }
            [POWER_OFF] => Some(Self::PowerOff),
            [SPENT] => Some(Self::Spent),
            _ => None,
        }
    }
}

impl Answer {
    /// The whole frame, length included. What would be too long is said in fewer words, or is a fault.
    pub(super) fn encode(&self) -> Vec<u8> {
        let fitting = match self {
            Self::Readers(readers) => frame(READERS, &encode_readers(readers)),
            Self::Atr(atr) if atr.len() <= ATR_BYTES_MAX => frame(ATR, atr),
            Self::Response(response) if is_response(response) => frame(RESPONSE, response),
            Self::NotSent => frame(NOT_SENT, &[]),
            Self::Done => frame(DONE, &[]),
            Self::Time(nanoseconds) => frame(TIME, &nanoseconds.to_be_bytes()),
            Self::Fault(fault) => encode_fault(fault),
            Self::Atr(_) | Self::Response(_) => None,
        };
        fitting
            .or_else(|| encode_fault(&Fault::new(&fault::READER, "an answer of impossible length")))
            .unwrap_or_default()
    }

    /// Reads a frame without its length.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        match frame {
            [READERS, readers @ ..] => parse_readers(readers).map(Self::Readers),
            [ATR, atr @ ..] if atr.len() <= ATR_BYTES_MAX => Some(Self::Atr(atr.to_vec())),
            [RESPONSE, response @ ..] if is_response(response) => Some(Self::Response(response.to_vec())),
            [NOT_SENT] => Some(Self::NotSent),
            [DONE] => Some(Self::Done),
            [TIME, time @ ..] => Some(Self::Time(u64::from_be_bytes(time.try_into().ok()?))),
            [FAULT, fault @ ..] => parse_fault(fault).map(Self::Fault),
            _ => None,
        }
    }
}

/// What is read of these bytes, from either side, is written so that it is read again: the promise that fuzzing holds
/// against any bytes.
#[doc(hidden)]
#[must_use]
pub fn is_read_as_written(bytes: &[u8]) -> bool {
    let asked = Request::parse(bytes).is_none_or(|asked| {
        let frame = asked.encode().unwrap_or_default();
        frame.get(LENGTH_BYTES..) == Some(bytes)
    });
    let answered = Answer::parse(bytes).is_none_or(|answer| {
        let frame = answer.encode();
        frame.get(LENGTH_BYTES..).and_then(Answer::parse) == Some(answer)
    });
    asked && answered
}

fn frame(kind: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = content
        .len()
        .checked_add(1)
        .filter(|length| *length <= FRAME_BYTES_MAX)?;
    let mut frame = u32::try_from(length).ok()?.to_be_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(content);
    Some(frame)
}

fn is_command(bytes: &[u8]) -> bool {
    (4..=COMMAND_BYTES_MAX).contains(&bytes.len())
}

fn is_response(bytes: &[u8]) -> bool {
    (2..=RESPONSE_BYTES_MAX).contains(&bytes.len())
}

fn encode_readers(readers: &[Reader]) -> Vec<u8> {
    let mut content = Vec::new();
    for reader in readers {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        content.push(flag(reader.occupied, OCCUPIED) | flag(reader.held, HELD));
        let texts = [Some(&reader.name), reader.usb.as_ref(), reader.serial.as_ref()];
        for text in texts {
            let text = shortened(text.map_or("", String::as_str), usize::from(u8::MAX));
            content.push(u8::try_from(text.len()).unwrap_or(0));
            content.extend_from_slice(text.as_bytes());
        }
    }
    content
}

fn parse_readers(mut rest: &[u8]) -> Option<Vec<Reader>> {
    let mut readers = Vec::new();
    while let Some((flags, after)) = rest.split_first() {
        rest = after;
        if flags & !(OCCUPIED | HELD) != 0 {
            return None;
        }
        let mut text = || {
            let (length, after) = rest.split_first()?;
            let (text, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let told = |text: String| (!text.is_empty()).then_some(text);
        readers.push(Reader {
            name: text()?,
            usb: told(text()?),
            serial: told(text()?),
            occupied: flags & OCCUPIED != 0,
            held: flags & HELD != 0,
        });
    }
    Some(readers)
}

fn encode_fault(fault: &Fault) -> Option<Vec<u8>> {
    let mut content = fault.code.id.as_bytes().to_vec();
    content.extend_from_slice(shortened(&fault.detail, DETAIL_BYTES_MAX).as_bytes());
    frame(FAULT, &content)
}

fn parse_fault(content: &[u8]) -> Option<Fault> {
    let (id, detail) = content.split_at_checked(CODE_BYTES)?;
    let detail = std::str::from_utf8(detail)
        .ok()
        .filter(|text| text.len() <= DETAIL_BYTES_MAX)?;
    let code = fault::ALL.iter().find(|code| code.id.as_bytes() == id)?;
    Some(Fault::new(code, detail))
}

/// At most so many bytes of a text, whole letters only.
fn shortened(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(frame: &[u8]) -> &[u8] {
        let (head, content) = frame.split_first_chunk().unwrap();
        assert_eq!(length(*head), Some(content.len()));
        content
    }

    fn reader() -> impl Strategy<Value = Reader> {
        let told = || proptest::option::of("[^\0]{1,20}");
        ("\\PC{0,60}", told(), told(), any::<bool>(), any::<bool>()).prop_map(
            |(name, usb, serial, occupied, held)| Reader {
                name,
                usb,
                serial,
                occupied,
                held,
            },
        )
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_understood(command in proptest::collection::vec(any::<u8>(), 0..600)) {
            let command = Zeroizing::new(command);
            for asked in [Request::Transmit(command.clone()), Request::Follow(command.clone())] {
                match asked.encode() {
                    Some(frame) => prop_assert_eq!(Request::parse(content(&frame)), Some(asked)),
                    None => prop_assert!(command.len() < 4),
                }
            }
        }

        #[test]
        fn whatever_is_answered_is_understood(
            readers in proptest::collection::vec(reader(), 0..17),
            response in proptest::collection::vec(any::<u8>(), 2..600),
            detail in "\\PC{0,100}",
            code in 0..fault::ALL.len(),
            time: u64,
        ) {
            let answers = [
                Answer::Readers(readers),
                Answer::Atr(response[..response.len().min(ATR_BYTES_MAX)].to_vec()),
                Answer::Response(response),
                Answer::Done,
                Answer::NotSent,
                Answer::Time(time),
                Answer::Fault(Fault::new(fault::ALL[code], detail)),
            ];
            for answer in answers {
                prop_assert_eq!(Answer::parse(content(&answer.encode())), Some(answer));
            }
        }

        #[test]
        fn noise_is_refused_or_read_but_never_breaks_the_parser(
            kind in prop_oneof![Just(READERS), Just(FAULT), Just(ATR), Just(RESPONSE), any::<u8>()],
            noise in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let frame = [&[kind], noise.as_slice()].concat();
            // What is understood is said again in the same bytes: no two frames mean the same.
            if let Some(request) = Request::parse(&frame) {
                let again = request.encode().unwrap();
                prop_assert_eq!(content(&again), &frame);
            }
            if let Some(answer) = Answer::parse(&frame) {
                let again = answer.encode();
                prop_assert_eq!(content(&again), &frame);
            }
        }

        #[test]
        fn a_length_is_believed_within_its_bounds_only(bytes: [u8; 4]) {
            let said = u32::from_be_bytes(bytes) as usize;
            prop_assert_eq!(length(bytes), (1..=FRAME_BYTES_MAX).contains(&said).then_some(said));
        }
    }

    #[test]
    fn the_longest_apdus_pass_and_no_longer_ones() {
        let longest = Request::Transmit(Zeroizing::new(vec![0; COMMAND_BYTES_MAX]));
        let frame = longest.encode().unwrap();
        assert_eq!(Request::parse(content(&frame)), Some(longest));
        let too_long = Zeroizing::new(vec![0; COMMAND_BYTES_MAX + 1]);
        assert_eq!(Request::Transmit(too_long).encode(), None);
        assert_eq!(Request::parse(&vec![TRANSMIT; COMMAND_BYTES_MAX + 2]), None);

        let longest = Answer::Response(vec![0; RESPONSE_BYTES_MAX]);
        assert_eq!(Answer::parse(content(&longest.encode())), Some(longest));
        let too_long = Answer::Response(vec![0; RESPONSE_BYTES_MAX + 1]).encode();
        assert!(matches!(
            Answer::parse(content(&too_long)),
            Some(Answer::Fault(_))
        ));
        assert_eq!(length([0, 0, 0, 0]), None);
        assert_eq!(length([0xFF; 4]), None);
    }

    #[test]
    fn long_words_are_cut_between_letters() {
        let wordy = Answer::Fault(Fault::new(&fault::READER, "ộ".repeat(400)));
        let Some(Answer::Fault(fault)) = Answer::parse(content(&wordy.encode())) else {
            panic!("not a fault");
        };
        assert_eq!(fault.detail, "ộ".repeat(DETAIL_BYTES_MAX / 3));
    }

    #[test]
    fn every_code_has_as_many_letters_as_the_frame_gives_it() {
        assert!(fault::ALL.iter().all(|code| code.id.len() == CODE_BYTES));
    }
}
