//! One Bluetooth adapter, as it is written in profiles and on the command line.

use std::{fmt, net::Ipv6Addr, path::PathBuf, str::FromStr};

/// Bits a second of a serial controller unless it says otherwise.
const BAUD: u32 = 115_200;

/// One Bluetooth adapter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Adapter {
    /// BlueZ's, by its name: `hci0`.
    BlueZ(String),
    /// A controller that speaks HCI over H4 on TCP, at this host and port.
    Tcp(String),
    /// A controller that speaks HCI over H4 on a serial line.
    Serial {
        /// The device file.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
    },
}

/// Why a text is no adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// It begins like none.
    #[error("none begins like that; write hci0, tcp:127.0.0.1:6402 or serial:/dev/ttyACM0@115200")]
    UnknownForm,
    /// `hci` without its number.
    #[error("a number follows hci, as in hci0")]
    NoNumber,
    /// What follows `tcp:` is no host and port.
    #[error("host and port follow tcp:, as in tcp:127.0.0.1:6402 or tcp:[::1]:6402")]
    NoAddress,
    /// What follows `serial:` is no device file.
    #[error("a device file follows serial:, as in serial:/dev/ttyACM0")]
    NoFile,
    /// What follows `@` is no speed.
    #[error("`{0}` is no speed in bits a second, such as 115200")]
    NoSpeed(String),
}

/// Reads `hci0`, `tcp:host:port`, `serial:/dev/ttyACM0` or `serial:/dev/ttyACM0@115200`.
impl FromStr for Adapter {
    type Err = AdapterError;

    fn from_str(text: &str) -> Result<Self, AdapterError> {
        if let Some(address) = text.strip_prefix("tcp:") {
            return if is_address(address) {
                Ok(Self::Tcp(address.to_owned()))
            } else {
                Err(AdapterError::NoAddress)
            };
        }
        if let Some(line) = text.strip_prefix("serial:") {
            let (path, baud) = match line.rsplit_once('@') {
                Some((path, speed)) => (path, baud(speed)?),
                None => (line, BAUD),
            };
            return if path.starts_with('/') {
                Ok(Self::Serial { path: PathBuf::from(path), baud })
            } else {
                Err(AdapterError::NoFile)
            };
        }
        let number = text.strip_prefix("hci").ok_or(AdapterError::UnknownForm)?;
        // u16 in the kernel (hci_dev.id).
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u16>().is_ok();
        if is_number { Ok(Self::BlueZ(text.to_owned())) } else { Err(AdapterError::NoNumber) }
    }
}

/// As it is read.
impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlueZ(name) => f.write_str(name),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Serial { path, baud } => write!(f, "serial:{}@{baud}", path.display()),
        }
    }
}

fn baud(text: &str) -> Result<u32, AdapterError> {
    let baud = text.parse().ok().filter(|baud| *baud > 0);
    baud.ok_or_else(|| AdapterError::NoSpeed(text.to_owned()))
}

/// Whether a text is host and port.
pub(super) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    // An IPv6 address has colons of its own, so it stands in brackets.
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_written_as_they_are_read() {
        for text in ["hci0", "hci12", "tcp:127.0.0.1:6402", "tcp:[::1]:6402", "tcp:air.test:1"] {
            assert_eq!(text.parse::<Adapter>().unwrap().to_string(), text);
        }
        let line = Adapter::Serial { path: "/dev/serial/by-id/a@b".into(), baud: 1_000_000 };
        assert_eq!("serial:/dev/serial/by-id/a@b@1000000".parse(), Ok(line));
        let usual = "serial:/dev/ttyACM0".parse::<Adapter>().unwrap();
        assert_eq!(usual.to_string(), "serial:/dev/ttyACM0@115200");
    }

    #[test]
    fn what_is_none_is_told_what_is_missing() {
        let error = |text: &str| text.parse::<Adapter>().unwrap_err();
        for text in ["", "eth0", "HCI0", "bluetooth"] {
            assert_eq!(error(text), AdapterError::UnknownForm, "{text}");
        }
        for text in ["hci", "hci-1", "hci+1", "hci0a", "hci65536"] {
            assert_eq!(error(text), AdapterError::NoNumber, "{text}");
        }
        for text in
            ["tcp:", "tcp:host", "tcp::1", "tcp:host:0", "tcp:ho st:1", "tcp:[::1:6402", "tcp:::1:6402"]
        {
            assert_eq!(error(text), AdapterError::NoAddress, "{text}");
        }
        for text in ["serial:", "serial:ttyACM0", "serial:@9600"] {
            assert_eq!(error(text), AdapterError::NoFile, "{text}");
        }
        for speed in ["", "fast", "0", "-9600"] {
            assert_eq!(error(&format!("serial:/dev/ttyACM0@{speed}")), AdapterError::NoSpeed(speed.into()));
        }
    }
}
