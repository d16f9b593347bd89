//! Command and response APDUs (ISO/IEC 7816-4, section 5), short and extended, all four cases.

use std::fmt;

/// The longest data field of a command: 16 bits of length.
pub const DATA_MAX: usize = 65_535;
/// The longest answer a command can ask for, in bytes.
pub const LE_MAX: u32 = 65_536;
const SHORT_LE_MAX: u32 = 256;

/// A command APDU. Short form is used whenever it suffices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Command<'a> {
    /// Class: `00` interindustry, `0C` the same under secure messaging, `10` chained, `80` proprietary.
    pub cla: u8,
    /// Instruction; odd ones carry BER-TLV.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Command data, at most [`DATA_MAX`] bytes.
    pub data: &'a [u8],
    /// Bytes expected in the answer, 1 to [`LE_MAX`]; nothing if no data is expected.
    pub le: Option<u32>,
}

impl<'a> Command<'a> {
    /// A command without data that expects none.
    #[must_use]
    pub fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: &[],
            le: None,
        }
    }

    /// With these data.
    #[must_use]
    pub fn data(mut self, data: &'a [u8]) -> Self {
        self.data = data;
        self
    }

    /// Expecting at most so many bytes.
    #[must_use]
    pub fn le(mut self, le: u32) -> Self {
        self.le = Some(le.clamp(1, LE_MAX));
        self
    }

    /// The first four bytes.
    #[must_use]
    pub fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// The bytes to send.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.data.len() <= DATA_MAX);
        let extended = self.data.len() > 255 || self.le.is_some_and(|le| le > SHORT_LE_MAX);
        let mut bytes = Vec::with_capacity(4 + 3 + self.data.len() + 2);
        bytes.extend(self.header());
        if extended {
            bytes.push(0);
        }
        if !self.data.is_empty() {
            push_length(&mut bytes, self.data.len(), extended);
            bytes.extend(self.data);
        }
        if let Some(le) = self.le {
            // 256 and 65,536 are written as zeros, which is what dropping the high bits does.
            push_length(&mut bytes, le as usize, extended);
        }
        bytes
    }

    /// Reads a command.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are none of the seven encodings of ISO/IEC 7816-4, section 5.2.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk().ok_or(Malformed)?;
        let (data, le) = match *body {
            [] => (&[][..], None),
            [le] => (&[][..], Some(short_le(le))),
            [0, high, low] => (&[][..], Some(extended_le(high, low))),
            [0, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                match rest.split_at_checked(length).ok_or(Malformed)? {
                    (data @ [_, ..], []) => (data, None),
                    (data @ [_, ..], &[high, low]) => (data, Some(extended_le(high, low))),
                    _ => return Err(Malformed),
                }
            }
            [length, ref rest @ ..] => match rest.split_at_checked(usize::from(length)).ok_or(Malformed)? {
                (data @ [_, ..], []) => (data, None),
                (data @ [_, ..], &[le]) => (data, Some(short_le(le))),
                _ => return Err(Malformed),
            },
        };
        Ok(Self {
            cla,
            ins,
            p1,
            p2,
            data,
            le,
        })
    }
}

fn push_length(bytes: &mut Vec<u8>, length: usize, extended: bool) {
    let [.., high, low] = length.to_be_bytes();
    if extended {
        bytes.push(high);
    }
    bytes.push(low);
}

fn short_le(byte: u8) -> u32 {
    if byte == 0 { SHORT_LE_MAX } else { u32::from(byte) }
}

fn extended_le(high: u8, low: u8) -> u32 {
    match u16::from_be_bytes([high, low]) {
        0 => LE_MAX,
        le => u32::from(le),
    }
}

/// Bytes that are not a command APDU.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

/// What the two status bytes say (ISO/IEC 7816-4, table 6), as far as a card desk tells them apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// `9000`.
    Success,
    /// `6282`: fewer bytes than asked for, the file ends here.
    EndOfFile,
    /// `6283`: what was selected is locked or terminated.
    Deactivated,
    /// `6300`: verification failed.
    VerificationFailed,
    /// `63Cx`: verification failed, and so many tries are left, 15 at most.
    TriesLeft(u8),
    /// `6581`: the chip's memory failed.
    Memory,
    /// `6700`.
    WrongLength,
    /// `6982`: access conditions not met.
    SecurityStatus,
    /// `6985`: conditions of use not met, such as a sealed life cycle.
    Conditions,
    /// `6986`: not allowed, such as no current file.
    NotAllowed,
    /// `6987`: a secure-messaging object is missing.
    SmMissing,
    /// `6988`: a secure-messaging object is wrong.
    SmWrong,
    /// `6A80`: wrong data.
    WrongData,
    /// `6A82`.
    FileNotFound,
    /// `6A84`: not enough memory.
    NoSpace,
    /// `6A86`: wrong parameters.
    WrongParameters,
    /// `6A88`: no such data, no such key.
    NotFound,
    /// `6A89`.
    FileExists,
    /// `6B00`: wrong parameters, such as an offset outside the file.
    WrongOffset,
    /// `6D00`.
    UnknownInstruction,
    /// `6E00`.
    UnknownClass,
    /// Anything else.
    Other(u16),
}

const STATUS_WORDS: [(u16, Status); 20] = [
    (0x9000, Status::Success),
    (0x6282, Status::EndOfFile),
    (0x6283, Status::Deactivated),
    (0x6300, Status::VerificationFailed),
    (0x6581, Status::Memory),
    (0x6700, Status::WrongLength),
    (0x6982, Status::SecurityStatus),
    (0x6985, Status::Conditions),
    (0x6986, Status::NotAllowed),
    (0x6987, Status::SmMissing),
    (0x6988, Status::SmWrong),
    (0x6A80, Status::WrongData),
    (0x6A82, Status::FileNotFound),
    (0x6A84, Status::NoSpace),
    (0x6A86, Status::WrongParameters),
    (0x6A88, Status::NotFound),
    (0x6A89, Status::FileExists),
    (0x6B00, Status::WrongOffset),
    (0x6D00, Status::UnknownInstruction),
    (0x6E00, Status::UnknownClass),
];

impl From<u16> for Status {
    fn from(word: u16) -> Self {
        match word.to_be_bytes() {
            [0x63, low @ 0xC0..=0xCF] => Self::TriesLeft(low & 0x0F),
            _ => STATUS_WORDS
                .iter()
                .find(|(known, _)| *known == word)
                .map_or(Self::Other(word), |(_, status)| *status),
        }
    }
}

impl Status {
    /// The two status bytes as a number.
    #[must_use]
    pub fn word(self) -> u16 {
        match self {
            Self::Other(word) => word,
            Self::TriesLeft(tries) => 0x63C0 | u16::from(tries & 0x0F),
            _ => STATUS_WORDS
                .iter()
                .find(|(_, known)| *known == self)
                .map_or(0x6F00, |(word, _)| *word),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.word())
    }
}

/// Splits a response APDU into its data and its status, or nothing if it has no status.
#[must_use]
pub fn response(bytes: &[u8]) -> Option<(&[u8], Status)> {
    let (data, &word) = bytes.split_last_chunk()?;
    Some((data, Status::from(u16::from_be_bytes(word))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn the_four_cases_in_both_lengths() {
        let select = Command::new(0, 0xA4, 2, 0x0C).data(&[1, 0x1E]);
        assert_eq!(select.encode(), hex!("00A4020C02011E"));
        assert_eq!(Command::new(0, 0x84, 0, 0).le(8).encode(), hex!("0084000008"));
        assert_eq!(Command::new(0, 0xB0, 0, 0).le(256).encode(), hex!("00B0000000"));
        assert_eq!(
            Command::new(0, 0xB0, 0, 0).le(65_536).encode(),
            hex!("00B00000000000")
        );
        assert_eq!(select.le(4096).encode(), hex!("00A4020C000002011E1000"));
        assert_eq!(Command::new(0, 0xDA, 0xDE, 0xAD).encode(), hex!("00DADEAD"));
        let long = [7; 256];
        assert_eq!(
            Command::new(0, 0xD6, 0, 0).data(&long).encode()[..7],
            hex!("00D60000000100")
        );
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for bytes in [
            &hex!("00A402")[..],
            &hex!("00A4020C0201"),
            &hex!("00A4020C0000020101FF"),
        ] {
            assert_eq!(Command::parse(bytes), Err(Malformed));
        }
    }

    #[test]
    fn a_status_keeps_its_word() {
        for word in 0..=u16::MAX {
            assert_eq!(Status::from(word).word(), word);
        }
        assert_eq!(Status::from(0x63C2), Status::TriesLeft(2));
        assert_eq!(Status::from(0x6F12).to_string(), "6F12");
        assert_eq!(response(&[0x90]), None);
    }

    proptest! {
        #[test]
        fn commands_read_back(
            header: [u8; 4],
            data in proptest::collection::vec(any::<u8>(), 0..600),
            le in proptest::option::of(1u32..=65_536),
        ) {
            let [cla, ins, p1, p2] = header;
            let command = Command { cla, ins, p1, p2, data: &data, le };
            let bytes = command.encode();
            prop_assert_eq!(Command::parse(&bytes), Ok(command));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(command) = Command::parse(&bytes) {
                prop_assert!(command.data.len() < bytes.len());
            }
            let _ = response(&bytes);
        }
    }
}
