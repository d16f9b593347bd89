//! The elementary files of an eMRTD chip (Doc 9303-10, table 38).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One elementary file.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum FileId {
    /// EF.CardAccess, in the master file.
    CardAccess,
    /// EF.CardSecurity, in the master file.
    CardSecurity,
    /// EF.COM.
    Com,
    /// Data group 1 to 16.
    Dg(u8),
    /// EF.SOD.
    Sod,
}

/// The files of one chip and their whole contents, outer tag and length included.
pub type CardFiles = BTreeMap<FileId, Vec<u8>>;

impl FileId {
    /// Two-byte file identifier.
    #[must_use]
    pub fn fid(self) -> u16 {
        match self {
            Self::CardAccess => 0x011C,
            Self::Com => 0x011E,
            // One identifier in two places: the master file's and the application's.
            Self::Sod | Self::CardSecurity => 0x011D,
            Self::Dg(number) => 0x0100 | u16::from(number),
        }
    }

    /// Short file identifier.
    #[must_use]
    pub fn sfi(self) -> u8 {
        match self {
            Self::CardAccess => 0x1C,
            Self::Com => 0x1E,
            Self::Sod | Self::CardSecurity => 0x1D,
            Self::Dg(number) => number,
        }
    }

    /// Outer tag; EF.CardAccess is a bare SET, EF.CardSecurity a bare SEQUENCE. A data group that does not exist has
    /// none: 0, which is no tag.
    #[must_use]
    pub fn tag(self) -> u8 {
        const DATA_GROUPS: [u8; 16] = [
            0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70,
        ];
        match self {
            Self::CardAccess => 0x31,
            Self::CardSecurity => 0x30,
            Self::Com => 0x60,
            Self::Sod => 0x77,
            Self::Dg(number) => usize::from(number)
                .checked_sub(1)
                .and_then(|index| DATA_GROUPS.get(index))
                .copied()
                .unwrap_or(0),
        }
    }

    /// The data group that has this outer tag.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0x60 => Some(Self::Com),
            0x77 => Some(Self::Sod),
            _ => (1..=16).map(Self::Dg).find(|file| file.tag() == tag),
        }
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CardAccess => f.write_str("EF.CardAccess"),
            Self::CardSecurity => f.write_str("EF.CardSecurity"),
            Self::Com => f.write_str("EF.COM"),
            Self::Sod => f.write_str("EF.SOD"),
            Self::Dg(number) => write!(f, "EF.DG{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_lead_back_to_files() {
        assert_eq!(FileId::from_tag(0x6D), Some(FileId::Dg(13)));
        assert_eq!(FileId::from_tag(0x62), None);
        assert_eq!(
            (FileId::Dg(15).fid(), FileId::Dg(15).sfi(), FileId::Dg(15).tag()),
            (0x010F, 0x0F, 0x6F)
        );
    }
}
