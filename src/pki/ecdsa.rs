//! ECDSA P-256 signatures: raw r‖s as PKCS#11 speaks (v3.1, section 6.3.1), DER as X.509 and CMS write (RFC 3279,
//! section 2.2.3).

use p256::ecdsa::Signature;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::fault;
use crate::base::Fault;

/// The DER form of a raw signature.
///
/// # Errors
/// `PKI-009` if r or s is not between 1 and n - 1.
pub fn to_der(raw: &[u8; 64]) -> Result<Vec<u8>, Fault> {
    Ok(read(raw)?.to_der().as_bytes().to_vec())
}

/// Verifies a raw signature over a message with ring, which is neither the library of the HSM simulator nor our
/// encoder.
///
/// # Errors
/// `PKI-002` if it does not verify.
pub fn verify_message(point: &[u8; 65], message: &[u8], raw: &[u8; 64]) -> Result<(), Fault> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(message, raw)
        .map_err(|_| Fault::new(&fault::SIGNATURE_WRONG, "ECDSA P-256"))
}

fn read(raw: &[u8; 64]) -> Result<Signature, Fault> {
    Signature::from_slice(raw).map_err(|_| Fault::new(&fault::SIGNATURE_MALFORMED, "raw r‖s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    // RFC 6979, A.2.5: P-256, SHA-256, message "sample".
    const POINT: [u8; 65] = hex!(
        "04 60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
            7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
    );
    const RAW: [u8; 64] = hex!(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
         F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    );

    #[test]
    fn the_vector_of_rfc_6979_verifies() {
        verify_message(&POINT, b"sample", &RAW).unwrap();
        assert_eq!(
            verify_message(&POINT, b"simple", &RAW).unwrap_err().code,
            &fault::SIGNATURE_WRONG
        );
    }

    #[test]
    fn the_der_form_is_that_of_x509() {
        let der = to_der(&RAW).unwrap();
        assert_eq!(der.get(..5), Some(&[0x30, 0x46, 0x02, 0x21, 0x00][..]));
        assert_eq!(Signature::from_der(&der).unwrap().to_bytes().as_slice(), RAW);
        assert_eq!(to_der(&[0; 64]).unwrap_err().code, &fault::SIGNATURE_MALFORMED);
        assert_eq!(to_der(&[0xFF; 64]).unwrap_err().code, &fault::SIGNATURE_MALFORMED);
    }
}
