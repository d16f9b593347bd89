//! Meters between the line and its devices: they pass everything on and count it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::base::Fault;
use crate::line::desk::Desk;
use crate::line::station::Station;
use crate::port::{Encoder, Serial};

/// What went through.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Commands to chips.
    pub(super) apdus: AtomicU64,
    /// Bytes of commands and answers.
    pub(super) chip_bytes: AtomicU64,
    /// Bytes on serial lines, both ways.
    pub(super) serial_bytes: AtomicU64,
}

impl Meter {
    /// Reads and resets nothing: a count so far.
    pub(super) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }
}

/// Puts a meter before a station's devices.
pub(super) fn station(mut station: Station, meter: &Arc<Meter>) -> Station {
    station.encoder = Box::new(Metered::new(station.encoder, meter));
    station.printer = Box::new(Metered::new(station.printer, meter));
    station
}

/// Puts a meter before a desk's devices.
pub(super) fn desk(mut desk: Desk, meter: &Arc<Meter>) -> Desk {
    desk.reader = Box::new(Metered::new(desk.reader, meter));
    desk.scanner = Box::new(Metered::new(desk.scanner, meter));
    desk
}

struct Metered<D: ?Sized> {
    meter: Arc<Meter>,
    device: Box<D>,
}

impl<D: ?Sized> Metered<D> {
    fn new(device: Box<D>, meter: &Arc<Meter>) -> Self {
        Self {
            meter: Arc::clone(meter),
            device,
        }
    }
}

impl Metered<dyn Encoder> {
    fn count(&self, command: &[u8], answer: &[u8]) {
        Meter::add(&self.meter.apdus, 1);
        Meter::add(&self.meter.chip_bytes, command.len() + answer.len());
    }
}

#[async_trait]
impl Encoder for Metered<dyn Encoder> {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.device.power_on().await
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let answer = self.device.transmit(command, deadline).await?;
        self.count(command, &answer);
        Ok(answer)
    }

    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let answers = self.device.transmit_all(commands, deadline).await?;
        for (command, answer) in commands.iter().zip(&answers) {
            self.count(command, answer);
        }
        Ok(answers)
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.device.power_off().await
    }
}

#[async_trait]
impl Serial for Metered<dyn Serial> {
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault> {
        Meter::add(&self.meter.serial_bytes, bytes.len());
        self.device.send(bytes, deadline).await
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        let bytes = self.device.receive(deadline).await?;
        Meter::add(&self.meter.serial_bytes, bytes.len());
        Ok(bytes)
    }
}
