//! The group that PACE works in: an elliptic curve, or a prime field. Public values are octet strings, points with
//! curves and numbers with fields.

use rand_chacha::rand_core::Rng;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::integrated::pseudo_random;
use super::{Family, Mapping, Protocol};
use crate::chip::tlv;
use crate::pki::elliptic::{EllipticCurve, Point, Scalar, x_coordinate};
use crate::pki::modp::ModpGroup;

/// A group of standardized domain parameters (BSI TR-03110-3, table 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// A curve.
    Elliptic(EllipticCurve),
    /// The multiplicative group of a prime field.
    Modp(ModpGroup),
}

impl From<EllipticCurve> for Group {
    fn from(curve: EllipticCurve) -> Self {
        Self::Elliptic(curve)
    }
}

impl From<ModpGroup> for Group {
    fn from(group: ModpGroup) -> Self {
        Self::Modp(group)
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elliptic(curve) => write!(f, "{curve:?}"),
            Self::Modp(group) => write!(f, "{group:?}"),
        }
    }
}

impl Group {
    /// By the number of standardized domain parameters, if it is of this family.
    #[must_use]
    pub fn from_parameter_id(family: Family, id: u32) -> Option<Self> {
        match family {
            Family::Elliptic => EllipticCurve::from_parameter_id(id).map(Self::Elliptic),
            Family::Modp => ModpGroup::from_parameter_id(id).map(Self::Modp),
        }
    }

    /// What kind of group it is.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Elliptic(_) => Family::Elliptic,
            Self::Modp(_) => Family::Modp,
        }
    }

    /// The number of standardized domain parameters.
    #[must_use]
    pub fn parameter_id(self) -> u8 {
        match self {
            Self::Elliptic(curve) => curve.parameter_id(),
            Self::Modp(group) => group.parameter_id(),
        }
    }

    /// The curve, if it is one.
    #[must_use]
    pub fn curve(self) -> Option<EllipticCurve> {
        match self {
            Self::Elliptic(curve) => Some(curve),
            Self::Modp(_) => None,
        }
    }

    /// A private number, uniformly.
    pub fn random_scalar(self, random: &mut impl Rng) -> Scalar {
        match self {
            Self::Elliptic(curve) => curve.random_scalar(random),
            Self::Modp(group) => group.random_scalar(random),
        }
    }

    /// The public value of a private number; nothing if the number is out of range.
    #[must_use]
    pub fn public(self, scalar: &[u8]) -> Option<Point> {
        match self {
            Self::Elliptic(curve) => curve.public(scalar),
            Self::Modp(group) => group.power(scalar, group.generator()),
        }
    }

    /// The public value over another generator; nothing if that is not in the group.
    #[must_use]
    pub fn public_over(self, scalar: &[u8], generator: &[u8]) -> Option<Point> {
        match self {
            Self::Elliptic(curve) => curve.multiply(scalar, generator),
            Self::Modp(group) => group.power(scalar, generator),
        }
    }

    /// What both sides come to know: of a shared point its x coordinate.
    #[must_use]
    pub fn agree(self, scalar: &[u8], peer: &[u8]) -> Option<Scalar> {
        match self {
            Self::Elliptic(curve) => curve.agree(scalar, peer),
            Self::Modp(group) => group.power(scalar, peer).map(Zeroizing::new),
        }
    }

    /// Generic mapping: the ephemeral generator from the nonce and a key agreement.
    #[must_use]
    pub fn map(self, nonce: &[u8], scalar: &[u8], peer: &[u8]) -> Option<Point> {
        match self {
            Self::Elliptic(curve) => curve.map(nonce, scalar, peer),
            Self::Modp(group) => group.map(nonce, scalar, peer),
        }
    }

    /// Integrated mapping: the ephemeral generator from the chip's nonce and the reader's.
    #[must_use]
    pub fn map_integrated(self, protocol: Protocol, nonce: &[u8], readers: &[u8]) -> Option<Point> {
        let prime = match self {
            Self::Elliptic(curve) => curve.bytes(),
            Self::Modp(group) => group.prime().len(),
        };
        let number = pseudo_random(protocol.cipher, nonce, readers, prime);
        match self {
            Self::Elliptic(curve) => curve.encode(&number),
            Self::Modp(group) => group.encode(&number),
        }
    }

    /// A public key in its short form, by which terminal authentication names it (BSI TR-03110-3, section A.2.2.3).
    #[must_use]
    pub fn compressed(self, public: &[u8]) -> Vec<u8> {
        match self {
            Self::Elliptic(_) => x_coordinate(public).unwrap_or_default().to_vec(),
            Self::Modp(_) => Sha1::digest(public).to_vec(),
        }
    }
}

impl Protocol {
    /// The public key data object over which tokens are computed (section D.3.4).
    pub(super) fn key_object(self, public: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(public.len() + 16);
        tlv::push(&mut key, 0x06, &self.oid());
        let tag = match self.family {
            Family::Elliptic => 0x86,
            Family::Modp => 0x84,
        };
        tlv::push(&mut key, tag, public);
        let mut object = Vec::with_capacity(key.len() + 5);
        tlv::push(&mut object, 0x7F49, &key);
        object
    }

    /// What the reader draws for the mapping: a private number or, with integrated mapping, a nonce.
    pub(super) fn draw(self, group: Group, random: &mut impl Rng) -> Scalar {
        match self.mapping {
            Mapping::Generic | Mapping::ChipAuthentication => group.random_scalar(random),
            Mapping::Integrated => {
                let mut nonce = Zeroizing::new(vec![0; self.cipher.key_bytes()]);
                random.fill_bytes(&mut nonce);
                nonce
            }
        }
    }
}
