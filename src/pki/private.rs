//! Private keys of terminals as tools write them: ECPrivateKey (RFC 5915), bare or in PKCS#8 (RFC 5208).

use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Reader};
use zeroize::Zeroizing;

use super::elliptic::Scalar;
use super::fault;
use crate::base::Fault;

/// The private number in such a structure, DER, as long as it was written.
///
/// # Errors
/// `PKI-001` if it is none, or not of an elliptic curve.
pub fn elliptic(key: &[u8]) -> Result<Scalar, Fault> {
    let read = || {
        let key = AnyRef::from_der(key)?;
        match inside(key) {
            Ok(inside) => AnyRef::from_der(inside.as_bytes()).and_then(number),
            Err(_) => number(key),
        }
    };
    read().map_err(|_: der::Error| Fault::new(&fault::KEY_REFUSED, "no private key of an elliptic curve"))
}

/// What PrivateKeyInfo wraps.
fn inside(info: AnyRef<'_>) -> der::Result<&OctetStringRef> {
    info.sequence(|fields| {
        let _version: u8 = fields.decode()?;
        let _algorithm: AnyRef<'_> = fields.decode()?;
        let key = fields.decode()?;
        rest(fields)?;
        Ok(key)
    })
}

/// The number in ECPrivateKey.
fn number(key: AnyRef<'_>) -> der::Result<Scalar> {
    key.sequence(|fields| {
        let _version: u8 = fields.decode()?;
        let number: &OctetStringRef = fields.decode()?;
        rest(fields)?;
        Ok(Zeroizing::new(number.as_bytes().to_vec()))
    })
}

/// Optional fields that follow say nothing that is needed.
fn rest<'a>(fields: &mut impl Reader<'a>) -> der::Result<()> {
    while !fields.is_finished() {
        let _field: AnyRef<'a> = fields.decode()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testkit::OpenSsl;
    use crate::pki::{EllipticCurve, PublicKey};

    #[test]
    fn a_key_of_openssl_is_read() {
        let openssl = OpenSsl::new();
        for (name, curve) in [
            ("P-256", EllipticCurve::P256),
            ("brainpoolP384r1", EllipticCurve::BrainpoolP384r1),
        ] {
            openssl.succeeds(&format!(
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{name} -outform DER -out key"
            ));
            openssl.succeeds("pkey -inform DER -in key -pubout -outform DER -out public");
            openssl.succeeds("pkcs8 -topk8 -nocrypt -inform DER -in key -outform DER -out pkcs8");
            openssl.succeeds("ec -inform DER -in key -outform DER -out bare");
            let private = elliptic(&openssl.read("pkcs8")).unwrap();
            assert_eq!(elliptic(&openssl.read("bare")).unwrap(), private);
            let PublicKey::Elliptic { point, .. } = PublicKey::from_spki(&openssl.read("public")).unwrap()
            else {
                panic!("not of a curve");
            };
            assert_eq!(curve.public(&private), Some(point));
        }
        openssl.succeeds("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out key");
        assert_eq!(
            elliptic(&openssl.read("key")).unwrap_err().code,
            &fault::KEY_REFUSED
        );
        assert!(elliptic(&[]).is_err());
    }
}
