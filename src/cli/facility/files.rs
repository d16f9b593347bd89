//! What a facility reads from its folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use super::fault::FILE;
use crate::base::{Fault, Secret};
use crate::chip::ChipProfile;
use crate::cli::chip::terminal;
use crate::config::Config;
use crate::config::fault::PIN_FILE;
use crate::document::face::Press;
use crate::document::profile::{BUILTIN, CardProfile};
use crate::dossier::office::{Office, OfficeTable};
use crate::line::context::Fingerprints;
use crate::pki::{Certificate, Crl, CvCertificate, SignerKey, TrustStore};

/// Permissions that let others at a file.
const OTHERS: u32 = 0o077;

/// CSCAs and CRLs.
pub(super) fn trust(config: &Config) -> Result<TrustStore, Fault> {
    let mut trust = TrustStore::default();
    for file in &config.trust.cscas {
        let csca = certificate(&config.path(file))?;
        config.check_certificate(&file.to_string_lossy(), csca.is_rehearsal())?;
        trust.cscas.push(csca);
    }
    for file in &config.trust.crls {
        let path = config.path(file);
        trust
            .crls
            .push(Crl::parse(&read(&path)?).map_err(|fault| fault.at(path.display()))?);
    }
    Ok(trust)
}

/// Document signers, each with chain, validity and revocation verified.
pub(super) fn signers(
    config: &Config,
    trust: &TrustStore,
    now: OffsetDateTime,
) -> Result<Vec<SignerKey>, Fault> {
    config
        .signers
        .iter()
        .map(|signer| {
            let certificate = certificate(&config.path(&signer.certificate))?;
            config.check_certificate(&signer.label, certificate.is_rehearsal())?;
            let issuer = trust
                .verify(&certificate, now)
                .map_err(|fault| fault.at(&signer.label))?
                .clone();
            Ok(SignerKey {
                label: signer.label.clone(),
                certificate,
                issuer,
                limit: signer.limit,
                unlimited: signer.unlimited,
            })
        })
        .collect()
}

/// Built-in profiles and those of the facility, by name, as chips of this kind become them.
pub(super) fn profiles(
    config: &Config,
    chip: &ChipProfile,
) -> Result<BTreeMap<String, Arc<CardProfile>>, Fault> {
    let mut profiles = BTreeMap::new();
    for (id, text) in BUILTIN {
        profiles.insert((*id).to_owned(), Arc::new(chip.fit(CardProfile::parse(text)?)));
    }
    if let Some(folder) = &config.paths.profiles {
        let press = Press::builtin()?;
        for path in listing(&config.path(folder), "toml")? {
            let profile = CardProfile::parse(&text(&path)?).map_err(|fault| fault.at(path.display()))?;
            press.suits(&profile).map_err(|fault| fault.at(path.display()))?;
            profiles.insert(profile.id.clone(), Arc::new(chip.fit(profile)));
        }
    }
    Ok(profiles)
}

/// The table of offices: TOML, or the JSON list that a registry exports. Without either there is no office.
pub(super) fn offices(config: &Config) -> Result<OfficeTable, Fault> {
    let toml = config.path(&config.paths.offices);
    if toml.exists() {
        return OfficeTable::from_toml(&text(&toml)?).map_err(|fault| fault.at(toml.display()));
    }
    let json = toml.with_extension("json");
    if !json.exists() {
        return Ok(OfficeTable::default());
    }
    let offices: Vec<Office> = serde_json::from_slice(&read(&json)?)
        .map_err(|error| Fault::new(&FILE, format!("{}: {error}", json.display())))?;
    OfficeTable::new(offices).map_err(|fault| fault.at(json.display()))
}

/// The CVCAs whose terminals may read fingerprints, and the terminal of the house.
pub(super) fn fingerprints(config: &Config) -> Result<Option<Fingerprints>, Fault> {
    let Some(settings) = &config.fingerprints else {
        return Ok(None);
    };
    let cvca = |file: &PathBuf| {
        let path = config.path(file);
        CvCertificate::parse(&read(&path)?).map_err(|fault| fault.at(path.display()))
    };
    let folder = config.path(&settings.terminal);
    for key in listing(&folder, "pkcs8")?.iter().chain(&listing(&folder, "key")?) {
        let metadata = fs::metadata(key).map_err(|error| trouble(key, &error))?;
        if metadata.mode() & OTHERS != 0 {
            let why = format!("{}: others may read it", key.display());
            return Err(Fault::new(&FILE, why));
        }
    }
    Ok(Some(Fingerprints {
        cvcas: settings.cvcas.iter().map(cvca).collect::<Result<_, _>>()?,
        terminal: terminal(&folder).map_err(|error| Fault::new(&FILE, format!("{error:#}")))?,
    }))
}

/// Root certificates of those who sign dossiers, by the names of their files.
pub(super) fn dossier_trust(config: &Config) -> Result<Vec<Vec<u8>>, Fault> {
    listing(&config.path(&config.paths.dossier_trust), "der")?
        .iter()
        .map(|path| read(path))
        .collect()
}

fn certificate(path: &Path) -> Result<Certificate, Fault> {
    Certificate::parse(&read(path)?).map_err(|fault| fault.at(path.display()))
}

/// Files of one kind in a folder, by name; none if there is no folder.
fn listing(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Fault> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| trouble(folder, &error))?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

/// A file's content.
pub(in crate::cli) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| trouble(path, &error))
}

fn text(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|error| trouble(path, &error))
}

/// Writes a new file with these permissions, its folders included. A file that exists is never overwritten.
pub(in crate::cli) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Fault> {
    let create = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    create().map_err(|error| trouble(path, &error))
}

/// The PIN in a file that only its owner may read.
pub(in crate::cli) fn read_pin(path: &Path) -> Result<Secret<String>, Fault> {
    let unusable = |why: &str| Fault::new(&PIN_FILE, format!("{}: {why}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| unusable(&error.to_string()))?;
    if metadata.mode() & OTHERS != 0 {
        return Err(unusable("others may read it"));
    }
    let content = Secret::new(fs::read_to_string(path).map_err(|error| unusable(&error.to_string()))?);
    let pin = content.expose().trim_end_matches(['\r', '\n']);
    if pin.is_empty() {
        return Err(unusable("it is empty"));
    }
    Ok(Secret::new(pin.to_owned()))
}

fn trouble(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(&FILE, format!("{}: {error}", path.display()))
}
