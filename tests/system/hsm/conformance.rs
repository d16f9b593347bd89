//! What any PKCS#11 module must do for the daemon.

use std::sync::Arc;

use cardwright::base::{Fault, Secret};
use cardwright::chip::diversify::{Derivation, Master, Scheme, StaticKey};
use cardwright::device::pkcs11::{Hsm, fault};
use cardwright::port::{KeyPurpose, Signer};
use hex_literal::hex;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::Generate;
use sha2::{Digest, Sha256};

use super::{PIN, block_on, fresh_token, open_with};

pub(super) fn suite() {
    fresh_token();
    let again = std::panic::catch_unwind(fresh_token);
    assert!(again.is_err(), "a token is never initialized over");
    let hsm = Arc::new(open_with(2, PIN).unwrap());
    block_on(async {
        signs(&hsm).await;
        keeps_purposes_apart(&hsm).await;
        seals(&hsm).await;
        looks_up(&hsm).await;
        agrees(&hsm).await;
        derives(&hsm).await;
        derives_by_emv_cps(&hsm).await;
        draws_random_bytes(&hsm).await;
        serves_many_at_once(&hsm).await;
        lists_and_destroys(&hsm).await;
        hsm.stop().await.unwrap();
        hsm.stop().await.unwrap();
        assert_eq!(code(hsm.sign("ds-01", [1; 32]).await), "HSM-013");
    });
    let hsm = open_with(1, PIN).unwrap();
    block_on(async {
        hsm.self_test("ds-01").await.unwrap();
        assert_eq!(
            hsm.keys().await.unwrap().len(),
            4,
            "keys survive the process's library"
        );
        hsm.stop().await.unwrap();
    });
    let wrong = open_with(1, "99999999").unwrap_err();
    assert_eq!(wrong.code.id, "HSM-003");
}

async fn signs(hsm: &Hsm) {
    let point = hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
    assert_eq!((point.len(), point.first()), (65, Some(&4)));
    let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
    let digest: [u8; 32] = Sha256::digest(b"eContent").into();
    let signature = Signature::from_slice(&hsm.sign("ds-01", digest).await.unwrap()).unwrap();
    key.verify_prehash(&digest, &signature).unwrap();
    assert!(key.verify_prehash(&[0; 32], &signature).is_err());
    hsm.self_test("ds-01").await.unwrap();
    assert_eq!(code(hsm.sign("ds-02", digest).await), "HSM-005");
    let twice = hsm.generate("ds-01", KeyPurpose::DocumentSigner).await;
    assert_eq!(code(twice), "HSM-006");
}

async fn keeps_purposes_apart(hsm: &Hsm) {
    hsm.generate("intake-01", KeyPurpose::Intake).await.unwrap();
    hsm.generate("wrap-01", KeyPurpose::Wrap).await.unwrap();
    hsm.generate("lookup-01", KeyPurpose::Lookup).await.unwrap();
    assert_eq!(code(hsm.sign("intake-01", [7; 32]).await), "HSM-009");
    let peer: [u8; 65] = public_of(&p256::SecretKey::generate());
    assert_eq!(code(hsm.agree("ds-01", &peer).await.map(drop)), "HSM-009");
    assert_eq!(code(hsm.hmac("wrap-01", b"x").await), "HSM-009");
    assert_eq!(code(hsm.seal("lookup-01", b"", b"x").await), "HSM-009");
    assert_eq!(code(hsm.sign("wrap-01", [7; 32]).await), "HSM-005");
    assert_eq!(code(hsm.generate("wrap-01", KeyPurpose::Csca).await), "HSM-006");
}

async fn seals(hsm: &Hsm) {
    for plain in [b"".as_slice(), b"x", &[0x5A; 5_000]] {
        let sealed = hsm.seal("wrap-01", b"attempt 1", plain).await.unwrap();
        assert_eq!(sealed.len(), 12 + plain.len() + 16);
        let opened = hsm.open("wrap-01", b"attempt 1", &sealed).await.unwrap();
        assert_eq!(opened.expose(), plain);
        let other = hsm.open("wrap-01", b"attempt 2", &sealed).await;
        assert_eq!(code(other.map(drop)), "HSM-011");
        let mut forged = sealed.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(
            code(hsm.open("wrap-01", b"attempt 1", &forged).await.map(drop)),
            "HSM-011"
        );
        let short = hsm.open("wrap-01", b"attempt 1", &sealed[..27]).await;
        assert_eq!(code(short.map(drop)), "HSM-011");
        let again = hsm.seal("wrap-01", b"attempt 1", plain).await.unwrap();
        assert_ne!(sealed, again, "each sealing has its own nonce");
    }
}

async fn looks_up(hsm: &Hsm) {
    let one = hsm.hmac("lookup-01", b"001099012345").await.unwrap();
    assert_eq!(one, hsm.hmac("lookup-01", b"001099012345").await.unwrap());
    assert_ne!(one, hsm.hmac("lookup-01", b"001099012346").await.unwrap());
    let unkeyed = Hmac::<Sha256>::new_from_slice(&[]).unwrap();
    assert_ne!(
        one.as_slice(),
        unkeyed
            .chain_update(b"001099012345")
            .finalize()
            .into_bytes()
            .as_slice()
    );
}

async fn agrees(hsm: &Hsm) {
    let keys = hsm.keys().await.unwrap();
    let intake = keys.iter().find(|key| key.label == "intake-01").unwrap();
    let theirs = p256::PublicKey::from_sec1_bytes(&intake.public).unwrap();
    for _ in 0..3 {
        let ours = p256::SecretKey::generate();
        let shared = hsm.agree("intake-01", &public_of(&ours)).await.unwrap();
        let expected = ours.diffie_hellman(&theirs);
        assert_eq!(shared.expose(), expected.raw_secret_bytes().as_slice());
    }
    let off_curve = [4; 65];
    assert_eq!(
        code(hsm.agree("intake-01", &off_curve).await.map(drop)),
        "HSM-009"
    );
}

/// Vectors of GlobalPlatformPro's tests (scheme KDF3) for a master of 32 bytes, which stays in the token.
async fn derives(hsm: &Hsm) {
    let counted: [u8; 32] = std::array::from_fn(|n| 0x40 + u8::try_from(n).unwrap());
    let known = Master::Aes(Secret::new(counted));
    hsm.take_in("chips-01", &known).await.unwrap();
    let wanted = |key, bits| Derivation {
        scheme: Scheme::CounterMode,
        key,
        chip: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        bits,
    };
    for (which, expected) in [
        (
            StaticKey::Encrypt,
            hex!("7e227c0f6d736a2492a356f83872f6814d3d38831e224db731aab0d1b51faaf3"),
        ),
        (
            StaticKey::Mac,
            hex!("4653585ccc5697947f08b821014966e30e885a5422b665ce96edc25651b1d8d9"),
        ),
        (
            StaticKey::Data,
            hex!("2e4446700fa96b1010d2e5da69e6be3af2431d4e27eb4b77d9239509899a358c"),
        ),
    ] {
        for bits in [128, 192, 256] {
            let key = hsm.derive("chips-01", &wanted(which, bits)).await.unwrap();
            assert_eq!(key.expose(), &expected[..bits / 8]);
        }
    }
    let twice = hsm.take_in("chips-01", &known).await;
    assert_eq!(code(twice), "HSM-006");
    let odd = hsm.derive("chips-01", &wanted(StaticKey::Mac, 160)).await;
    assert_eq!(code(odd.map(drop)), "HSM-015");
    // One made in the token works as well, and is another.
    hsm.generate("chips-02", KeyPurpose::ChipMaster).await.unwrap();
    let other = hsm
        .derive("chips-02", &wanted(StaticKey::Mac, 256))
        .await
        .unwrap();
    let mine = hsm
        .derive("chips-01", &wanted(StaticKey::Mac, 256))
        .await
        .unwrap();
    assert_ne!(other.expose(), mine.expose());
    // For nothing else, and with nothing else.
    for key in ["wrap-01", "lookup-01"] {
        let refused = hsm.derive(key, &wanted(StaticKey::Mac, 128)).await;
        assert_eq!(code(refused.map(drop)), "HSM-009", "{key}");
    }
    assert_eq!(code(hsm.hmac("chips-01", b"x").await), "HSM-009");
    assert_eq!(code(hsm.seal("chips-01", b"", b"x").await), "HSM-009");
    for key in ["chips-01", "chips-02"] {
        hsm.destroy(key).await.unwrap();
    }
}

/// Vectors of GlobalPlatformPro's tests (scheme EMV) for a 3DES master, which stays in the token.
async fn derives_by_emv_cps(hsm: &Hsm) {
    let master = Master::TripleDes(Secret::new(hex!("404142434445464748494A4B4C4D4E4F")));
    hsm.take_in("supplier-01", &master).await.unwrap();
    let wanted = |key, scheme, bits| Derivation {
        scheme,
        key,
        chip: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        bits,
    };
    for (which, expected) in [
        (StaticKey::Encrypt, hex!("0EF59FCBF8019B62E62AF6EA20B8BF25")),
        (StaticKey::Mac, hex!("3E383EB6F2762B88155F76BDFED05A02")),
        (StaticKey::Data, hex!("64021E43C0C7D264A1C7C6D01E1C8761")),
    ] {
        let key = hsm
            .derive("supplier-01", &wanted(which, Scheme::EmvCps, 128))
            .await;
        assert_eq!(key.unwrap().expose(), &expected);
    }
    let listed = hsm.keys().await.unwrap();
    let listed = listed.iter().find(|key| key.label == "supplier-01").unwrap();
    assert_eq!(listed.purpose, KeyPurpose::ChipMasterTripleDes);
    // Not longer, not by the other scheme, not with another's key, and for nothing else.
    let mac = |scheme, bits| wanted(StaticKey::Mac, scheme, bits);
    let code_of = async |key, wanted| code(hsm.derive(key, &wanted).await.map(drop));
    assert_eq!(code_of("supplier-01", mac(Scheme::EmvCps, 192)).await, "HSM-015");
    assert_eq!(
        code_of("supplier-01", mac(Scheme::CounterMode, 128)).await,
        "HSM-009"
    );
    assert_eq!(code_of("wrap-01", mac(Scheme::EmvCps, 128)).await, "HSM-009");
    assert_eq!(code(hsm.hmac("supplier-01", b"x").await), "HSM-009");
    assert_eq!(code(hsm.seal("supplier-01", b"", b"x").await), "HSM-009");
    // A supplier's master comes from the supplier.
    let made = hsm.generate("supplier-02", KeyPurpose::ChipMasterTripleDes).await;
    assert_eq!(code(made), "HSM-015");
    hsm.destroy("supplier-01").await.unwrap();
}

async fn draws_random_bytes(hsm: &Hsm) {
    let bytes = hsm.random(1_000).await.unwrap();
    assert_eq!(bytes.len(), 1_000);
    assert_ne!(bytes, hsm.random(1_000).await.unwrap());
    assert_eq!(hsm.random(0).await.unwrap(), Vec::<u8>::new());
    assert_eq!(code(hsm.random(1 << 20).await), "HSM-015");
}

/// Far more callers than sessions and places in the queue: all are served, each with its own answer.
async fn serves_many_at_once(hsm: &Arc<Hsm>) {
    let keys = hsm.keys().await.unwrap();
    let signer = keys.iter().find(|key| key.label == "ds-01").unwrap();
    let key = VerifyingKey::from_sec1_bytes(&signer.public).unwrap();
    let tasks: Vec<_> = (0..600_u32)
        .map(|n| {
            let hsm = Arc::clone(hsm);
            tokio::spawn(async move {
                let digest: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
                (digest, hsm.sign("ds-01", digest).await)
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let (digest, signature) = task.await.unwrap();
        let signature = signature.unwrap();
        if n % 20 == 0 {
            let signature = Signature::from_slice(&signature).unwrap();
            key.verify_prehash(&digest, &signature).unwrap();
        }
    }
}

async fn lists_and_destroys(hsm: &Hsm) {
    hsm.generate("box-01", KeyPurpose::Manifest).await.unwrap();
    let keys = hsm.keys().await.unwrap();
    let names: Vec<_> = keys.iter().map(|key| (key.label.as_str(), key.purpose)).collect();
    assert_eq!(
        names,
        [
            ("box-01", KeyPurpose::Manifest),
            ("ds-01", KeyPurpose::DocumentSigner),
            ("intake-01", KeyPurpose::Intake),
            ("lookup-01", KeyPurpose::Lookup),
            ("wrap-01", KeyPurpose::Wrap),
        ]
    );
    assert!(keys[3].public.is_empty() && keys[4].public.is_empty());
    // One for `signs`, one for the self test, 600 at once.
    let expected = hsm.is_simulator().then_some(602);
    assert_eq!(keys[1].signatures, expected);

    hsm.sign("box-01", [3; 32]).await.unwrap();
    hsm.destroy("box-01").await.unwrap();
    for _ in 0..4 {
        // Whichever session answers, a handle it remembers is no way to a destroyed key.
        assert_eq!(code(hsm.sign("box-01", [3; 32]).await), "HSM-005");
    }
    assert_eq!(code(hsm.destroy("box-01").await), "HSM-005");
}

fn public_of(key: &p256::SecretKey) -> [u8; 65] {
    key.public_key().to_sec1_bytes().as_ref().try_into().unwrap()
}

fn code<T>(outcome: Result<T, Fault>) -> &'static str {
    outcome.err().map_or("no fault", |fault| fault.code.id)
}

#[test]
fn fault_codes_are_unique() {
    let mut ids: Vec<_> = fault::ALL.iter().map(|code| code.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), fault::ALL.len());
}
