use proptest::prelude::*;

use super::*;

/// The keys of RFC 7518, appendix C, and the agreement by an HSM's stand-in.
const BOB_D: &str = "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw";
const ALICE_D: &str = "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo";

fn bob() -> SecretKey {
    SecretKey::from_slice(&decode(BOB_D).unwrap()).unwrap()
}

fn public(key: &SecretKey) -> [u8; 65] {
    key.public_key()
        .to_sec1_point(false)
        .as_bytes()
        .try_into()
        .unwrap()
}

fn agree(key: &SecretKey, peer: &[u8; 65]) -> [u8; 32] {
    let peer = PublicKey::from_sec1_bytes(peer).unwrap();
    (*key.diffie_hellman(&peer).raw_secret_bytes()).into()
}

#[test]
fn the_key_derivation_of_rfc_7518_appendix_c() {
    let epk = serde_json::json!({
        "kty": "EC", "crv": "P-256",
        "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    });
    let alice = SecretKey::from_slice(&decode(ALICE_D).unwrap()).unwrap();
    let point = point_of(&epk).unwrap();
    assert_eq!(point, public(&alice));
    let shared = agree(&bob(), &point);
    let key = derive(&shared, "A128GCM", b"Alice", b"Bob", 128);
    assert_eq!(encode(key.expose()), "VqqN6vgjbSBcIijNcacQGg");
}

#[test]
fn what_is_sealed_opens_with_the_right_key_only() {
    let ephemeral: [u8; 32] = decode(ALICE_D).unwrap().try_into().unwrap();
    let text = seal(&public(&bob()), Some("intake-1"), b"{}", &ephemeral, [7; 12]).unwrap();
    assert!(Sealed::is_likely(text.as_bytes()));
    let sealed = Sealed::parse(&text).unwrap();
    assert_eq!(sealed.key_id(), Some("intake-1"));
    let shared = agree(&bob(), sealed.peer());
    assert_eq!(sealed.open(&shared).unwrap().expose(), b"{}");

    let other = Sealed::parse(&text).unwrap().open(&[1; 32]).unwrap_err();
    assert_eq!(other.code.id, fault::ENCRYPTION_WRONG.id);
    // The header is authenticated: the same bytes under another key name do not open.
    let (header, rest) = text.split_once('.').unwrap();
    let header = String::from_utf8(decode(header).unwrap())
        .unwrap()
        .replace("intake-1", "intake-2");
    let altered = Sealed::parse(&format!("{}.{rest}", encode(header.as_bytes()))).unwrap();
    assert_eq!(
        altered.open(&shared).unwrap_err().code.id,
        fault::ENCRYPTION_WRONG.id
    );
}

#[test]
fn other_kinds_are_refused() {
    let good = serde_json::json!({
        "alg": "ECDH-ES", "enc": "A256GCM",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        let (nonce, tag) = (encode(&[0; 12]), encode(&[0; 16]));
        Sealed::parse(&format!(
            "{}..{nonce}.AAAA.{tag}",
            encode(header.to_string().as_bytes())
        ))
        .map(|_| ())
        .map_err(|fault| fault.detail)
    };
    let refused = |what: &str| Err(what.to_owned());
    assert_eq!(with("typ", "JOSE".into()), Ok(()));
    assert_eq!(with("alg", "dir".into()), refused("alg"));
    assert_eq!(with("enc", "A128CBC-HS256".into()), refused("enc"));
    assert_eq!(with("zip", "DEF".into()), refused("header"));
    assert_eq!(with("crit", Value::Array(vec![])), refused("header"));
    assert_eq!(with("apu", 5.into()), refused("apu"));
    // A point that is not on the curve must never reach the HSM.
    let mut off_curve = good["epk"].clone();
    off_curve["y"] = off_curve["x"].clone();
    assert_eq!(with("epk", off_curve), refused("epk"));
    assert_eq!(Sealed::parse("a.b.c.d.e").unwrap_err().detail, "form");
    assert_eq!(Sealed::parse("a..c.d").unwrap_err().detail, "form");
    let huge = "A".repeat(10 << 20);
    assert_eq!(Sealed::parse(&huge).unwrap_err().code.id, fault::TOO_LARGE.id);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "(eyJ)?[A-Za-z0-9_.-]{0,80}") {
        let _ = Sealed::parse(&text);
    }
}
