//! Who may read fingerprints: chains of CV certificates before a chip that holds them.

use super::foreign::{Stranger, asking, card_security};
use super::*;
use crate::chip::Terminal;
use crate::chip::cipher::Cipher;
use crate::chip::pace::Mapping;
use crate::document::security_info::{PK_ECDH, SecurityInfo};
use crate::pki::{Curve, CvCertificate, CvPlan, CvRole, EllipticCurve, Rights};

/// A CVCA, a document verifier and a terminal on this curve.
pub(super) struct Authority {
    pub(super) curve: EllipticCurve,
}

const FROM: [u8; 6] = [2, 6, 1, 1, 0, 1];
const UNTIL: [u8; 6] = [2, 6, 1, 2, 3, 1];

impl Authority {
    fn key(&self, number: u8) -> Vec<u8> {
        vec![number; self.curve.bytes()]
    }

    /// The certificate of key `holder`, signed by key `signer`.
    fn issue(&self, names: [&str; 2], [signer, holder]: [u8; 2], role: CvRole, irises: bool) -> Vec<u8> {
        let rights = Rights {
            fingerprints: true,
            irises,
        };
        self.plan(names, [signer, holder], role, rights, FROM, UNTIL)
    }

    fn plan(
        &self,
        [authority, name]: [&str; 2],
        [signer, holder]: [u8; 2],
        role: CvRole,
        rights: Rights,
        effective: [u8; 6],
        expires: [u8; 6],
    ) -> Vec<u8> {
        let plan = CvPlan {
            authority,
            holder: name,
            curve: self.curve,
            point: &self.curve.public(&self.key(holder)).unwrap(),
            role,
            rights,
            effective,
            expires,
        };
        plan.issue(|digest| self.curve.sign(&self.key(signer), digest).unwrap())
            .unwrap()
    }

    pub(super) fn cvca(&self) -> Vec<u8> {
        self.issue(["UTCVCA00001"; 2], [1, 1], CvRole::Authority, true)
    }

    pub(super) fn verifier(&self) -> Vec<u8> {
        self.issue(
            ["UTCVCA00001", "UTDV00001"],
            [1, 2],
            CvRole::DomesticVerifier,
            true,
        )
    }

    pub(super) fn terminal(&self) -> Vec<u8> {
        self.issue(["UTDV00001", "UTIS00001"], [2, 3], CvRole::Terminal, false)
    }

    /// Who shows these certificates and has key 3.
    pub(super) fn reader(&self, certificates: &[Vec<u8>]) -> Terminal {
        let certificates = certificates.iter().map(|der| CvCertificate::parse(der).unwrap());
        Terminal::new(certificates.collect(), Secret::new(self.key(3))).unwrap()
    }
}

/// A card with fingerprints that trusts this authority, opened by PACE or BAC.
fn with_fingerprints(authority: &Authority, pace: bool) -> Rehearsal {
    let mut stranger =
        Stranger::new().chip_authentication(Some(Cipher::Aes128), EllipticCurve::BrainpoolP256r1, None, 3, 3);
    if pace {
        stranger = stranger.pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256);
    }
    for number in [3, 4] {
        let file = FileId::Dg(number);
        stranger.files.insert(file, filled(file, 9_000));
    }
    stranger.cvca = Some(authority.cvca());
    stranger.card()
}

#[test]
fn a_terminal_that_the_state_lets_reads_fingerprints_and_no_more() {
    for curve in [EllipticCurve::P256, EllipticCurve::BrainpoolP384r1] {
        let authority = Authority { curve };
        let chain = [authority.terminal(), authority.cvca(), authority.verifier()];
        for pace in [true, false] {
            let mut card = with_fingerprints(&authority, pace);
            let seen = card.inspect(asking(&card)).unwrap();
            assert_eq!(seen.protected, [FileId::Dg(3), FileId::Dg(4)]);
            assert_eq!(seen.terminal_authentication, Verdict::NotAsked);
            let request = Request {
                terminal: Some(authority.reader(&chain)),
                ..asking(&card)
            };
            let seen = card.inspect(request).unwrap();
            assert_eq!(seen.terminal_authentication, Verdict::Genuine, "{curve:?} {pace}");
            assert_eq!(seen.files[&FileId::Dg(3)], card.files[&FileId::Dg(3)]);
            // The terminal's own certificate does not let it read irises.
            assert_eq!(seen.protected, [FileId::Dg(4)]);
            // Rights end with the session.
            assert_eq!(card.inspect(asking(&card)).unwrap().protected.len(), 2);
        }
    }
}

#[test]
fn a_terminal_may_follow_chip_authentication_mapping() {
    let curve = EllipticCurve::BrainpoolP256r1;
    let authority = Authority { curve };
    let mut stranger = Stranger::new().pace(Mapping::ChipAuthentication, Cipher::Aes128, curve);
    let key = Curve::Explicit
        .spki_on(curve, &curve.public(&[5; 32]).unwrap())
        .unwrap();
    let signed = card_security(vec![SecurityInfo::ChipAuthenticationPublicKey {
        protocol: PK_ECDH,
        key,
        key_id: Some(13),
    }]);
    stranger.files.insert(FileId::CardSecurity, signed);
    stranger.files.insert(FileId::Dg(3), filled(FileId::Dg(3), 900));
    stranger.keys.mapping = Some(vec![5; 32]);
    stranger.cvca = Some(authority.cvca());
    let mut card = stranger.card();
    let chain = [authority.cvca(), authority.verifier(), authority.terminal()];
    let request = Request {
        terminal: Some(authority.reader(&chain)),
        ..asking(&card)
    };
    let seen = card.inspect(request).unwrap();
    assert_eq!(seen.terminal_authentication, Verdict::Genuine);
    assert_eq!(seen.files, card.files);
}

#[test]
fn a_terminal_without_the_right_certificates_reads_no_fingerprints() {
    let authority = Authority {
        curve: EllipticCurve::P256,
    };
    let other = |role, from, until| {
        authority.plan(
            ["UTCVCA00001", "UTDV00001"],
            [1, 2],
            role,
            Rights {
                fingerprints: true,
                irises: true,
            },
            from,
            until,
        )
    };
    let (cvca, terminal) = (authority.cvca(), authority.terminal());
    let stranger = authority.issue(
        ["UTCVCA00001", "UTDV00001"],
        [7, 2],
        CvRole::DomesticVerifier,
        true,
    );
    // Signed by another key; expired before the chip's day; by no trusted authority at all.
    for chain in [
        vec![cvca.clone(), stranger, terminal.clone()],
        vec![
            cvca.clone(),
            other(CvRole::DomesticVerifier, [2, 6, 0, 1, 0, 1], [2, 6, 1, 0, 3, 1]),
            terminal.clone(),
        ],
        vec![cvca.clone(), terminal.clone()],
    ] {
        let mut card = with_fingerprints(&authority, true);
        let request = Request {
            terminal: Some(authority.reader(&chain)),
            ..asking(&card)
        };
        let seen = card.inspect(request).unwrap();
        assert_eq!(seen.terminal_authentication, Verdict::Failed);
        assert_eq!(seen.protected, [FileId::Dg(3), FileId::Dg(4)]);
        // The channel outlives the refusal.
        assert_eq!(seen.files[&FileId::Dg(2)], card.files[&FileId::Dg(2)]);
    }
    // The chip's day has moved on with the domestic certificates that it saw: what was valid no longer is.
    let mut card = with_fingerprints(&authority, true);
    let later = other(CvRole::DomesticVerifier, [2, 7, 0, 1, 0, 1], [2, 7, 1, 2, 3, 1]);
    for (verifier, expected) in [(authority.verifier(), Verdict::Genuine), (later, Verdict::Failed)] {
        let request = Request {
            terminal: Some(authority.reader(&[cvca.clone(), verifier, terminal.clone()])),
            ..asking(&card)
        };
        assert_eq!(card.inspect(request).unwrap().terminal_authentication, expected);
    }
    // A foreign verifier's certificates do not move it.
    let mut card = with_fingerprints(&authority, true);
    let foreign = other(CvRole::ForeignVerifier, [2, 9, 0, 1, 0, 1], [2, 9, 1, 2, 3, 1]);
    for verifier in [foreign, authority.verifier()] {
        let request = Request {
            terminal: Some(authority.reader(&[cvca.clone(), verifier, terminal.clone()])),
            ..asking(&card)
        };
        let verdict = card.inspect(request).unwrap().terminal_authentication;
        assert_eq!(verdict, Verdict::Genuine);
    }
}

/// OpenPACE's tools in a folder of their own: another implementation of CV certificates.
fn openpace(folder: &std::path::Path, command: &str) -> String {
    let (program, arguments) = command.split_once(' ').unwrap();
    let output = std::process::Command::new(program)
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("make test-deps brings openpace");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}: {said}");
    said
}

#[test]
fn a_chain_that_openpace_issued_opens_fingerprints_and_ours_is_read_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let run = |command: &str| openpace(folder.path(), command);
    run(
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 -outform DER -out cvca.key",
    );
    for issue in [
        "--role=cvca --issued=261101 --expires=271101 --sign-with=cvca.key --key=cvca.key --chr=UTCVCA00001",
        "--role=dv_domestic --issued=261101 --expires=271001 --sign-with=cvca.key --chr=UTDVER00001 \
         --sign-as=UTCVCA00001.cvcert",
        "--role=terminal --issued=261101 --expires=270901 --sign-with=UTDVER00001.pkcs8 --chr=UTTERM00001 \
         --sign-as=UTDVER00001.cvcert",
    ] {
        run(&format!(
            "cvc-create --type=is --read-finger --scheme=ECDSA_SHA_256 {issue}"
        ));
    }
    let names = ["UTCVCA00001.cvcert", "UTDVER00001.cvcert", "UTTERM00001.cvcert"];
    let chain = names.map(|name| CvCertificate::parse(&file(name)).unwrap());
    let key = crate::pki::private::elliptic(&file("UTTERM00001.pkcs8")).unwrap();
    let authority = Authority {
        curve: EllipticCurve::BrainpoolP256r1,
    };
    let mut card = with_fingerprints(&authority, true);
    card.chip.trust(&file(names[0])).unwrap();
    let request = Request {
        terminal: Some(Terminal::new(chain.to_vec(), Secret::new(key.to_vec())).unwrap()),
        ..asking(&card)
    };
    let seen = card.inspect(request).unwrap();
    assert_eq!(seen.terminal_authentication, Verdict::Genuine);
    assert_eq!(seen.protected, [FileId::Dg(4)]);

    std::fs::write(folder.path().join("ours"), authority.terminal()).unwrap();
    let told = run("cvc-print --cvc=ours");
    for part in [
        "CAR: UTDV00001",
        "CHR: UTIS00001",
        "Read fingerprint",
        "Terminal certificate",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn certificates_that_make_no_chain_are_no_terminal() {
    let authority = Authority {
        curve: EllipticCurve::P256,
    };
    let (cvca, verifier, terminal) = (authority.cvca(), authority.verifier(), authority.terminal());
    let new = |certificates: &[&Vec<u8>], key: u8| {
        let certificates = certificates.iter().map(|der| CvCertificate::parse(der).unwrap());
        Terminal::new(certificates.collect(), Secret::new(authority.key(key))).map(|_| ())
    };
    assert_eq!(new(&[&cvca, &verifier, &terminal], 3), Ok(()));
    for (certificates, key) in [
        (vec![&cvca, &verifier, &terminal], 4),
        (vec![&cvca, &verifier], 3),
        (vec![&verifier, &terminal], 3),
        (vec![], 3),
    ] {
        assert_eq!(code(new(&certificates, key)), &fault::TERMINAL);
    }
}
