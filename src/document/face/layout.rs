//! Where everything stands on a card: a data file, because the annexes of the circulars are not public in full.
//!
//! All lengths are millimetres from the upper left corner of the face, all type sizes are points. A layout that is
//! parsed is also checked: every box lies on the card and no two boxes overlap, so that no letter can run into its
//! neighbour.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fault;
use super::units::{Area, CARD_HEIGHT_MM, CARD_WIDTH_MM, dots};
use crate::base::Fault;

/// The two faces of one card profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The name profiles refer to, such as `cc-2024`.
    pub id: String,
    /// The face with the portrait.
    pub front: Side,
    /// The face with the machine-readable zone.
    pub back: Side,
}

/// One face.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// What a black printer cannot print and the card maker has already printed: emblem, coloured title, seal; and the
    /// chip's contact plate. Nothing is printed there.
    #[serde(default)]
    pub preprinted: Vec<Preprinted>,
    /// Filled rectangles, such as rules.
    #[serde(default)]
    pub rule: Vec<Place>,
    /// Texts that are the same on every card.
    #[serde(default)]
    pub label: Vec<Label>,
    /// Texts from the dossier.
    #[serde(default)]
    pub field: Vec<Field>,
    /// The portrait.
    pub portrait: Option<Place>,
    /// Fingerprint pictures.
    #[serde(default)]
    pub finger: Vec<FingerPlace>,
    /// The QR code.
    pub qr: Option<QrPlace>,
    /// The machine-readable zone.
    pub mrz: Option<MrzPlace>,
    /// The rehearsal mark: no face goes without.
    pub specimen: Specimen,
}

/// A rectangle in millimetres.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// An area that is left free, and why.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preprinted {
    /// What the blank already carries there.
    pub what: Blank,
    /// Left edge in millimetres.
    pub x: f32,
    /// Upper edge in millimetres.
    pub y: f32,
    /// Width in millimetres.
    pub w: f32,
    /// Height in millimetres.
    pub h: f32,
}

/// What a blank carries before it reaches the printer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blank {
    /// Quốc huy, in colour.
    Emblem,
    /// The chip's contact plate.
    Chip,
    /// Signature and seal of the issuing authority.
    Signature,
    /// The symbol of a document with a chip (Doc 9303-9, section 2.3).
    ChipSymbol,
}

impl fmt::Display for Blank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Emblem => "the emblem",
            Self::Chip => "the chip",
            Self::Signature => "signature and seal",
            Self::ChipSymbol => "the chip symbol",
        })
    }
}

/// A text that is the same on every card, Vietnamese first, English in oblique type after it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Vietnamese text.
    #[serde(default)]
    pub vi: String,
    /// English text.
    #[serde(default)]
    pub en: String,
    /// Left edge in millimetres.
    pub x: f32,
    /// Upper edge in millimetres.
    pub y: f32,
    /// Width in millimetres.
    pub w: f32,
    /// Size in points; the height follows from it.
    pub size: f32,
    /// Typeface.
    #[serde(default)]
    pub style: Style,
    /// Alignment.
    #[serde(default)]
    pub align: Align,
}

/// A text from the dossier and the place it must fit into.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Which text.
    pub what: FieldName,
    /// Left edge in millimetres.
    pub x: f32,
    /// Upper edge in millimetres.
    pub y: f32,
    /// Width in millimetres.
    pub w: f32,
    /// Height in millimetres.
    pub h: f32,
    /// Size in points that is tried first.
    pub size: f32,
    /// Smallest size in points that is still legible.
    pub size_min: f32,
    /// Lines the text may be broken into.
    #[serde(default = "one")]
    pub lines: u8,
    /// Typeface.
    #[serde(default)]
    pub style: Style,
    /// Alignment.
    #[serde(default)]
    pub align: Align,
    /// Set in capitals.
    #[serde(default)]
    pub capitals: bool,
}

/// A text on a face: all but the card access number are the dossier's.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum FieldName {
    /// Số định danh cá nhân.
    Number,
    /// Họ, chữ đệm và tên.
    Name,
    /// Ngày sinh.
    Born,
    /// Giới tính.
    Sex,
    /// Quốc tịch.
    Nationality,
    /// Quê quán.
    Origin,
    /// Nơi đăng ký khai sinh.
    BirthPlace,
    /// Nơi thường trú, nơi cư trú.
    Residence,
    /// Đặc điểm nhận dạng.
    Marks,
    /// Ngày cấp.
    Issued,
    /// Có giá trị đến, ngày hết hạn.
    Expiry,
    /// Card access number (CAN), which opens the chip as the zone does (Doc 9303-11, section 4.4).
    Can,
}

/// Typeface of a text.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Upright.
    #[default]
    Regular,
    /// Upright, heavy.
    Bold,
    /// Slanted, used for English beside Vietnamese.
    Oblique,
}

/// Where lines stand in their box.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right edge.
    Right,
}

/// The place of one fingerprint picture.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerPlace {
    /// ISO/IEC 19794-2 finger position: 2 right index, 7 left index.
    pub position: u8,
    /// Left edge in millimetres.
    pub x: f32,
    /// Upper edge in millimetres.
    pub y: f32,
    /// Width in millimetres.
    pub w: f32,
    /// Height in millimetres.
    pub h: f32,
}

/// The square of the QR code; the quiet zone of four modules lies around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QrPlace {
    /// Left edge in millimetres.
    pub x: f32,
    /// Upper edge in millimetres.
    pub y: f32,
    /// Side in millimetres.
    pub size: f32,
    /// What is tried, in this order, until the content fits.
    pub attempts: Vec<QrAttempt>,
}

/// One way of making the QR code.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QrAttempt {
    /// Error correction level.
    pub level: QrLevel,
    /// Smallest module in printer dots.
    pub dots: u32,
}

/// QR error correction level (ISO/IEC 18004).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum QrLevel {
    /// Recovers about 7 % of the codewords.
    L,
    /// About 15 %.
    M,
    /// About 25 %.
    Q,
    /// About 30 %.
    H,
}

/// Three lines of thirty OCR-B characters at 2.54 mm (Doc 9303-5, figure 6).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MrzPlace {
    /// Left edge of the first character's cell in millimetres.
    pub x: f32,
    /// Upper edge of the first line's capitals in millimetres.
    pub y: f32,
    /// From line to line in millimetres.
    pub pitch: f32,
}

/// The rehearsal mark: large tinted letters on a slope.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specimen {
    /// Middle of the text, from the left, in millimetres.
    pub x: f32,
    /// Middle of the text, from the top, in millimetres.
    pub y: f32,
    /// Size in points.
    pub size: f32,
    /// Slope in degrees, upwards to the right.
    pub angle: f32,
}

/// The layouts that go with the program.
const BUILTIN: [(&str, &str); 3] = [
    ("cccd-2021", include_str!("layouts/cccd-2021.toml")),
    ("cc-2024", include_str!("layouts/cc-2024.toml")),
    ("cc-2024-child", include_str!("layouts/cc-2024-child.toml")),
];

/// Height of an OCR-B size 1 character in millimetres (ISO 1073-2).
pub(super) const OCR_B_HEIGHT_MM: f32 = 2.4;
/// Characters of one line of a TD1 machine-readable zone.
pub(super) const MRZ_COLUMNS: u32 = 30;
/// Dots from character to character: 2.54 mm at 300 dpi, exactly.
pub(super) const MRZ_CELL_DOTS: u32 = 30;
/// A blank margin around a QR code, in modules (ISO/IEC 18004).
pub(super) const QR_QUIET_MODULES: u32 = 4;
/// No text is set smaller: four points are 17 dots per em, the least that keeps ẵ and ẳ apart at 300 dpi.
const SIZE_MIN_POINTS: f32 = 4.0;
const SIZE_MAX_POINTS: f32 = 40.0;
const LINES_MAX: u8 = 4;

impl Layout {
    /// Reads and checks a layout file.
    ///
    /// # Errors
    /// `LAYOUT_MALFORMED` if it is not TOML of this shape, a box leaves the card, two boxes overlap, or a size is
    /// absurd.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let layout: Self = toml::from_str(text)
            .map_err(|error| Fault::new(&fault::LAYOUT_MALFORMED, error.message().to_owned()))?;
        for (name, side) in [("front", &layout.front), ("back", &layout.back)] {
            side.check().map_err(|why| {
                Fault::new(&fault::LAYOUT_MALFORMED, format!("{} {name}: {why}", layout.id))
            })?;
        }
        Ok(layout)
    }

    /// The layouts that go with the program.
    ///
    /// # Errors
    /// None, unless the program was built with a broken layout.
    pub fn builtin() -> Result<Vec<Self>, Fault> {
        BUILTIN
            .iter()
            .map(|(name, text)| Self::parse(text).map_err(|fault| fault.at(name)))
            .collect()
    }
}

impl Side {
    /// Every box with its name, labels excepted: their height belongs to the typeface.
    /// Is this printed on it?
    pub(super) fn has(&self, what: FieldName) -> bool {
        self.field.iter().any(|field| field.what == what)
    }

    fn boxes(&self) -> Vec<(String, Place)> {
        let mut boxes = Vec::new();
        for one in &self.preprinted {
            boxes.push((format!("preprinted {:?}", one.what), one.place()));
        }
        for field in &self.field {
            boxes.push((format!("field {:?}", field.what), field.place()));
        }
        for finger in &self.finger {
            boxes.push((format!("finger {}", finger.position), finger.place()));
        }
        boxes.extend(self.rule.iter().map(|place| ("rule".to_owned(), *place)));
        boxes.extend(self.portrait.map(|place| ("portrait".to_owned(), place)));
        boxes.extend(
            self.qr
                .as_ref()
                .map(|qr| ("qr with its quiet zone".to_owned(), qr.place_with_quiet_zone())),
        );
        boxes.extend(self.mrz.map(|mrz| ("mrz".to_owned(), mrz.place())));
        boxes
    }

    /// Every box of this face in dots, labels included at the height the typeface gives them.
    pub(super) fn overlap(&self, label_height: impl Fn(&Label) -> f32) -> Option<String> {
        let mut boxes = self.boxes();
        for label in &self.label {
            let place = Place {
                x: label.x,
                y: label.y,
                w: label.w,
                h: label_height(label),
            };
            boxes.push((format!("label {}{}", label.vi, label.en), place));
        }
        for (index, (name, place)) in boxes.iter().enumerate() {
            for (other_name, other) in boxes.iter().skip(index + 1) {
                if let Some(depth) = place.overlap(other) {
                    return Some(format!("{name} overlaps {other_name} by {depth:.2} mm"));
                }
            }
            if !place.on_card() {
                return Some(format!("{name} leaves the card"));
            }
        }
        None
    }

    fn check(&self) -> Result<(), String> {
        let sizes = (self.field.iter().flat_map(|field| [field.size, field.size_min]))
            .chain(self.label.iter().map(|label| label.size))
            .chain([self.specimen.size]);
        for size in sizes {
            if !(SIZE_MIN_POINTS..=SIZE_MAX_POINTS).contains(&size) {
                return Err(format!("type of {size} points"));
            }
        }
        if let Some(field) = self.field.iter().find(|field| field.size_min > field.size) {
            return Err(format!(
                "field {:?} has a smallest size above its size",
                field.what
            ));
        }
        if let Some(field) = self
            .field
            .iter()
            .find(|field| !(1..=LINES_MAX).contains(&field.lines))
        {
            return Err(format!("field {:?} has {} lines", field.what, field.lines));
        }
        let mark = self.specimen;
        let middle = Place {
            x: mark.x,
            y: mark.y,
            w: 0.0,
            h: 0.0,
        };
        if !(middle.on_card() && mark.angle.abs() <= 90.0) {
            return Err("the specimen mark leaves the card".to_owned());
        }
        if self
            .qr
            .as_ref()
            .is_some_and(|qr| qr.attempts.iter().all(|attempt| attempt.dots < 2))
        {
            return Err("a QR code needs attempts with modules of two dots or more".to_owned());
        }
        self.boxes()
            .iter()
            .find(|(_, place)| !place.on_card())
            .map_or(Ok(()), |(name, _)| Err(format!("{name} leaves the card")))
    }
}

impl Place {
    pub(super) fn area(&self) -> Area {
        let (x, y) = (dots(self.x), dots(self.y));
        Area {
            x,
            y,
            w: dots(self.x + self.w).saturating_sub(x),
            h: dots(self.y + self.h).saturating_sub(y),
        }
    }

    fn on_card(&self) -> bool {
        // Not-a-number fails every comparison.
        self.x >= 0.0
            && self.y >= 0.0
            && self.w >= 0.0
            && self.h >= 0.0
            && self.x + self.w <= CARD_WIDTH_MM
            && self.y + self.h <= CARD_HEIGHT_MM
    }

    /// How far two boxes run into each other, the smaller of both directions in millimetres.
    fn overlap(&self, other: &Self) -> Option<f32> {
        // Boxes may touch: a hundredth of a millimetre is far below one dot.
        const TOUCH: f32 = 0.01;
        let across = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let down = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        let depth = across.min(down);
        (depth > TOUCH).then_some(depth)
    }
}

impl MrzPlace {
    pub(super) fn place(&self) -> Place {
        Place {
            x: self.x,
            y: self.y,
            w: 2.54 * 30.0,
            h: 2.0 * self.pitch + OCR_B_HEIGHT_MM,
        }
    }
}

impl QrPlace {
    pub(super) fn area(&self) -> Area {
        let side = dots(self.size);
        Area {
            x: dots(self.x),
            y: dots(self.y),
            w: side,
            h: side,
        }
    }

    /// The quiet zone of the densest code this place accepts is the narrowest; a sparser code is smaller than its box.
    pub(super) fn quiet_dots(&self) -> u32 {
        self.attempts
            .iter()
            .map(|attempt| attempt.dots)
            .max()
            .unwrap_or(4)
            * QR_QUIET_MODULES
    }

    fn place_with_quiet_zone(&self) -> Place {
        let quiet = 25.4 / super::units::DOTS_PER_INCH
            * f32::from(u16::try_from(self.quiet_dots()).unwrap_or(u16::MAX));
        Place {
            x: self.x - quiet,
            y: self.y - quiet,
            w: self.size + 2.0 * quiet,
            h: self.size + 2.0 * quiet,
        }
    }
}

macro_rules! placed {
    ($($type:ty),+) => {
        $(impl $type {
            pub(super) fn place(&self) -> Place {
                Place { x: self.x, y: self.y, w: self.w, h: self.h }
            }
        })+
    };
}

placed!(Field, FingerPlace, Preprinted);

fn one() -> u8 {
    1
}
