//! Durations and sizes as a person writes and reads them: `1h30m`, `512KiB`.
//!
//! Whole numbers only, so that what is read is exactly what was written.

use std::time::Duration;

use vfs::Timestamp;

const DAY_SECONDS: i64 = 86_400;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const BYTE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("K", 1 << 10),
    ("KiB", 1 << 10),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
];

/// Reads a duration such as `500ms`, `30s` or `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const LIKE: &str = "write it like 500ms, 30s, 5m or 1h30m";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("it is empty; {LIKE}"));
    }
    let mut milliseconds: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(|| LIKE.to_owned())?;
        let unit_bytes = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_bytes);
        let factor = factor(&DURATION_UNITS, unit)
            .map_err(|hint| format!("{}; {LIKE}", unit_fault(unit, hint)))?;
        milliseconds = number
            .checked_mul(factor)
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or("it is too long")?;
        rest = next;
    }
    if milliseconds == 0 {
        return Err("it has to be more than nothing".to_owned());
    }
    Ok(Duration::from_millis(milliseconds))
}

/// Reads a size such as `512KiB`, `64M` or `1G`; K, M and G are powers of 1024.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    const LIKE: &str = "write it like 512KiB, 64M or 1G";
    let (number, unit) = leading_number(text.trim()).ok_or_else(|| LIKE.to_owned())?;
    let factor = if unit.is_empty() {
        Ok(1)
    } else {
        factor(&BYTE_UNITS, unit)
    };
    let factor = factor.map_err(|hint| format!("{}; {LIKE}", unit_fault(unit, hint)))?;
    let bytes = number.checked_mul(factor).ok_or("it is too large")?;
    if bytes == 0 {
        return Err("it has to be more than nothing".to_owned());
    }
    Ok(bytes)
}

/// A time as a person and a program read it: UTC, to the second.
pub(crate) fn time(time: Timestamp) -> String {
    let (days, second) = (
        time.seconds.div_euclid(DAY_SECONDS),
        time.seconds.rem_euclid(DAY_SECONDS),
    );
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date that is so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin in March have the leap day at their end, and 400 of them 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year + era * 400, month + 3)
    } else {
        (year + era * 400 + 1, month - 9)
    };
    (year, month, day)
}

/// Bytes for a person: `17 B`, `1.2 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const STEP: f64 = 1024.0;
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let mut value = bytes as f64;
    if value < STEP {
        return format!("{bytes} B");
    }
    for unit in ["KiB", "MiB", "GiB"] {
        value /= STEP;
        if value < STEP - 0.05 {
            return format!("{value:.1} {unit}");
        }
    }
    format!("{:.1} TiB", value / STEP)
}

/// A duration for a person: `12 ms`, `1.3 s`, `2m 5s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() > 0 => format!("{} ms", duration.as_millis()),
        0 => format!("{} µs", duration.as_micros()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// How long ago something was, for a person: `40 s`, `5 min`, `3 h`, `12 d`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits_bytes = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..digits_bytes].parse().ok()?;
    Some((number, &text[digits_bytes..]))
}

/// What a unit stands for, or the unit that was probably meant.
fn factor(units: &[(&'static str, u64)], unit: &str) -> Result<u64, Option<&'static str>> {
    if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(*factor);
    }
    let first = unit.chars().next().map(|c| c.to_ascii_lowercase());
    let same_case_aside = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let same_first = || {
        units
            .iter()
            .rfind(|(name, _)| name.to_ascii_lowercase().chars().next() == first)
    };
    Err(same_case_aside.or_else(same_first).map(|(name, _)| *name))
}

fn unit_fault(unit: &str, hint: Option<&str>) -> String {
    match (unit, hint) {
        ("", _) => "the unit is missing".to_owned(),
        (_, Some(hint)) => format!("there is no unit '{unit}', did you mean '{hint}'?"),
        (_, None) => format!("there is no unit '{unit}'"),
    }
}

/// A number of things, `word` being one of them.
pub(crate) fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let check = |seconds: i64, expected: &str| {
            let stamp = Timestamp {
                seconds,
                nanoseconds: 0,
            };
            assert_eq!(time(stamp), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_800_000_000, "2027-01-15T08:00:00Z");
        check(-1, "1969-12-31T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
    }

    #[test]
    fn durations_are_read_as_written() {
        let check = |text: &str, milliseconds: u64| {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        };
        check("500ms", 500);
        check("30s", 30_000);
        check("5m", 300_000);
        check("1h30m", 5_400_000);
        check("1d", 86_400_000);
    }

    #[test]
    fn sizes_are_read_as_written() {
        let check = |text: &str, bytes: u64| assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        check("64M", 64 << 20);
        check("1G", 1 << 30);
        check("512KiB", 512 << 10);
        check("10B", 10);
        check("4096", 4096);
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_was_meant() {
        let duration = |text: &str| parse_duration(text).expect_err(text);
        assert!(duration("30").starts_with("the unit is missing"));
        assert!(duration("30sec").contains("no unit 'sec', did you mean 's'?"));
        assert!(duration("5M").contains("did you mean 'm'?"));
        assert!(duration("1.5h").contains("no unit '.'"));
        assert!(duration("0s").contains("more than nothing"));
        assert!(duration("").contains("empty"));
        assert!(duration("-1s").contains("write it like"));
        assert!(duration("99999999999999999999s").contains("write it like"));
        assert!(duration("999999999999999999d").contains("too long"));
        let bytes = |text: &str| parse_bytes(text).expect_err(text);
        assert!(bytes("64MB").contains("no unit 'MB', did you mean 'MiB'?"));
        assert!(bytes("64m").contains("did you mean 'M'?"));
        assert!(bytes("x").contains("write it like"));
        assert!(bytes("0").contains("more than nothing"));
        assert!(bytes("99999999999999G").contains("too large"));
    }

    #[test]
    fn figures_are_short() {
        let check = |value: u64, expected: &str| assert_eq!(bytes(value), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check((1 << 20) - 1, "1.0 MiB");
        check(u64::MAX, "16777216.0 TiB");
        let check = |millis: u64, expected: &str| {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        };
        check(0, "0 µs");
        check(12, "12 ms");
        check(1_340, "1.3 s");
        check(125_000, "2m 5s");
        check(5_400_000, "1h 30m");
    }
}
