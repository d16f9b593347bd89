//! Reading one elementary file: by short file identifier first, then by offset, as long as its own header says.

use super::super::apdu::{Command, Status};
use super::super::link::Card;
use super::super::sm::SHORT_READ_MAX;
use super::super::{fault, tlv};
use crate::base::{Fault, limits};
use crate::document::FileId;

/// Offsets beyond this need the odd instruction.
const OFFSET_MAX: usize = 0x7FFF;

/// What came of reading a file.
pub(super) enum Found {
    /// Its contents, as long as its outer header says.
    File(Vec<u8>),
    /// The chip refused it.
    Refused(Status),
}

/// What protection adds to an answer at most: two headers, padding, status and checksum.
const PROTECTION_BYTES: u32 = 40;
/// Asking for more at a time gains nothing: two or three blocks are a whole file.
const ASKED_MAX: u32 = 16_384;

/// The most that this chip gives in one protected answer, if EF.ATR/INFO tells: extended length information, `7F66`
/// with the longest command and the longest answer (ISO/IEC 7816-4, section 12.7.1). The master file must be current.
pub(super) async fn read_limit(card: &mut Card) -> Result<Option<u32>, Fault> {
    /// EF.ATR/INFO by short identifier.
    const ATR_INFO: u8 = 0x01;
    let command = Command::new(0, 0xB0, 0x80 | ATR_INFO, 0).le(256);
    let (contents, Status::Success | Status::EndOfFile) = card.send(&command).await? else {
        return Ok(None);
    };
    let longest = tlv::objects(&contents)
        .map_while(Result::ok)
        .find(|object| object.tag == 0x7F66)
        .and_then(|lengths| {
            let command = tlv::read(lengths.value).filter(|length| length.tag == 0x02)?;
            tlv::only(0x02, command.rest)
        });
    // Three bytes hold every length; a chip that says more than it can is asked for less below.
    let longest = longest.filter(|bytes| bytes.len() <= 3).map(|bytes| {
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte))
    });
    Ok(longest
        .and_then(|longest| longest.checked_sub(PROTECTION_BYTES))
        .filter(|longest| *longest > 256)
        .map(|longest| longest.min(ASKED_MAX)))
}

/// Reads a file of the current application or master file.
pub(super) async fn read_file(card: &mut Card, file: FileId, read_max: u32) -> Result<Found, Fault> {
    let lies = |what: &str| Fault::new(&fault::LYING, format!("{file} {what}"));
    let first = Command::new(0, 0xB0, 0x80 | file.sfi(), 0).le(read_max);
    let mut contents = match card.send(&first).await? {
        (contents, Status::Success | Status::EndOfFile) => contents,
        (_, status) => return Ok(Found::Refused(status)),
    };
    if contents.len() > read_max as usize {
        return Err(lies("gives more than was asked for"));
    }
    let (tag, header, length) =
        tlv::header(&contents).ok_or_else(|| Fault::new(&fault::GARBLED, format!("{file} header")))?;
    if tag != u16::from(file.tag()) {
        return Err(Fault::new(
            &fault::INCONSISTENT,
            format!("{file} has tag {tag:02X}"),
        ));
    }
    let length = header
        .checked_add(length)
        .filter(|length| *length <= limits::ELEMENTARY_FILE_BYTES_MAX)
        .ok_or_else(|| lies("is longer than a chip"))?;
    contents.reserve_exact(length.saturating_sub(contents.len()));
    while contents.len() < length {
        let wanted = length - contents.len();
        let block = read_block(card, file, contents.len(), wanted, read_max).await?;
        if block.is_empty() || block.len() > wanted {
            return Err(lies("ends before its length, or after"));
        }
        contents.extend(block);
    }
    contents.truncate(length);
    Ok(Found::File(contents))
}

/// READ BINARY of the current file from an offset (ISO/IEC 7816-4, section 7.2.3): at most what is wanted.
async fn read_block(
    card: &mut Card,
    file: FileId,
    offset: usize,
    wanted: usize,
    read_max: u32,
) -> Result<Vec<u8>, Fault> {
    let [.., high, low] = offset.to_be_bytes();
    let answer = if offset <= OFFSET_MAX {
        card.send(&Command::new(0, 0xB0, high, low).le(askable(wanted, read_max)))
            .await?
    } else {
        // Odd: the offset is an object in the data, and the block comes wrapped in another, which needs room as well.
        let place = [0x54, 0x02, high, low];
        let asked = askable(wanted.saturating_add(4), read_max);
        let (answer, status) = card
            .send(&Command::new(0, 0xB1, 0, 0).data(&place).le(asked))
            .await?;
        let block = tlv::only(0x53, &answer).map(<[u8]>::to_vec);
        (block.unwrap_or_default(), status)
    };
    match answer {
        (block, Status::Success | Status::EndOfFile) => Ok(block),
        (_, status) => Err(Fault::new(
            &fault::REFUSED,
            format!("READ BINARY {file} at {offset} {status}"),
        )),
    }
}

/// So much can be asked for at once. Just below 256 bytes, the protected answer would not fit into the short one that
/// such a command announces.
fn askable(wanted: usize, read_max: u32) -> u32 {
    let most = u32::try_from(wanted).unwrap_or(u32::MAX).min(read_max);
    if (SHORT_READ_MAX..=256).contains(&most) {
        SHORT_READ_MAX
    } else {
        most
    }
}
