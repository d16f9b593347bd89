//! ECDH on P-256 with the null key derivation function (PKCS#11 2.40 mechanisms §2.3.8): the x coordinate itself.

use cryptoki_sys::*;
use p256::PublicKey;
use p256::elliptic_curve::ecdh::diffie_hellman;
use zeroize::Zeroizing;

use super::point_of;
use crate::object::{Attributes, Material, Object, Origin, build, set_value_length};
use crate::rv::Outcome;

/// The other party's public point, uncompressed, bare or as a DER OCTET STRING.
pub(crate) struct Agreement {
    /// As it was given.
    pub(crate) peer: Vec<u8>,
}

/// Derives a secret key from the point both parties share.
///
/// # Errors
/// `CKR_MECHANISM_PARAM_INVALID` for a point that is not on the curve.
pub(crate) fn derive(
    base: &Object,
    agreement: &Agreement,
    template: &Attributes,
) -> Outcome<(Attributes, Material)> {
    let private = base.ec()?;
    base.permits(CKA_DERIVE, CKM_ECDH1_DERIVE)?;
    let point = if agreement.peer.len() == 65 {
        agreement.peer.as_slice()
    } else {
        point_of(&agreement.peer).map_err(|_| CKR_MECHANISM_PARAM_INVALID)?
    };
    let peer = PublicKey::from_sec1_bytes(point).map_err(|_| CKR_MECHANISM_PARAM_INVALID)?;
    let shared = diffie_hellman(private.as_nonzero_scalar(), peer.as_affine());

    let key_type = template.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
    let length = match (key_type, template.ulong(CKA_VALUE_LEN)) {
        (CKK_GENERIC_SECRET, None) => 32,
        (CKK_GENERIC_SECRET, Some(length @ 1..=32)) | (CKK_AES, Some(length @ (16 | 24 | 32))) => {
            usize::try_from(length).map_err(|_| CKR_TEMPLATE_INCONSISTENT)?
        }
        (CKK_AES, None) => return Err(CKR_TEMPLATE_INCOMPLETE),
        _ => return Err(CKR_TEMPLATE_INCONSISTENT),
    };
    let origin = Origin::Derived {
        always_sensitive: base.attributes.flag(CKA_ALWAYS_SENSITIVE),
        never_extractable: base.attributes.flag(CKA_NEVER_EXTRACTABLE),
    };
    let mut attributes = build(CKO_SECRET_KEY, key_type, template, origin)?;
    set_value_length(&mut attributes, length)?;
    // A shorter key takes the leading bytes away (§2.3.8: "truncating from the leading end").
    let x = shared.raw_secret_bytes();
    let value = x.get(x.len() - length..).ok_or(CKR_FUNCTION_FAILED)?;
    Ok((attributes, Material::Secret(Zeroizing::new(value.to_vec()))))
}
