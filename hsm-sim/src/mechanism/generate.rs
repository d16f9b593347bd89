//! Making keys: P-256 pairs, AES keys, generic secrets, and keys brought from outside.

use cryptoki_sys::*;
use p256::SecretKey;
use p256::ecdsa::{SigningKey, VerifyingKey};
use p256::elliptic_curve::Generate;
use zeroize::Zeroizing;

use crate::object::{Attributes, Material, Origin, build, set_value_length};
use crate::rv::Outcome;

/// DER of the object identifier prime256v1 (SEC 2 §2.4.2).
const PRIME256V1: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// DER header of an OCTET STRING of 65 bytes.
const POINT_HEADER: [u8; 2] = [0x04, 0x41];
/// Longest generic secret, in bytes.
const SECRET_MAX: u64 = 512;

/// Public and private half, as `C_GenerateKeyPair` makes them.
pub(crate) struct KeyPair {
    /// The public key.
    pub(crate) public: (Attributes, Material),
    /// The private key.
    pub(crate) private: (Attributes, Material),
}

/// A new P-256 pair.
///
/// # Errors
/// `CKR_CURVE_NOT_SUPPORTED` for another curve, and the template's own codes.
pub(crate) fn key_pair(public: &Attributes, private: &Attributes) -> Outcome<KeyPair> {
    let curve = public.bytes(CKA_EC_PARAMS).ok_or(CKR_TEMPLATE_INCOMPLETE)?;
    if curve != PRIME256V1 {
        return Err(CKR_CURVE_NOT_SUPPORTED);
    }
    let point_is_given = public
        .bytes(CKA_EC_POINT)
        .or_else(|| private.bytes(CKA_EC_POINT))
        .is_some();
    if point_is_given || private.bytes(CKA_EC_PARAMS).is_some() {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    let origin = Origin::Generated(CKM_EC_KEY_PAIR_GEN);
    let mut public = build(CKO_PUBLIC_KEY, CKK_EC, public, origin)?;
    let mut private = build(CKO_PRIVATE_KEY, CKK_EC, private, origin)?;

    let secret = SecretKey::try_generate().map_err(|_| CKR_FUNCTION_FAILED)?;
    let signing = SigningKey::from(&secret);
    let point = signing.verifying_key().to_sec1_point(false);
    let point = [POINT_HEADER.as_slice(), point.as_bytes()].concat();
    private.set(CKA_EC_PARAMS, PRIME256V1);
    private.set(CKA_EC_POINT, point.as_slice());
    public.set(CKA_EC_POINT, point);
    Ok(KeyPair {
        public: (public, Material::Public),
        private: (private, Material::Ec(Box::new(signing))),
    })
}

/// A new AES key or generic secret.
pub(crate) fn key(mechanism: CK_MECHANISM_TYPE, template: &Attributes) -> Outcome<(Attributes, Material)> {
    let key_type = match mechanism {
        CKM_AES_KEY_GEN => CKK_AES,
        CKM_GENERIC_SECRET_KEY_GEN => template
            .ulong(CKA_KEY_TYPE)
            .filter(|key_type| *key_type == CKK_SHA256_HMAC)
            .unwrap_or(CKK_GENERIC_SECRET),
        _ => return Err(CKR_MECHANISM_INVALID),
    };
    let length = template.ulong(CKA_VALUE_LEN).ok_or(CKR_TEMPLATE_INCOMPLETE)?;
    if !length_fits(key_type, length) {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    let attributes = build(CKO_SECRET_KEY, key_type, template, Origin::Generated(mechanism))?;
    let length = usize::try_from(length).map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
    let mut value = Zeroizing::new(vec![0; length]);
    getrandom::fill(&mut value).map_err(|_| CKR_FUNCTION_FAILED)?;
    Ok((attributes, Material::Secret(value)))
}

/// A secret key made of a value from outside.
pub(crate) fn imported(template: &Attributes, value: Zeroizing<Vec<u8>>) -> Outcome<(Attributes, Material)> {
    let key_type = template.ulong(CKA_KEY_TYPE).ok_or(CKR_TEMPLATE_INCOMPLETE)?;
    if !matches!(
        key_type,
        CKK_AES | CKK_DES2 | CKK_GENERIC_SECRET | CKK_SHA256_HMAC
    ) || !length_fits(key_type, crate::rv::ulong(value.len()))
    {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    let mut attributes = build(CKO_SECRET_KEY, key_type, template, Origin::Imported)?;
    set_value_length(&mut attributes, value.len())?;
    Ok((attributes, Material::Secret(value)))
}

/// An object made by `C_CreateObject`: a secret key with its value, or a P-256 public key with its point.
pub(crate) fn created(mut template: Attributes) -> Outcome<(Attributes, Material)> {
    match template.ulong(CKA_CLASS) {
        Some(CKO_SECRET_KEY) => {
            let value = template.take(CKA_VALUE).ok_or(CKR_TEMPLATE_INCOMPLETE)?;
            imported(&template, Zeroizing::new(value))
        }
        Some(CKO_PUBLIC_KEY) => {
            if template.ulong(CKA_KEY_TYPE) != Some(CKK_EC) {
                return Err(CKR_ATTRIBUTE_VALUE_INVALID);
            }
            if template.bytes(CKA_EC_PARAMS) != Some(PRIME256V1.as_slice()) {
                return Err(CKR_CURVE_NOT_SUPPORTED);
            }
            let point = template.bytes(CKA_EC_POINT).ok_or(CKR_TEMPLATE_INCOMPLETE)?;
            VerifyingKey::from_sec1_bytes(point_of(point)?).map_err(|_| CKR_ATTRIBUTE_VALUE_INVALID)?;
            let attributes = build(CKO_PUBLIC_KEY, CKK_EC, &template, Origin::Imported)?;
            Ok((attributes, Material::Public))
        }
        Some(_) => Err(CKR_ATTRIBUTE_VALUE_INVALID),
        None => Err(CKR_TEMPLATE_INCOMPLETE),
    }
}

/// The uncompressed point (65 bytes) in the DER of `CKA_EC_POINT`.
pub(crate) fn point_of(der: &[u8]) -> Outcome<&[u8]> {
    match der.strip_prefix(&POINT_HEADER) {
        Some(point) if point.len() == 65 => Ok(point),
        _ => Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

fn length_fits(key_type: CK_KEY_TYPE, length: CK_ULONG) -> bool {
    match key_type {
        CKK_AES => matches!(length, 16 | 24 | 32),
        CKK_DES2 => length == 16,
        _ => (1..=SECRET_MAX).contains(&length),
    }
}
