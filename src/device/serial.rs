//! Serial ports: a printer or a hand scanner on a cable, or on the pseudo-terminal of a rehearsal.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{DataBits, FlowControl, Parity, SerialPortBuilderExt, SerialStream, StopBits};

use crate::base::{Clock, Fault};
use crate::port::Serial;

/// Bytes taken from the kernel at a time; a terminal's queue holds 4,096.
const READ_BYTES: usize = 4_096;

/// What can go wrong with a serial port.
pub mod fault {
    crate::fault_codes! {
        /// The port cannot be opened.
        OPEN = "SER-001", Device, true,
            "the serial port cannot be opened", "không mở được cổng nối tiếp",
            "Check the cable, the path in the configuration and who else uses the port.",
            "Kiểm tra cáp, đường dẫn trong cấu hình và chương trình khác đang dùng cổng.";
        /// The port is gone.
        UNPLUGGED = "SER-002", Device, false,
            "the serial port is gone", "mất kết nối cổng nối tiếp",
            "Plug the cable in again.", "Cắm lại cáp.";
        /// The other end takes no bytes.
        STUCK = "SER-003", Device, false,
            "the serial line takes no more bytes", "đường nối tiếp không nhận thêm dữ liệu",
            "Check that the device is switched on.", "Kiểm tra thiết bị đã bật nguồn chưa.";
        /// The system reports an error.
        BROKEN = "SER-004", Device, false,
            "the serial port failed", "cổng nối tiếp bị lỗi",
            "Check the cable and the adapter.", "Kiểm tra cáp và bộ chuyển đổi.";
    }
}

/// Where a device is connected. Always eight data bits, no parity, one stop bit, no flow control: binary pictures must
/// pass unchanged, and the dialogues wait for each answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConfig {
    /// The device file, such as `/dev/ttyS0`.
    pub path: PathBuf,
    /// Bits per second.
    #[serde(default = "default_baud")]
    pub baud: u32,
}

fn default_baud() -> u32 {
    115_200
}

/// A port that is opened when it is first used, and anew after it has failed: a cable that is missing when the line
/// starts, or is pulled out later, is the matter of its position alone, and works as soon as it is plugged in.
#[derive(Debug)]
pub struct Cable {
    config: SerialConfig,
    clock: Clock,
    port: Option<SerialPort>,
}

impl Cable {
    /// A cable that nobody has touched yet.
    #[must_use]
    pub fn new(config: SerialConfig, clock: Clock) -> Self {
        Self {
            config,
            clock,
            port: None,
        }
    }

    fn port(&mut self) -> Result<&mut SerialPort, Fault> {
        match &mut self.port {
            Some(port) => Ok(port),
            none => Ok(none.insert(SerialPort::open(&self.config, self.clock)?)),
        }
    }

    /// After a fault the port is not to be trusted.
    fn trusted<T>(&mut self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if outcome.is_err() {
            self.port = None;
        }
        outcome
    }
}

#[async_trait]
impl Serial for Cable {
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault> {
        let sent = self.port()?.send(bytes, deadline).await;
        self.trusted(sent)
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        let received = self.port()?.receive(deadline).await;
        self.trusted(received)
    }
}

/// An open port. Nobody else can open it meanwhile (TIOCEXCL and flock). What arrived before opening is not thrown
/// away: the dialogues that connect deal with it.
#[derive(Debug)]
pub struct SerialPort {
    stream: SerialStream,
    clock: Clock,
    path: PathBuf,
}

impl SerialPort {
    /// Opens the port for this process alone. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// `OPEN` if it is missing, in use, or no terminal.
    pub fn open(config: &SerialConfig, clock: Clock) -> Result<Self, Fault> {
        let stream = tokio_serial::new(config.path.to_string_lossy(), config.baud)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .open_native_async()
            .map_err(|error| Fault::new(&fault::OPEN, error.to_string()).at(config.path.display()))?;
        Ok(Self {
            stream,
            clock,
            path: config.path.clone(),
        })
    }

    fn broken(&self, error: &std::io::Error) -> Fault {
        Fault::new(&fault::BROKEN, error.to_string()).at(self.path.display())
    }
}

#[async_trait]
impl Serial for SerialPort {
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault> {
        // No flush: it would block this thread until the last bit is on the wire, seconds for a picture.
        match self.clock.within(deadline, self.stream.write_all(bytes)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.broken(&error)),
            None => {
                let what = format!("{} bytes in {deadline:?}", bytes.len());
                Err(Fault::new(&fault::STUCK, what).at(self.path.display()))
            }
        }
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; READ_BYTES];
        match self.clock.within(deadline, self.stream.read(&mut bytes)).await {
            // A terminal reads as empty once its other end has gone.
            Some(Ok(0)) => Err(Fault::new(&fault::UNPLUGGED, self.path.display().to_string())),
            Some(Ok(length)) => {
                bytes.truncate(length);
                Ok(bytes)
            }
            Some(Err(error)) => Err(self.broken(&error)),
            None => Ok(Vec::new()),
        }
    }
}
