//! Device time: a count of microseconds since the device was switched on.
//!
//! The core never reads a clock. Whoever drives it passes an [`Instant`] in, and the body decides whether that is
//! a real clock, a faster one, or a loop that jumps from deadline to deadline.

use alloc::{format, string::String};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment of a device's life, in microseconds since it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// The moment the device was switched on.
    pub const START: Self = Self(0);

    /// The moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the start.
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time since `earlier`, or zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved by `span`; saturates at the end of time (584,000 years).
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        let micros = span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros() as u64);
        Self(self.0.saturating_add(micros))
    }
}

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The wall-clock time `now` is, for a device that was switched on at `self`.
    #[must_use]
    pub const fn at(self, now: Instant) -> Self {
        Self(self.0.saturating_add(now.as_micros() / 1000))
    }

    /// The moment as XMPP writes it (XEP-0082): `2024-02-29T12:34:56Z`.
    pub fn date_time(self) -> String {
        let (days, second) = (self.0 / 86_400_000, self.0 / 1000 % 86_400);
        // Civil date from days since 1970-01-01, after Howard Hinnant's `civil_from_days`, for years from 1970 on.
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }

    /// The moment that XMPP writes so (XEP-0082 section 3.2), with whole milliseconds of any fraction; `None` for what is no
    /// moment since 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        let (year, month, day) = three(date, '-', [4, 2, 2])?;
        let zone = time.find(['Z', '+', '-'])?;
        let (time, zone) = time.split_at(zone);
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let (hour, minute, second) = three(time, ':', [2, 2, 2])?;
        let is_right = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            // A leap second is the next one here.
            && second <= 60;
        if !is_right {
            return None;
        }
        // Days since 1970-01-01 from a civil date, after Howard Hinnant's `days_from_civil`.
        let year = if month > 2 { year } else { year.checked_sub(1)? };
        let month_from_march = (month + 9) % 12;
        let day_of_era =
            year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + (153 * month_from_march + 2) / 5 + day - 1;
        let days = (year / 400 * 146_097 + day_of_era).checked_sub(719_468)?;
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        let offset = match zone.split_at_checked(1)? {
            ("Z", "") => 0,
            (sign, offset) => {
                let (hours, minutes) = offset.split_once(':')?;
                let offset = i64::try_from(number(hours, 2)? * 3600 + number(minutes, 2)? * 60).ok()?;
                if sign == "-" { -offset } else { offset }
            }
        };
        let seconds = seconds.checked_add_signed(-offset)?;
        Some(Self(seconds * 1000 + milliseconds(fraction)?))
    }

    /// Seconds since midnight UTC, 0.0 to 86,400.0.
    pub const fn second_of_day(self) -> f64 {
        (self.0 % 86_400_000) as f64 / 1000.0
    }
}

/// Three numbers of so many digits, with this between them.
fn three(text: &str, between: char, digits: [usize; 3]) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(between).zip(digits).map(|(part, digits)| number(part, digits));
    let three = (parts.next()??, parts.next()??, parts.next()??);
    (text.split(between).count() == 3).then_some(three)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn milliseconds(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number(&format!("{fraction:0<3}")[..3], 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_saturate_at_both_ends() {
        let late = Instant::from_micros(u64::MAX).plus(Duration::MAX);
        assert_eq!(late.as_micros(), u64::MAX);
        assert_eq!(Instant::START.since(late), Duration::ZERO);
    }

    #[test]
    fn wall_time_counts_on_from_the_epoch() {
        let noon = UnixMillis(12 * 3_600_000);
        assert_eq!(noon.at(Instant::from_micros(90_000_000)).second_of_day(), 43_290.0);
    }

    #[test]
    fn dates_are_right_over_leap_years() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_210_096_789, "2024-02-29T12:34:56Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(UnixMillis(millis).date_time(), text);
        }
    }
    #[test]
    fn a_date_is_read_as_it_is_written() {
        for days in (0..60_000).step_by(13) {
            let moment = UnixMillis(days * 86_400_000 + days * 1000 % 86_400_000);
            assert_eq!(UnixMillis::parse(&moment.date_time()), Some(moment), "{}", moment.date_time());
        }
        for (text, millis) in [
            ("2006-12-19T17:58:35Z", 1_166_551_115_000),
            ("2006-12-19T12:58:35.5-05:00", 1_166_551_115_500),
            ("2006-12-19T18:58:35.123456+01:00", 1_166_551_115_123),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] {
            assert_eq!(UnixMillis::parse(text), Some(UnixMillis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "T",
            "2006-12-19",
            "2006-12-19T17:58:35",
            "2006-12-19T17:58Z",
            "2006-12-19 17:58:35Z",
            "2006-13-19T17:58:35Z",
            "2006-00-19T17:58:35Z",
            "2006-12-32T17:58:35Z",
            "2006-12-19T24:00:00Z",
            "2006-12-19T17:58:35.Z",
            "2006-12-19T17:58:35.xZ",
            "2006-12-19T17:58:35ZZ",
            "2006-12-19T17:58:35+1",
            "2006-12-19T17:58:35+01:00:00",
            "+006-12-19T17:58:35Z",
            "2006-12-19-01T17:58:35Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "0000-01-01T00:00:00Z",
            "ü006-12-19T17:58:35Z",
            "2006-12-19T17:58:35ü",
        ] {
            assert_eq!(UnixMillis::parse(text), None, "{text}");
        }
    }
}
