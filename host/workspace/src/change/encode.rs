//! The encoder of changes. `docs/formats.md`, "Change record", is its specification.

use vfs::{Name, Timestamp, VPath};

use super::{Arrival, Change, Departure, Update, Version};

/// The first eight bytes of every change record.
pub(super) const MAGIC: [u8; 8] = *b"SFCHANGE";
/// The format that is written, and the newest that is read.
pub(super) const FORMAT_VERSION: u16 = 1;

pub(super) const TAG_DIRECTORY: u8 = 0;
pub(super) const TAG_FILE: u8 = 1;
pub(super) const TAG_SYMLINK: u8 = 2;

impl Change {
    /// The bytes of the change; equal changes have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder(Vec::with_capacity(256));
        out.0.extend_from_slice(&MAGIC);
        out.0.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.text(&self.base);
        out.u64(self.base_generation);
        out.option(self.into_session.as_ref(), |out, id| out.text(id));
        out.text(&self.session);
        out.byte(u8::from(self.is_part));
        out.metadata(&self.metadata);
        out.option(self.message.as_ref(), |out, message| out.text(message));
        out.time(self.committed_at);
        out.list(&self.departures, Encoder::departure);
        out.list(&self.arrivals, Encoder::arrival);
        out.list(&self.updates, Encoder::update);
        out.0
    }
}

/// Puts bytes one behind the other; [`super::ChangeFile`] is written with it as well.
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i128(&mut self, value: i128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes with their length before them.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("limits keep every count and text below 4 GiB");
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn option<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(crate) fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            put(self, item);
        }
    }

    fn time(&mut self, time: Timestamp) {
        self.0.extend_from_slice(&time.seconds.to_le_bytes());
        self.0.extend_from_slice(&time.nanoseconds.to_le_bytes());
    }

    fn metadata(&mut self, metadata: &vfs::Metadata) {
        for text in [&metadata.purpose, &metadata.agent, &metadata.task_id] {
            self.option(text.as_ref(), |out, text| out.text(text));
        }
        self.list(&metadata.labels, |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
        self.time(metadata.created_at);
    }

    pub(crate) fn path(&mut self, path: &VPath) {
        self.list(path.components(), Self::name);
    }

    fn name(&mut self, name: &Name) {
        self.0
            .push(u8::try_from(name.len()).expect("a name has at most 255 bytes"));
        self.0.extend_from_slice(name.as_bytes());
    }

    fn version(&mut self, version: &Version) {
        match version {
            Version::Directory => self.0.push(TAG_DIRECTORY),
            Version::File {
                size,
                digest,
                executable,
                modified,
            } => {
                self.0.push(TAG_FILE);
                self.u64(*size);
                self.option(digest.as_ref(), |out, digest| {
                    out.0.extend_from_slice(digest.as_bytes());
                });
                self.0.push(u8::from(*executable));
                self.option(modified.as_ref(), |out, time| out.time(*time));
            }
            Version::Symlink { target } => {
                self.0.push(TAG_SYMLINK);
                self.text(target);
            }
        }
    }

    fn departure(&mut self, departure: &Departure) {
        self.path(&departure.path);
        self.version(&departure.before);
        self.option(departure.moved_to.as_ref(), Self::path);
    }

    fn arrival(&mut self, arrival: &Arrival) {
        self.path(&arrival.path);
        self.version(&arrival.after);
        self.option(arrival.moved_from.as_ref(), Self::path);
    }

    fn update(&mut self, update: &Update) {
        self.path(&update.path);
        self.path(&update.source);
        self.version(&update.before);
        self.version(&update.after);
    }
}
