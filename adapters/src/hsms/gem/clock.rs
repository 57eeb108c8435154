//! The equipment's clock: wall-clock time as a label on [`Time`], in the three forms of E5's TIME item.

use aegis_models::Time;

const DAY_S: i64 = 86_400;

/// What the wall clock shows, from a moment that its owner names and corrections that a host makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hsms) struct Clock {
    /// Unix time at [`Time::ZERO`] [ms].
    pub zero_ms: i64,
    /// What a host added by S2F31 [ms].
    pub offset_ms: i64,
}

impl Clock {
    /// Unix time [ms].
    pub fn unix_ms(&self, now: Time) -> i64 {
        self.zero_ms.saturating_add(self.offset_ms).saturating_add((now.ns / 1_000_000) as i64)
    }

    /// The time as a text: format 0 is `YYMMDDhhmmss`, 1 is `YYYYMMDDhhmmsscc`, 2 is ISO 8601 with a `Z`.
    pub fn text(&self, now: Time, format: u8) -> String {
        let ms = self.unix_ms(now).max(0);
        let (days, rest) = (ms / 1000 / DAY_S, ms / 1000 % DAY_S);
        let (y, m, d) = civil(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        let hundredths = ms % 1000 / 10;
        match format {
            0 => format!("{:02}{m:02}{d:02}{hour:02}{minute:02}{second:02}", y % 100),
            2 => format!("{y:04}-{m:02}-{d:02}T{hour:02}:{minute:02}:{second:02}.{hundredths:02}Z"),
            _ => format!("{y:04}{m:02}{d:02}{hour:02}{minute:02}{second:02}{hundredths:02}"),
        }
    }

    /// Sets the clock by a text in any of the three forms; false, and nothing done, when it is none.
    pub fn set(&mut self, now: Time, text: &str) -> bool {
        let Some(ms) = parse(text) else { return false };
        self.offset_ms = ms.saturating_sub(self.zero_ms).saturating_sub((now.ns / 1_000_000) as i64);
        true
    }
}

/// Unix time [ms] of a text in one of E5's three forms: 12 or 16 digits, or at most 32 characters as
/// `YYYY-MM-DDThh:mm:ss.s{Z|+hh:mm|-hh:mm}`, with as many decimals as there are.
fn parse(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    match text.len() {
        // A year of two digits lies from 1970 to 2069.
        12 => moment(&format!("{}{text}", if number(text.get(..2)?)? < 70 { 20 } else { 19 })),
        16 => Some(moment(text.get(..14)?)? + 10 * number(text.get(14..)?)?),
        20..=32 => extended(text),
        _ => None,
    }
}

fn extended(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_at_checked(19)?;
    let shape: Vec<u8> = whole.bytes().filter(|b| !b.is_ascii_digit()).collect();
    if shape != b"--T::" {
        return None;
    }
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let zone = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let (part, zone) = rest.split_at(zone);
    let ms = match part.strip_prefix('.') {
        Some(part) if !part.is_empty() && !part.contains('.') => number(&format!("{part:0<3.3}"))?,
        None if part.is_empty() => 0,
        _ => return None,
    };
    let minutes = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), by) => {
            let (hours, minutes) = by.split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 {
                return None;
            }
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "+" { 1 } else { -1 }
        }
        _ => return None,
    };
    // Before 1970 there is no time: the clock counts from there.
    Some(moment(&digits)? + ms - minutes * 60_000).filter(|ms| *ms >= 0)
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Unix time [ms] of `YYYYMMDDhhmmss`.
fn moment(digits: &str) -> Option<i64> {
    let part = |from: usize, len: usize| number(digits.get(from..from + len)?);
    let (year, month, day) = (part(0, 4)?, part(4, 2)?, part(6, 2)?);
    let (hour, minute, second) = (part(8, 2)?, part(10, 2)?, part(12, 2)?);
    let days = days_of(year, month, day);
    // A day that a month does not have comes back as another.
    let real = civil(days) == (year, month, day) && (1970..=9999).contains(&year);
    if !real || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((days * DAY_S + hour * 3600 + minute * 60 + second) * 1000)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, by years that begin in March.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_and_takes_all_three_forms() {
        let mut c = Clock { zero_ms: 0, offset_ms: 0 };
        assert_eq!(c.text(Time::ZERO, 1), "1970010100000000");
        for (text, format) in [
            ("2024022923595999", 1),
            ("240229235959", 0),
            ("2024-02-29T23:59:59.99Z", 2),
            ("1999123123595900", 1),
        ] {
            assert!(c.set(Time::from_secs(77), text), "{text}");
            assert_eq!(c.text(Time::from_secs(77), format), text);
        }
        for (text, same) in [
            ("2024-03-01T08:59:59.990+09:00", "2024-02-29T23:59:59.99Z"),
            ("2024-02-29T19:29:59-04:30", "2024-02-29T23:59:59.00Z"),
            ("2024-02-29T23:59:59.123456Z", "2024-02-29T23:59:59.12Z"),
            ("2024-02-29T23:59:59.123456+00:00", "2024-02-29T23:59:59.12Z"),
        ] {
            assert!(c.set(Time::ZERO, text), "{text}");
            assert_eq!(c.text(Time::ZERO, 2), same);
        }
        assert!(c.set(Time::ZERO, "2024022923595900"));
        assert_eq!(c.text(Time::from_secs(1), 1), "2024030100000000");
        for bad in [
            "",
            "2023022923595900",
            "20240101250000",
            "24010100000x",
            "2024-02-29 23:59:59.99Z",
            "2024-02-29T23:59:59.Z",
            "2024-02-29T23:59:59.1.2Z",
            "2024-02-29T23:59:59+0900",
            "2024-02-29T23:59:59+24:00",
            "2024-02-29T23:59:59",
            "1970-01-01T00:00:00+00:01",
            "20240229235959+1",
            "é40229235959",
        ] {
            assert!(!c.set(Time::ZERO, bad), "{bad}");
        }
    }
}
