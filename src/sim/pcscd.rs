//! A pcscd of our own with virtual readers, beside the system's and without touching it.
//!
//! Several can run at a time: each gets its socket handed over as systemd would (`LISTEN_FDS`, sd_listen_fds(3)), and
//! clients choose with `PCSCLITE_CSOCK_NAME`. The socket stays open while the daemon is dead, so that whoever asks
//! meanwhile is served by the next one; the file `pid` in its folder holds the number of the present one. USB readers
//! are left to the system's pcscd.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::base::Entropy;
use crate::base::clock::{Stopwatch, pause};

/// Compiled into pcscd: what is configured beyond vanishes silently.
pub const READERS_MAX: usize = 16;
/// Readers of one entry of the configuration, on a port and the next.
const SLOTS: usize = 2;
/// What entries are called; readers are `Hall 00 00 00`, `Hall 00 00 01`, `Hall 01 00 00` …
const NAME: &str = "Hall";
/// Debian's vsmartcard-vpcd.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Debian's pcscd.
const DAEMON: &str = "/usr/sbin/pcscd";
/// Ports are taken from below the range the kernel deals out by itself (`ip_local_port_range`).
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Blocks of ports that are tried.
const TRIES: usize = 200;
/// It listens on all ports within this time.
const STARTS: Duration = Duration::from_secs(10);
/// It ends in order within this time.
const ENDS: Duration = Duration::from_secs(3);
/// How often that is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// A running daemon; ends when dropped.
#[derive(Debug)]
pub struct Pcscd {
    folder: PathBuf,
    listener: UnixListener,
    ports: Vec<u16>,
    child: Child,
    /// Ports of readers that are unplugged: held, so that their driver cannot open them.
    unplugged: Vec<TcpListener>,
}

impl Pcscd {
    /// Starts a daemon with so many virtual readers, at most 16, in this folder, which is made if needed. Blocks until
    /// it listens.
    ///
    /// # Errors
    /// `NotFound` with what to install if pcscd or the driver is missing, `InvalidInput` for too many readers or too
    /// long a path, `BrokenPipe` or `TimedOut` if it does not start.
    pub fn start(folder: &Path, readers: usize) -> io::Result<Self> {
        if !(1..=READERS_MAX).contains(&readers) {
            let what = format!("a pcscd has 1 to {READERS_MAX} readers");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        for file in [DAEMON, DRIVER] {
            if !Path::new(file).exists() {
                let how = format!("{file} is missing: apt-get install pcscd vsmartcard-vpcd");
                return Err(io::Error::new(io::ErrorKind::NotFound, how));
            }
        }
        let folder = std::path::absolute(folder)?;
        let ports = free_ports(readers)?;
        configure(&folder, &ports)?;
        let socket = socket(&folder);
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        let child = spawn(&folder, &listener)?;
        let mut daemon = Self {
            folder,
            listener,
            ports,
            child,
            unplugged: Vec::new(),
        };
        daemon.await_ports()?;
        Ok(daemon)
    }

    /// Where clients find it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// Where the card of a reader connects, counted from 0.
    #[must_use]
    pub fn address(&self, reader: usize) -> Option<SocketAddr> {
        let port = self.ports.get(reader)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Holds it, or lets it go on: it is there and does nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn hold(&self, held: bool) -> io::Result<()> {
        let process = self.process()?;
        if !held {
            return Ok(kill_process(process, Signal::CONT)?);
        }
        kill_process(process, Signal::STOP)?;
        // Its other threads go on until each has seen the signal, and may serve one command more.
        waitid(WaitId::Pid(process), WaitIdOptions::STOPPED).map(drop)?;
        Ok(())
    }

    /// Starts it again if it is dead, with the same readers on the same ports; false if it lives.
    ///
    /// # Errors
    /// As [`Self::start`]; `BrokenPipe` if it ends while it starts.
    pub fn revive(&mut self) -> io::Result<bool> {
        if self.child.try_wait()?.is_none() {
            return Ok(false);
        }
        self.child = spawn(&self.folder, &self.listener)?;
        self.await_ports()?;
        Ok(true)
    }

    /// Pulls the plug of this reader and of the other one of its entry. pcscd looks for readers that are not on USB
    /// only when it starts (1.9.9 does nothing on `--hotplug`), so it starts anew.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn unplug(&mut self, reader: usize) -> io::Result<()> {
        self.kill()?;
        for port in self.ports.iter().skip(reader / SLOTS * SLOTS).take(SLOTS) {
            let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port))?;
            self.unplugged.push(held);
        }
        self.revive().map(drop)
    }

    /// Plugs all readers in again.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn plug(&mut self) -> io::Result<()> {
        self.kill()?;
        self.unplugged.clear();
        self.revive().map(drop)
    }

    fn process(&self) -> io::Result<Pid> {
        let number = i32::try_from(self.child.id()).map_err(io::Error::other)?;
        Pid::from_raw(number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// It opens its readers one after the other, and only then its socket.
    fn await_ports(&mut self) -> io::Result<()> {
        let patience = Stopwatch::start();
        while !all_listen(&self.ports)? {
            if let Some(status) = self.child.try_wait()? {
                let what = format!("pcscd ended while it started: {status}");
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, what));
            }
            if patience.elapsed() > STARTS {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "pcscd does not start"));
            }
            pause(LOOK);
        }
        UnixStream::connect(self.socket()).map(drop)
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // A held process ends only by force; one that hangs in a driver, too.
        let asked = self.process().map(|process| {
            let _ = kill_process(process, Signal::TERM);
            let _ = kill_process(process, Signal::CONT);
        });
        let patience = Stopwatch::start();
        while asked.is_ok() && matches!(self.child.try_wait(), Ok(None)) && patience.elapsed() < ENDS {
            pause(LOOK);
        }
        let _ = self.kill();
        let _ = std::fs::remove_file(self.socket());
    }
}

/// Where clients of a daemon in this folder find it.
#[must_use]
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("pcscd.comm")
}

/// The name pcscd gives to a reader, counted from 0.
#[must_use]
pub fn reader_name(reader: usize) -> String {
    format!("{NAME} {:02X} 00 {:02X}", reader / SLOTS, reader % SLOTS)
}

/// Pairs of ports that nobody uses.
fn free_ports(readers: usize) -> io::Result<Vec<u16>> {
    let none = || io::Error::new(io::ErrorKind::AddrInUse, "no free ports for virtual readers");
    let length = u16::try_from(readers.div_ceil(SLOTS) * SLOTS).map_err(io::Error::other)?;
    for _ in 0..TRIES {
        let dice = Entropy::system().bytes().map_err(io::Error::other)?;
        let first = PORTS.start + u16::from_be_bytes(dice) % (PORTS.end - PORTS.start - length);
        let block = first..first + length;
        let taken: io::Result<Vec<_>> = block
            .clone()
            .map(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
            .collect();
        if taken.is_ok() {
            return Ok(block.take(readers).collect());
        }
    }
    Err(none())
}

/// Does somebody listen on all of these ports? The kernel is asked: a connection would be taken for a card.
fn all_listen(ports: &[u16]) -> io::Result<bool> {
    /// `TCP_LISTEN` in the table's fourth column (proc(5)).
    const LISTENS: &str = "0A";
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let listening: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let (local, state) = (columns.next()?, columns.nth(1)?);
            (state == LISTENS).then_some(local.rsplit(':').next()?)
        })
        .collect();
    Ok(ports
        .iter()
        .all(|port| listening.contains(&format!("{port:04X}").as_str())))
}

/// One entry for each pair of readers, each with a driver file of its own: entries that share one also share its
/// sockets, and hang.
fn configure(folder: &Path, ports: &[u16]) -> io::Result<()> {
    for part in ["readers", "usb"] {
        std::fs::create_dir_all(folder.join(part))?;
    }
    let mut text = String::new();
    for (entry, pair) in ports.chunks(SLOTS).enumerate() {
        let port = pair.first().ok_or(io::ErrorKind::InvalidInput)?;
        let driver = folder.join(format!("vpcd-{entry:02}.so"));
        std::fs::copy(DRIVER, &driver)?;
        text += &format!(
            "FRIENDLYNAME \"{NAME} {entry:02X}\"\nDEVICENAME /dev/null:{port}\nLIBPATH {}\nCHANNELID {port}\n\n",
            driver.display()
        );
    }
    std::fs::write(folder.join("readers").join("hall"), text)
}

/// A process gets its number only when it starts, so a shell tells it to itself before it becomes pcscd.
fn spawn(folder: &Path, listener: &UnixListener) -> io::Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("pcscd.log"))?;
    let child = Command::new("/bin/sh")
        .args([
            "-c",
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\" 3<&0 </dev/null",
            "sh",
        ])
        .args([DAEMON, "--foreground", "--config"])
        .arg(folder.join("readers"))
        .env("PCSCLITE_HP_DROPDIR", folder.join("usb"))
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone()?)))
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()?;
    std::fs::write(folder.join("pid"), child.id().to_string())?;
    Ok(child)
}
