//! Signature counters: exact, whatever becomes of the program that signs; never too low, whatever becomes of the
//! machine.
//!
//! A network HSM outlives its clients, so its count must not depend on how a client ends. Each signature is counted in
//! the counter's file before it leaves; the kernel keeps what was written although the process is killed. Against a
//! machine that loses its power, counts are reserved on disk in blocks ahead: when the kernel's boot is another than
//! the one that counted, the counter stands at the end of its block.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki_sys::CKR_DEVICE_ERROR;

use super::store::Store;
use crate::rv::{Outcome, device_error};

/// Signatures reserved at a time: at most so many too high after a loss of power.
pub(crate) const BLOCK: u64 = 1_024;
/// The name of this boot of the kernel; where there is none, no count is trusted beyond its process.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// Digits of a number in the file, so that each write replaces the one before.
const DIGITS: usize = 20;
/// The most bytes that are read of a file: two numbers, a boot's name, and what separates them.
const BYTES_MAX: usize = 128;

/// The counter of one private key.
#[derive(Debug)]
pub(crate) struct Counter {
    store: Store,
    object: u64,
    /// The name of this boot.
    boot: String,
    /// Open from the first signature on.
    file: Mutex<Option<File>>,
}

/// What the file says.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    used: u64,
    reserved: u64,
}

impl Counter {
    /// The counter of the object with this number.
    pub(crate) fn new(store: &Store, object: u64) -> Self {
        let boot = std::fs::read_to_string(BOOT).map_or_else(
            |_| format!("process-{}", std::process::id()),
            |name| name.trim().to_owned(),
        );
        Self::in_boot(store, object, boot)
    }

    fn in_boot(store: &Store, object: u64, boot: String) -> Self {
        Self {
            store: store.clone(),
            object,
            boot,
            file: Mutex::default(),
        }
    }

    /// Counts one signature that is about to leave.
    pub(crate) fn next(&self) -> Outcome<u64> {
        self.with_file(|file| {
            let mut count = self.read(file)?;
            let ahead = count.used == count.reserved;
            if ahead {
                count.reserved = count.reserved.checked_add(BLOCK).ok_or(CKR_DEVICE_ERROR)?;
            }
            count.used += 1;
            self.write(file, count, ahead)?;
            Ok(count.used)
        })
    }

    /// Signatures made, by whichever process.
    pub(crate) fn value(&self) -> Outcome<u64> {
        self.with_file(|file| Ok(self.read(file)?.used))
    }

    /// Makes the exact figure durable.
    pub(crate) fn settle(&self) -> Outcome<()> {
        self.with_file(|file| {
            let count = self.read(file)?;
            let exact = Count {
                used: count.used,
                reserved: count.used,
            };
            self.write(file, exact, true)
        })
    }

    /// With the counter's file, alone among all threads and processes.
    fn with_file<T>(&self, act: impl FnOnce(&File) -> Outcome<T>) -> Outcome<T> {
        let mut kept: MutexGuard<'_, Option<File>> = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(self.store.counter(self.object)?);
        }
        let file = kept.as_ref().ok_or(CKR_DEVICE_ERROR)?;
        file.lock().map_err(device_error)?;
        let outcome = act(file);
        file.unlock().map_err(device_error)?;
        outcome
    }

    /// A file that is empty was never counted in; one that cannot be understood is no zero.
    fn read(&self, file: &File) -> Outcome<Count> {
        let mut bytes = [0; BYTES_MAX];
        let length = file.read_at(&mut bytes, 0).map_err(device_error)?;
        let text =
            std::str::from_utf8(bytes.get(..length).unwrap_or_default()).map_err(|_| CKR_DEVICE_ERROR)?;
        if text.is_empty() {
            return Ok(Count::default());
        }
        let damaged = || CKR_DEVICE_ERROR;
        let mut words = text.split_ascii_whitespace();
        let mut number = || words.next()?.parse::<u64>().ok();
        let (used, reserved) = (number().ok_or_else(damaged)?, number().ok_or_else(damaged)?);
        let counted_in = words.next().ok_or_else(damaged)?;
        if used > reserved {
            return Err(CKR_DEVICE_ERROR);
        }
        Ok(Count {
            used: if counted_in == self.boot { used } else { reserved },
            reserved,
        })
    }

    /// One write: a process that is killed has made it or not.
    fn write(&self, file: &File, count: Count, durably: bool) -> Outcome<()> {
        let Count { used, reserved } = count;
        let line = format!("{used:0DIGITS$} {reserved:0DIGITS$} {}\n", self.boot);
        file.write_all_at(line.as_bytes(), 0).map_err(device_error)?;
        if durably {
            file.sync_data().map_err(device_error)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.create().unwrap();
        (folder, store)
    }

    #[test]
    fn a_process_that_is_killed_has_counted_exactly() {
        let (_folder, store) = store();
        let counter = Counter::new(&store, 1);
        assert_eq!(counter.value(), Ok(0));
        for n in 1..=3 {
            assert_eq!(counter.next(), Ok(n));
        }
        // Never settled, as after SIGKILL; and both go on side by side.
        let next = Counter::new(&store, 1);
        assert_eq!(next.value(), Ok(3));
        assert_eq!(next.next(), Ok(4));
        assert_eq!(counter.next(), Ok(5));
        assert_eq!((counter.value(), next.value()), (Ok(5), Ok(5)));
    }

    #[test]
    fn after_a_loss_of_power_the_count_is_never_too_low() {
        let (_folder, store) = store();
        let counter = Counter::in_boot(&store, 1, "first".to_owned());
        assert_eq!(counter.next(), Ok(1));
        let after = Counter::in_boot(&store, 1, "second".to_owned());
        assert_eq!(after.value(), Ok(BLOCK));
        assert_eq!(after.next(), Ok(BLOCK + 1));
        after.settle().unwrap();
        assert_eq!(
            Counter::in_boot(&store, 1, "third".to_owned()).value(),
            Ok(BLOCK + 1)
        );
    }

    #[test]
    fn blocks_follow_each_other_without_a_gap() {
        let (_folder, store) = store();
        let counter = Counter::new(&store, 9);
        for n in 1..=2 * BLOCK + 1 {
            assert_eq!(counter.next(), Ok(n));
        }
    }

    #[test]
    fn a_damaged_counter_is_no_zero() {
        let (folder, store) = store();
        for text in ["x", "1 2", "3 2 boot"] {
            std::fs::write(folder.path().join("counters/1"), text).unwrap();
            assert_eq!(Counter::new(&store, 1).next(), Err(CKR_DEVICE_ERROR), "{text}");
        }
    }
}
