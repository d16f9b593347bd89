//! What is known beforehand: the password of the card, the certificates that are trusted, the terminal's own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use crate::base::{Clock, Secret};
use crate::chip::{Can, MrzKey, Password, Terminal};
use crate::device::serial::{SerialConfig, SerialPort};
use crate::pki::{Certificate, Crl, CvCertificate, TrustStore, private};
use crate::port::Serial;

use super::folder::Folder;

/// A certificate or a revocation list; the largest national lists have a few hundred entries.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// A person holds a card to a scanner within this time.
const SCAN: Duration = Duration::from_secs(60);
/// A scanner that has begun says the rest without a pause like this.
const PAUSE: Duration = Duration::from_millis(300);
/// What a scanner says of one card.
const SCAN_BYTES_MAX: usize = 4_096;

/// How the chip is opened, and where what is read goes.
#[derive(Args, Debug)]
pub(super) struct Opening {
    #[command(flatten)]
    by: By,
    /// CV certificates and private key of a terminal that may read fingerprints.
    #[arg(long, value_name = "DIR")]
    terminal: Option<PathBuf>,
    /// An empty folder for the files; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct By {
    /// The machine-readable zone, or DOCUMENT,BIRTH,EXPIRY (dates YYMMDD), or - for standard input.
    #[arg(long)]
    mrz: Option<String>,
    /// The card access number, six digits on the front.
    #[arg(long)]
    can: Option<String>,
    /// A scanner's serial port that reads the zone off the card.
    #[arg(long, value_name = "SCANNER")]
    mrz_from: Option<PathBuf>,
}

impl Opening {
    /// Where the files go, if they go anywhere.
    pub(super) fn folder(&self) -> anyhow::Result<Option<Folder>> {
        self.out.as_deref().map(Folder::new).transpose()
    }

    /// The password that was given, or that the scanner reads.
    pub(super) async fn password(&self, clock: Clock) -> anyhow::Result<Password> {
        match &self.by {
            By { can: Some(can), .. } => Ok(Password::Can(Can::new(can)?)),
            By { mrz: Some(mrz), .. } if mrz == "-" => {
                let mut text = Zeroizing::new(String::new());
                std::io::stdin()
                    .take(SCAN_BYTES_MAX as u64)
                    .read_to_string(&mut text)?;
                Ok(Password::Mrz(zone(&text)?))
            }
            By { mrz: Some(mrz), .. } => Ok(Password::Mrz(zone(mrz)?)),
            By { mrz_from, .. } => {
                let path = mrz_from.clone().context("no password")?;
                let config = SerialConfig { path, baud: 115_200 };
                let mut scanner = SerialPort::open(&config, clock)?;
                Ok(Password::Mrz(scanned(&mut scanner).await?))
            }
        }
    }

    /// The terminal, if its folder was named.
    pub(super) fn terminal(&self) -> anyhow::Result<Option<Terminal>> {
        self.terminal.as_deref().map(terminal).transpose()
    }
}

/// The terminal whose CV certificates and private key lie in this folder.
pub(in crate::cli) fn terminal(folder: &Path) -> anyhow::Result<Terminal> {
    let (mut certificates, mut keys) = (Vec::new(), Vec::new());
    for (path, bytes) in contents(folder)? {
        let bytes = Zeroizing::new(bytes);
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("pkcs8" | "key") => {
                let number = private::elliptic(&bytes).with_context(|| path.display().to_string())?;
                keys.push(Secret::new(number.to_vec()));
            }
            Some("cvcert" | "cvc") => {
                certificates.push(CvCertificate::parse(&bytes).with_context(|| path.display().to_string())?);
            }
            _ => {}
        }
    }
    // Tools leave the keys of the authorities beside the terminal's: the one that fits is meant.
    let mut made = keys
        .into_iter()
        .map(|key| Terminal::new(certificates.clone(), key));
    let first = made
        .next()
        .with_context(|| format!("{}: no private key (.pkcs8)", folder.display()))?;
    Ok(made.fold(first, Result::or)?)
}

/// A whole zone, or its three fields with commas between.
fn zone(text: &str) -> anyhow::Result<MrzKey> {
    match text.trim().split(',').collect::<Vec<_>>()[..] {
        [document, birth, expiry] => Ok(MrzKey::new(document, birth, expiry)?),
        _ => Ok(MrzKey::from_zone(text)?),
    }
}

/// Reads until the scanner pauses. Some put `MRZ ` before the zone and other readings beside it, each on its line.
async fn scanned(scanner: &mut dyn Serial) -> anyhow::Result<MrzKey> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut patience = SCAN;
    while bytes.len() < SCAN_BYTES_MAX {
        let more = scanner.receive(patience).await?;
        if more.is_empty() {
            break;
        }
        bytes.extend_from_slice(&more);
        patience = PAUSE;
    }
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let marked = text
        .split(['\r', '\n'])
        .find_map(|line| line.strip_prefix("MRZ "));
    zone(marked.unwrap_or(&text)).context("the scanner's reading")
}

/// What is trusted, and what was not understood.
#[derive(Default)]
pub(super) struct Trusted {
    /// CSCAs and revocation lists.
    pub(super) store: TrustStore,
    /// Files that are neither, each with its reason.
    pub(super) passed_over: Vec<String>,
}

/// Everything in a folder, DER or PEM.
pub(super) fn trust(folder: &Path) -> anyhow::Result<Trusted> {
    let mut trusted = Trusted::default();
    for (path, bytes) in contents(folder)? {
        for block in blocks(&bytes) {
            let name = || path.file_name().unwrap_or_default().to_string_lossy();
            match (Certificate::parse(&block), Crl::parse(&block)) {
                (Ok(csca), _) if csca.may_sign_certificates() => trusted.store.cscas.push(csca),
                (Ok(_), _) => trusted.passed_over.push(format!("{}: no CSCA", name())),
                (Err(_), Ok(list)) => trusted.store.crls.push(list),
                (Err(fault), Err(_)) => trusted.passed_over.push(format!("{}: {fault}", name())),
            }
        }
    }
    Ok(trusted)
}

/// Each block of a PEM file, or the file itself.
fn blocks(bytes: &[u8]) -> Vec<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN ";
    let Ok(text) = std::str::from_utf8(bytes) else {
        return vec![bytes.to_vec()];
    };
    let decoded: Vec<Vec<u8>> = text
        .match_indices(BEGIN)
        .filter_map(|(start, _)| {
            let block = &text[start..];
            let end = block
                .find("-----END ")
                .and_then(|end| Some(end + block.get(end..)?.find('\n')?));
            let block = end.map_or(block, |end| &block[..=end]);
            der::pem::decode_vec(block.as_bytes()).ok().map(|(_, der)| der)
        })
        .collect();
    if decoded.is_empty() {
        vec![bytes.to_vec()]
    } else {
        decoded
    }
}

/// The files in a folder by name, each of reasonable size.
fn contents(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        if std::fs::metadata(&path)?.len() > FILE_BYTES_MAX {
            bail!("{}: larger than any certificate or list", path.display());
        }
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        files.push((path, bytes));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Curve;
    use crate::pki::testkit::{OpenSsl, Rehearsal};

    #[test]
    fn a_zone_is_given_whole_or_in_fields() {
        let whole =
            "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<";
        assert_eq!(zone(whole).unwrap(), zone("D23145890,740812,120415\n").unwrap());
        assert!(zone("D23145890,740812").is_err() && zone("").is_err());
    }

    #[test]
    fn a_folder_of_trust_holds_any_form_and_says_what_it_did_not_take() {
        let pki = Rehearsal::new(Curve::Explicit);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let openssl = OpenSsl::new();
        openssl.certificate("csca.pem", &pki.csca.der);
        let pem = openssl.read("csca.pem");
        write("both.pem", &[&pem[..], b"between\n", &pem].concat());
        write("csca.der", &pki.csca.der);
        write("list.crl", &pki.crl(Vec::new()).der);
        write("signer.cer", &pki.ds.der);
        write("note.txt", "đọc tôi".as_bytes());
        let trusted = trust(folder.path()).unwrap();
        assert_eq!((trusted.store.cscas.len(), trusted.store.crls.len()), (3, 1));
        assert_eq!(trusted.passed_over.len(), 2, "{:?}", trusted.passed_over);
        assert!(trust(Path::new("/nowhere")).is_err());
    }
}
