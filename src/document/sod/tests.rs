use hex_literal::hex;
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::document::file::{CardFiles, FileId};
use crate::pki::testkit::{NOW, OpenSsl, Rehearsal, SoftKey};
use crate::pki::{Curve, RevokedEntry, SignatureAlgorithm, TrustStore, fault as pki_fault};

mod chain;

/// A chip with an EF.COM for DG1, DG2, DG13 and files that only their hashes matter of.
fn files() -> CardFiles {
    CardFiles::from([
        (
            FileId::Com,
            hex!("6015 5F0104 30313037 5F3606 303430303030 5C03 61756D").to_vec(),
        ),
        (FileId::Dg(1), [&hex!("61 08 5F1F05")[..], b"IDVNM"].concat()),
        (FileId::Dg(2), hex!("75 01 02").to_vec()),
        (FileId::Dg(13), hex!("6D 01 0D").to_vec()),
    ])
}

fn hashes(files: &CardFiles) -> BTreeMap<u8, [u8; 32]> {
    files
        .iter()
        .filter_map(|(id, file)| match id {
            FileId::Dg(number) => Some((*number, Sha256::digest(file).into())),
            _ => None,
        })
        .collect()
}

fn draft(version: LdsVersion, signing_time: Option<OffsetDateTime>) -> SodDraft {
    SodDraft::new(&hashes(&files()), version, signing_time).unwrap()
}

fn sign(pki: &Rehearsal, draft: &SodDraft) -> Vec<u8> {
    draft
        .finish(&pki.ds.der, &pki.ds_key.sign(&draft.digest))
        .unwrap()
}

/// Each check that did not pass.
fn complaints(sod: &[u8], files: &CardFiles, trust: &TrustStore) -> Vec<(CheckName, Verdict)> {
    passive_authentication(sod, files, trust, NOW)
        .into_iter()
        .filter(|check| check.verdict != Verdict::Passed)
        .map(|check| (check.name, check.verdict))
        .collect()
}

#[test]
fn the_security_object_is_der_as_doc_9303_asks() {
    let hashes = BTreeMap::from([(2, [0x22; 32]), (1, [0x11; 32])]);
    let v0 = SodDraft::new(&hashes, LdsVersion::V0, None).unwrap();
    let entries = [
        &hex!("304E 3025 020101 0420")[..],
        &[0x11; 32],
        &hex!("3025 020102 0420"),
        &[0x22; 32],
    ]
    .concat();
    // SHA-256 without NULL.
    let head = hex!("020100 300B 0609608648016503040201");
    assert_eq!(v0.lds, [&hex!("3060")[..], &head, &entries].concat());
    let v1 = SodDraft::new(&hashes, LdsVersion::V1, None).unwrap();
    let versions = hex!("300E 1304 30313038 1306 303430303030");
    let head = hex!("020101 300B 0609608648016503040201");
    assert_eq!(v1.lds, [&hex!("3070")[..], &head, &entries, &versions].concat());
}

#[test]
fn the_signed_attributes_are_a_sorted_set() {
    let digest = |draft: &SodDraft| Sha256::digest(&draft.lds).to_vec();
    let content_type = hex!("3015 06092A864886F70D010903 3108 0606678108010101");
    let message_digest = hex!("302F 06092A864886F70D010904 3122 0420");
    let plain = draft(LdsVersion::V0, None);
    assert_eq!(
        plain.signed_attributes,
        [&hex!("3148")[..], &content_type, &message_digest, &digest(&plain)].concat()
    );
    assert_eq!(
        plain.digest.as_slice(),
        Sha256::digest(&plain.signed_attributes).as_slice()
    );
    // Between the two by its encoding; UTCTime through 2049, GeneralizedTime after.
    for (at, time) in [
        (
            NOW,
            &b"\x30\x1C\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05\x31\x0F\x17\x0D261122040000Z"[..],
        ),
        (
            datetime!(2050-01-01 0:00 UTC),
            b"\x30\x1E\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05\x31\x11\x18\x0F20500101000000Z",
        ),
    ] {
        let timed = draft(LdsVersion::V0, Some(at));
        let length = [0x31, u8::try_from(0x48 + time.len()).unwrap()];
        let expected = [&length[..], &content_type, time, &message_digest, &digest(&timed)].concat();
        assert_eq!(timed.signed_attributes, expected);
    }
}

#[test]
fn openssl_verifies_with_explicit_curves_against_the_signer() {
    let pki = Rehearsal::new(Curve::Explicit);
    for version in [LdsVersion::V0, LdsVersion::V1] {
        for time in [None, Some(NOW)] {
            let draft = draft(version, time);
            let openssl = opened(&sign(&pki, &draft));
            openssl.certificate("ds.pem", &pki.ds.der);
            let at = NOW.unix_timestamp();
            let command = format!(
                "cms -verify -inform DER -in sod.cms -purpose any -partial_chain -attime {at} -CAfile ds.pem \
                 -out content"
            );
            openssl.succeeds(&command);
            assert_eq!(openssl.read("content"), draft.lds);
        }
    }
}

#[test]
fn openssl_verifies_the_whole_chain_with_named_curves() {
    let pki = Rehearsal::new(Curve::Named);
    let draft = draft(LdsVersion::V1, Some(NOW));
    let sod = sign(&pki, &draft);
    let openssl = opened(&sod);
    openssl.certificate("csca.pem", &pki.csca.der);
    let at = NOW.unix_timestamp();
    let command = format!(
        "cms -verify -inform DER -in sod.cms -purpose any -attime {at} -CAfile csca.pem -out content"
    );
    openssl.succeeds(&command);
    assert_eq!(openssl.read("content"), draft.lds);
    let printed = openssl.succeeds("cms -cmsout -print -noout -inform DER -in sod.cms");
    assert!(
        printed.contains("    version: 3\n") && printed.contains("        version: 1\n"),
        "{printed}"
    );
    // One flipped bit in a data group's hash.
    let mut damaged = sod;
    let place = damaged
        .windows(32)
        .position(|window| hashes(&files())[&13] == window)
        .unwrap();
    damaged[place] ^= 1;
    openssl.file("sod.cms", AnyRef::from_der(&damaged).unwrap().value());
    assert!(!openssl.run(&command).0);
}

fn opened(sod: &[u8]) -> OpenSsl {
    let openssl = OpenSsl::new();
    let wrapper = AnyRef::from_der(sod).unwrap();
    assert_eq!(sod.first(), Some(&0x77));
    openssl.file("sod.cms", wrapper.value());
    openssl
}

#[test]
fn our_own_reads_back() {
    let pki = Rehearsal::new(Curve::Explicit);
    let draft = draft(LdsVersion::V1, Some(NOW));
    let sod = Sod::parse(&sign(&pki, &draft)).unwrap();
    assert!(sod.declared);
    assert_eq!((sod.version, sod.lds_version.as_deref()), (1, Some("0108")));
    assert_eq!(sod.message.signed_attributes, draft.signed_attributes);
    assert_eq!(sod.message.content, draft.lds);
    assert_eq!(sod.message.signing_time, Some(NOW));
    assert_eq!(sod.certificate(), Some(pki.ds.der.as_slice()));
    let expected: BTreeMap<u8, Vec<u8>> = hashes(&files())
        .into_iter()
        .map(|(number, hash)| (number, hash.to_vec()))
        .collect();
    assert_eq!(sod.hashes(), &expected);
}

#[test]
fn a_stored_draft_comes_back_and_damage_is_noticed() {
    let pki = Rehearsal::new(Curve::Explicit);
    let draft = draft(LdsVersion::V0, None);
    let stored = serde_json::to_string(&draft).unwrap();
    let restored: SodDraft = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, draft);
    let signature = pki.ds_key.sign(&draft.digest);
    draft.verify(&pki.ds_key.point(), &signature).unwrap();
    assert_eq!(
        draft
            .verify(&SoftKey::new(3).point(), &signature)
            .unwrap_err()
            .code,
        &pki_fault::SIGNATURE_WRONG
    );
    let damages: [fn(&mut SodDraft); 3] = [
        |draft| draft.lds[70] ^= 1,
        |draft| draft.signed_attributes[70] ^= 1,
        |draft| draft.digest[0] ^= 1,
    ];
    for damage in damages {
        let mut damaged = draft.clone();
        damage(&mut damaged);
        assert_eq!(
            damaged.finish(&pki.ds.der, &signature).unwrap_err().code,
            &fault::DRAFT_CHANGED
        );
    }
    assert_eq!(
        draft.finish(&pki.ds.der, &[0; 64]).unwrap_err().code,
        &pki_fault::SIGNATURE_MALFORMED
    );
    assert_eq!(
        draft.finish(b"no certificate", &signature).unwrap_err().code,
        &pki_fault::CERTIFICATE_UNREADABLE
    );
}

#[test]
fn only_two_to_sixteen_data_groups_are_signed() {
    let code = |numbers: &[u8]| {
        let hashes = numbers.iter().map(|&number| (number, [0; 32])).collect();
        SodDraft::new(&hashes, LdsVersion::V0, None).map_err(|fault| fault.code)
    };
    for refused in [&[][..], &[1], &[0, 1], &[1, 17]] {
        assert_eq!(code(refused), Err(&fault::DATA_GROUPS_REFUSED));
    }
    let all: Vec<u8> = (1..=16).collect();
    assert!(code(&[1, 2]).is_ok() && code(&all).is_ok());
    let early = SodDraft::new(
        &hashes(&files()),
        LdsVersion::V0,
        Some(datetime!(1969-01-01 0:00 UTC)),
    );
    assert_eq!(early.unwrap_err().code, &fault::SIGNING_TIME);
}

#[test]
fn a_genuine_card_passes_every_check() {
    for (curve, version) in [(Curve::Explicit, LdsVersion::V0), (Curve::Named, LdsVersion::V1)] {
        let pki = Rehearsal::new(curve);
        let sod = sign(&pki, &draft(version, Some(NOW)));
        let mut files = files();
        if version == LdsVersion::V1 {
            files.get_mut(&FileId::Com).unwrap()[8] = b'8';
        }
        let checks = passive_authentication(&sod, &files, &pki.trust(), NOW);
        assert_eq!(worst(&checks), Verdict::Passed, "{checks:?}");
        let names: Vec<String> = checks.iter().map(|check| check.name.to_string()).collect();
        assert_eq!(
            names.join(", "),
            "structure, message digest, signature, data group 1, data group 2, data group 13, EF.COM, chain, \
             state and kind, validity, revocation"
        );
    }
    assert_eq!(worst(&[]), Verdict::Undetermined);
}

#[test]
fn changed_files_are_found() {
    let pki = Rehearsal::new(Curve::Explicit);
    let sod = sign(&pki, &draft(LdsVersion::V0, Some(NOW)));
    let complain = |change: fn(&mut CardFiles)| {
        let mut files = files();
        change(&mut files);
        complaints(&sod, &files, &pki.trust())
    };
    let failed = |name| vec![(name, Verdict::Failed)];
    assert_eq!(
        complain(|files| {
            // Another person's DG2.
            files.insert(FileId::Dg(2), vec![0x75, 1, 3]);
        }),
        failed(CheckName::DataGroup(2))
    );
    assert_eq!(
        complain(|files| {
            files.insert(FileId::Dg(11), vec![0x6B, 0]);
        }),
        failed(CheckName::DataGroup(11))
    );
    assert_eq!(
        complain(|files| {
            files.remove(&FileId::Dg(2));
        }),
        [(CheckName::DataGroup(2), Verdict::Undetermined)]
    );
    let com = |change: fn(&mut Vec<u8>)| {
        let mut files = files();
        change(files.get_mut(&FileId::Com).unwrap());
        complaints(&sod, &files, &pki.trust())
    };
    assert_eq!(
        com(|com| *com.last_mut().unwrap() = 0x6F),
        failed(CheckName::ContentsList)
    );
    assert_eq!(com(|com| com[8] = b'8'), failed(CheckName::ContentsList));
    assert_eq!(com(|com| com.truncate(5)), failed(CheckName::ContentsList));
    assert_eq!(com(|com| com.swap(20, 21)), []);
}

#[test]
fn a_tampered_or_foreign_signature_is_found() {
    let pki = Rehearsal::new(Curve::Explicit);
    let draft = draft(LdsVersion::V0, Some(NOW));
    let genuine = sign(&pki, &draft);
    let signature_failed = [(CheckName::Signature, Verdict::Failed)];

    let mut tampered = genuine.clone();
    *tampered.last_mut().unwrap() ^= 1;
    assert_eq!(complaints(&tampered, &files(), &pki.trust()), signature_failed);

    // Signed with a key that is not the certificate's.
    let wrong = draft
        .finish(&pki.ds.der, &SoftKey::new(3).sign(&draft.digest))
        .unwrap();
    assert_eq!(complaints(&wrong, &files(), &pki.trust()), signature_failed);

    // The content changed under the same attributes.
    let mut swapped = genuine;
    let place = swapped
        .windows(32)
        .position(|window| hashes(&files())[&2] == window)
        .unwrap();
    swapped[place] ^= 1;
    assert_eq!(
        complaints(&swapped, &files(), &pki.trust()),
        [
            (CheckName::MessageDigest, Verdict::Failed),
            (CheckName::DataGroup(2), Verdict::Failed)
        ]
    );

    let nothing = passive_authentication(b"\x77\x00", &files(), &pki.trust(), NOW);
    assert_eq!(worst(&nothing), Verdict::Failed);
}

#[test]
fn the_signer_must_lead_to_a_trusted_csca_and_be_in_force() {
    let pki = Rehearsal::new(Curve::Explicit);
    let sod = sign(&pki, &draft(LdsVersion::V0, Some(NOW)));
    let unknown = |name| (name, Verdict::Undetermined);
    let no_chain = [
        unknown(CheckName::Chain),
        unknown(CheckName::Validity),
        unknown(CheckName::Revocation),
    ];
    assert_eq!(complaints(&sod, &files(), &TrustStore::default()), no_chain);

    let entry = RevokedEntry {
        serial: pki.ds.serial.clone(),
        revoked_at: NOW - Duration::days(1),
    };
    let revoked = TrustStore {
        crls: vec![pki.crl(vec![entry])],
        ..pki.trust()
    };
    assert_eq!(
        complaints(&sod, &files(), &revoked),
        [(CheckName::Revocation, Verdict::Failed)]
    );
    let no_list = TrustStore {
        crls: Vec::new(),
        ..pki.trust()
    };
    assert_eq!(
        complaints(&sod, &files(), &no_list),
        [unknown(CheckName::Revocation)]
    );

    // Before the signer's certificate, and after the time in which its key may be used.
    for signed_at in [NOW - Duration::hours(3), NOW + Duration::days(91)] {
        let sod = sign(&pki, &draft(LdsVersion::V0, Some(signed_at)));
        assert_eq!(
            complaints(&sod, &files(), &pki.trust()),
            [(CheckName::Validity, Verdict::Failed)]
        );
    }
}

/// A foreign signer, made and used by OpenSSL with these key options; what passive authentication says of it.
fn foreign(key: &str, content_type: &str, sign_options: &str) -> (Sod, Vec<Check>) {
    let openssl = OpenSsl::new();
    openssl.succeeds(&format!("genpkey {key} -out key.pem"));
    openssl.succeeds("req -x509 -new -key key.pem -subj /C=VN/CN=DS -days 30 -out ds.pem");
    // With NULL in the digest algorithm, as many states write it.
    let lds = draft(LdsVersion::V0, None).lds;
    let head = lds.get(3..6).unwrap();
    let object = [
        head,
        &hex!("300D 0609608648016503040201 0500"),
        lds.get(19..).unwrap(),
    ]
    .concat();
    let length = u8::try_from(object.len()).unwrap();
    openssl.file("content", &[&[0x30, 0x81, length][..], &object].concat());
    openssl.succeeds(&format!(
        "cms -sign -binary -nodetach -in content -econtent_type {content_type} -signer ds.pem -inkey key.pem \
         -outform DER -nosmimecap {sign_options} -out sod.cms"
    ));
    let sod = AnyRef::new(WRAPPER, &openssl.read("sod.cms"))
        .unwrap()
        .to_der()
        .unwrap();
    let mut files = files();
    files.remove(&FileId::Com);
    let checks = passive_authentication(&sod, &files, &TrustStore::default(), NOW);
    (Sod::parse(&sod).unwrap(), checks)
}

#[test]
fn foreign_signatures_are_verified_or_left_undetermined() {
    use crate::pki::Hash::{Sha1, Sha224, Sha256, Sha384, Sha512};
    let rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    let pss = "-md sha256 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:32";
    let odd_salt = "-md sha256 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20";
    let ec = |curve: &str| format!("-algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
    let explicit = |curve: &str| format!("{} -pkeyopt ec_param_enc:explicit", ec(curve));
    let p = Verdict::Passed;
    let u = Verdict::Undetermined;
    for (key, options, algorithm, verdict) in [
        (
            rsa.to_owned(),
            "-md sha256",
            SignatureAlgorithm::RsaPkcs1(Sha256),
            p,
        ),
        (rsa.to_owned(), pss, SignatureAlgorithm::RsaPss(Sha256), p),
        (
            rsa.to_owned(),
            odd_salt,
            SignatureAlgorithm::Unsupported("1.2.840.113549.1.1.10".into()),
            u,
        ),
        (
            ec("P-384"),
            "-md sha384 -keyid",
            SignatureAlgorithm::Ecdsa(Sha384),
            p,
        ),
        (
            explicit("P-384"),
            "-md sha384",
            SignatureAlgorithm::Ecdsa(Sha384),
            p,
        ),
        (
            explicit("P-256"),
            "-md sha256",
            SignatureAlgorithm::Ecdsa(Sha256),
            p,
        ),
        (ec("P-256"), "-md sha1", SignatureAlgorithm::Ecdsa(Sha1), p),
        (ec("P-256"), "-md sha224", SignatureAlgorithm::Ecdsa(Sha224), p),
        (ec("P-384"), "-md sha512", SignatureAlgorithm::Ecdsa(Sha512), p),
        (
            explicit("brainpoolP384r1"),
            "-md sha384",
            SignatureAlgorithm::Ecdsa(Sha384),
            p,
        ),
        (
            ec("brainpoolP256r1"),
            "-md sha256",
            SignatureAlgorithm::Ecdsa(Sha256),
            p,
        ),
        (
            explicit("brainpoolP512r1"),
            "-md sha512",
            SignatureAlgorithm::Ecdsa(Sha512),
            u,
        ),
    ] {
        let (sod, checks) = foreign(&key, "2.23.136.1.1.1", options);
        assert_eq!(sod.message.algorithm, algorithm, "{key} {options}");
        let of = |name| {
            checks
                .iter()
                .find(|check| check.name == name)
                .map(|check| check.verdict)
        };
        assert_eq!(
            of(CheckName::Signature),
            Some(verdict),
            "{key} {options}: {checks:?}"
        );
        assert_eq!(of(CheckName::MessageDigest), Some(p), "{key} {options}");
        assert_eq!(of(CheckName::DataGroup(13)), Some(p), "{key} {options}");
        assert_eq!(of(CheckName::Chain), Some(u), "{key} {options}");
        let unsupported = checks.iter().any(|check| check.why.contains("unsupported"));
        assert_eq!(unsupported, verdict == u, "{key} {options}");
    }
}

#[test]
fn content_declared_as_plain_data_is_read_and_told() {
    let key = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let (sod, checks) = foreign(key, "1.2.840.113549.1.7.1", "-md sha256");
    assert!(!sod.declared);
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .map(|check| check.name)
        .collect();
    assert_eq!(failed, [CheckName::Structure]);
}

#[test]
fn the_security_object_of_a_published_sample_is_read() {
    // eContent of the sample passport "loes2006" that comes with JMRTD: SHA-256 with NULL, DG1, DG2 and DG15.
    let lds = hex!(
        "308189 020100 300D 0609608648016503040201 0500 3075
         3025 020101 0420 9c2432bc26cf6b250839dedc658f2bf72fa3adad32ec9656395f53c8d7aa13ed
         3025 020102 0420 d419c73f496341fbd4f52961cc806867e17578615074da6289a667ee741a2d9b
         3025 02010F 0420 cb54d8b2ef0a2eba98f69c1162ab6308386343a4efe66b5ac8037e240bfe051d"
    );
    let pki = Rehearsal::new(Curve::Named);
    let sample = SodDraft::over(lds.to_vec(), None).unwrap();
    let sod = Sod::parse(&sign(&pki, &sample)).unwrap();
    assert_eq!(
        (sod.version, sod.hash, &sod.lds_version),
        (0, crate::pki::Hash::Sha256, &None)
    );
    let hashes = sod
        .hashes()
        .iter()
        .map(|(number, hash)| (*number, hash.as_slice().try_into().unwrap()));
    // Written by us: the same without the NULL.
    let ours = SodDraft::new(&hashes.collect(), LdsVersion::V0, None).unwrap();
    let expected = [
        &hex!("308187 020100 300B 0609608648016503040201")[..],
        lds.get(21..).unwrap(),
    ]
    .concat();
    assert_eq!(ours.lds, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_files_do_not_panic(
        place in 0usize..4096, byte: u8, length in 0usize..4096, noise in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let (sod, trust) = FIXED.get_or_init(|| {
            let pki = Rehearsal::new(Curve::Explicit);
            (sign(&pki, &draft(LdsVersion::V1, Some(NOW))), pki.trust())
        });
        let mut damaged = sod.clone();
        let place = place % damaged.len();
        damaged[place] = byte;
        damaged.truncate(length.max(place));
        let mut files = files();
        files.get_mut(&FileId::Com).unwrap()[8] = b'8';
        if worst(&passive_authentication(&damaged, &files, trust, NOW)) == Verdict::Passed {
            // A version or an unsigned algorithm list may have changed, but nothing that is signed.
            let (damaged, genuine) = (Sod::parse(&damaged).unwrap(), Sod::parse(sod).unwrap());
            prop_assert_eq!(damaged.hashes(), genuine.hashes());
            prop_assert_eq!(damaged.message.signed_attributes, genuine.message.signed_attributes);
            prop_assert_eq!(&damaged.message.certificates, &genuine.message.certificates);
        }
        files.insert(FileId::Com, noise.clone());
        let _ = passive_authentication(&noise, &files, trust, NOW);
        let _ = passive_authentication(sod, &files, trust, NOW);
    }
}

static FIXED: std::sync::OnceLock<(Vec<u8>, TrustStore)> = std::sync::OnceLock::new();
