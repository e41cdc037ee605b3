//! The packets of SNTP (RFC 4330, whose format is that of RFC 5905 section 7.3), without a socket.
//!
//! A client that trusts nobody: the request carries nothing but an unpredictable number, and only an answer that repeats it
//! counts. Who is asked, and when again, is the station's business.

use core::{fmt, time::Duration};
use thingfleet_device::time::UnixMillis;

/// Bytes of a packet; authentication and extensions may follow, and are not looked at.
pub const PACKET: usize = 48;

/// Version 4, mode 3: client.
const CLIENT: u8 = 4 << 3 | 3;
/// Mode 4: server.
const SERVER: u8 = 4;
/// What a server says in place of a leap warning while it does not know the time itself.
const ALARM: u8 = 3;
/// Where a server repeats the number, and where its times of receiving and of answering begin.
const ORIGINATE: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;
/// Seconds from 1900 to 1970, and in an era of such timestamps (RFC 5905 section 6).
const TO_1970: i64 = 2_208_988_800;
const ERA: i64 = 1 << 32;

/// Why an answer tells no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SntpError {
    /// It is shorter than a packet.
    Short(usize),
    /// It is not a server's, or of a version that is not known.
    NotAServer,
    /// It does not repeat the number of the request: it is late, or somebody else's.
    NotTheAnswer,
    /// The server does not know the time itself.
    NotSynchronised,
    /// The server wants to be left alone, for this reason (RFC 5905 section 7.4).
    Kiss([u8; 4]),
}

impl fmt::Display for SntpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(length) => write!(f, "{length} bytes are no packet of SNTP"),
            Self::NotAServer => f.write_str("it does not answer as a time server"),
            Self::NotTheAnswer => f.write_str("it answers another question"),
            Self::NotSynchronised => f.write_str("it does not know the time itself"),
            Self::Kiss(code) => {
                write!(f, "it wants to be left alone: {}", code.escape_ascii())
            }
        }
    }
}

impl core::error::Error for SntpError {}

/// A question. The number stands where a client would put its own time, which is none of the server's business.
pub fn request(number: [u8; 8]) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
    packet[0] = CLIENT;
    packet[TRANSMIT..].copy_from_slice(&number);
    packet
}

/// How late it is by the answer to the question with that number, which took so long. Of the eras of 136 years that it can
/// mean, it means the one nearest to `about`.
///
/// # Errors
/// [`SntpError`].
pub fn answer(
    packet: &[u8],
    number: [u8; 8],
    took: Duration,
    about: UnixMillis,
) -> Result<UnixMillis, SntpError> {
    let packet: &[u8; PACKET] = packet.first_chunk().ok_or(SntpError::Short(packet.len()))?;
    let (leap, version, mode, stratum) = (packet[0] >> 6, packet[0] >> 3 & 7, packet[0] & 7, packet[1]);
    if mode != SERVER || !(1..=4).contains(&version) {
        return Err(SntpError::NotAServer);
    }
    if packet[ORIGINATE..RECEIVE] != number {
        return Err(SntpError::NotTheAnswer);
    }
    if stratum == 0 {
        return Err(SntpError::Kiss([packet[12], packet[13], packet[14], packet[15]]));
    }
    let (received, sent) = (timestamp(packet, RECEIVE), timestamp(packet, TRANSMIT));
    if leap == ALARM || stratum > 15 || sent == 0 {
        return Err(SntpError::NotSynchronised);
    }
    // RFC 4330 section 5: what it took without the server's own time is the way there and back.
    let within = Duration::from_millis(millis(sent.wrapping_sub(received)));
    let way = took.saturating_sub(within) / 2;
    let way = u64::try_from(way.as_millis()).unwrap_or(u64::MAX);
    Ok(UnixMillis(date(sent, about).0.saturating_add(way)))
}

fn timestamp(packet: &[u8; PACKET], at: usize) -> u64 {
    packet[at..].iter().take(8).fold(0, |timestamp, byte| timestamp << 8 | u64::from(*byte))
}

/// Milliseconds of a span in seconds and their fractions.
const fn millis(span: u64) -> u64 {
    (span >> 32) * 1000 + (((span & 0xFFFF_FFFF) * 1000) >> 32)
}

/// The moment of a timestamp.
fn date(timestamp: u64, about: UnixMillis) -> UnixMillis {
    let in_era = millis(timestamp).cast_signed() - TO_1970 * 1000;
    // Ten million years are enough, and leave room to count.
    let about = about.0.min(1 << 58).cast_signed();
    let era = ERA * 1000;
    let eras = (about - in_era + era / 2).div_euclid(era);
    UnixMillis(u64::try_from(in_era.saturating_add(eras.saturating_mul(era))).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: [u8; 8] = *b"a number";
    const NOW: UnixMillis = UnixMillis(1_790_000_000_500);

    /// An answer at this moment, which the server took a quarter of a second for.
    fn good(at: UnixMillis) -> [u8; PACKET] {
        let mut packet = request([0; 8]);
        (packet[0], packet[1]) = (4 << 3 | SERVER, 2);
        packet[ORIGINATE..RECEIVE].copy_from_slice(&NUMBER);
        let seconds = at.0 / 1000 + TO_1970.cast_unsigned();
        let transmit = ((seconds & 0xFFFF_FFFF) << 32) | ((at.0 % 1000) * (1 << 32) / 1000);
        packet[RECEIVE..TRANSMIT].copy_from_slice(&transmit.wrapping_sub(1 << 30).to_be_bytes());
        packet[TRANSMIT..].copy_from_slice(&transmit.to_be_bytes());
        packet
    }

    fn read(packet: &[u8]) -> Result<UnixMillis, SntpError> {
        answer(packet, NUMBER, Duration::from_millis(1250), NOW)
    }

    #[test]
    fn an_answer_tells_the_time_of_its_arrival() {
        let UnixMillis(told) = read(&good(NOW)).expect("a good answer");
        assert!((NOW.0 + 499..=NOW.0 + 500).contains(&told), "{told}");
        assert_eq!(request(NUMBER)[0], 0x23);
    }

    #[test]
    fn the_era_is_the_one_that_is_meant() {
        for date in [1_000_000_000_000, 2_085_978_497_000, 3_000_000_000_000, 6_380_945_791_000] {
            let about = UnixMillis(date - 1_000_000_000);
            let told = answer(&good(UnixMillis(date)), NUMBER, Duration::ZERO, about);
            assert_eq!(told, Ok(UnixMillis(date)));
        }
        let long_ago = UnixMillis(NOW.0 - 1_000_000_000_000);
        assert_eq!(
            answer(&good(long_ago), NUMBER, Duration::ZERO, NOW),
            Ok(long_ago),
            "it stays in the past"
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let changed = |change: fn(&mut [u8; PACKET])| {
            let mut packet = good(NOW);
            change(&mut packet);
            read(&packet)
        };
        assert_eq!(read(&good(NOW)[..47]), Err(SntpError::Short(47)));
        assert_eq!(changed(|packet| packet[0] = CLIENT), Err(SntpError::NotAServer));
        assert_eq!(changed(|packet| packet[0] = SERVER), Err(SntpError::NotAServer));
        assert_eq!(changed(|packet| packet[ORIGINATE + 7] ^= 1), Err(SntpError::NotTheAnswer));
        assert_eq!(changed(|packet| packet[0] |= ALARM << 6), Err(SntpError::NotSynchronised));
        assert_eq!(changed(|packet| packet[1] = 16), Err(SntpError::NotSynchronised));
        assert_eq!(changed(|packet| packet[TRANSMIT..].fill(0)), Err(SntpError::NotSynchronised));
        let kiss = changed(|packet| {
            packet[1] = 0;
            packet[12..16].copy_from_slice(b"RATE");
        });
        assert_eq!(kiss, Err(SntpError::Kiss(*b"RATE")));
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        for _ in 0..20_000 {
            let mut packet = [0; PACKET];
            packet.chunks_mut(8).for_each(|piece| piece.copy_from_slice(&random().to_le_bytes()));
            packet[ORIGINATE..RECEIVE].copy_from_slice(&NUMBER);
            packet[0] = packet[0] & !7 | SERVER;
            let took = Duration::from_micros(random());
            let (Ok(_) | Err(_)) = answer(&packet, NUMBER, took, UnixMillis(random()));
        }
    }
}
