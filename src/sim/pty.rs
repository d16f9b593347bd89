//! A pseudo-terminal with a stable name: the cable between the controller and a simulated device.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use tokio::io::unix::AsyncFd;

/// The device's end of the cable.
///
/// The controller's end is kept open here too, so that a controller that closes, dies or has not come yet is no
/// hang-up: what was said waits in the terminal, as in the buffer of a real port. It is set raw, so that no byte is
/// changed or echoed.
#[derive(Debug)]
pub struct Pty {
    device: AsyncFd<OwnedFd>,
    _controller: OwnedFd,
    link: PathBuf,
    target: PathBuf,
}

impl Pty {
    /// Lays a cable whose controller end is found at `link` (a symbolic link; one that is already there is replaced).
    /// Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the system has no terminal to give or the link cannot be made.
    pub fn open(link: &Path) -> io::Result<Self> {
        let device = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&device)?;
        rustix::pty::unlockpt(&device)?;
        let name = rustix::pty::ptsname(&device, Vec::new())?;
        let target = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let controller = rustix::fs::open(&target, flags, Mode::empty())?;
        let mut terminal = rustix::termios::tcgetattr(&controller)?;
        terminal.make_raw();
        rustix::termios::tcsetattr(&controller, OptionalActions::Now, &terminal)?;
        rustix::fs::fcntl_setfl(&device, rustix::fs::fcntl_getfl(&device)? | OFlags::NONBLOCK)?;
        replace_link(&target, link)?;
        #[expect(
            deprecated,
            reason = "unsound only if the descriptor may change under it; an owned one does not"
        )]
        let device = AsyncFd::new(device)?;
        Ok(Self {
            device,
            _controller: controller,
            link: link.to_owned(),
            target,
        })
    }

    /// The stable name of the controller's end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Waits for bytes from the controller; at least one. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.device.readable().await?;
            match ready.try_io(|device| Ok(rustix::io::read(device.as_fd(), &mut *buffer)?)) {
                Ok(outcome) => return outcome,
                Err(_would_block) => {}
            }
        }
    }

    /// Sends all bytes; waits while the terminal's queue (4,096 bytes) is full and nobody reads.
    ///
    /// # Errors
    /// The system's.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.device.writable().await?;
            match ready.try_io(|device| Ok(rustix::io::write(device.as_fd(), bytes)?)) {
                Ok(written) => bytes = bytes.get(written?..).unwrap_or_default(),
                Err(_would_block) => {}
            }
        }
        Ok(())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Someone may have laid a new cable under this name meanwhile.
        if std::fs::read_link(&self.link).is_ok_and(|target| target == self.target) {
            let _ = std::fs::remove_file(&self.link);
        }
    }
}

/// Makes the link in one step, so that no moment is without it.
fn replace_link(target: &Path, link: &Path) -> io::Result<()> {
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = link.with_file_name(name);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(target, &fresh)?;
    std::fs::rename(&fresh, link)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::Clock;
    use crate::device::serial::{SerialConfig, SerialPort, fault};
    use crate::port::Serial;

    const SOON: Duration = Duration::from_secs(5);
    const AT_ONCE: Duration = Duration::from_millis(20);

    fn config(pty: &Pty) -> SerialConfig {
        SerialConfig {
            path: pty.path().to_owned(),
            baud: 115_200,
        }
    }

    #[tokio::test]
    async fn every_byte_passes_unchanged_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let pty = Pty::open(&folder.path().join("printer-1")).unwrap();
        let mut port = SerialPort::open(&config(&pty), Clock::system()).unwrap();
        assert_eq!(port.receive(AT_ONCE).await, Ok(Vec::new()));

        // Longer than the terminal's queue, every byte value, the ones that terminals like to eat included.
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(20_000).collect();
        let (outcome, received) = tokio::join!(port.send(&sent, SOON), async {
            let mut received = Vec::new();
            let mut buffer = [0; 1_000];
            while received.len() < sent.len() {
                let length = pty.read(&mut buffer).await.unwrap();
                received.extend_from_slice(&buffer[..length]);
            }
            received
        });
        outcome.unwrap();
        assert!(received == sent);

        let (outcome, received) = tokio::join!(pty.write_all(&sent), async {
            let mut received = Vec::new();
            while received.len() < sent.len() {
                received.extend(port.receive(SOON).await.unwrap());
            }
            received
        });
        outcome.unwrap();
        assert!(received == sent);
    }

    #[tokio::test]
    async fn closing_and_opening_again_is_no_hang_up() {
        let folder = tempfile::tempdir().unwrap();
        let pty = Pty::open(&folder.path().join("printer-1")).unwrap();
        let mut port = SerialPort::open(&config(&pty), Clock::system()).unwrap();
        assert_eq!(
            SerialPort::open(&config(&pty), Clock::system()).unwrap_err().code,
            &fault::OPEN
        );
        port.send(b"one", SOON).await.unwrap();
        drop(port);
        pty.write_all(b"late\r").await.unwrap();
        let mut port = SerialPort::open(&config(&pty), Clock::system()).unwrap();
        assert_eq!(
            port.receive(SOON).await,
            Ok(b"late\r".to_vec()),
            "waits as in a real port's buffer"
        );
        port.send(b"two", SOON).await.unwrap();
        let mut buffer = [0; 16];
        let mut heard = Vec::new();
        while heard.len() < 6 {
            let length = pty.read(&mut buffer).await.unwrap();
            heard.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(heard, b"onetwo");
    }

    #[tokio::test]
    async fn an_unplugged_cable_is_a_fault_and_a_new_one_takes_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("printer-1");
        let old = Pty::open(&link).unwrap();
        let mut port = SerialPort::open(&config(&old), Clock::system()).unwrap();
        let new = Pty::open(&link).unwrap();
        drop(old);
        let unplugged = port.receive(SOON).await.unwrap_err();
        assert!(
            [&fault::UNPLUGGED, &fault::BROKEN].contains(&unplugged.code),
            "{unplugged}"
        );
        let mut port = SerialPort::open(&config(&new), Clock::system()).unwrap();
        new.write_all(b"hello").await.unwrap();
        assert_eq!(port.receive(SOON).await, Ok(b"hello".to_vec()));
        drop(new);
        assert!(!link.exists());
    }

    #[tokio::test]
    async fn a_device_that_takes_nothing_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let pty = Pty::open(&folder.path().join("printer-1")).unwrap();
        let mut port = SerialPort::open(&config(&pty), Clock::system()).unwrap();
        let stuck = port
            .send(&vec![0; 100_000], Duration::from_millis(50))
            .await
            .unwrap_err();
        assert_eq!(stuck.code, &fault::STUCK);
    }
}
