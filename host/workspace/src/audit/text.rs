//! How a line of the audit log writes texts, numbers and times, and reads them back.
//!
//! **Invariant:** whatever a guest calls a file, its line stays one line, shows no character that
//! moves a terminal's cursor or turns its direction, and is read back as the same text.

use vfs::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;
/// 9999-12-31T23:59:59, the last second with a year of four digits.
const SECONDS_MAX: i64 = 253_402_300_799;
/// Bytes of a time as text: `2026-11-21T12:49:41.000000000Z`.
const TIME_BYTES: usize = 30;

/// Appends a text in quotes, at most `bytes_max` bytes of it; one that is cut ends with `…`.
pub(super) fn push_text(line: &mut Vec<u8>, text: &str, bytes_max: usize) {
    line.push(b'"');
    if text.len() <= bytes_max {
        push_escaped(line, text);
    } else {
        push_escaped(line, &text[..text.floor_char_boundary(bytes_max)]);
        line.extend_from_slice("…".as_bytes());
    }
    line.push(b'"');
}

fn push_escaped(line: &mut Vec<u8>, text: &str) {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(plain) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    let mut buffer = [0; 4];
    for character in text.chars() {
        match character {
            '"' => line.extend_from_slice(b"\\\""),
            '\\' => line.extend_from_slice(b"\\\\"),
            _ if is_hidden(character) => push_code(line, u32::from(character)),
            _ => line.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

/// Controls, marks of direction, separators of lines, and what has no width.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}')
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn push_code(line: &mut Vec<u8>, code: u32) {
    line.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        let digit = char::from_digit(code >> shift & 15, 16).unwrap_or('0');
        line.extend_from_slice(digit.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Appends a number in decimal digits.
pub(super) fn push_number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + low_digit(number);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

fn low_digit(number: u64) -> u8 {
    u8::try_from(number % 10).expect("a digit is below 10")
}

/// Writes times; the text of the last second is kept, since most calls come within one.
#[derive(Debug)]
pub(super) struct TimeText {
    second: i64,
    text: [u8; TIME_BYTES],
}

impl TimeText {
    pub(super) fn new() -> Self {
        Self {
            second: 0,
            text: *b"1970-01-01T00:00:00.000000000Z",
        }
    }

    /// Appends a time in UTC; one beyond the years 0 to 9999 as the nearest one within.
    pub(super) fn push(&mut self, line: &mut Vec<u8>, time: Timestamp) {
        let second = time.seconds.clamp(-62_167_219_200, SECONDS_MAX);
        if second != self.second {
            self.set_second(second);
        }
        self.put(20, 9, u64::from(time.nanoseconds.min(999_999_999)));
        line.extend_from_slice(&self.text);
    }

    fn set_second(&mut self, second: i64) {
        self.second = second;
        let (year, month, day) = civil(second.div_euclid(SECONDS_PER_DAY));
        let of_day = second.rem_euclid(SECONDS_PER_DAY);
        let parts = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, of_day / 3600),
            (14, 2, of_day / 60 % 60),
            (17, 2, of_day % 60),
        ];
        for (at, width, value) in parts {
            self.put(at, width, value.unsigned_abs());
        }
    }

    fn put(&mut self, at: usize, width: usize, mut value: u64) {
        for place in self.text[at..at + width].iter_mut().rev() {
            *place = b'0' + low_digit(value);
            value /= 10;
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// The day of a date, counted from 1970-01-01.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Reads the parts of a line, each exactly as it is written.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Goes past these bytes, when they are next.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(bytes)?;
        Some(())
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(digits.count());
        if digits.len() > 1 && digits[0] == b'0' {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// A text in quotes.
    pub(super) fn text(&mut self) -> Option<String> {
        self.skip(b"\"")?;
        let mut text = Vec::new();
        loop {
            let stop = memchr::memchr2(b'"', b'\\', self.rest)?;
            let (plain, rest) = self.rest.split_at(stop);
            text.extend_from_slice(plain);
            self.rest = &rest[1..];
            if rest[0] == b'"' {
                return String::from_utf8(text).ok();
            }
            let character = self.escaped()?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            b'"' | b'\\' => Some(char::from(*first)),
            b'u' => {
                let digits = self.take(4)?;
                let lower = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                let digits = std::str::from_utf8(digits.iter().all(lower).then_some(digits)?);
                char::from_u32(u32::from_str_radix(digits.ok()?, 16).ok()?)
            }
            _ => None,
        }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let text = self.take(TIME_BYTES)?;
        let part = |range: std::ops::Range<usize>| {
            text[range].iter().try_fold(0_i64, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + i64::from(byte - b'0'))
            })
        };
        let day = day_of(part(0..4)?, part(5..7)?, part(8..10)?);
        let of_day = part(11..13)? * 3600 + part(14..16)? * 60 + part(17..19)?;
        let time = Timestamp {
            seconds: day * SECONDS_PER_DAY + of_day,
            nanoseconds: u32::try_from(part(20..29)?).ok()?,
        };
        // What is no date, or written in another way, is none of ours.
        let mut again = Vec::with_capacity(TIME_BYTES);
        TimeText::new().push(&mut again, time);
        (again == text).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time_text(seconds: i64, nanoseconds: u32) -> String {
        let mut line = Vec::new();
        let time = Timestamp {
            seconds,
            nanoseconds,
        };
        TimeText::new().push(&mut line, time);
        String::from_utf8(line).expect("ASCII")
    }

    #[test]
    fn times_are_the_calendar_s() {
        let check = |seconds, expected: &str| assert_eq!(time_text(seconds, 7), expected);
        check(0, "1970-01-01T00:00:00.000000007Z");
        check(-1, "1969-12-31T23:59:59.000000007Z");
        check(951_782_400, "2000-02-29T00:00:00.000000007Z");
        check(4_107_542_400, "2100-03-01T00:00:00.000000007Z");
        check(1_763_729_381, "2025-11-21T12:49:41.000000007Z");
        check(i64::MAX, "9999-12-31T23:59:59.000000007Z");
        check(i64::MIN, "0000-01-01T00:00:00.000000007Z");
    }

    #[test]
    fn a_cut_text_says_so_and_stays_whole_characters() {
        let mut line = Vec::new();
        push_text(&mut line, "aéé", 4);
        assert_eq!(line, "\"aé…\"".as_bytes());
    }

    proptest! {
        #[test]
        fn texts_numbers_and_times_are_read_back(
            text in any::<String>(),
            number: u64,
            seconds in -62_167_219_200..=SECONDS_MAX,
            nanoseconds in 0..1_000_000_000_u32,
        ) {
            let mut line = Vec::new();
            push_text(&mut line, &text, usize::MAX);
            let json: String = serde_json::from_slice(&line).expect("JSON");
            prop_assert_eq!(&json, &text);
            let shown = std::str::from_utf8(&line).expect("UTF-8");
            prop_assert!(!shown.contains(is_hidden));
            push_number(&mut line, number);
            let time = Timestamp { seconds, nanoseconds };
            TimeText::new().push(&mut line, time);
            let mut cursor = Cursor::new(&line);
            prop_assert_eq!(cursor.text(), Some(text));
            let digits = line.len() - TIME_BYTES;
            let number_only = &line[..digits];
            let mut numbers = Cursor::new(number_only);
            prop_assert!(numbers.text().is_some());
            prop_assert_eq!(numbers.number(), Some(number));
            prop_assert!(numbers.is_at_end());
            let mut times = Cursor::new(&line[digits..]);
            prop_assert_eq!(times.time(), Some(time));
        }

        #[test]
        fn reading_any_bytes_ends_without_a_panic(bytes: Vec<u8>) {
            let mut cursor = Cursor::new(&bytes);
            drop((cursor.text(), cursor.number(), cursor.time()));
        }
    }
}
