//! What the system says of a process: its memory, and the processor time of its threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Clock ticks of `/proc/…/stat` in a second, on every Linux that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time of a process so far, its threads together.
pub(super) fn cpu(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; the fields behind it are numbers (proc(5): utime is 14, stime 15).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

/// Processor time of this process so far, by the names of its threads without their numbers.
pub(super) fn threads() -> BTreeMap<String, Duration> {
    let mut times: BTreeMap<String, Duration> = BTreeMap::new();
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for task in tasks.map(|task| task.path()) {
        if let Some((name, time)) = thread(&task) {
            *times.entry(name).or_default() += time;
        }
    }
    times
}

fn thread(task: &Path) -> Option<(String, Duration)> {
    let name = fs::read_to_string(task.join("comm")).ok()?;
    let name = name
        .trim_end()
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    // Nanoseconds on a processor (proc(5), schedstat).
    let spent = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanoseconds = spent.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), Duration::from_nanos(nanoseconds)))
}

/// Processor time of the whole machine so far that was used by anybody, or that its host kept from it.
pub(super) fn machine() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
    let ticks: u64 = fields
        .take(8)
        .enumerate()
        .filter(|(place, _)| ![3, 4].contains(place))
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// Memory of this process in kilobytes: now, and at most since [`forget_peak`].
pub(super) fn memory_kb() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// The peak counts from now on (proc(5), clear_refs).
pub(super) fn forget_peak() {
    // Without it the peak of setting up is reported too, which is only too much.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(cpu(own).is_some());
        assert!(!threads().is_empty());
        let (now, peak) = memory_kb();
        assert!(now > 0 && peak > 0);
    }
}
