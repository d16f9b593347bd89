use std::sync::atomic::{AtomicU32, Ordering};

use p256::ecdsa::SigningKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{NistP256, NonZeroScalar, SecretKey};

use super::*;
use crate::base::Code;
use crate::base::clock::Reading;
use crate::job::fault::STOPPING;
use crate::line::fault::{CLOCK_LOST, SIGNER_STOPPED};

/// A token with one key, which fails so many times in this way before it answers, and uses each nonce it is told to.
struct Token {
    failures: AtomicU32,
    code: &'static Code,
    asked: AtomicU32,
    nonces: Vec<u8>,
}

impl Token {
    fn failing(failures: u32, code: &'static Code) -> Arc<Self> {
        Arc::new(Self {
            failures: AtomicU32::new(failures),
            code,
            asked: AtomicU32::new(0),
            nonces: vec![1, 2, 3],
        })
    }

    fn signing(nonces: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            failures: AtomicU32::new(0),
            code: &CLOCK_LOST,
            asked: AtomicU32::new(0),
            nonces: nonces.to_vec(),
        })
    }

    fn answer(&self) -> Result<u32, Fault> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let left = |left: u32| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => Err(Fault::new(self.code, "")),
            Err(_) => Ok(number),
        }
    }
}

fn scalar(value: u8) -> NonZeroScalar {
    let mut bytes = [0; 32];
    bytes[31] = value;
    SecretKey::from_slice(&bytes).unwrap().to_nonzero_scalar()
}

#[async_trait]
impl Signer for Token {
    async fn sign(&self, _: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault> {
        let number = self.answer()? as usize;
        let nonce = scalar(self.nonces[number % self.nonces.len()]);
        let (signature, _) = ecdsa::hazmat::sign_prehashed::<NistP256>(&scalar(7), &nonce, &digest).unwrap();
        Ok(signature.to_bytes().into())
    }
    async fn generate(&self, _: &str, _: KeyPurpose) -> Result<Vec<u8>, Fault> {
        self.answer().map(|_| Vec::new())
    }
    async fn hmac(&self, _: &str, _: &[u8]) -> Result<[u8; 32], Fault> {
        self.answer().map(|_| [0; 32])
    }
    async fn seal(&self, _: &str, _: &[u8], _: &[u8]) -> Result<Vec<u8>, Fault> {
        self.answer().map(|_| Vec::new())
    }
    async fn open(&self, _: &str, _: &[u8], _: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        self.answer().map(|_| Secret::new(Vec::new()))
    }
    async fn agree(&self, _: &str, _: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault> {
        self.answer().map(|_| Secret::new([0; 32]))
    }
    async fn derive(&self, _: &str, _: &Derivation) -> Result<Secret<Vec<u8>>, Fault> {
        self.answer().map(|_| Secret::new(Vec::new()))
    }
    async fn take_in(&self, _: &str, _: &Master) -> Result<(), Fault> {
        self.answer().map(|_| ())
    }
    async fn random(&self, _: usize) -> Result<Vec<u8>, Fault> {
        self.answer().map(|_| Vec::new())
    }
    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        let public = SecretKey::from(scalar(7)).public_key().to_sec1_point(false);
        Ok(vec![KeyInfo {
            label: "ds".to_owned(),
            purpose: KeyPurpose::DocumentSigner,
            public: public.as_bytes().to_vec(),
            signatures: None,
        }])
    }
    async fn destroy(&self, _: &str) -> Result<(), Fault> {
        self.answer().map(|_| ())
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_line_waits_and_a_single_command_does_not() {
    let clock = Clock::system();
    let token = Token::failing(100, &CLOCK_LOST);
    let careful = Careful::new(token.clone(), clock);
    assert_eq!(careful.random(8).await.unwrap_err().code.id, CLOCK_LOST.id);
    assert_eq!(token.asked.load(Ordering::SeqCst), 1);

    careful.be_patient();
    let waiting = careful.hmac("lookup", b"x");
    let (answer, seen) = tokio::join!(waiting, async {
        clock.sleep(Duration::from_secs(60)).await;
        careful.away()
    });
    answer.unwrap();
    assert_eq!(seen.map(|away| away.code), Some(CLOCK_LOST.id));
    assert_eq!(careful.away(), None);
    // Ninety-nine failures at five seconds each are minutes of patience, and no more than that.
    assert!(clock.elapsed() > Duration::from_secs(400) && clock.elapsed() < Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_that_waiting_does_not_mend() {
    for code in [&SIGNER_STOPPED, &STOPPING] {
        let token = Token::failing(9, code);
        let careful = Careful::new(token.clone(), Clock::system());
        careful.be_patient();
        for asked in 1..4 {
            assert_eq!(careful.random(8).await.unwrap_err().code.id, code.id);
            assert_eq!(token.asked.load(Ordering::SeqCst), asked);
        }
    }
    // A key may have been made: that is never asked twice.
    let token = Token::failing(9, &CLOCK_LOST);
    let careful = Careful::new(token.clone(), Clock::system());
    careful.be_patient();
    assert!(careful.generate("ds", KeyPurpose::DocumentSigner).await.is_err());
    assert!(careful.destroy("ds").await.is_err());
    assert_eq!(token.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_line_gives_up_soon() {
    let clock = Clock::system();
    let careful = Careful::new(Token::failing(u32::MAX, &CLOCK_LOST), clock);
    careful.be_patient();
    let (answer, ()) = tokio::join!(careful.random(8), async {
        clock.sleep(Duration::from_secs(120)).await;
        careful.hurry();
    });
    assert_eq!(answer.unwrap_err().code.id, CLOCK_LOST.id);
    let most = Duration::from_secs(120) + STOPPING_PATIENCE + PAUSE.1;
    assert!(clock.elapsed() <= most, "{:?}", clock.elapsed());
}

#[tokio::test]
async fn a_nonce_that_comes_twice_is_caught_although_both_signatures_are_good() {
    let careful = Careful::new(Token::signing(&[5, 6, 5]), Clock::system());
    careful.sign("ds", [1; 32]).await.unwrap();
    careful.sign("ds", [2; 32]).await.unwrap();
    let caught = careful.sign("ds", [3; 32]).await.unwrap_err();
    assert_eq!(caught.code.id, "LIN-030");
    // The same digest again with the same nonce tells nobody anything: that is how RFC 6979 signs.
    let careful = Careful::new(Token::signing(&[5]), Clock::system());
    for _ in 0..3 {
        careful.sign("ds", [1; 32]).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_signed_before_the_program_began_counts() {
    let (signature, _) = ecdsa::hazmat::sign_prehashed::<NistP256>(&scalar(7), &scalar(5), &[1; 32]).unwrap();
    let careful = Careful::new(Token::signing(&[5]), Clock::system());
    let nonce = *signature.to_bytes().first_chunk().unwrap();
    assert!(careful.recall(nonce, [1; 8]) && careful.recall(nonce, [1; 8]));
    assert!(!careful.recall(nonce, [2; 8]));
    assert_eq!(careful.sign("ds", [2; 32]).await.unwrap_err().code.id, "LIN-030");
}

#[tokio::test]
async fn a_signature_of_another_key_or_over_something_else_reaches_nobody() {
    let careful = Careful::new(Token::signing(&[5, 6]), Clock::system());
    let other = VerifyingKey::from(&SigningKey::from(SecretKey::from(scalar(8))));
    let verify = |signature: &[u8; 64]| {
        other
            .verify_prehash(&[1; 32], &Signature::from_slice(signature).unwrap())
            .map_err(|_| Fault::new(&BAD_SIGNATURE, ""))
    };
    let caught = careful.sign_verified("ds", [1; 32], verify).await.unwrap_err();
    assert_eq!(caught.code.id, "LIN-003");
    assert_eq!(
        careful.sign("other", [1; 32]).await.unwrap_err().code.id,
        "LIN-003"
    );
}

#[test]
fn memory_is_bounded() {
    let mut nonces = Nonces::default();
    for number in 0..=u64::try_from(NONCES_REMEMBERED).unwrap() {
        assert!(!nonces.repeats(number.to_be_bytes(), [1; 8]));
    }
    assert_eq!(
        (nonces.seen.len(), nonces.order.len()),
        (NONCES_REMEMBERED, NONCES_REMEMBERED)
    );
    assert!(!nonces.repeats([0; 8], [2; 8]), "the oldest is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_went_back_stops_signatures_until_it_is_accepted() {
    let clock = Clock::system();
    let token = Token::signing(&[5]);
    let mut careful = Careful::new(token.clone(), clock);
    let wall = Arc::new(Mutex::new(clock.now()));
    let shown = Arc::clone(&wall);
    careful.time = Timekeeper::reading(move || Reading {
        wall: *shown.lock().unwrap(),
        boot: clock.elapsed(),
        boot_id: "boot".to_owned(),
    });
    let anchor = careful.time.anchor_now();
    careful.time.accept(anchor);
    careful.be_patient();
    careful.sign("ds", [1; 32]).await.unwrap();
    *wall.lock().unwrap() = clock.now() - time::Duration::hours(1);
    let careful = &careful;
    let signing = async { careful.sign("ds", [1; 32]).await.unwrap() };
    let two_people = async {
        clock.sleep(Duration::from_secs(600)).await;
        // Ten minutes later nothing was asked of the token.
        assert_eq!(careful.away().map(|away| away.code), Some("LIN-032"));
        assert_eq!(token.asked.load(Ordering::SeqCst), 1);
        *wall.lock().unwrap() += time::Duration::minutes(10);
        careful.time.accept(careful.time.anchor_now());
    };
    tokio::join!(signing, two_people);
    assert_eq!(token.asked.load(Ordering::SeqCst), 2);
}
