//! The secrets that PUT DATA brings into the open eMRTD applet, each by its tag (sources of the JMRTD passport applet,
//! `PassportApplet.processPutData`, and of its variant with PACE). Which of them a chip takes, its profile says.

use serde::{Deserialize, Serialize};

/// One kind of secret.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum PutData {
    /// `60`: the modulus of an RSA key of 1,024 bits for active authentication.
    #[serde(rename = "60")]
    ActiveModulus,
    /// `61`: its private exponent.
    #[serde(rename = "61")]
    ActiveExponent,
    /// `62`: the three MRZ fields, from which the chip derives its keys.
    #[serde(rename = "62")]
    Mrz,
    /// `63`: the key for chip authentication, here on P-256.
    #[serde(rename = "63")]
    ChipAuthentication,
    /// `64`: the body of a CVCA's certificate, whose terminals may read fingerprints. A chip has two places, and takes
    /// one certificate in each, once.
    #[serde(rename = "64")]
    TrustPoint,
    /// `65`: other PACE passwords, here the card access number.
    #[serde(rename = "65")]
    PaceSecret,
    /// `68`: the ECDSA key for active authentication.
    #[serde(rename = "68")]
    ActiveAuthentication,
}

impl PutData {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::ActiveModulus,
        Self::ActiveExponent,
        Self::Mrz,
        Self::ChipAuthentication,
        Self::TrustPoint,
        Self::PaceSecret,
        Self::ActiveAuthentication,
    ];

    /// Second parameter of the command.
    #[must_use]
    pub fn tag(self) -> u8 {
        match self {
            Self::ActiveModulus => 0x60,
            Self::ActiveExponent => 0x61,
            Self::Mrz => 0x62,
            Self::ChipAuthentication => 0x63,
            Self::TrustPoint => 0x64,
            Self::PaceSecret => 0x65,
            Self::ActiveAuthentication => 0x68,
        }
    }
}
