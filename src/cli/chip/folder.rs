//! A card's files in a folder, for people with tools of their own.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    /// This folder, made for its owner alone if it is not there. What lies in it already would be taken for this
    /// card's.
    ///
    /// # Errors
    /// When something lies in it, or it cannot be made.
    pub(in crate::cli) fn new(path: &Path) -> anyhow::Result<Self> {
        let told = || path.display().to_string();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(told)?;
        if std::fs::read_dir(path).with_context(told)?.next().is_some() {
            anyhow::bail!("{} is not empty: give each card a folder of its own", told());
        }
        Ok(Self {
            path: path.to_owned(),
            names: Vec::new(),
        })
    }

    /// Writes one file, which only its owner may read: it is personal data.
    pub(in crate::cli) fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .with_context(|| path.display().to_string())?;
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
