//! What differs from one printer model to the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault;
use super::frame;
use super::raster::{self, RasterSize};
use crate::base::{Bitmap, Fault, limits};

/// The picture download a printer understands.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DownloadForm {
    /// `Dbc;panel;levels;bytes;data`, compressed: what printers in the field take.
    #[default]
    Compressed,
    /// `Dbc;panel;levels;first line;bytes;data`, compressed: the form on the guide's definition page.
    CompressedFromLine,
    /// `Db;panel;levels;data`, not compressed: 7.1 s per side at 115,200 baud.
    Plain,
}

/// How a read is answered while commands are acknowledged.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadForm {
    /// With an ACK, then the text.
    AckThenText,
    /// With the text alone.
    #[default]
    Text,
}

/// Where the reject box is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectBox {
    /// Under the feeder (`Seb`).
    #[default]
    UnderFeeder,
    /// Under the output hopper (`Ser`).
    UnderOutput,
}

/// Where the encoder sits.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Station {
    /// Contact station (`Sis`).
    Contact,
    /// Contactless station (`Sic`).
    #[default]
    Contactless,
}

/// A printer model. The default is a two-sided printer with a contactless station and a black ribbon.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// Size of a panel in the printer's memory.
    pub raster: RasterSize,
    /// How pictures are sent.
    pub download: DownloadForm,
    /// How reads are answered.
    pub reads: ReadForm,
    /// Can it turn the card and print the back?
    pub flip_over: bool,
    /// Where the encoder sits.
    pub station: Station,
    /// Where rejected cards go.
    pub reject: RejectBox,
    /// The ribbon, as `Pr` names it: `kb` is black.
    pub ribbon: String,
    /// Speed of the line in bits per second; only deadlines depend on it.
    pub baud: u32,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            raster: RasterSize::EXACT,
            download: DownloadForm::default(),
            reads: ReadForm::default(),
            flip_over: true,
            station: Station::default(),
            reject: RejectBox::default(),
            ribbon: "kb".to_owned(),
            baud: 115_200,
        }
    }
}

impl Model {
    /// The download of a landscape face into the black panel of the present side.
    ///
    /// # Errors
    /// `PICTURE_SIZE` if the face is not 1016 × 648 dots.
    pub fn download(&self, face: &Bitmap) -> Result<Download, Fault> {
        let dots = raster::from_face(face, self.raster).ok_or_else(|| {
            let size = format!("{} × {} dots", face.width(), face.height());
            Fault::new(&fault::PICTURE_SIZE, size)
        })?;
        Ok(match self.download {
            DownloadForm::Plain => Download {
                head: "Db;k;2".to_owned(),
                data: dots,
            },
            DownloadForm::Compressed => {
                let data = raster::compress(&dots, self.raster);
                Download {
                    head: format!("Dbc;k;2;{}", data.len()),
                    data,
                }
            }
            DownloadForm::CompressedFromLine => {
                let data = raster::compress(&dots, self.raster);
                Download {
                    head: format!("Dbc;k;2;0;{}", data.len()),
                    data,
                }
            }
        })
    }

    /// Time that this many bytes take on the line: one start bit, eight bits, one stop bit each.
    #[must_use]
    pub fn wire_time(&self, bytes: usize) -> Duration {
        let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(10);
        Duration::from_micros(bits.saturating_mul(1_000_000) / u64::from(self.baud.max(1)))
    }

    /// How long the printer may take to answer a command of this many bytes that moves no card. Half as much again as
    /// the bytes need, for printers that fall behind the line.
    #[must_use]
    pub(super) fn reply_deadline(&self, bytes: usize) -> Duration {
        limits::PRINTER_REPLY_DEADLINE.saturating_add(self.wire_time(bytes.saturating_add(bytes / 2)))
    }

    /// Enough blank data to end a download that a former session broke off, then [`frame::ABANDON`].
    pub(super) fn padding(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.raster.compressed_bytes_max()];
        bytes.extend_from_slice(frame::ABANDON);
        bytes
    }
}

/// A picture ready to be sent. It shows a person's card, so its bytes are never shown.
#[derive(Clone, Eq, PartialEq)]
pub struct Download {
    head: String,
    data: Vec<u8>,
}

impl Download {
    /// The command without its data.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The command as it goes on the line.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        frame::download(&self.head, &self.data)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};… ({} bytes)", self.head, self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_download() {
        let face = Bitmap::new(raster::FACE_WIDTH, raster::FACE_HEIGHT);
        let head = |download| {
            let model = Model {
                download,
                ..Model::default()
            };
            let download = model.download(&face).unwrap();
            (download.head().to_owned(), download.encode().len())
        };
        assert_eq!(
            head(DownloadForm::Compressed),
            ("Dbc;k;2;1016".into(), 1 + 12 + 1 + 1016 + 1)
        );
        assert_eq!(
            head(DownloadForm::CompressedFromLine),
            ("Dbc;k;2;0;1016".into(), 1 + 14 + 1 + 1016 + 1)
        );
        assert_eq!(
            head(DownloadForm::Plain),
            ("Db;k;2".into(), 1 + 6 + 1 + 82_296 + 1)
        );
        let refused = Model::default().download(&Bitmap::new(8, 8)).unwrap_err();
        assert_eq!(refused.code, &fault::PICTURE_SIZE);
    }

    #[test]
    fn a_model_from_a_configuration() {
        let model: Model =
            toml::from_str("download = \"plain\"\nreject = \"under_output\"\nflip_over = false").unwrap();
        assert_eq!(
            (model.download, model.reject),
            (DownloadForm::Plain, RejectBox::UnderOutput)
        );
        assert!(!model.flip_over && model.ribbon == "kb");
        assert!(toml::from_str::<Model>("colour = true").is_err());
    }

    #[test]
    fn a_whole_side_takes_seven_seconds() {
        assert_eq!(
            Model::default().wire_time(82_296),
            Duration::from_micros(7_143_750)
        );
    }
}
