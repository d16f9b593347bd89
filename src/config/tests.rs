use super::*;

fn config() -> Config {
    let text = r#"
facility = "Diễn \"tập\""
mode = "rehearsal"
controller = "K1"
lot_cards = 20
box_cards = 100
working_days = 5
[paths]
ledger = "ledger.db"
order_book = "order-book.db"
registry = "registry.db"
papers = "papers"
dossiers = "dossiers"
dossier_trust = "dossier-trust"
offices = "offices.toml"
[hsm]
module = "hsm-sim"
token = "rehearsal"
sessions = 2
pin_file = "secrets/pin"
[keys]
wrap = "wrap"
lookup = "lookup"
manifest = "manifest"
checkpoint = "checkpoint"
intake = "intake"
csca = "csca"
[trust]
cscas = ["pki/csca.der"]
crls = ["pki/csca.crl"]
[[signers]]
label = "ds-1"
certificate = "pki/ds-1.der"
limit = 1000
[[stations]]
id = "M01"
encoder = { hall = "hall/M01.encoder" }
printer = "hall/M01.printer"
screen = "hall/M01.screen"
[[desks]]
id = "D01"
reader = { pcsc = { name = "Omnikey 00 00", usb = "1-2.3", serial = "A7", socket = "pcscd.comm" } }
scanner = "hall/D01.scanner"
screen = "hall/D01.screen"
"#;
    Config::parse(text, Path::new("/f")).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let mut config = config();
    for profiles in [None, Some(PathBuf::from("profiles"))] {
        config.paths.ledger_copy.clone_from(&profiles);
        config.lease_seconds = profiles.as_ref().map(|_| 5);
        config.keep_free_mib = profiles.as_ref().map(|_| 1_024);
        if profiles.is_some() {
            config.paths.order_book = "postgres://cardwright@db.example/orders?sslmode=verify-full".into();
            config.paths.order_book_password.clone_from(&profiles);
        }
        config.paths.profiles = profiles;
        config.paths.layouts.clone_from(&config.paths.profiles);
        config.paths.holidays.clone_from(&config.paths.profiles);
        config.paths.fonts.clone_from(&config.paths.profiles);
        config.keys.chips = config.paths.profiles.as_ref().map(|_| ChipMasters {
            transport: "chip-transport".to_owned(),
            issuer: "chip-issuer".to_owned(),
        });
        config.fingerprints = config.paths.profiles.as_ref().map(|_| Fingerprints {
            cvcas: vec!["cvca.cvcert".into()],
            terminal: "terminal".into(),
        });
        assert_eq!(Config::parse(&config.render(), Path::new("/f")).unwrap(), config);
    }
}

#[test]
fn paths_are_relative_to_the_folder() {
    let config = config();
    assert_eq!(config.path(&config.paths.ledger), Path::new("/f/ledger.db"));
    assert_eq!(config.path(Path::new("/dev/ttyS0")), Path::new("/dev/ttyS0"));
}

#[test]
fn unknown_settings_and_contradictions_are_refused() {
    let text = config().render();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Config::parse(&text.replace(from, to), Path::new("/f"))
            .unwrap_err()
            .code
            .id
    };
    assert_eq!(refused("lot_cards", "lot_card"), "CFG-002");
    assert_eq!(refused("usb =", "port ="), "CFG-002");
    assert_eq!(refused("hall =", "serial ="), "CFG-002");
    for (from, to) in [
        ("lot_cards = 20", "lot_cards = 51"),
        ("box_cards = 100", "box_cards = 0"),
        ("sessions = 2", "sessions = 0"),
        ("\"lookup\"", "\"wrap\""),
        ("\"lookup\"", "\"../wrap\""),
        ("\"D01\"", "\"M01\""),
        ("hall/M01.screen", "hall/M01.encoder"),
        ("name = \"Omnikey 00 00\", usb = \"1-2.3\", serial = \"A7\", ", ""),
        ("\"1-2.3\"", "\" \""),
        ("controller = \"K1\"", "controller = \"\""),
        ("# lease_seconds = 30", "lease_seconds = 0"),
        ("# keep_free_mib = 256", "keep_free_mib = 255"),
        ("# lease_seconds = 30", "lease_seconds = 601"),
        ("\"order-book.db\"", "\"postgres://me:secret@host/orders\""),
        (
            "\"order-book.db\"",
            "\"postgresql://me@host/orders?password=secret\"",
        ),
        ("# order_book_password", "order_book_password"),
    ] {
        assert_eq!(refused(from, to), "CFG-003", "{to}");
    }
}

#[test]
fn one_line_says_where_the_order_book_is() {
    let mut config = config();
    assert_eq!(
        config.order_book(),
        OrderBookPlace::File("/f/order-book.db".into())
    );
    assert_eq!(config.lease(), limits::BOOK_LEASE);
    config.paths.order_book = "postgres://me@host:5433/orders".into();
    config.paths.order_book_password = Some("secrets/order-book".into());
    config.check().unwrap();
    let server = OrderBookPlace::Server {
        url: "postgres://me@host:5433/orders",
        password_file: Some("/f/secrets/order-book".into()),
    };
    assert_eq!(config.order_book(), server);
}

#[test]
fn production_refuses_every_means_of_a_rehearsal() {
    let mut config = config();
    config.mode = Mode::Production;
    let refused = |config: &Config| config.check().unwrap_err();
    assert_eq!(refused(&config).code, &fault::REHEARSAL_MEANS);
    config.hsm.module = "/usr/lib/libhsm_sim.so".to_owned();
    assert!(refused(&config).detail.contains("hsm-sim"));
    config.hsm.module = "/usr/lib/vendor.so".to_owned();
    assert!(refused(&config).detail.contains("csca"));
    config.keys.csca = None;
    assert!(refused(&config).detail.contains("M01"));
    config.stations[0].encoder = Reader::Pcsc(PcscReader {
        name: Some("Omnikey 01 00".to_owned()),
        ..PcscReader::default()
    });
    config.check().unwrap();
    assert_eq!(
        config.check_certificate("ds-1", true).unwrap_err().code,
        &fault::REHEARSAL_MEANS
    );
    config.check_certificate("ds-1", false).unwrap();
    config.mode = Mode::Rehearsal;
    assert_eq!(
        config.check_certificate("ds-1", false).unwrap_err().code,
        &fault::PRODUCTION_MEANS
    );
}

#[test]
fn a_chip_profile_is_built_in_or_a_file_and_has_its_masters() {
    let mut config = config();
    assert_eq!(config.chip_profile().unwrap().id, "rehearsal");
    config.chip = "rehearsal-gp".to_owned();
    assert_eq!(config.chip_profile().unwrap_err().code.id, "CFG-003");
    config.keys.chips = Some(ChipMasters {
        transport: "chip-transport".to_owned(),
        issuer: "chip-issuer".to_owned(),
    });
    assert_eq!(config.chip_profile().unwrap().id, "rehearsal-gp");
    config.chip = "unknown".to_owned();
    assert_eq!(config.chip_profile().unwrap_err().code.id, "CHIP-015");
    let folder = tempfile::tempdir().unwrap();
    config.folder = folder.path().to_owned();
    config.chip = "ours.toml".to_owned();
    assert_eq!(config.chip_profile().unwrap_err().code.id, "CFG-001");
    let text = include_str!("../chip/profiles/emrtd-short.toml").replace("emrtd-short", "ours");
    std::fs::write(folder.path().join("ours.toml"), text).unwrap();
    assert_eq!(config.chip_profile().unwrap().id, "ours");
}

/// Somebody wrote the PIN where it does not belong: the line is named, and not repeated.
#[test]
fn what_is_not_understood_is_not_repeated() {
    let text = config()
        .render()
        .replacen("[hsm]", "[hsm]\npin = \"87654321\"", 1);
    let fault = Config::parse(&text, Path::new("/f")).unwrap_err();
    let line = text.lines().position(|line| line.starts_with("pin = ")).unwrap() + 1;
    assert!(fault.detail.starts_with(&format!("line {line}: ")), "{fault}");
    assert!(!fault.to_string().contains("87654321"), "{fault}");
}
