//! Faces: front and back of a card as one-bit panels for a black 300 dpi printer.
//!
//! A [`Layout`] says where everything stands; a [`Press`] turns a dossier into [`Faces`]. What a black serial printer
//! cannot print is taken as already printed on the blank, and every layout lists it (`preprinted`): the coloured
//! background and national emblem, the director's signature and seal, the symbol of a document with a chip. The
//! portrait is printed here, halftoned in black; a hall whose blanks arrive with coloured portraits uses a layout
//! without one.
//!
//! Glyphs and the parts that are the same on every card are drawn once and shared by all threads.

use std::collections::BTreeMap;

use crate::base::{Bitmap, Fault};
use crate::document::CardProfile;
use crate::document::profile::FaceProfile;
use crate::dossier::Dossier;

pub mod fault;
pub mod layout;

mod grey;
mod halftone;
mod mark;
mod picture;
mod symbol;
mod text;
mod typeface;
mod units;
mod zone;

#[cfg(test)]
pub(crate) mod testkit;
#[cfg(test)]
mod tests;

pub use layout::{Layout, Preprinted};
pub use typeface::Fonts;
pub use units::{DOTS_PER_INCH, FACE_HEIGHT_DOTS, FACE_WIDTH_DOTS};

use layout::{FieldName, Side};
use typeface::Typefaces;
use units::Area;
use zone::Zone;

/// The two faces of one card, landscape, 1016 × 648 dots each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faces {
    /// The face with the portrait.
    pub front: Bitmap,
    /// The face with the machine-readable zone.
    pub back: Bitmap,
}

/// Composes faces. Made once, shared by reference between threads.
#[derive(Debug)]
pub struct Press {
    typefaces: Typefaces,
    zone: Zone,
    layouts: BTreeMap<String, Prepared>,
}

/// A layout and what all its cards share.
#[derive(Debug)]
struct Prepared {
    front: PreparedSide,
    back: PreparedSide,
}

/// One face of a layout, its static layer drawn twice: for production, and with the rehearsal mark.
#[derive(Debug)]
struct PreparedSide {
    side: Side,
    production: Bitmap,
    rehearsal: Bitmap,
}

/// What is printed on one card beside its dossier's own words.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// The machine-readable zone.
    pub mrz: &'a [String; 3],
    /// What the QR code says, if the card has one.
    pub qr: Option<&'a str>,
    /// The digits of the card access number (CAN), if the card has one.
    pub can: Option<&'a str>,
}

/// What is printed on one card.
#[derive(Clone, Copy)]
struct Contents<'a> {
    dossier: &'a Dossier,
    /// Stands for the expiry of a card that has none.
    unlimited: &'a str,
    marks: Marks<'a>,
}

impl Press {
    /// A press with these layouts and typefaces.
    ///
    /// # Errors
    /// `LAYOUT_MALFORMED` if a label does not fit its box or two boxes overlap; `TYPEFACE_UNREADABLE` if a typeface is
    /// none, or lacks a Vietnamese letter.
    pub fn new(layouts: impl IntoIterator<Item = Layout>, fonts: Fonts) -> Result<Self, Fault> {
        let typefaces = Typefaces::new(fonts)?;
        let layouts = layouts
            .into_iter()
            .map(|layout| {
                let prepare = |name: &str, side| {
                    PreparedSide::new(&typefaces, side)
                        .map_err(|fault| fault.at(format!("{} {name}", layout.id)))
                };
                let prepared = Prepared {
                    front: prepare("front", layout.front)?,
                    back: prepare("back", layout.back)?,
                };
                Ok((layout.id, prepared))
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Self {
            typefaces,
            zone: Zone::new()?,
            layouts,
        })
    }

    /// A press with the layouts that go with the program: `cccd-2021`, `cc-2024`, `cc-2024-child`.
    ///
    /// # Errors
    /// None, unless the program was built with a broken layout.
    pub fn builtin() -> Result<Self, Fault> {
        Self::new(Layout::builtin()?, Fonts::default())
    }

    /// Composes both faces of a card; rehearsal faces carry the mark MẪU / SPECIMEN.
    ///
    /// # Errors
    /// Blame dossier, naming the field: a text does not fit even at its smallest size, a character cannot be printed, a
    /// picture cannot be decoded, the portrait is missing, the QR content is too long.
    /// Blame bug: the zone is malformed. Operator: as [`Self::suits`].
    pub fn compose(
        &self,
        face: &FaceProfile,
        dossier: &Dossier,
        marks: Marks<'_>,
        rehearsal: bool,
    ) -> Result<Faces, Fault> {
        let prepared = self.prepared(&face.layout, marks.qr.is_some(), marks.can.is_some())?;
        let contents = Contents {
            dossier,
            unlimited: &face.unlimited_expiry,
            marks,
        };
        let compose = |prepared| self.compose_side(prepared, &contents, rehearsal);
        Ok(Faces {
            front: compose(&prepared.front).map_err(|fault| fault.at("front"))?,
            back: compose(&prepared.back).map_err(|fault| fault.at("back"))?,
        })
    }

    /// Can cards of this profile be printed?
    ///
    /// # Errors
    /// Blame operator: the layout is unknown, or profile and layout disagree about the QR code or the card access
    /// number.
    pub fn suits(&self, profile: &CardProfile) -> Result<(), Fault> {
        self.prepared(&profile.face.layout, profile.qr.is_some(), profile.has_can())
            .map(drop)
    }

    /// What the blanks of this layout carry already, front and back; nothing for an unknown layout.
    #[must_use]
    pub fn preprinted(&self, layout: &str) -> [&[Preprinted]; 2] {
        self.layouts.get(layout).map_or([&[], &[]], |prepared| {
            [&prepared.front.side.preprinted, &prepared.back.side.preprinted]
        })
    }

    fn prepared(&self, layout: &str, with_qr: bool, with_can: bool) -> Result<&Prepared, Fault> {
        let prepared = self
            .layouts
            .get(layout)
            .ok_or_else(|| Fault::new(&fault::LAYOUT_UNKNOWN, layout.to_owned()))?;
        let sides = [&prepared.front.side, &prepared.back.side];
        if with_qr != sides.iter().any(|side| side.qr.is_some()) {
            return Err(Fault::new(&fault::QR_MISMATCH, layout.to_owned()));
        }
        if with_can != sides.iter().any(|side| side.has(FieldName::Can)) {
            return Err(Fault::new(&fault::CAN_MISMATCH, layout.to_owned()));
        }
        Ok(prepared)
    }

    fn compose_side(
        &self,
        prepared: &PreparedSide,
        contents: &Contents<'_>,
        rehearsal: bool,
    ) -> Result<Bitmap, Fault> {
        let Contents {
            dossier,
            unlimited,
            marks,
        } = *contents;
        let side = &prepared.side;
        let mut picture = if rehearsal {
            &prepared.rehearsal
        } else {
            &prepared.production
        }
        .clone();
        if let Some(place) = side.portrait {
            let portrait = dossier
                .portrait
                .as_ref()
                .ok_or_else(|| Fault::new(&fault::PORTRAIT_MISSING, String::new()))?;
            let grey = grey::decode(portrait).map_err(|fault| fault.at("portrait"))?;
            halftone::draw(&mut picture, &grey, place.area());
        }
        for finger in &side.finger {
            // A finger that could not be taken leaves its place empty.
            if let Some(image) = dossier.finger(finger.position) {
                let grey =
                    grey::decode(image).map_err(|fault| fault.at(format!("finger {}", finger.position)))?;
                halftone::draw(&mut picture, &grey, finger.place().area());
            }
        }
        for field in &side.field {
            let text = match field.what {
                FieldName::Can => marks.can.unwrap_or_default().to_owned(),
                what => what.text(dossier, unlimited),
            };
            text::draw_field(&mut picture, &self.typefaces, field, &text)?;
        }
        if let (Some(place), Some(content)) = (&side.qr, marks.qr) {
            symbol::draw(&mut picture, place, content)?;
        }
        if let Some(place) = &side.mrz {
            self.zone.draw(&mut picture, place, marks.mrz)?;
        }
        Ok(picture)
    }
}

impl PreparedSide {
    fn new(typefaces: &Typefaces, side: Side) -> Result<Self, Fault> {
        if let Some(why) = side.overlap(|label| label.height(typefaces)) {
            return Err(Fault::new(&fault::LAYOUT_MALFORMED, why));
        }
        let mut production = Bitmap::new(FACE_WIDTH_DOTS, FACE_HEIGHT_DOTS);
        for place in &side.rule {
            let Area { x, y, w, h } = place.area();
            production.fill(x, y, w.max(1), h.max(1));
        }
        for label in &side.label {
            text::draw_label(&mut production, typefaces, label)?;
        }
        let mut rehearsal = production.clone();
        mark::draw(&mut rehearsal, typefaces, &side);
        Ok(Self {
            side,
            production,
            rehearsal,
        })
    }
}
