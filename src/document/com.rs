//! EF.COM: which data groups the chip has, and by which version of the LDS (Doc 9303-10, EF.COM).

use crate::base::Fault;
use crate::document::file::FileId;
use crate::document::tlv::{self, Malformed, Reader};

/// Unicode version of every LDS up to 1.8.
pub const UNICODE_VERSION: &str = "040000";

/// The content of EF.COM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Com {
    /// Four digits, `0107` or `0108`.
    pub lds_version: String,
    /// Six digits, [`UNICODE_VERSION`].
    pub unicode_version: String,
    /// Numbers of the data groups in the order of the tag list.
    pub data_groups: Vec<u8>,
}

impl Com {
    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let tags: Vec<u8> = self
            .data_groups
            .iter()
            .map(|&number| FileId::Dg(number).tag())
            .collect();
        let content = [
            tlv::object(0x5F01, self.lds_version.as_bytes()),
            tlv::object(0x5F36, self.unicode_version.as_bytes()),
            tlv::object(0x5C, &tags),
        ]
        .concat();
        tlv::object(0x60, &content)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// `FILE_MALFORMED`.
    pub fn decode(file: &[u8]) -> Result<Self, Fault> {
        Self::read(file).map_err(|why| why.fault(FileId::Com))
    }

    fn read(file: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(tlv::only(file, 0x60)?);
        let lds_version = digits(reader.expect(0x5F01)?, 4)?;
        let unicode_version = digits(reader.expect(0x5F36)?, 6)?;
        let tags = reader.expect(0x5C)?;
        reader.finish()?;
        let mut data_groups = Vec::with_capacity(tags.len());
        for &tag in tags {
            match FileId::from_tag(tag) {
                Some(FileId::Dg(number)) if !data_groups.contains(&number) => data_groups.push(number),
                _ => return Err(Malformed::Content("tag list with an unknown or repeated tag")),
            }
        }
        Ok(Self {
            lds_version,
            unicode_version,
            data_groups,
        })
    }
}

fn digits(value: &[u8], count: usize) -> Result<String, Malformed> {
    if value.len() == count && value.iter().all(u8::is_ascii_digit) {
        Ok(value.iter().map(|&byte| char::from(byte)).collect())
    } else {
        Err(Malformed::Content("version is not digits"))
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_files() {
        for (file, data_groups) in [
            // The example of Doc 9303-10.
            (
                hex!("60165F0104303130375F36063034303030305C046175766C"),
                [1, 2, 4, 12],
            ),
            // BSI sample of 2008.
            (
                hex!("60165F0104303130375F36063034303030305C046175636E"),
                [1, 2, 3, 14],
            ),
        ] {
            let com = Com::decode(&file).unwrap();
            assert_eq!(
                (com.lds_version.as_str(), com.unicode_version.as_str()),
                ("0107", UNICODE_VERSION)
            );
            assert_eq!(com.data_groups, data_groups);
            assert_eq!(com.encode(), file);
        }
    }

    #[test]
    fn wrong_tag_lists_and_versions_are_refused() {
        for file in [
            &hex!("60165F0104303130375F36063034303030305C0461757561")[..],
            &hex!("60165F0104303130375F36063034303030305C0461757760"),
            &hex!("60165F0104303130415F36063034303030305C046175766C"),
            &hex!("60155F0104303130375F36063034303030305C046175766C"),
            &hex!("60165F0104303130375F36063034303030305C046175766C00"),
            b"",
        ] {
            assert!(Com::decode(file).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_are_refused(file: Vec<u8>) {
            let _ = Com::decode(&file);
            let _ = Com::decode(&tlv::object(0x60, &file));
        }

        #[test]
        fn what_is_written_reads_back(
            data_groups in Just((1u8..=16).collect::<Vec<_>>()).prop_shuffle(),
            count in 0usize..=16,
        ) {
            let com = Com {
                lds_version: "0108".into(),
                unicode_version: UNICODE_VERSION.into(),
                data_groups: data_groups[..count].to_vec(),
            };
            prop_assert_eq!(Com::decode(&com.encode()).unwrap(), com);
        }
    }
}
