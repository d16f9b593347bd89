//! AES Key Wrap (RFC 3394; NIST SP 800-38F KW; PKCS#11 2.40 mechanisms §2.14).

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use aes::{Aes128, Aes192, Aes256};
use aes_kw::AesKw;
use aes_kw::cipher::KeyInit;
use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::mechanism::imported;
use crate::object::{Attributes, Material, Object};
use crate::rv::Outcome;

/// Wraps a secret key under an AES key.
///
/// # Errors
/// `CKR_KEY_UNEXTRACTABLE`, `CKR_KEY_NOT_WRAPPABLE`, `CKR_KEY_SIZE_RANGE` and the wrapping key's own codes.
pub(crate) fn wrap(wrapping: &Object, key: &Object) -> Outcome<Vec<u8>> {
    let kek = wrapping.aes().map_err(|_| CKR_WRAPPING_KEY_TYPE_INCONSISTENT)?;
    wrapping.permits(CKA_WRAP, CKM_AES_KEY_WRAP)?;
    if !key.attributes.flag(CKA_EXTRACTABLE) {
        return Err(CKR_KEY_UNEXTRACTABLE);
    }
    let needs_trust = key.attributes.flag(CKA_WRAP_WITH_TRUSTED);
    let Material::Secret(value) = &key.material else {
        return Err(CKR_KEY_NOT_WRAPPABLE);
    };
    if needs_trust && !wrapping.attributes.flag(CKA_TRUSTED) {
        return Err(CKR_KEY_NOT_WRAPPABLE);
    }
    if value.len() < 16 || !value.len().is_multiple_of(8) {
        return Err(CKR_KEY_SIZE_RANGE);
    }
    match kek.len() {
        16 => wrap_with::<Aes128>(kek, value),
        24 => wrap_with::<Aes192>(kek, value),
        _ => wrap_with::<Aes256>(kek, value),
    }
}

/// Makes a secret key of a wrapped value.
///
/// # Errors
/// `CKR_WRAPPED_KEY_INVALID`, `CKR_WRAPPED_KEY_LEN_RANGE` and the unwrapping key's own codes.
pub(crate) fn unwrap(
    unwrapping: &Object,
    wrapped: &[u8],
    template: &Attributes,
) -> Outcome<(Attributes, Material)> {
    let kek = unwrapping
        .aes()
        .map_err(|_| CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)?;
    unwrapping.permits(CKA_UNWRAP, CKM_AES_KEY_WRAP)?;
    if !(24..=1_024).contains(&wrapped.len()) || !wrapped.len().is_multiple_of(8) {
        return Err(CKR_WRAPPED_KEY_LEN_RANGE);
    }
    let value = match kek.len() {
        16 => unwrap_with::<Aes128>(kek, wrapped),
        24 => unwrap_with::<Aes192>(kek, wrapped),
        _ => unwrap_with::<Aes256>(kek, wrapped),
    }?;
    imported(template, value)
}

fn wrap_with<C: KeyInit + BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>>(
    kek: &[u8],
    value: &[u8],
) -> Outcome<Vec<u8>> {
    let kw = AesKw::<C>::new_from_slice(kek).map_err(|_| CKR_WRAPPING_KEY_SIZE_RANGE)?;
    let mut wrapped = vec![0; value.len() + 8];
    kw.wrap_key(value, &mut wrapped)
        .map_err(|_| CKR_FUNCTION_FAILED)?;
    Ok(wrapped)
}

fn unwrap_with<C: KeyInit + BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>>(
    kek: &[u8],
    wrapped: &[u8],
) -> Outcome<Zeroizing<Vec<u8>>> {
    let kw = AesKw::<C>::new_from_slice(kek).map_err(|_| CKR_UNWRAPPING_KEY_SIZE_RANGE)?;
    let mut value = Zeroizing::new(vec![0; wrapped.len() - 8]);
    kw.unwrap_key(wrapped, &mut value)
        .map_err(|_| CKR_WRAPPED_KEY_INVALID)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// RFC 3394 §4.6: 256 bits of key data with a 256-bit key.
    #[test]
    fn wraps_as_published() {
        let kek = hex!("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let value = hex!("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        let mut wrapped = wrap_with::<Aes256>(&kek, &value).unwrap();
        assert_eq!(
            wrapped,
            hex!("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
        );
        assert_eq!(*unwrap_with::<Aes256>(&kek, &wrapped).unwrap(), value);
        wrapped[0] ^= 1;
        assert_eq!(
            unwrap_with::<Aes256>(&kek, &wrapped),
            Err(CKR_WRAPPED_KEY_INVALID)
        );
    }
}
