//! The registry's signature: JWS, compact serialization, detached payload, ES256, certificates in `x5c`
//! (RFC 7515, sections 3.1, 4.1.6 and appendix F; RFC 7518, section 3.4).
//!
//! The protected header holds `alg` and `x5c` and may hold `typ`, `cty` and `kid`; anything else would ask this reader
//! to act on what it does not know, or to fetch something, and is refused.

pub mod chain;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{fault, json};
use crate::base::Fault;

/// A header with three certificates has about 4 kB.
const HEADER_CHARACTERS_MAX: usize = 16 << 10;

/// Verifies a detached signature over a payload and returns the subject of the signer's certificate.
///
/// `trust` are DER certificates of the registry's CAs, `now` the time of intake.
///
/// # Errors
/// The signature is of another kind, does not fit the payload, or its certificates do not lead to a trust anchor
/// at this time.
pub fn verify(
    compact: &str,
    payload: &[u8],
    trust: &[Vec<u8>],
    now: OffsetDateTime,
) -> Result<String, Fault> {
    let unreadable = |what: &str| Fault::new(&fault::SIGNATURE_UNREADABLE, what);
    let mut parts = compact.split('.');
    let (Some(header), Some(""), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unreadable("form"));
    };
    let certificates = certificates_of(header)?;
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or_else(|| unreadable("signature"))?;
    let signer = chain::check(&certificates, trust, now)?;
    verify_with(&signer.key, header, payload, &signature)?;
    Ok(signer.subject)
}

/// What is signed: the header, a point, the payload, both base64url (RFC 7515, section 5.1).
#[must_use]
pub fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    let mut input = protected.as_bytes().to_vec();
    input.push(b'.');
    input.extend_from_slice(BASE64URL_NOPAD.encode(payload).as_bytes());
    input
}

/// The protected header for these certificates (DER, the signer's first), base64url.
#[must_use]
pub fn protected_header(certificates: &[Vec<u8>]) -> String {
    let chain: Vec<String> = certificates.iter().map(|der| BASE64.encode(der)).collect();
    let header = serde_json::json!({ "alg": "ES256", "x5c": chain });
    BASE64URL_NOPAD.encode(header.to_string().as_bytes())
}

/// The detached compact form of a header and its signature (r‖s).
#[must_use]
pub fn assemble(protected: &str, signature: &[u8; 64]) -> String {
    format!("{protected}..{}", BASE64URL_NOPAD.encode(signature))
}

fn verify_with(key: &VerifyingKey, header: &str, payload: &[u8], signature: &Signature) -> Result<(), Fault> {
    let digest = Sha256::digest(signing_input(header, payload));
    key.verify_prehash(&digest, signature)
        .map_err(|_| Fault::new(&fault::SIGNATURE_WRONG, ""))
}

fn certificates_of(header: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let unreadable = |what: &str| Fault::new(&fault::SIGNATURE_UNREADABLE, what);
    if header.len() > HEADER_CHARACTERS_MAX {
        return Err(unreadable("header"));
    }
    let header = BASE64URL_NOPAD
        .decode(header.as_bytes())
        .map_err(|_| unreadable("header"))?;
    let Ok(Value::Object(header)) = json::parse(&header) else {
        return Err(unreadable("header"));
    };
    if let Some(name) = header
        .keys()
        .find(|name| !["alg", "x5c", "typ", "cty", "kid"].contains(&name.as_str()))
    {
        // A name from outside is told only if it is a plain one.
        let plain = name.len() <= 16 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return Err(unreadable(if plain { name } else { "header" }));
    }
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(unreadable("alg"));
    }
    header
        .get("x5c")
        .and_then(Value::as_array)
        .filter(|chain| !chain.is_empty() && chain.len() <= chain::CERTIFICATES_MAX)
        .and_then(|chain| {
            let der = |entry: &Value| BASE64.decode(entry.as_str()?.as_bytes()).ok();
            chain.iter().map(der).collect()
        })
        .ok_or_else(|| unreadable("x5c"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7515, appendix A.3.
    #[test]
    fn the_es256_vector_verifies() {
        let mut point = vec![4];
        for coordinate in [
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        ] {
            point.extend(BASE64URL_NOPAD.decode(coordinate.as_bytes()).unwrap());
        }
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        let payload = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        let signature = BASE64URL_NOPAD
            .decode(b"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .unwrap();
        let signature = Signature::from_slice(&signature).unwrap();
        assert_eq!(
            verify_with(&key, "eyJhbGciOiJFUzI1NiJ9", payload, &signature),
            Ok(())
        );
        assert!(verify_with(&key, "eyJhbGciOiJFUzI1NiJ9", b"{}", &signature).is_err());
    }

    #[test]
    fn headers_of_another_kind_are_refused() {
        let refused = |header: &str| {
            let header = BASE64URL_NOPAD.encode(header.as_bytes());
            certificates_of(&header).unwrap_err().detail
        };
        assert_eq!(refused(r#"{"alg":"none","x5c":["AAAA"]}"#), "alg");
        assert_eq!(refused(r#"{"alg":"RS256","x5c":["AAAA"]}"#), "alg");
        assert_eq!(refused(r#"{"alg":"ES256"}"#), "x5c");
        assert_eq!(refused(r#"{"alg":"ES256","x5c":[]}"#), "x5c");
        assert_eq!(
            refused(r#"{"alg":"ES256","x5c":["AAAA","AAAA","AAAA","AAAA"]}"#),
            "x5c"
        );
        assert_eq!(
            refused(r#"{"alg":"ES256","x5c":["AAAA"],"crit":["b64"]}"#),
            "crit"
        );
        assert_eq!(refused(r#"{"alg":"ES256","x5c":["AAAA"],"b64":false}"#), "b64");
        assert_eq!(
            refused(r#"{"alg":"ES256","x5c":["AAAA"],"jku":"https://x"}"#),
            "jku"
        );
        assert_eq!(
            refused(r#"{"alg":"none","alg":"ES256","x5c":["AAAA"]}"#),
            "header"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_harm(text in "[A-Za-z0-9_.-]{0,80}") {
            let outcome = verify(&text, b"", &[], OffsetDateTime::UNIX_EPOCH);
            prop_assert!(outcome.is_err());
        }
    }
}
