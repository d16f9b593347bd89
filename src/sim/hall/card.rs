//! One card: a chip and two faces of plastic.

use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use super::plan::{self, Plan};
use crate::base::Bitmap;
use crate::base::ids::{BlankId, ChipId};
use crate::chip::ChipProfile;
use crate::printer::raster::{FACE_HEIGHT, FACE_WIDTH};
use crate::sim::chip::Chip;

/// A card as physics knows it.
#[derive(Debug)]
pub struct Card {
    /// The number on the blank.
    pub blank: BlankId,
    /// The chip in it.
    pub chip: Chip,
    /// The ink on its front.
    pub front: Bitmap,
    /// The ink on its back.
    pub back: Bitmap,
}

/// A card of the hall in this directory, wherever it lies, as it was when it last left a machine or a reader;
/// one that was
/// never in a machine is blank.
///
/// # Errors
/// `NotFound` if no such blank was delivered, or the disk's.
pub fn card(dir: &Path, blank: &BlankId) -> io::Result<Card> {
    let plan = Plan::read(dir)?;
    Card::load(dir, &plan, &plan.profile()?, blank)
}

impl Card {
    /// The card as the disk knows it, or blank if it does not.
    pub(super) fn load(dir: &Path, plan: &Plan, profile: &ChipProfile, blank: &BlankId) -> io::Result<Self> {
        // Before anything is read: the name is then safe to be part of a path.
        let fresh = Self::fresh(plan, profile, blank)?;
        Ok(Self {
            chip: disk::read_json(&file(dir, blank, "json"))?.unwrap_or(fresh.chip),
            front: read_face(&file(dir, blank, "front.png"))?,
            back: read_face(&file(dir, blank, "back.png"))?,
            blank: fresh.blank,
        })
    }

    /// The card as it was delivered.
    pub(super) fn fresh(plan: &Plan, profile: &ChipProfile, blank: &BlankId) -> io::Result<Self> {
        let chip = plan
            .chip(blank, profile)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no blank {blank}")))?;
        Ok(Self {
            blank: blank.clone(),
            chip,
            front: Bitmap::new(FACE_WIDTH, FACE_HEIGHT),
            back: Bitmap::new(FACE_WIDTH, FACE_HEIGHT),
        })
    }

    /// Puts the whole card on disk.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        disk::write(&file(dir, &self.blank, "front.png"), &picture(&self.front)?)?;
        disk::write(&file(dir, &self.blank, "back.png"), &picture(&self.back)?)?;
        self.save_chip(dir)
    }

    /// Puts the chip on disk; the faces have not changed. One that was only read has not either.
    pub(super) fn save_chip(&self, dir: &Path) -> io::Result<()> {
        let (path, chip) = (file(dir, &self.blank, "json"), serde_json::to_vec(&self.chip)?);
        if disk::read(&path)?.is_some_and(|saved| saved == chip) {
            return Ok(());
        }
        disk::write(&path, &chip)
    }

    /// What the chip says of itself before seal.
    #[must_use]
    pub fn chip_id(&self) -> ChipId {
        plan::chip_id(&self.chip)
    }
}

fn file(dir: &Path, blank: &BlankId, what: &str) -> PathBuf {
    dir.join("cards").join(format!("{blank}.{what}"))
}

/// A face as a one-bit PNG, ink black.
fn picture(face: &Bitmap) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(face.rows().len() / 4);
    let mut encoder = png::Encoder::new(&mut content, face.width(), face.height());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::NoFilter);
    // In a PNG a set bit is light.
    let light: Vec<u8> = face.rows().iter().map(|byte| !byte).collect();
    encoder.write_header()?.write_image_data(&light)?;
    Ok(content)
}

/// Reads what [`picture`] made; a file that is not there is a face without ink.
fn read_face(path: &Path) -> io::Result<Bitmap> {
    let Some(content) = disk::read(path)? else {
        return Ok(Bitmap::new(FACE_WIDTH, FACE_HEIGHT));
    };
    let strange = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is no face", path.display()),
        )
    };
    let mut reader = png::Decoder::new(io::Cursor::new(content)).read_info()?;
    if reader.output_color_type() != (png::ColorType::Grayscale, png::BitDepth::One)
        || (reader.info().width, reader.info().height) != (FACE_WIDTH, FACE_HEIGHT)
    {
        return Err(strange());
    }
    let mut rows = vec![0; reader.output_buffer_size().ok_or_else(strange)?];
    reader.next_frame(&mut rows)?;
    for byte in &mut rows {
        *byte = !*byte;
    }
    Bitmap::from_rows(FACE_WIDTH, FACE_HEIGHT, rows).ok_or_else(strange)
}
