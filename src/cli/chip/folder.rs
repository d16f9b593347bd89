//! A card's files in a folder, for people with tools of their own.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::document::sod::Sod;
use crate::document::{CardFiles, FileId, dg2};
use crate::dossier::record::ImageFormat;

/// Where files go, and which went there.
pub(in crate::cli) struct Folder {
    path: PathBuf,
    names: Vec<String>,
}

impl Folder {
    /// This folder, made if it is not there.
    pub(in crate::cli) fn new(path: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self {
            path: path.to_owned(),
            names: Vec::new(),
        })
    }

    /// Writes one file.
    pub(in crate::cli) fn write(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::write(self.path.join(name), bytes)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Writes each file as it is on the chip, EF.SOD also without its outer tag, the signer's certificate and the
    /// portrait.
    pub(in crate::cli) fn write_card(&mut self, files: &CardFiles) -> anyhow::Result<()> {
        for (file, bytes) in files {
            self.write(&format!("{file}.bin"), bytes)?;
        }
        if let Some(sod) = files.get(&FileId::Sod) {
            let header = crate::document::tlv::Header::read(sod)?;
            let cms = sod.get(header.size..).context("EF.SOD is shorter than it says")?;
            self.write("EF.SOD.cms", cms)?;
            if let Ok(sod) = Sod::parse(sod)
                && let Some(certificate) = sod.certificate()
            {
                self.write("ds.pem", &pem(certificate)?)?;
            }
        }
        // Foreign portraits may be of a form that is not read here; the file itself is written in any case.
        if let Some(Ok(portrait)) = files.get(&FileId::Dg(2)).map(|file| dg2::decode(file)) {
            let name = match portrait.format {
                ImageFormat::Jpeg => "portrait.jpg",
                ImageFormat::Jpeg2000 => "portrait.jp2",
                ImageFormat::Png => "portrait.png",
            };
            self.write(name, &portrait.bytes)?;
        }
        Ok(())
    }

    /// The names of the files that were written.
    pub(in crate::cli) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// A certificate as tools like it.
pub(in crate::cli) fn pem(certificate: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate)
            .map_err(|error| anyhow::anyhow!("PEM: {error}"))?
            .into_bytes(),
    )
}
