//! Doc 9303-11, appendices G.2, H.1 and H.2: prime fields and integrated mapping, byte for byte.

use super::*;

/// One published run.
struct Run {
    /// The last two arcs of the protocol.
    oid: [u8; 2],
    /// The number of the domain parameters.
    id: u8,
    /// The key from the password, if it is not that of the G.1's MRZ.
    password_key: Option<[u8; 16]>,
    encrypted: [u8; 16],
    nonce: [u8; 16],
    /// What the reader draws for the mapping, and sends.
    map: (Vec<u8>, Vec<u8>),
    /// What the chip answers to that.
    map_ic: Vec<u8>,
    generator: Vec<u8>,
    agree: Vec<u8>,
    public_ifd: Vec<u8>,
    public_ic: Vec<u8>,
    secret: Vec<u8>,
    session_keys: [[u8; 16]; 2],
    tokens: [[u8; 8]; 2],
}

impl Run {
    /// Runs the reader against the chip of the appendix, and compares whatever it says.
    fn is_as_published(&self) {
        let card_access = {
            let info = [
                &hex!("060A04007F0007020204")[..],
                &self.oid,
                &hex!("0201020201"),
                &[self.id],
            ]
            .concat();
            let mut sequence = Vec::new();
            tlv::push(&mut sequence, 0x30, &info);
            let mut set = Vec::new();
            tlv::push(&mut set, 0x31, &sequence);
            set
        };
        let offer = only_offer(&card_access);
        assert_eq!(offer.protocol.oid()[8..], self.oid);
        let cipher = offer.protocol.cipher;
        // The nonce opens with the appendix's key; the run itself uses a password that has one.
        let key = self.password_key.map(|key| kdf::Key::new(key.to_vec()));
        let key = key.unwrap_or_else(|| password().pace_key(cipher));
        let mut nonce = self.encrypted;
        Suite::new(cipher, &key, &key).decrypt_nonce(&mut nonce);
        assert_eq!(nonce, self.nonce);
        let answers = [
            vec![0x90, 0x00],
            answer(0x80, &encrypt_nonce(&password(), cipher, &self.nonce)),
            answer(0x82, &self.map_ic),
            answer(0x84, &self.public_ic),
            answer(0x86, &self.tokens[1]),
        ];
        let own = Ephemeral {
            map: self.map.0.clone().into(),
            agree: self.agree.clone().into(),
        };
        let (said, outcome) = reader_of(answers, &card_access, &own);
        let set = [
            &hex!("0022C1A40F800A04007F0007020204")[..],
            &self.oid,
            &hex!("830101"),
        ]
        .concat();
        assert_eq!(said[0], set);
        let sent = |tag, value: &[u8]| {
            let mut inner = Vec::new();
            tlv::push(&mut inner, tag, value);
            let mut outer = Vec::new();
            tlv::push(&mut outer, 0x7C, &inner);
            let cla = if tag == 0x85 { 0x00 } else { 0x10 };
            Command::new(cla, 0x86, 0, 0)
                .data(&outer)
                .le(256)
                .encode()
                .to_vec()
        };
        assert_eq!(said[2], sent(0x81, &self.map.1));
        assert_eq!(said[3], sent(0x83, &self.public_ifd));
        assert_eq!(said[4], sent(0x85, &self.tokens[0]));
        assert!(outcome.is_ok());
        // What does not show on the wire.
        let generator = match offer.protocol.mapping {
            Mapping::Integrated => offer
                .group
                .map_integrated(offer.protocol, &self.nonce, &self.map.0),
            _ => offer.group.map(&self.nonce, &self.map.0, &self.map_ic),
        };
        assert_eq!(generator.unwrap(), self.generator);
        let secret = offer.group.agree(&self.agree, &self.public_ic).unwrap();
        assert_eq!(*secret, self.secret);
        assert_eq!(keys(&secret), self.session_keys);
    }
}

/// G.2.
#[test]
fn generic_mapping_in_a_prime_field() {
    Run {
        oid: hex!("0102"),
        id: 0,
        password_key: None,
        encrypted: hex!("854D8DF5827FA6852D1A4FA701CDDDCA"),
        nonce: hex!("FA5B7E3E49753A0DB9178B7B9BD898C8"),
        map: (hex!("5265030F751F4AD18B08AC565FC7AC952E41618D").to_vec(), hex!(
            "23FB3749EA030D2A25B278D2A562047ADE3F01B74F17A15402CB7352CA7D2B3EB71C343DB13D1DEBCE9A3666DBCFC920\
             B49174A602CB47965CAA73DC702489A44D41DB914DE9613DC5E98C94160551C0DF86274B9359BC0490D01B03AD54022D\
             CB4F57FAD6322497D7A1E28D46710F461AFE710FBBBC5F8BA166F4311975EC6C"
        ).to_vec()),
        map_ic: hex!(
            "78879F57225AA8080D52ED0FC890A4B25336F699AA89A2D3A189654AF70729E623EA5738B26381E4DA19E004706FACE7\
             B235C2DBF2F38748312F3C98C2DD4882A41947B324AA1259AC22579DB93F7085655AF30889DBB845D9E6783FE42C9F24\
             49400306254C8AE8EE9DD812A804C0B66E8CAFC14F84D8258950A91B44126EE6"
        ).to_vec(),
        generator: hex!(
            "7C9CBFE98F9FBDDA8D143506FA7D9306F4CB17E3C71707AFF5E1C1A12370249684D64EE37AF44B8DBD9D45BF6023919C\
             BAA027AB97ACC771666C8E98FF483301BFA4872DEDE9034EDFACB70814166B7F360676829B826BEA57291B5AD69FBC84\
             EF1E779032A305803F74341793E869742D401325B37EE8565FFCDEE618342DC5"
        ).to_vec(),
        agree: hex!("89CCD99B0E8D3B1F11E1296DCA68EC53411CF2CA").to_vec(),
        public_ifd: hex!(
            "907D89E2D425A178AA81AF4A7774EC8E388C115CAE67031E85EECE520BD911551B9AE4D04369F29A02626C86FBC6747C\
             C7BC352645B6161A2A42D44EDA80A08FA8D61B76D3A154AD8A5A51786B0BC07147057871A922212C5F67F43173172236\
             B7747D1671E6D692A3C7D40A0C3C5CE397545D015C175EB5130551EDBC2EE5D4"
        )
        .to_vec(),
        public_ic: hex!(
            "075693D9AE941877573E634B6E644F8E60AF17A0076B8B123D9201074D36152BD8B3A213F53820C42ADC79AB5D0AEEC3\
             AEFB91394DA476BD97B9B14D0A65C1FC71A0E019CB08AF55E1F729005FBA7E3FA5DC41899238A250767A6D46DB974064\
             386CD456743585F8E5D90CC8B4004B1F6D866C79CE0584E49687FF61BC29AEA1"
        )
        .to_vec(),
        secret: hex!(
            "6BABC7B3A72BCD7EA385E4C62DB2625BD8613B24149E146A629311C4CA6698E38B834B6A9E9CD7184BA8834AFF5043D4\
             36950C4C1E7832367C10CB8C314D40E5990B0DF7013E64B4549E2270923D06F08CFF6BD3E977DDE6ABE4C31D55C0FA2E\
             465E553E77BDF75E3193D3834FC26E8EB1EE2FA1E4FC97C18C3F6CFFFE2607FD"
        )
        .to_vec(),
        session_keys: [hex!("2F7F46ADCC9E7E521B45D192FAFA9126"), hex!("805A1D27D45A5116F73C54469462B7D8")],
        tokens: [hex!("B46DD9BD4D98381F"), hex!("917F37B5C0E6D8D1")],
    }
    .is_as_published();
}

/// H.1.
#[test]
fn integrated_mapping_on_a_curve() {
    Run {
        oid: hex!("0402"),
        id: 13,
        password_key: Some(hex!("591468CDA83D65219CCCB8560233600F")),
        encrypted: hex!("143DC40C08C8E891FBED7DEDB92B64AD"),
        nonce: hex!("2923BE84E16CD6AE529049F1F1BBE9EB"),
        map: (
            hex!("5DD4CBFC96F5453B130D890A1CDBAE32").to_vec(),
            hex!("5DD4CBFC96F5453B130D890A1CDBAE32").to_vec(),
        ),
        map_ic: Vec::new(),
        generator: hex!(
            "048E82D31559ED0FDE92A4D0498ADD3C23BABA94FB77691E31E90AEA77FB17D4274C1AE14BD0C3DBAC0C871B7F360816\
             9364437CA30AC243A089D3F266C1E60FAD"
        )
        .to_vec(),
        agree: hex!("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595").to_vec(),
        public_ifd: hex!(
            "0489CBA23FFE96AA18D824627C3E934E54A9FD0B87A95D1471DC1C0ABFDCD640D46755DE9B7B778280B6BEBD57439ADF\
             EB0E21FD4ED6DF42578C13418A59B34C37"
        )
        .to_vec(),
        public_ic: hex!(
            "0467F78E5F7F7686082B293E8D087E056916D0F74BC01A5F8957D0DE45691E51E8932B69A962B52A0985AD2C0A271EE6\
             A13A8ADDDCD1A3A994B9DED257F4D22753"
        )
        .to_vec(),
        secret: hex!("4F150FDE1D4F0E38E95017B891BAE17133A0DF45B0D3E18B60BA7BEAFDC2C713").to_vec(),
        session_keys: [
            hex!("0D3FEB33251A6370893D62AE8DAAF51B"),
            hex!("B01E89E3D9E8719E586B50B4A7506E0B"),
        ],
        tokens: [hex!("450F02B86F6A0909"), hex!("75D4D96E8D5B0308")],
    }
    .is_as_published();
}

/// H.2.
#[test]
fn integrated_mapping_in_a_prime_field() {
    Run {
        oid: hex!("0302"),
        id: 0,
        password_key: Some(hex!("591468CDA83D65219CCCB8560233600F")),
        encrypted: hex!("9ABB8864CA0FF1551E620D1EF4E13510"),
        nonce: hex!("FA5B7E3E49753A0DB9178B7B9BD898C8"),
        map: (
            hex!("B3A6DB3C870C3E99245E0D1C06B747DE").to_vec(),
            hex!("B3A6DB3C870C3E99245E0D1C06B747DE").to_vec(),
        ),
        map_ic: Vec::new(),
        generator: hex!(
            "1D7D767F11E333BCD6DBAEF40E799E7A926B96973550656FF3C830726D118D61C276CDCC61D475CF03A98E0C0E79CAEB\
             A5BE25578BD4551D0B10903236F0B0F976852FA78EEA14EA0ACA87D1E91F688FE0DFF897BBE35A472621D343564B262F\
             34223AE8FC59B664BFEDFA2BFE7516CA5510A6BBB633D517EC25D4E0BBAA16C2"
        )
        .to_vec(),
        agree: hex!(
            "4BD0E54740F9A028E6A515BFDAF967848C4F5F5FFF65AA0915947FFD1A0DF2FA6981271BC905F3551457B7E03AC3B806\
             6DE4AA406C1171FB43DD939C4BA16175103BA3DEE16419AA248118F90CC36A3D6F4C373652E0C3CCE7F0F1D0C5425B36\
             00F0F0D6A67F004C8BBA33F2B4733C7252445C1DFC4F1107203F71D2EFB28161"
        )
        .to_vec(),
        public_ifd: hex!(
            "0F0CC62945A8029251FB7EF3C094E12EC68E4EF07F27CB9D9CD04C5C4250FAE0E4F8A951557E929AEB48E5C6DD47F2F5\
             CD7C351A9BD2CD722C07EDE166770F08FFCB370262CF308DD7B07F2E0DA9CAAA1492344C852906919538C98A4BA4187E\
             76CE9D87832386D319CE2E043C3343AEAE6EDBA1A9894DC5094D22F7FE1351D5"
        )
        .to_vec(),
        public_ic: hex!(
            "928D9A0F9DBA450F13FC859C6F290D1D36E42431138A4378500BEB4E0401854CFF111F71CB6DC1D0335807A11388CC8E\
             AA87B07907AAD9FBA6B169AF6D8C26AF8DDDC39ADC3AD2E3FF882B84D23E9768E95A80E4746FB07A9767679FE92133B4\
             D379935C771BD7FBED6C7BB4B1708B275EA75679524CDC9C6A91370CC662A2F3"
        )
        .to_vec(),
        secret: hex!(
            "419410D6C0A17A4C07C54872CE1CBCEB0A2705C1A434C8A89A4CFE41F1D78124CA7EC52BDE7615E5345E48AB1ABB6E7D\
             1D59A57F3174084D3CA4570397C1F62228BDFDB2DA191EA2239E2C060DBE3BBC23C2FCD0AF12E0F9E0B99FCF91FF1959\
             011D5798B2FCBC1F14FCC24E441F4C8F9B08D977E9498560E63E7FFAB3134EA7"
        )
        .to_vec(),
        session_keys: [
            hex!("01AFC10CF87BE36D8179E87370171F07"),
            hex!("23F0FBD05FD6C7B8B88F4C8309669061"),
        ],
        tokens: [hex!("55D61977CBF5307E"), hex!("C2F04230187E1525")],
    }
    .is_as_published();
}

/// R_p of H.1 and H.2: the pseudo-random numbers modulo their primes.
#[test]
fn pseudo_random_numbers() {
    let number = |nonce: [u8; 16], readers: [u8; 16], modulus: &[u8]| {
        let number = integrated::pseudo_random(Cipher::Aes128, &nonce, &readers, modulus.len());
        modular::remainder(&number, modulus).unwrap()
    };
    let curve = hex!("A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377");
    let on_curve = number(
        hex!("2923BE84E16CD6AE529049F1F1BBE9EB"),
        hex!("5DD4CBFC96F5453B130D890A1CDBAE32"),
        &curve,
    );
    assert_eq!(
        on_curve,
        hex!("A2F8FF2DF50E52C6599F386ADCB595D229F6A167ADE2BE5F2C3296ADD5B7430E")
    );
    let in_field = number(
        hex!("FA5B7E3E49753A0DB9178B7B9BD898C8"),
        hex!("B3A6DB3C870C3E99245E0D1C06B747DE"),
        ModpGroup::P1024Q160.prime(),
    );
    assert_eq!(
        in_field,
        hex!(
            "A0C7C50C002061A51CC87D254EF38068607417B6EE1B36473CFB800D2D2E5FA2B6980F01105D24FAB22ACD1BFA5C8A4C\
             093ECDFAFE6D7125D42A843E338603835CF19AFAFF75EFE21DC5F6AA1F9AE46C25087E7368166FB08C1E4627AFED7D93\
             570417B790FF7F747E57F432B04E1236819E0DFEF5B6E77CA4999925328182D2"
        )
    );
}
