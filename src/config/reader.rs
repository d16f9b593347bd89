//! Where a reader's commands go.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A reader: a socket of the rehearsal's hall, or a reader behind PC/SC.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// A socket of the rehearsal's hall.
    Hall(PathBuf),
    /// A reader behind PC/SC.
    Pcsc(PcscReader),
}

/// A reader behind PC/SC: all that is given must fit. `cardwright doctor` lists what can be given.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PcscReader {
    /// Its full name, as pcscd gives it. The number in it depends on the order of plugging in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The USB port it is plugged into, as the kernel names it: `1-2.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usb: Option<String>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The socket of its pcscd, if that is not the system's own: one pcscd serves 16 readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}

impl Reader {
    /// In the rehearsal's hall, which production has not.
    #[must_use]
    pub fn is_in_hall(&self) -> bool {
        matches!(self, Self::Hall(_))
    }

    /// Says something by which a reader can be told from others.
    pub(super) fn is_told(&self) -> bool {
        match self {
            Self::Hall(path) => !path.as_os_str().is_empty(),
            Self::Pcsc(reader) => {
                let told: Vec<_> = [&reader.name, &reader.usb, &reader.serial]
                    .into_iter()
                    .flatten()
                    .collect();
                !told.is_empty() && told.iter().all(|text| !text.trim().is_empty())
            }
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hall(path) => path.display().fmt(f),
            Self::Pcsc(reader) => {
                let told = [&reader.name, &reader.usb, &reader.serial].into_iter().flatten();
                f.write_str(&told.map(String::as_str).collect::<Vec<_>>().join(", "))?;
                match &reader.socket {
                    Some(socket) => write!(f, " at {}", socket.display()),
                    None => Ok(()),
                }
            }
        }
    }
}
