//! Every bound of the system, each with its reason (law 11).

use std::time::Duration;

/// A dossier file is a JSON document with a portrait and at most ten fingerprints by value; more is an attack.
pub const DOSSIER_BYTES_MAX: usize = 4 << 20;
/// A portrait image; intake sets send 20 to 200 kB.
pub const PORTRAIT_BYTES_MAX: usize = 1 << 20;
/// A portrait's larger side in pixels, read from the header before anything is decoded.
pub const PORTRAIT_SIDE_MAX: u32 = 4_096;
/// A portrait's area in pixels: 12 MP decode to 36 MB, which a preparing task may hold.
pub const PORTRAIT_PIXELS_MAX: u64 = 12_000_000;
/// No elementary file of an ID card is larger: offsets beyond 32,767 need odd instructions and the chip has about 80
/// kB.
pub const ELEMENTARY_FILE_BYTES_MAX: usize = 65_535;
/// The secrets of one chip in their transport form: a key with its domain parameters is the largest.
pub const SECRETS_BYTES_MAX: usize = 1_024;
/// Authentications to one chip that may be begun without being known to have succeeded: a chip counts failures, and
/// some die of the third.
pub const AUTHENTICATIONS_IN_DOUBT_MAX: u8 = 2;
/// A chip that answers a read with more rounds than this is lying about its length.
pub const CHIP_COMMANDS_MAX: usize = 2_000;

/// One APDU: the slowest, key generation and PACE mapping on the chip, stays under two seconds.
pub const APDU_DEADLINE: Duration = Duration::from_secs(5);
/// A reader's process starts, finds its reader and resets the card in its field, or lists all readers, within this
/// time.
pub const READER_DEADLINE: Duration = Duration::from_secs(5);
/// A reader switches its field off within this time; its process is killed otherwise, which does the same.
pub const POWER_OFF_DEADLINE: Duration = Duration::from_secs(1);
/// A card that was moved into a field is noticed within this time: pcscd looks for cards 2.5 times a second, and for
/// one that takes another's place twice.
pub const CARD_ARRIVES: Duration = Duration::from_secs(2);
/// What is with the readers is told at least so often, also when nothing changes: a smart card service that hangs is
/// found out between cards.
pub const READERS_TOLD: Duration = Duration::from_millis(500);
/// A smart card service that has told nothing for so long hangs: three times longer than it should ever take.
pub const READERS_HUSHED: Duration = Duration::from_millis(2_000);
/// A smart card service that does not answer, or says what makes no sense, is asked again after this time.
pub const READERS_AGAIN: Duration = Duration::from_millis(200);
/// A reader's process stays awake for so long after an answer: the next command mostly comes sooner, and processors
/// that fall asleep between two of them are slow to wake. Longer did harm (`cardwright bench readers` with 300).
pub const READER_STAYS_AWAKE: Duration = Duration::from_micros(50);
/// Answers to commands that were sent together are held back for so long at most, and by so much later a missing one is
/// missed.
pub const ANSWERS_HELD: Duration = Duration::from_millis(50);
/// One session with one chip. The slowest chips take 12 s to write; ten times that is a chip that will never be done.
pub const CARD_SESSION_MAX: Duration = Duration::from_secs(120);
/// A process that was killed, or asked to end, is gone within this time.
pub const PROCESS_ENDS: Duration = Duration::from_secs(1);
/// A printer acknowledges a command that moves no card.
pub const PRINTER_REPLY_DEADLINE: Duration = Duration::from_secs(5);
/// A printer moves a card, or prints a panel, within this time.
pub const PRINTER_MOTION_DEADLINE: Duration = Duration::from_secs(60);
/// One HSM operation, its recovery included.
pub const HSM_DEADLINE: Duration = Duration::from_secs(30);
/// The two local sources of time may differ by so much: a leap second and a correction by NTP, and no day's date.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(5);
/// So long after the machine has started its clock is believed alone; by then two people have come.
pub const CLOCK_HOLDOVER: Duration = Duration::from_secs(24 * 3600);
/// An HSM session that was silent for so long is asked for its state. Firewalls forget silent connections after five
/// minutes, HSMs after ten.
pub const HSM_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// A controller that starts while its HSM or its order book is away asks again after so long: often enough to lose no
/// time, seldom enough for a log that a person reads.
pub const AWAY_PAUSE: Duration = Duration::from_secs(2);
/// Signatures whose nonces are remembered, so that one that comes twice is caught: a day's worth of one controller, in
/// some ten megabytes.
pub const NONCES_REMEMBERED: usize = 1 << 18;
/// Bytes of disk that no new work is given: what is under way is recorded to its end in them, logs of databases grow
/// to some tens of megabytes before they are written back, and heads of the ledger are signed.
pub const DISK_KEPT: u64 = 256 << 20;
/// Bytes of disk that a card may take from its lot's claim to its box: its bundle in the ledger, in the log before it
/// and in a second copy, its records and papers. A card of 30 kB takes some 100 kB.
pub const DISK_PER_CARD: u64 = 256 << 10;
/// Bytes of disk for each byte of a dossier: sealed in the order book, and in the log before it.
pub const DISK_PER_DOSSIER_BYTE: u64 = 3;
/// Bytes of memory that no new work is given. A card in preparation takes less than one megabyte.
pub const MEMORY_KEPT: u64 = 64 << 20;
/// Open files and sockets that no new work is given: a reader that is started anew takes three, a person who asks
/// takes one, a database as many as it has connections.
pub const HANDLES_KEPT: u64 = 64;
/// The host says within this time what it has left; a disk on a network that hangs does not.
pub const HOST_DEADLINE: Duration = Duration::from_secs(5);
/// Requests waiting for an HSM session; full means that preparing stops.
pub const HSM_QUEUE: usize = 256;
/// Appends waiting for the ledger's writer; positions wait, nothing is dropped.
pub const LEDGER_QUEUE: usize = 1_024;
/// Appends that share one commit.
pub const LEDGER_GROUP_MAX: usize = 256;
/// From the beginning of one commit to the next at least. A card has a dozen commits to wait for, so a rush costs it a
/// tenth of a second of the ten that its chip takes; a hall of instant devices shares each commit instead of waiting
/// for the disk once per append.
pub const LEDGER_COMMIT_PACE: Duration = Duration::from_millis(10);
/// Signed cards kept ready for each machine: enough to hide the HSM, little to wipe when a lot is called back.
pub const READY_CARDS_PER_MACHINE: usize = 4;
/// Cards in one lot: no larger than the output hopper.
pub const LOT_CARDS_MAX: usize = 50;
/// Orders that are due within so many days of an office's most urgent one are as urgent: a week's cards are made in the
/// office's own order. More, and another office's cards would wait for cards that have time.
pub const LOT_DUE_DAYS: i32 = 7;
/// Cards in one box.
pub const BOX_CARDS_MAX: usize = 200;
/// Law 6: failures in a row of one class that stop a position.
pub const BRAKE_IN_A_ROW: usize = 3;
/// Law 6: failures of one class within the window that stop a position.
pub const BRAKE_IN_WINDOW: usize = 5;
/// Law 6: the window, in cards.
pub const BRAKE_WINDOW: usize = 50;
/// Law 6: positions failing on one pack that stop the pack.
pub const BRAKE_POSITIONS_PER_PACK: usize = 2;
/// Attempts at one order after which a person must decide.
pub const ATTEMPTS_PER_ORDER: u16 = 2;
/// A request on the control socket.
pub const CONTROL_FRAME_BYTES_MAX: usize = 1 << 20;
/// An answer on the control socket: lists of cards and differences, which a person reads in pages.
pub const CONTROL_REPLY_BYTES_MAX: usize = 16 << 20;
/// Connections on the control socket that are served at a time: people at their screens, not a service for crowds.
pub const CONTROL_CONNECTIONS_MAX: usize = 16;
/// A connection on the control socket that asks nothing for so long is closed, and gives its place to another.
pub const CONTROL_IDLE: Duration = Duration::from_secs(30);
/// The longest act a person may ask for is reconciling with the registry, order by order.
pub const CONTROL_ACT_DEADLINE: Duration = Duration::from_secs(600);
/// When the line is told to stop, whoever is about to answer a screen has this long; a service manager kills a daemon
/// after 90 s.
pub const STOPPING_PATIENCE: Duration = Duration::from_secs(10);
/// A machine without blanks that nobody said were loaded looks into its feeder again after so long.
pub const FEEDER_TRIED_AGAIN: Duration = Duration::from_secs(60);
/// Lines typed at a screen that nobody has looked at: more are typed in vain.
pub const TYPED_LINES_MAX: usize = 16;
/// A free desk reads a card that is tapped in well under a second; it looks for one at least twice a second.
pub const TAP_WITHIN: Duration = Duration::from_secs(10);
/// The second person of a two-person act has to come within this time: longer, and the first has left the place.
pub const SECOND_PERSON_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Acts that wait for a second person at a time.
pub const PROPOSALS_MAX: usize = 64;
/// What a person types as a reason.
pub const REASON_CHARACTERS_MAX: usize = 200;
/// The stop list may be this old before new binds stop (law 9).
pub const STOP_LIST_AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// A controller that has not been heard of for so long is taken for dead: what it only claimed goes to others, what was
/// given to a machine never does. Three beats of its heart; a server is restarted within it.
pub const BOOK_LEASE: Duration = Duration::from_secs(30);
/// The shortest lease that may be configured: a beat of its heart must find time in a third of it.
pub const BOOK_LEASE_MIN: Duration = Duration::from_secs(1);
/// The longest: what a dead controller had claimed waits for so long.
pub const BOOK_LEASE_MAX: Duration = Duration::from_secs(600);
/// An order book on a server answers within this time: its longest act, claiming a lot, takes some milliseconds.
pub const BOOK_DEADLINE: Duration = Duration::from_secs(5);
/// Claims that come upon each other are decided anew so often; each time one of them wins.
pub const BOOK_RACES_MAX: usize = 16;
/// Days in which one wrapping key takes in orders: longer, and what one leaked key opens is more than a month's cards.
pub const EPOCH_DAYS_MAX: u16 = 31;
/// Days for which personal data stays after an order's end. Card schemes allow six months at most, and only with the
/// issuer's written consent (PCI Card Production and Provisioning, Logical Security Requirements, section 4).
pub const KEEP_DAYS_MAX: u16 = 180;
/// Orders erased, or wrapped anew, between two breaths: some ten milliseconds of a database, a second of a slow HSM.
pub const RETENTION_BATCH: u32 = 100;
/// How often it is looked whether personal data is to be erased: terms are counted in days.
pub const RETENTION_PERIOD: Duration = Duration::from_secs(10 * 60);
