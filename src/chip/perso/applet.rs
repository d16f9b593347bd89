//! Writing a chip in the dialect of the open eMRTD applet: CREATE FILE, UPDATE BINARY, PUT DATA.
//!
//! The dialect has no secure channel: it is for secure sites.

use super::secrets::{self, Put};
use super::{CardImage, Written};
use crate::base::Fault;
use crate::chip::apdu::{Command, Status};
use crate::chip::fault;
use crate::chip::identify::{LifeCycle, life_cycle};
use crate::chip::link::{Card, elementary_file, refused};
use crate::chip::profile::{ChipProfile, PutData};
use crate::document::FileId;

/// Writes all files, then all keys.
pub(super) async fn write(
    card: &mut Card,
    profile: &ChipProfile,
    image: &CardImage<'_>,
) -> Result<Written, Fault> {
    let begun = match life_cycle(card).await? {
        LifeCycle::Sealed => return Err(Fault::new(&fault::ALREADY_SEALED, "")),
        state => state == LifeCycle::Started,
    };
    let files: Vec<FileWriting<'_>> = image
        .files_in_order()
        .map(|(file, contents)| FileWriting::new(profile, file, contents))
        .collect();
    let secrets = secrets::of(image);
    let commands = files.iter().flat_map(FileWriting::commands);
    card.announce(commands.chain(secrets.iter().map(put_data)));
    for file in &files {
        file.perform(card).await?;
    }
    for put in &secrets {
        match card.send(&put_data(put)).await?.1 {
            Status::Success => {}
            // The place is filled: by an earlier writing of this chip, if there was one; on a blank, by a stranger.
            Status::Conditions if begun && put.what == PutData::TrustPoint => {}
            status => {
                return Err(refused(
                    format_args!("PUT DATA {tag:02X}", tag = put.what.tag()),
                    status,
                ));
            }
        }
    }
    Ok(Written {
        commands: card.commands(),
        bytes: image.files.values().map(Vec::len).sum(),
    })
}

fn put_data(put: &Put) -> Command<'_> {
    Command::new(0, 0xDA, put.place, put.what.tag()).data(&put.value)
}

/// What it takes to write one file.
struct FileWriting<'a> {
    file: FileId,
    name: [u8; 2],
    /// Its size and name, as the applet wants to be told.
    descriptor: [u8; 6],
    /// Where each block begins, and what is in it.
    blocks: Vec<(usize, &'a [u8])>,
}

impl<'a> FileWriting<'a> {
    fn new(profile: &ChipProfile, file: FileId, contents: &'a [u8]) -> Self {
        let name = file.fid().to_be_bytes();
        let [.., size_high, size_low] = contents.len().to_be_bytes();
        let mut blocks = Vec::new();
        let mut offset = 0;
        while offset < contents.len() {
            let end = profile.block_end(offset, contents.len());
            blocks.push((offset, &contents[offset..end]));
            offset = end;
        }
        Self {
            file,
            name,
            descriptor: [0x63, 0x04, size_high, size_low, name[0], name[1]],
            blocks,
        }
    }

    fn commands(&self) -> impl Iterator<Item = Command<'_>> {
        [self.create(), self.select()].into_iter().chain(self.updates())
    }

    fn create(&self) -> Command<'_> {
        Command::new(0, 0xE0, 0, 0).data(&self.descriptor)
    }

    fn select(&self) -> Command<'_> {
        elementary_file(&self.name)
    }

    fn updates(&self) -> impl Iterator<Item = Command<'_>> {
        self.blocks.iter().map(|(offset, block)| {
            let [.., p1, p2] = offset.to_be_bytes();
            Command::new(0, 0xD6, p1, p2).data(block)
        })
    }

    async fn perform(&self, card: &mut Card) -> Result<(), Fault> {
        let refused = |what: &str, status: Status| refused(format_args!("{what} {}", self.file), status);
        match card.send(&self.create()).await?.1 {
            // Applets differ in how they say that a file exists from an earlier writing; selecting it tells.
            Status::Success | Status::FileExists | Status::WrongData => {}
            status => return Err(refused("CREATE FILE", status)),
        }
        match card.send(&self.select()).await?.1 {
            Status::Success => {}
            status => return Err(refused("SELECT", status)),
        }
        for update in self.updates() {
            match card.send(&update).await?.1 {
                Status::Success => {}
                status => return Err(refused("UPDATE BINARY", status)),
            }
        }
        Ok(())
    }
}
