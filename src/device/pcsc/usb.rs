//! Where a reader is plugged in, as the kernel tells in `/sys/bus/usb/devices`.

use std::path::Path;

/// Where the kernel lists USB devices.
pub(super) const DEVICES: &str = "/sys/bus/usb/devices";
/// The high half of a channel number (PC/SC part 3, attribute `SCARD_ATTR_CHANNEL_ID`) that says USB.
const USB: u32 = 0x0020;

/// The port and the serial number of the device behind a channel number; nothing if it is not on USB or gone.
pub(super) fn port(devices: &Path, channel: u32) -> Option<(String, Option<String>)> {
    if channel >> 16 != USB {
        return None;
    }
    // Bus, then address on the bus (CCID driver, IFDHGetCapabilities).
    let (bus, address) = ((channel >> 8) & 0xFF, channel & 0xFF);
    for entry in std::fs::read_dir(devices).ok()?.flatten() {
        let number = |file: &str| text(&entry.path().join(file))?.parse::<u32>().ok();
        if number("busnum") == Some(bus) && number("devnum") == Some(address) {
            let port = entry.file_name().into_string().ok()?;
            return Some((port, text(&entry.path().join("serial"))));
        }
    }
    None
}

fn text(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_leads_to_a_port() {
        let dir = tempfile::tempdir().unwrap();
        for (port, bus, address, serial) in [("1-2.3", "1", "7", Some("A7\n")), ("2-1", "2", "7", None)] {
            let folder = dir.path().join(port);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("busnum"), format!("{bus}\n")).unwrap();
            std::fs::write(folder.join("devnum"), format!("{address}\n")).unwrap();
            if let Some(serial) = serial {
                std::fs::write(folder.join("serial"), serial).unwrap();
            }
        }
        // An interface has no address.
        std::fs::create_dir(dir.path().join("1-2.3:1.0")).unwrap();
        let found = |channel| port(dir.path(), channel);
        assert_eq!(
            found(0x0020_0107),
            Some(("1-2.3".to_owned(), Some("A7".to_owned())))
        );
        assert_eq!(found(0x0020_0207), Some(("2-1".to_owned(), None)));
        assert_eq!(found(0x0020_0108), None);
        assert_eq!(found(0x0001_0107), None, "a serial reader");
        assert_eq!(port(Path::new("/nowhere"), 0x0020_0107), None);
    }
}
