//! Sessions of real chips, as the tests of GlobalPlatformPro and pySim publish them.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::chip::scp::{ChipKeys, Introduction, Opened, Protocol, initialize_update};

/// The card manager whose identifier the chips of the vectors put into their challenges.
const MANAGER: [u8; 16] = hex!("A0000005591010FFFFFFFF8900000100");
/// STORE DATA of the vectors, and what the chip answers.
const STORE: [u8; 11] = hex!("80E2910006BF3E035C015A");
const STORED: [u8; 21] = hex!("bf3e125a1089882119900000000000000000000005");

struct Session {
    bits: usize,
    level: Level,
    update: &'static [u8],
    introduction: &'static [u8],
    authenticate: &'static [u8],
    /// S-ENC, S-MAC, S-RMAC.
    keys: [&'static [u8]; 3],
    store: [&'static [u8]; 2],
    cases: [&'static [u8]; 4],
}

const SESSIONS: [Session; 9] = [
    Session {
        bits: 128,
        level: Level::MacBoth,
        update: &hex!("8050300008b13e5f938fc108c400"),
        introduction: &hex!("000000000000000000003003703eb51047495b249f66c484c1d2ef1948000002"),
        authenticate: &hex!("84821100107d5f5826a993ebc89eea24957fa0b3ce"),
        keys: [
            &hex!("c4e87149f2114da66bb015a567d751f9"),
            &hex!("8b2635556e987a6b84f43d9ffc197d3f"),
            &hex!("3f6b2ce3b3abd9a99bd4453afa54cc7b"),
        ],
        store: [
            &hex!("84e291000ebf3e035c015a558d036518a2829700"),
            &hex!("bf3e125a1089882119900000000000000000000005971be68992dbbdfa"),
        ],
        cases: [
            &hex!("84f220020863a63f8959827fb2"),
            &hex!("84ca006608a0c6a4a74166f7ce00"),
            &hex!("84f22002124f0212345c054f9f70c52249b50272656536"),
            &hex!("84f280020a4f00e91443f6dce6b8ed00"),
        ],
    },
    Session {
        bits: 128,
        level: Level::MacEncrypt,
        update: &hex!("80503000088e1552d0513c60f300"),
        introduction: &hex!("0000000000000000000030037030760cd2c47c1dd395065fe5ead8a9d7000001"),
        authenticate: &hex!("8482030010fd4721a14d9b07003c451d2f8ae6bb21"),
        keys: [
            &hex!("ee54985e150155e021725489f717d645"),
            &hex!("59b76ddff91dba0515a9644de3a48863"),
            &hex!("5942bf778c5942f17037da8278f9330d"),
        ],
        store: [
            &hex!("84e2910018ca9c00f6713d79bc8baa642bdff51c3f6a4082d3bd9ad26c00"),
            &hex!("bf3e125a1089882119900000000000000000000005"),
        ],
        cases: [
            &hex!("84f2200208c9811b11f1264cf1"),
            &hex!("84ca006608e10ab60b3054798800"),
            &hex!("84f22002184e2908bdb48b2315a55482e9e936ca122d6ecfae7d17416e"),
            &hex!("84f28002180dd10a6b6193e5340b9e77d32d5a179cd710ac2773aefb2800"),
        ],
    },
    Session {
        bits: 128,
        level: Level::Full,
        update: &hex!("8050300008fdf38259a1e0de4400"),
        introduction: &hex!("000000000000000000003003703b1aca81e821f219081cdc01c26b372d000003"),
        authenticate: &hex!("84823300108c36f96bcc00724a4e13ad591d7da3f0"),
        keys: [
            &hex!("bc5689f3a0b783a9ed6da1c5c6bc1f99"),
            &hex!("0415f56cbb9e488bb171b2b66081f004"),
            &hex!("1ee185123244e047bc9d68b914bd1fbe"),
        ],
        store: [
            &hex!("84e2910018267a85dfe4a98fca6fb0527e0dfecce4914e40401433c87f00"),
            &hex!("f3ba2b1013aa6224f5e1c138d71805c569e5439b47576260b75fc021b25097cb2e68f8a0144975b9"),
        ],
        cases: [
            &hex!("84f2200208ac6a59024bed84cc"),
            &hex!("84ca006608409912ad8fb7aed000"),
            &hex!("84f22002185f3dafc3ac14c381536a488bf44e06d056df9d74dbd21e5a"),
            &hex!("84f280021865165105be3373347d0424d4400af2ac393f569ec779389e00"),
        ],
    },
    Session {
        bits: 192,
        level: Level::MacBoth,
        update: &hex!("80503100087396430b768b085b00"),
        introduction: &hex!("000000000000000000003103708cfc23522ffdbf1e5df5542cac8fd866000003"),
        authenticate: &hex!("84821100102145ed30b146f5db252fb7e624cec244"),
        keys: [
            &hex!("5d762f02330099944561311ff1fd370b34193a3ff81302c0"),
            &hex!("15e4303d3157d8d1dd283b7321434ae83fc80ac9b12e3daf"),
            &hex!("16593381d17cc862b4c89c7aa419159e98aec1931878b8dc"),
        ],
        store: [
            &hex!("84e291000ebf3e035c015aff42cf801d14394400"),
            &hex!("bf3e125a1089882119900000000000000000000005162fbd33e04940a9"),
        ],
        cases: [
            &hex!("84f22002084584e4f6784811ee"),
            &hex!("84ca006608937776ebe190fa3000"),
            &hex!("84f22002124f0212345c054f9f70c59a52bddf3040368c"),
            &hex!("84f280020a4f009804b11411f7393d00"),
        ],
    },
    Session {
        bits: 192,
        level: Level::MacEncrypt,
        update: &hex!("805031000869c65da8202bf19f00"),
        introduction: &hex!("00000000000000000000310370b570a67be38446717729d6dd3d2ec5b1000001"),
        authenticate: &hex!("848203001065df4f1a356a887905466516d9e5b7c1"),
        keys: [
            &hex!("e78b05673692b6118b071b95c868bbd830cc494b3a6fe612"),
            &hex!("787c55691bf5f22f567f8905b9b74242dc6c92a94f050232"),
            &hex!("837f6ca80c26530764de995a5fde593b99541b7d8ce56993"),
        ],
        store: [
            &hex!("84e2910018d2c6fb477c5d4afe4fd4d21f17eff10d3578ec1774a12a2d00"),
            &hex!("bf3e125a1089882119900000000000000000000005"),
        ],
        cases: [
            &hex!("84f2200208964e188f0b1bb697"),
            &hex!("84ca006608f0820035a41d3e1800"),
            &hex!("84f220021806b076ed452cd1fa84f77f5c08a146aa77a9286757dea791"),
            &hex!("84f2800218d06527e39222dce091fabdb8e9b898417a67a6852d3577db00"),
        ],
    },
    Session {
        bits: 192,
        level: Level::Full,
        update: &hex!("80503100089b3f2eef0e8c937400"),
        introduction: &hex!("00000000000000000000310370f6bb305a15bae1a68f79fb08212fbed7000002"),
        authenticate: &hex!("84823300109100bc22d58b45b86a26365ce39ff3cf"),
        keys: [
            &hex!("5fd0334949e96371ae7f911ea940355ab1b041597e2f61ca"),
            &hex!("436682192ffc13c9399ca38c1adac01498ec77fe1fb560a9"),
            &hex!("6bebf8d1c79677a132bd21bf2a8c389374ad0bf323d420cd"),
        ],
        store: [
            &hex!("84e29100188f7f946c84f70d17994bc6e8791251bb1bb1bf02cf8de58900"),
            &hex!("c05176c1b6f72aae50c32cbee63b0e95998928fd4dfb2be9f27ffde8c8476f5909b4805cc4039599"),
        ],
        cases: [
            &hex!("84f2200208d5d97754b6b3d2ba"),
            &hex!("84ca006608516c82b8e30adbeb00"),
            &hex!("84f2200218cc247f4761e6944277a4e0d6e32e44025b1e31537e2fc668"),
            &hex!("84f2800218ba22b63d509bef5d093b43e5eaed03ed23144ab2d9cb51de00"),
        ],
    },
    Session {
        bits: 256,
        level: Level::MacBoth,
        update: &hex!("805032000811666d57866c6f5400"),
        introduction: &hex!("0000000000000000000032037053ea8847efa7674e41498a4d66cf0dee000003"),
        authenticate: &hex!("84821100102f2ad190eff2fafc4908996d1cebd310"),
        keys: [
            &hex!("da77fff6d3ebeaa1234f93f2b18e6f83bada80adb387428ce72779439afcaf57"),
            &hex!("80546fe2b8e72587efa3f1be7df30b0fb0146b795f8f131d8b32ac5200f5dbec"),
            &hex!("93588976672e495ed15722a87ae812721674cf94e6d52527da352174c7141a4c"),
        ],
        store: [
            &hex!("84e291000ebf3e035c015af4b680372542b59d00"),
            &hex!("bf3e125a10898821199000000000000000000000058012dd7f01f1c4c1"),
        ],
        cases: [
            &hex!("84f2200208d618b7da68d5fe52"),
            &hex!("84ca0066088f3e055db23ad5e500"),
            &hex!("84f22002124f0212345c054f9f70c5b6e15cc42404915e"),
            &hex!("84f280020a4f00aa124aa74afe7f7500"),
        ],
    },
    Session {
        bits: 256,
        level: Level::MacEncrypt,
        update: &hex!("8050320008c6066990fc426e1d00"),
        introduction: &hex!("000000000000000000003203708682cd81bbd8919f2de3f2664581f118000001"),
        authenticate: &hex!("848203001077c493b632edadaf865a1e64acc07ce9"),
        keys: [
            &hex!("0ccc0e11afcd50448d469efe08307fbb87e8b3e148317052c519177a3c491628"),
            &hex!("309b7e14a014a190dd01e21756a8010d01568b058971f803f7d77be42c6cb45b"),
            &hex!("5461ea3084061021f84ba70e655e0a6a3f5618a272bb0fd86d2c057f7bb332e2"),
        ],
        store: [
            &hex!("84e29100183ddaa60594963befaada3525b492ede23c2ab2c1ce3afe4400"),
            &hex!("bf3e125a1089882119900000000000000000000005"),
        ],
        cases: [
            &hex!("84f2200208480ddc8e419da38d"),
            &hex!("84ca0066083e9d6a6c0b2d732000"),
            &hex!("84f22002183ebfef2da8b04af2a85f491f299b76973df76ff08a4031be"),
            &hex!("84f2800218783fff80990f5585b1055010ea95094a26e4a8f1ef4b18e100"),
        ],
    },
    Session {
        bits: 256,
        level: Level::Full,
        update: &hex!("805032000897b2055fe58599fd00"),
        introduction: &hex!("00000000000000000000320370a8439a22cedf045fa9f1903b2834f26e000002"),
        authenticate: &hex!("8482330010508a0fd959d2e547c6b33154a6be2057"),
        keys: [
            &hex!("6882480f1f4cfee7bddf6c691b6e1549645a47543cb4fe1042b72da7cdfdb958"),
            &hex!("0607c530eb8e7b6e781a70b349370db8728c4b6ed29a24e5461864c142f98fec"),
            &hex!("c88cdcd5473d403ce55264626eaf308b915482e0df3bf48e35a0f58d18c1f04c"),
        ],
        store: [
            &hex!("84e29100187a5ef717eaf1e135ae92fe54429d0e465decda65f5fe5aea00"),
            &hex!("ea90dbfa648a67c5eb6abc57f8530b97d0cd5647c5e8732016b55203b078dd2ace7f8bc5d1c1cd99"),
        ],
        cases: [
            &hex!("84f2200208bcc5c17275545d93"),
            &hex!("84ca00660804806aba9d543bb600"),
            &hex!("84f2200218717222491556ec81a45f49ce48be33320024801a1c4cb0e0"),
            &hex!("84f2800218561f105bccd3a1642904b251ccc1228beb80a82370a8637000"),
        ],
    },
];

/// Cases 1 to 4 of ISO/IEC 7816-4 in plain.
const CASES: [&[u8]; 4] = [
    &hex!("80F22002"),
    &hex!("80CA006600"),
    &hex!("80F220020A4F0212345C054F9F70C5"),
    &hex!("80F28002024F0000"),
];

/// The vectors' static keys: counted up from 00, 10 and 20, and again from there for the longer ones.
fn static_keys(bits: usize) -> StaticKeys<AesKey> {
    let key = |first: u8| -> Vec<u8> { (first..first + 16).cycle().take(bits / 8).collect() };
    let [encrypt, mac, data] = [0x00, 0x10, 0x20].map(|first| AesKey::new(&key(first)).unwrap());
    StaticKeys { encrypt, mac, data }
}

fn keys(bits: usize) -> ChipKeys {
    ChipKeys::Aes(static_keys(bits))
}

fn introduction(bytes: &[u8]) -> Introduction {
    Introduction::parse(Protocol::Scp03, bytes).unwrap()
}

/// The channel, and what opens it.
fn open(bytes: &[u8], bits: usize, challenge: &[u8], level: Level) -> (Channel, Vec<u8>) {
    let opened = introduction(bytes).open(&keys(bits), challenge, &MANAGER, level);
    let Opened {
        channel: crate::chip::scp::Channel::Scp03(channel),
        authenticate,
        ..
    } = opened.unwrap()
    else {
        panic!("another protocol")
    };
    (channel, authenticate)
}

#[test]
fn sessions_of_real_chips_byte_for_byte() {
    for session in SESSIONS {
        let what = format!("AES-{} {:?}", session.bits, session.level);
        let challenge = Command::parse(session.update).unwrap().data;
        let version = session.update[2];
        assert_eq!(initialize_update(version, challenge), session.update, "{what}");
        let introduced = introduction(session.introduction);
        assert_eq!(
            (introduced.key_version, introduced.options()),
            (version, Some(0x70)),
            "{what}"
        );
        let (mut channel, authenticate) = open(session.introduction, session.bits, challenge, session.level);
        assert_eq!(authenticate, session.authenticate, "{what}");
        for (key, expected) in [&channel.encrypt, &channel.mac, &channel.response_mac]
            .into_iter()
            .zip(session.keys)
        {
            assert_eq!(key.bytes(), expected, "{what}");
        }
        let store = [&STORE[..], &[0]].concat();
        assert_eq!(
            channel.wrap(&Command::parse(&store).unwrap()),
            session.store[0],
            "{what}"
        );
        assert_eq!(
            channel
                .unwrap(session.store[1].to_vec(), Status::Success)
                .unwrap(),
            STORED,
            "{what}"
        );
        for (plain, wrapped) in CASES.into_iter().zip(session.cases) {
            assert_eq!(channel.wrap(&Command::parse(plain).unwrap()), wrapped, "{what}");
        }
    }
}

#[test]
fn a_chip_with_other_keys_is_found_before_it_is_told_anything() {
    let session = &SESSIONS[0];
    let challenge = Command::parse(session.update).unwrap().data;
    let introduced = introduction(session.introduction);
    let prove = |keys: StaticKeys<AesKey>, manager: &[u8]| {
        introduced
            .prove(&ChipKeys::Aes(keys), challenge, manager)
            .map_err(|fault| fault.detail)
    };
    assert_eq!(prove(static_keys(128), &MANAGER), Ok(()));
    let mut other = static_keys(128);
    std::mem::swap(&mut other.mac, &mut other.data);
    assert_eq!(prove(other, &MANAGER), Err("cryptogram".to_owned()));
    assert_eq!(prove(static_keys(192), &MANAGER), Err("cryptogram".to_owned()));
    // The challenge hangs on another key, and on the manager's name.
    let mut other = static_keys(128);
    std::mem::swap(&mut other.encrypt, &mut other.data);
    assert_eq!(prove(other, &MANAGER), Err("challenge".to_owned()));
    assert_eq!(prove(static_keys(128), &[0xA0]), Err("challenge".to_owned()));
}

#[test]
fn introductions_of_another_form_are_refused() {
    let whole = SESSIONS[0].introduction;
    let code = |bytes: &[u8]| Introduction::parse(Protocol::Scp03, bytes).unwrap_err().code;
    for length in 0..whole.len() {
        assert_eq!(code(&whole[..length]), &fault::GARBLED);
    }
    assert_eq!(code(&[whole, &[0]].concat()), &fault::GARBLED);
    let mut scp02 = whole.to_vec();
    scp02[11] = 2;
    assert_eq!(code(&scp02), &fault::KEYS);
    // Without a computed challenge there is no counter.
    let mut random = whole.to_vec();
    random[12] = 0x60;
    assert_eq!(code(&random), &fault::GARBLED);
    assert!(Introduction::parse(Protocol::Scp03, &random[..29]).is_ok());
}

/// A channel in the middle of the first session of this level.
fn in_session(level: Level) -> Channel {
    let session = SESSIONS.iter().find(|session| session.level == level).unwrap();
    let challenge = Command::parse(session.update).unwrap().data;
    let (mut channel, _) = open(session.introduction, session.bits, challenge, level);
    let _ = channel.wrap(&Command::new(0x80, 0xE2, 0x91, 0).data(&STORE[5..]).le(256));
    channel
}

#[test]
fn a_bent_answer_is_found_and_an_error_has_no_checksum() {
    for level in [Level::MacBoth, Level::Full] {
        let session = SESSIONS.iter().find(|session| session.level == level).unwrap();
        for bent in 0..session.store[1].len() {
            let mut answer = session.store[1].to_vec();
            answer[bent] ^= 1;
            let refused = in_session(level).unwrap(answer, Status::Success).unwrap_err();
            assert_eq!(refused.code, &fault::CHANNEL);
        }
        let another_status = in_session(level).unwrap(session.store[1].to_vec(), Status::EndOfFile);
        assert_eq!(another_status.unwrap_err().code, &fault::CHANNEL);
        assert!(in_session(level).unwrap(Vec::new(), Status::Success).is_err());
        assert_eq!(
            in_session(level).unwrap(Vec::new(), Status::Conditions),
            Ok(Vec::new())
        );
        assert!(in_session(level).unwrap(vec![1], Status::Conditions).is_err());
    }
}

proptest! {
    #[test]
    fn what_fits_fits(max in 64usize..2_000, level in proptest::sample::select(&Level::ALL[..])) {
        let session = &SESSIONS[0];
        let challenge = Command::parse(session.update).unwrap().data;
        let (mut channel, _) = open(session.introduction, 128, challenge, level);
        let full = vec![7; channel.capacity(max)];
        let wrapped = channel.wrap(&Command::new(0x80, 0xE2, 0, 0).data(&full));
        let length = Command::parse(&wrapped).unwrap().data.len();
        // Never too long, and not one block shorter than need be.
        prop_assert!(length <= max && length + 16 > max, "{length} of {max}");
    }

    #[test]
    fn any_introduction_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(introduction) = Introduction::parse(Protocol::Scp03, &bytes) {
            prop_assert!(introduction.prove(&keys(128), &[0; 8], &MANAGER).is_err());
        }
    }
}
