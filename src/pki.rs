//! Who signs: document signer and CSCA certificates, requests and CRLs after Doc 9303-12, the chain as another library
//! sees it, and the policy that says which key may sign which card.
//!
//! Nothing here signs. Whatever needs a signature is a [`Draft`]: its bytes and their digest. The digest goes to the
//! HSM, which answers with a raw r‖s of 64 bytes, and `finish` puts both together. What writes (`der`, `x509-cert`) is
//! not what reads ([`trust`]: x509-parser, signatures by ring): a mistake in one does not hide itself in the other.
//!
//! Production keys are certified by the national CSCA: [`request`] asks and accepts. The certificates that
//! [`certificate`] issues are rehearsal certificates, and say so in their names.

pub(crate) mod asn1;
pub mod certificate;
pub mod crl;
pub mod curve;
pub mod cvc;
pub mod draft;
pub mod ecdsa;
pub mod elliptic;
pub mod fault;
pub mod modp;
pub mod modular;
pub mod name;
pub mod policy;
pub mod private;
pub mod request;
pub mod rsa;
pub mod signature;
#[cfg(test)]
pub(crate) mod testkit;
pub mod trust;

pub use certificate::{CertificatePlan, Contact, Role};
pub use crl::{CrlPlan, RevokedEntry};
pub use curve::Curve;
pub use cvc::{CvCertificate, CvPlan, CvRole, Rights};
pub use draft::Draft;
pub use elliptic::EllipticCurve;
pub use modp::ModpGroup;
pub use name::EntityName;
pub use policy::{SignerKey, SigningRequest, choose, may_sign};
pub use request::{Request, RequestPlan, accept_certificate};
pub use signature::{Hash, PublicKey, SignatureAlgorithm};
pub use trust::{Certificate, Crl, Revocation, TrustStore};
