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
use crate::document::face::{Fonts, Layout, Press};
use crate::document::profile::{BUILTIN, CardProfile};
use crate::dossier::Holidays;
use crate::dossier::name::Glyphs;
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
        let press = press(config)?;
        for path in listing(&config.path(folder), "toml")? {
            let profile = CardProfile::parse(&text(&path)?).map_err(|fault| fault.at(path.display()))?;
            press.suits(&profile).map_err(|fault| fault.at(path.display()))?;
            profiles.insert(profile.id.clone(), Arc::new(chip.fit(profile)));
        }
    }
    Ok(profiles)
}

/// A press with the built-in layouts and those of the facility.
pub(in crate::cli) fn press(config: &Config) -> Result<Press, Fault> {
    let mut layouts = Layout::builtin()?;
    if let Some(folder) = &config.paths.layouts {
        for path in listing(&config.path(folder), "toml")? {
            layouts.push(Layout::parse(&text(&path)?).map_err(|fault| fault.at(path.display()))?);
        }
    }
    Press::new(layouts, fonts(config)?)
}

/// The typefaces of texts: the facility's, where it has its own, or the ones that go with the program.
fn fonts(config: &Config) -> Result<Fonts, Fault> {
    let mut fonts = Fonts::default();
    let Some(folder) = &config.paths.fonts else {
        return Ok(fonts);
    };
    for (style, typeface) in [("regular", &mut fonts.regular), ("bold", &mut fonts.bold)] {
        let path = config.path(folder).join(format!("{style}.ttf"));
        *typeface = read(&path)?;
    }
    Ok(fonts)
}

/// The characters that texts of faces may have.
pub(in crate::cli) fn glyphs(config: &Config) -> Result<Glyphs, Fault> {
    let Fonts { regular, bold } = fonts(config)?;
    Ok(Glyphs::of(&regular)?.and(&Glyphs::of(&bold)?))
}

/// The days on which nobody works.
pub(in crate::cli) fn holidays(config: &Config) -> Result<Holidays, Fault> {
    let Some(file) = &config.paths.holidays else {
        return Holidays::viet_nam();
    };
    let path = config.path(file);
    Holidays::from_toml(&text(&path)?).map_err(|fault| fault.at(path.display()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Mode;
    use crate::cli::init::{Wishes, plan};

    /// A facility with nothing in it but what is written here.
    fn config(folder: &Path) -> Config {
        let wishes = Wishes {
            name: "F",
            mode: Mode::Rehearsal,
            stations: 0,
            desks: 0,
            pcsc: false,
            module: "",
            chip: crate::config::CHIP,
        };
        plan(folder, &wishes).unwrap()
    }

    #[test]
    fn a_facility_has_profiles_and_layouts_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        let chip = config.chip_profile().unwrap();
        let (_, profile) = BUILTIN.iter().find(|(id, _)| *id == "cc-2024").unwrap();
        let ours = profile
            .replace("id = \"cc-2024\"", "id = \"ours\"")
            .replace("layout = \"cc-2024\"", "layout = \"ours\"");
        fs::create_dir(folder.path().join("ours")).unwrap();
        fs::write(folder.path().join("ours/ours.toml"), ours).unwrap();
        config.paths.profiles = Some("ours".into());
        let unknown = profiles(&config, &chip).unwrap_err();
        assert!(unknown.to_string().contains("ours"), "{unknown}");

        let layout = include_str!("../../document/face/layouts/cc-2024.toml");
        fs::create_dir(folder.path().join("layouts")).unwrap();
        let file = folder.path().join("layouts/ours.toml");
        fs::write(&file, layout.replace("id = \"cc-2024\"", "id = \"ours\"")).unwrap();
        config.paths.layouts = Some("layouts".into());
        let known = profiles(&config, &chip).unwrap();
        assert_eq!(known.len(), BUILTIN.len() + 1);
        assert_eq!(known["ours"].face.layout, "ours");

        fs::write(&file, "id = \"ours\"").unwrap();
        let broken = profiles(&config, &chip).unwrap_err();
        assert!(broken.to_string().contains("ours.toml"), "{broken}");
    }

    #[test]
    fn a_facility_has_holidays_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        assert!(holidays(&config).unwrap().covers(2027));
        config.paths.holidays = Some("days.toml".into());
        assert_eq!(holidays(&config).unwrap_err().code, &FILE);
        let days = "years = [2028]\n[[holiday]]\nname = \"Tết\"\nfrom = \"2028-01-26\"\n";
        fs::write(folder.path().join("days.toml"), days).unwrap();
        let known = holidays(&config).unwrap();
        assert!(known.covers(2028) && !known.covers(2027));
        let told = |year| {
            let day = time::Date::from_calendar_date(year, time::Month::June, 1).unwrap();
            super::super::inspect::holidays(&config, day)
        };
        assert!(told(2028).is_ok());
        assert!(told(2027).unwrap_err().to_string().contains("2027"));
    }
}
