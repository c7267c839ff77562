//! The words of a step: slots, paths, numbers, flags, times and contents.
//!
//! A word has no space; in a path, `%` and two hexadecimal digits stand for a byte, and `%` alone for
//! the empty path.

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags,
};

/// What is left of a step.
pub(crate) struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    pub(crate) fn new(step: &'a str) -> Self {
        Self(step.split(' '))
    }

    pub(crate) fn next(&mut self) -> &'a str {
        self.0.next().expect("a word")
    }

    /// A number; `max` is the largest of 64 bits and `signed` that of 63.
    pub(crate) fn number(&mut self) -> u64 {
        match self.next() {
            "max" => u64::MAX,
            "signed" => u64::MAX >> 1,
            number => number.parse().expect("a number"),
        }
    }

    pub(crate) fn path(&mut self) -> String {
        let word = self.next();
        if word == "%" {
            return String::new();
        }
        let mut parts = word.split('%');
        let mut bytes = parts.next().expect("a word").as_bytes().to_vec();
        for part in parts {
            let (digits, rest) = part.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
            bytes.extend(rest.bytes());
        }
        String::from_utf8(bytes).expect("a path in UTF-8")
    }

    /// A letter and a length: that many bytes, mostly that letter.
    pub(crate) fn content(&mut self) -> Vec<u8> {
        let word = self.next();
        let (letter, length) = word.split_at(1);
        let letter = letter.as_bytes()[0];
        let length: usize = length.parse().expect("a length");
        let byte = |at: usize| match u8::try_from(at / 10 % 10) {
            Ok(digit) if at.is_multiple_of(10) => b'0' + digit,
            _ => letter,
        };
        (0..length).map(byte).collect()
    }

    pub(crate) fn path_flags(&mut self) -> PathFlags {
        flags(self.next(), PathFlags::empty(), |name| match name {
            "symlink-follow" => PathFlags::SYMLINK_FOLLOW,
            _ => panic!("no path flag: {name}"),
        })
    }

    pub(crate) fn open_flags(&mut self) -> OpenFlags {
        flags(self.next(), OpenFlags::empty(), |name| match name {
            "create" => OpenFlags::CREATE,
            "directory" => OpenFlags::DIRECTORY,
            "exclusive" => OpenFlags::EXCLUSIVE,
            "truncate" => OpenFlags::TRUNCATE,
            _ => panic!("no open flag: {name}"),
        })
    }

    pub(crate) fn descriptor_flags(&mut self) -> DescriptorFlags {
        flags(self.next(), DescriptorFlags::empty(), |name| match name {
            "read" => DescriptorFlags::READ,
            "write" => DescriptorFlags::WRITE,
            "file-integrity-sync" => DescriptorFlags::FILE_INTEGRITY_SYNC,
            "data-integrity-sync" => DescriptorFlags::DATA_INTEGRITY_SYNC,
            "requested-write-sync" => DescriptorFlags::REQUESTED_WRITE_SYNC,
            "mutate-directory" => DescriptorFlags::MUTATE_DIRECTORY,
            _ => panic!("no descriptor flag: {name}"),
        })
    }

    /// `no-change`, `now`, or seconds and nanoseconds with a point between them.
    pub(crate) fn time(&mut self) -> NewTimestamp {
        match self.next() {
            "no-change" => NewTimestamp::NoChange,
            "now" => NewTimestamp::Now,
            time => {
                let (seconds, nanoseconds) = time.split_once('.').expect("a time");
                NewTimestamp::Timestamp(Datetime {
                    seconds: seconds.parse().expect("seconds"),
                    nanoseconds: nanoseconds.parse().expect("nanoseconds"),
                })
            }
        }
    }

    pub(crate) fn advice(&mut self) -> Advice {
        match self.next() {
            "normal" => Advice::Normal,
            "sequential" => Advice::Sequential,
            "random" => Advice::Random,
            "will-need" => Advice::WillNeed,
            "dont-need" => Advice::DontNeed,
            "no-reuse" => Advice::NoReuse,
            name => panic!("no advice: {name}"),
        }
    }
}

/// Flags by name with commas between them; `-` is none.
fn flags<F: std::ops::BitOr<Output = F>>(word: &str, none: F, one: impl Fn(&str) -> F) -> F {
    if word == "-" {
        return none;
    }
    word.split(',').map(one).fold(none, std::ops::BitOr::bitor)
}
