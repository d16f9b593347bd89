//! The configuration file as `init` writes it: every setting with a word on what it does.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Config, Reader};

/// The text; reading it gives the same configuration.
pub(super) fn render(config: &Config) -> String {
    let mut text = head(config) + &hsm(config);
    for signer in &config.signers {
        let limit = signer
            .limit
            .map(|limit| format!("limit = {limit}\n"))
            .unwrap_or_default();
        add(
            &mut text,
            format_args!(
                "\n[[signers]]\nlabel = {}\ncertificate = {}\n{limit}unlimited = {}\n",
                quote(&signer.label),
                path(&signer.certificate),
                signer.unlimited,
            ),
        );
    }
    text += &fingerprints(config);
    text += "\n# Machines: reader, the printer's serial port, and the socket of the screen. A reader is a socket of\n\
             # the hall, or { pcsc = { name = \"…\", usb = \"1-2.3\", serial = \"…\", socket = \"…\" } }\n\
             # as far as it needs telling; cardwright doctor lists the readers that are there. socket: of its\n\
             # pcscd, if that is not the system's own.\n";
    for station in &config.stations {
        add(
            &mut text,
            format_args!(
                "[[stations]]\nid = {}\nencoder = {}\nprinter = {}\nbaud = {}\nscreen = {}\n\n",
                quote(station.id.as_str()),
                reader(&station.encoder),
                path(&station.printer),
                station.baud,
                path(&station.screen),
            ),
        );
    }
    text += "# Desks: reader, the hand scanner's serial port, and the socket of the screen.\n";
    for desk in &config.desks {
        add(
            &mut text,
            format_args!(
                "[[desks]]\nid = {}\nreader = {}\nscanner = {}\nbaud = {}\nscreen = {}\n\n",
                quote(desk.id.as_str()),
                reader(&desk.reader),
                path(&desk.scanner),
                desk.baud,
                path(&desk.screen),
            ),
        );
    }
    text
}

/// A path that may be left out: then an example of it, as a comment.
fn option(name: &str, value: Option<&Path>, example: &str) -> String {
    value.map_or_else(
        || format!("# {name} = {}", quote(example)),
        |value| format!("{name} = {}", path(value)),
    )
}

fn head(config: &Config) -> String {
    let paths = &config.paths;
    let profiles = option("profiles", paths.profiles.as_deref(), "profiles");
    let layouts = option("layouts", paths.layouts.as_deref(), "layouts");
    let holidays = option("holidays", paths.holidays.as_deref(), "holidays.toml");
    let fonts = option("fonts", paths.fonts.as_deref(), "fonts");
    let copy = option(
        "ledger_copy",
        paths.ledger_copy.as_deref(),
        "/second-disk/cardwright",
    );
    let password = option(
        "order_book_password",
        paths.order_book_password.as_deref(),
        "secrets/order-book",
    );
    let lease = config.lease_seconds.map_or_else(
        || "# lease_seconds = 30".to_owned(),
        |seconds| format!("lease_seconds = {seconds}"),
    );
    let keep_free = config.keep_free_mib.map_or_else(
        || "# keep_free_mib = 256".to_owned(),
        |mebibytes| format!("keep_free_mib = {mebibytes}"),
    );
    format!(
        "# A facility of cardwright. Paths are relative to this file's folder. There is no secret in here.\n\
         facility = {facility}\n\
         # \"rehearsal\" or \"production\": fixed for ever, the ledger's first record says the same.\n\
         mode = {mode}\n\
         # The controller that runs here; its name stands in every record.\n\
         controller = {controller}\n\
         # Cards in one lot at most; no more than the output hopper takes.\n\
         lot_cards = {lot}\n\
         # Cards in one box at most.\n\
         box_cards = {boxed}\n\
         # Working days from receipt until a card is due at its office.\n\
         working_days = {days}\n\
         # The kind of chip in the blanks: a chip profile of the program, or the path of one (TOML).\n\
         chip = {chip}\n\
         # Seconds after which others at the same order book take this controller for dead.\n\
         {lease}\n\
         # Mebibytes of every disk that no new work is given: what is under way is finished with them.\n\
         {keep_free}\n\n\
         [paths]\n\
         ledger = {ledger}\n\
         # A folder on another disk: a second copy is there before a chip is sealed or a card printed.\n\
         {copy}\n\
         # A file, or \"postgres://USER@HOST:PORT/DATABASE\" where several controllers share one order book.\n\
         order_book = {order_book}\n\
         # Holds the password of that server's user and nothing else; only its owner may read it.\n\
         {password}\nregistry = {registry}\npapers = {papers}\n\
         dossiers = {dossiers}\n\
         # Root certificates (DER) of those who sign dossiers.\n\
         dossier_trust = {dossier_trust}\n\
         offices = {offices}\n\
         # Card profiles beyond the built-in ones; one of the same name takes the built-in one's place.\n\
         {profiles}\n\
         # Layouts of faces beyond the built-in ones, likewise.\n\
         {layouts}\n\
         # A folder with regular.ttf and bold.ttf, for texts on faces in place of the program's typefaces.\n\
         {fonts}\n\
         # The days on which nobody works, in place of the table that comes with the program.\n\
         {holidays}\n",
        facility = quote(&config.facility),
        mode = quote(config.mode.name()),
        controller = quote(&config.controller),
        lot = config.lot_cards,
        boxed = config.box_cards,
        days = config.working_days,
        chip = quote(&config.chip),
        ledger = path(&paths.ledger),
        order_book = path(&paths.order_book),
        registry = path(&paths.registry),
        papers = path(&paths.papers),
        dossiers = path(&paths.dossiers),
        dossier_trust = path(&paths.dossier_trust),
        offices = path(&paths.offices),
    )
}

fn hsm(config: &Config) -> String {
    let (hsm, keys, trust) = (&config.hsm, &config.keys, &config.trust);
    let csca = keys.csca.as_ref().map_or_else(String::new, |label| {
        format!(
            "# The rehearsal's own country signing CA.\ncsca = {}\n",
            quote(label)
        )
    });
    let chips = keys.chips.as_ref().map_or_else(String::new, |chips| {
        format!(
            "# Masters of chips' keys: the supplier's, and the issuer's that take their place at seal.\n\
             chips = {{ transport = {}, issuer = {} }}\n",
            quote(&chips.transport),
            quote(&chips.issuer)
        )
    });
    format!(
        "\n[hsm]\n\
         # The path of a PKCS#11 library, or \"hsm-sim\" for the simulator that comes with the program.\n\
         module = {module}\ntoken = {token}\n\
         # Sessions, each in a thread of its own.\n\
         sessions = {sessions}\n\
         # Holds the PIN and nothing else; only its owner may read it.\n\
         pin_file = {pin_file}\n\n\
         # Labels of keys in the HSM, one purpose each. wrap is what labels of wrapping keys begin with:\n\
         # the controller makes one for each retention epoch.\n\
         [keys]\n\
         wrap = {wrap}\nlookup = {lookup}\nmanifest = {manifest}\ncheckpoint = {checkpoint}\nintake = {intake}\n\
         {chips}{csca}\n\
         # Personal data is erased keep_days after a card is boxed and reported, or its order cancelled. Each\n\
         # wrapping key takes in orders for epoch_days and is destroyed keep_days later: no backup opens for longer\n\
         # than both together after an order's end.\n\
         [retention]\nepoch_days = {epoch_days}\nkeep_days = {keep_days}\n\n\
         # Who is trusted to certify document signers (DER). Two people have compared the fingerprints.\n\
         [trust]\ncscas = {cscas}\ncrls = {crls}\n\n\
         # Document signers. limit: cards at most; unlimited: for cards without expiry.\n",
        module = quote(&hsm.module),
        token = quote(&hsm.token),
        sessions = hsm.sessions,
        pin_file = path(&hsm.pin_file),
        wrap = quote(&keys.wrap),
        lookup = quote(&keys.lookup),
        manifest = quote(&keys.manifest),
        checkpoint = quote(&keys.checkpoint),
        intake = quote(&keys.intake),
        epoch_days = config.retention.epoch_days,
        keep_days = config.retention.keep_days,
        cscas = list(&trust.cscas),
        crls = list(&trust.crls),
    )
}

fn fingerprints(config: &Config) -> String {
    let (cvcas, terminal) = match &config.fingerprints {
        Some(who) => (list(&who.cvcas), path(&who.terminal)),
        None => ("[\"cvca.cvcert\"]".to_owned(), "\"terminal\"".to_owned()),
    };
    let off = if config.fingerprints.is_some() { "" } else { "# " };
    format!(
        "\n# Who may read fingerprints off the chips, for card profiles with DG3: CV certificates of CVCAs, two at\n\
         # most, and the folder of the terminal that reads finished cards back (its CV certificates, its key).\n\
         {off}[fingerprints]\n{off}cvcas = {cvcas}\n{off}terminal = {terminal}\n"
    )
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(more);
}

fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

fn reader(reader: &Reader) -> String {
    match reader {
        Reader::Hall(socket) => format!("{{ hall = {} }}", path(socket)),
        Reader::Pcsc(reader) => {
            let told = [
                ("name", &reader.name),
                ("usb", &reader.usb),
                ("serial", &reader.serial),
            ];
            let told = told
                .into_iter()
                .filter_map(|(key, text)| Some((key, quote(text.as_ref()?))));
            let socket = reader.socket.as_ref().map(|socket| ("socket", path(socket)));
            let told: Vec<_> = told
                .chain(socket)
                .map(|(key, text)| format!("{key} = {text}"))
                .collect();
            format!("{{ pcsc = {{ {} }} }}", told.join(", "))
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let items: Vec<_> = paths.iter().map(|one| path(one)).collect();
    format!("[{}]", items.join(", "))
}
