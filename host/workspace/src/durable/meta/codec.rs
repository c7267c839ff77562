//! The fields of `meta`, one behind the other. Reading never panics, and takes no memory that the
//! bytes do not fill.

use vfs::{Globs, Metadata, PathRules, Timestamp};

/// Lists of globs that all have to allow a path.
pub(in crate::durable) const RULE_LISTS_MAX: usize = 64;

/// Puts fields one behind the other.
#[derive(Default)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("limits keep every count and text below 4 GiB");
        self.bytes(&count.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    pub(super) fn option<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.bytes(&time.seconds.to_le_bytes());
        self.bytes(&time.nanoseconds.to_le_bytes());
    }

    pub(super) fn rules(&mut self, rules: &PathRules) {
        let lists = rules.lists();
        self.count(lists.len());
        for list in lists {
            for globs in [list.read, list.write] {
                self.count(globs.len());
                globs.iter().for_each(|glob| self.text(glob));
            }
        }
    }

    pub(super) fn metadata(&mut self, metadata: &Metadata) {
        for text in [&metadata.purpose, &metadata.agent, &metadata.task_id] {
            self.option(text.as_ref(), |out, text| out.text(text));
        }
        self.count(metadata.labels.len());
        for (name, value) in &metadata.labels {
            self.text(name);
            self.text(value);
        }
        self.time(metadata.created_at);
    }
}

/// Takes fields apart from the front; `None` for what no encoder writes.
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn count(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let len = self.count()?;
        std::str::from_utf8(self.take(len)?).ok().map(str::to_owned)
    }

    pub(super) fn option<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.flag()? {
            get(self).map(Some)
        } else {
            Some(None)
        }
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let seconds = i64::from_le_bytes(self.array()?);
        let nanoseconds = u32::from_le_bytes(self.array()?);
        (nanoseconds < 1_000_000_000).then_some(Timestamp {
            seconds,
            nanoseconds,
        })
    }

    pub(super) fn metadata(&mut self) -> Option<Metadata> {
        Some(Metadata {
            purpose: self.option(Self::text)?,
            agent: self.option(Self::text)?,
            task_id: self.option(Self::text)?,
            labels: self.labels()?,
            created_at: self.time()?,
        })
    }

    pub(super) fn rules(&mut self) -> Option<PathRules> {
        let count = self.count().filter(|count| *count <= RULE_LISTS_MAX)?;
        let mut lists = Vec::new();
        for _ in 0..count {
            let (read, write) = (self.texts()?, self.texts()?);
            lists.push(Globs { read, write });
        }
        PathRules::of_lists(&lists).ok()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for _ in 0..self.count()? {
            texts.push(self.text()?);
        }
        Some(texts)
    }

    /// Grows with what is there and never by what the count promises.
    fn labels(&mut self) -> Option<Vec<(String, String)>> {
        let mut labels = Vec::new();
        for _ in 0..self.count()? {
            labels.push((self.text()?, self.text()?));
        }
        Some(labels)
    }
}
