//! Writing a chip in the dialect of the open eMRTD applet: CREATE FILE, UPDATE BINARY, PUT DATA.
//!
//! The dialect has no secure channel: it is for secure sites.

use super::{CardImage, Written, secrets};
use crate::base::Fault;
use crate::chip::apdu::{Command, Status};
use crate::chip::fault;
use crate::chip::identify::{LifeCycle, life_cycle};
use crate::chip::link::{Card, refused};
use crate::chip::profile::{ChipProfile, PutData};
use crate::document::FileId;

/// Writes all files, then all keys.
pub(super) async fn write(
    card: &mut Card,
    profile: &ChipProfile,
    image: &CardImage<'_>,
) -> Result<Written, Fault> {
    card.select_application().await?;
    let begun = match life_cycle(card).await? {
        LifeCycle::Sealed => return Err(Fault::new(&fault::ALREADY_SEALED, "")),
        state => state == LifeCycle::Started,
    };
    let mut bytes = 0;
    for (file, contents) in image.files_in_order() {
        write_file(card, profile, file, contents).await?;
        bytes += contents.len();
    }
    for put in secrets::of(image) {
        let tag = put.what.tag();
        let command = Command::new(0, 0xDA, put.place, tag).data(&put.value);
        match card.send(&command).await?.1 {
            Status::Success => {}
            // The place is filled: by an earlier writing of this chip, if there was one; on a blank, by a stranger.
            Status::Conditions if begun && put.what == PutData::TrustPoint => {}
            status => return Err(refused(format_args!("PUT DATA {tag:02X}"), status)),
        }
    }
    Ok(Written {
        commands: card.commands(),
        bytes,
    })
}

async fn write_file(
    card: &mut Card,
    profile: &ChipProfile,
    file: FileId,
    contents: &[u8],
) -> Result<(), Fault> {
    let [high, low] = file.fid().to_be_bytes();
    let [.., size_high, size_low] = contents.len().to_be_bytes();
    let refused = |what: &str, status: Status| refused(format_args!("{what} {file}"), status);
    let (_, status) = card
        .send(&Command::new(0, 0xE0, 0, 0).data(&[0x63, 0x04, size_high, size_low, high, low]))
        .await?;
    match status {
        // Applets differ in how they say that a file exists from an earlier writing; selecting it tells.
        Status::Success | Status::FileExists | Status::WrongData => {}
        _ => return Err(refused("CREATE FILE", status)),
    }
    match card.select_file(file.fid()).await? {
        Status::Success => {}
        status => return Err(refused("SELECT", status)),
    }
    let mut offset = 0;
    while offset < contents.len() {
        let end = profile.block_end(offset, contents.len());
        let [.., p1, p2] = offset.to_be_bytes();
        let (_, status) = card
            .send(&Command::new(0, 0xD6, p1, p2).data(&contents[offset..end]))
            .await?;
        if status != Status::Success {
            return Err(refused("UPDATE BINARY", status));
        }
        offset = end;
    }
    Ok(())
}
