//! Which static keys a chip has: its own, computed from a master key and from what it says of itself in INITIALIZE
//! UPDATE. The master never leaves the HSM, so this says only what the HSM is asked to compute.

use serde::{Deserialize, Serialize};

use super::scp::DIVERSIFICATION;
use crate::base::Secret;

/// The three static keys, by the number they have in every scheme.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StaticKey {
    /// Key-ENC.
    Encrypt = 1,
    /// Key-MAC.
    Mac = 2,
    /// Key-DEK.
    Data = 3,
}

impl StaticKey {
    /// All three, in their order.
    pub const ALL: [Self; 3] = [Self::Encrypt, Self::Mac, Self::Data];
}

/// How a chip's keys follow from a master; the supplier says which.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Scheme {
    /// Key derivation in counter mode (NIST SP 800-108) as SCP03 chips are delivered with it, known as KDF3. The master
    /// is an AES key.
    #[default]
    #[serde(rename = "sp800-108")]
    CounterMode,
    /// EMV Card Personalization Specification 1.1, section 4.1. The master is a 3DES key of two parts, and so each
    /// chip's keys have 128 bits.
    #[serde(rename = "emv-cps")]
    EmvCps,
    /// The same over the first two bytes of the diversification data and the four from the fifth on, as chips of Visa's
    /// second scheme are delivered with it.
    #[serde(rename = "visa2")]
    Visa2,
    /// The same over the first four bytes and the last two: Visa's first scheme.
    #[serde(rename = "visa")]
    Visa,
}

impl Scheme {
    /// How long the keys are that it makes.
    #[must_use]
    pub fn makes(self, bits: usize) -> bool {
        match self {
            Self::CounterMode => [128, 192, 256].contains(&bits),
            Self::EmvCps | Self::Visa2 | Self::Visa => bits == 128,
        }
    }

    /// Is its master a 3DES key of two parts?
    #[must_use]
    pub fn is_triple_des(self) -> bool {
        self != Self::CounterMode
    }
}

/// One key of one chip.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Derivation {
    /// By which scheme.
    pub scheme: Scheme,
    /// Which of the three.
    pub key: StaticKey,
    /// Of which chip: its diversification data.
    pub chip: [u8; DIVERSIFICATION],
    /// How long.
    pub bits: usize,
}

impl Derivation {
    /// What the master is applied to, block by block: AES-CMAC over each in counter mode, 3DES-ECB of each otherwise.
    /// The results are joined and cut to length. Nothing if the scheme makes no key of this length.
    #[must_use]
    pub fn blocks(&self) -> Option<Vec<[u8; 16]>> {
        let [a, b, c, d, e, f, g, h, i, j] = self.chip;
        self.scheme.makes(self.bits).then(|| match self.scheme {
            Scheme::CounterMode => blocks(self.key, &self.chip, self.bits),
            Scheme::EmvCps => vec![triple_des_block(self.key, [e, f, g, h, i, j])],
            Scheme::Visa2 => vec![triple_des_block(self.key, [a, b, e, f, g, h])],
            Scheme::Visa => vec![triple_des_block(self.key, [a, b, c, d, i, j])],
        })
    }
}

/// A master whose value is known, as that of a rehearsal's supplier is.
#[derive(Debug)]
pub enum Master {
    /// For [`Scheme::CounterMode`].
    Aes(Secret<[u8; 32]>),
    /// For the other schemes.
    TripleDes(Secret<[u8; 16]>),
}

/// Counter mode: counter, three zeros, number of the key, a zero, the chip's diversification data.
#[must_use]
pub fn blocks(key: StaticKey, chip: &[u8; DIVERSIFICATION], bits: usize) -> Vec<[u8; 16]> {
    let block = |counter| {
        let mut block = [0; 16];
        block[0] = counter;
        block[4] = key as u8;
        block[6..].copy_from_slice(chip);
        block
    };
    (1..).take(bits.div_ceil(128)).map(block).collect()
}

/// Six bytes of the diversification data, `F0`, the number of the key; the same with `0F`.
fn triple_des_block(key: StaticKey, of_chip: [u8; 6]) -> [u8; 16] {
    let [a, b, c, d, e, f] = of_chip;
    let key = key as u8;
    [a, b, c, d, e, f, 0xF0, key, a, b, c, d, e, f, 0x0F, key]
}

#[cfg(test)]
mod tests {
    use des::TdesEde2;
    use des::cipher::{BlockCipherEncrypt, KeyInit};
    use hex_literal::hex;

    use super::*;
    use crate::chip::aes_key::AesKey;

    const CHIP: [u8; 10] = hex!("00010203040506070809");

    fn derived(master: &AesKey, key: StaticKey, chip: &[u8; 10], bits: usize) -> Vec<u8> {
        let mut derived: Vec<u8> = blocks(key, chip, bits)
            .iter()
            .flat_map(|block| master.cmac(&[block]))
            .collect();
        derived.truncate(bits / 8);
        derived
    }

    /// Vectors of GlobalPlatformPro's tests (scheme KDF3), and the keys' check values.
    #[test]
    fn counter_mode_as_published() {
        let counted: Vec<u8> = (0x40..0x60).collect();
        for (bits, keys) in [
            (
                128,
                [
                    (&hex!("808bc985a1069ad2a9ac94e0fe7b8843")[..], hex!("E79C05")),
                    (&hex!("65942e0bf4f3f32aefacba5671456275"), hex!("D1BD77")),
                    (&hex!("6a74f6f6040cca10d8a3fdc7914fd7cc"), hex!("3FDE8C")),
                ],
            ),
            (
                192,
                [
                    (
                        &hex!("7c5e0eb1d8f19c63d51cfd20174d8f903c5c0ab035fb1f81")[..],
                        hex!("1DE8EA"),
                    ),
                    (
                        &hex!("dbcaadd8612534a5428bb2ecc61c734c7f214510e31f07e2"),
                        hex!("47C00C"),
                    ),
                    (
                        &hex!("e724ff4857153ddf66f75a99cc32b8c04739a0fbff1c9afc"),
                        hex!("C04D76"),
                    ),
                ],
            ),
            (
                256,
                [
                    (
                        &hex!("7e227c0f6d736a2492a356f83872f6814d3d38831e224db731aab0d1b51faaf3")[..],
                        hex!("2972D2"),
                    ),
                    (
                        &hex!("4653585ccc5697947f08b821014966e30e885a5422b665ce96edc25651b1d8d9"),
                        hex!("036F94"),
                    ),
                    (
                        &hex!("2e4446700fa96b1010d2e5da69e6be3af2431d4e27eb4b77d9239509899a358c"),
                        hex!("5D57B8"),
                    ),
                ],
            ),
        ] {
            let master = AesKey::new(&counted[..bits / 8]).unwrap();
            for (key, (expected, check)) in StaticKey::ALL.into_iter().zip(keys) {
                let derived = derived(&master, key, &CHIP, bits);
                assert_eq!(derived, expected);
                assert_eq!(AesKey::new(&derived).unwrap().check_value(), check);
            }
        }
        let master = AesKey::new(&hex!(
            "8C72C72CF908411653018807950D82FBAD947562F0828A0B10B8B9606ABF3BCD"
        ));
        assert_eq!(
            derived(
                &master.unwrap(),
                StaticKey::Encrypt,
                &hex!("D9B1DE5D0362DEDCE4FB"),
                256
            ),
            hex!("9AAC5D0B3601F89438A0D9D0B6B256CFB47E6462DFA5228D3420C4AC7C224781")
        );
    }

    /// Vectors of GlobalPlatformPro's tests (schemes EMV, VISA2 and VISA), and the keys' check values.
    #[test]
    fn triple_des_as_published() {
        let cipher = |key: &[u8]| TdesEde2::new_from_slice(key).unwrap();
        let encrypt = |cipher: &TdesEde2, data: &[u8]| -> Vec<u8> {
            let mut data = data.to_vec();
            for block in data.as_chunks_mut::<8>().0 {
                cipher.encrypt_block(block.into());
            }
            data
        };
        let master = cipher(&hex!("404142434445464748494A4B4C4D4E4F"));
        for (scheme, keys) in [
            (
                Scheme::EmvCps,
                [
                    (hex!("0EF59FCBF8019B62E62AF6EA20B8BF25"), hex!("C33013")),
                    (hex!("3E383EB6F2762B88155F76BDFED05A02"), hex!("6F4CA6")),
                    (hex!("64021E43C0C7D264A1C7C6D01E1C8761"), hex!("BB8179")),
                ],
            ),
            (
                Scheme::Visa2,
                [
                    (hex!("8510FC973208218CA86888BCEC203635"), hex!("2BE598")),
                    (hex!("1068B5FB6F06C78C7A4DFC343B21C78F"), hex!("58DA38")),
                    (hex!("2DAEE809C71405FF259C3BE695A1F66E"), hex!("3C328E")),
                ],
            ),
            (
                Scheme::Visa,
                [
                    (hex!("9D571A34BA99409A031AC42A86E1161B"), hex!("A11F9A")),
                    (hex!("AE524656B2ED8D61223340F95097336F"), hex!("1A9282")),
                    (hex!("1FB3557D27E8C02941799686B5AA1ADE"), hex!("6F2E6B")),
                ],
            ),
        ] {
            for (key, (expected, check)) in StaticKey::ALL.into_iter().zip(keys) {
                let wanted = Derivation {
                    scheme,
                    key,
                    chip: CHIP,
                    bits: 128,
                };
                let derived = encrypt(&master, wanted.blocks().unwrap().as_flattened());
                assert_eq!(derived, expected, "{scheme:?} {key:?}");
                assert_eq!(encrypt(&cipher(&derived), &[0; 8])[..3], check);
                // Two parts of a 3DES key are all there is.
                assert_eq!(Derivation { bits: 256, ..wanted }.blocks(), None);
            }
        }
    }
}
