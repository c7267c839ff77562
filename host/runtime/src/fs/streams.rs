//! File contents as `wasi:io` streams.
//!
//! Every read and write happens inside the call that asks for it: nothing is buffered, nothing runs
//! in the background, so nothing can reach a session after its run has ended.

use std::sync::Arc;

use bytes::Bytes;
use vfs::{Descriptor, READ_BYTES_MAX};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

use crate::events::EventLog;

/// Bytes that a guest may write with one call; few and large calls are cheap calls.
pub(super) const WRITE_PERMIT_BYTES: usize = 1 << 20;

/// Reads a file onward from a position.
pub(super) struct FileInput {
    pub(super) file: Descriptor,
    pub(super) position: u64,
    pub(super) events: Arc<EventLog>,
}

/// Writes a file onward from a position, or at whatever its end is at each write.
pub(super) struct FileOutput {
    file: Descriptor,
    target: Target,
    closed: bool,
    events: Arc<EventLog>,
}

#[derive(Clone, Copy)]
enum Target {
    Position(u64),
    End,
}

impl FileOutput {
    pub(super) fn at(file: Descriptor, position: u64, events: Arc<EventLog>) -> Self {
        Self {
            file,
            target: Target::Position(position),
            closed: false,
            events,
        }
    }

    pub(super) fn append(file: Descriptor, events: Arc<EventLog>) -> Self {
        Self {
            file,
            target: Target::End,
            closed: false,
            events,
        }
    }

    fn check_open(&self) -> StreamResult<()> {
        if self.closed {
            Err(StreamError::Closed)
        } else {
            Ok(())
        }
    }

    fn put(&mut self, bytes: &[u8]) -> vfs::Result<()> {
        match &mut self.target {
            Target::End => self.file.append(bytes),
            Target::Position(position) => {
                self.file.write_at(*position, bytes)?;
                // The session bounds file sizes far below this.
                *position = position.saturating_add(bytes.len() as u64);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self
            .file
            .read_at(self.position, size.min(READ_BYTES_MAX))
            .map_err(|error| failed(&self.events, error))?;
        if bytes.is_empty() {
            // Not kept in mind: libc caches the stream, and the file may grow.
            return Err(StreamError::Closed);
        }
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(bytes)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.read(size)
    }
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileOutput {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.check_open()?;
        Ok(WRITE_PERMIT_BYTES)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.check_open()?;
        if bytes.len() > WRITE_PERMIT_BYTES {
            return Err(StreamError::trap(
                "write of more than check-write permitted",
            ));
        }
        self.put(&bytes).map_err(|error| {
            self.closed = true;
            failed(&self.events, error)
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_open()
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }
}

/// The guest gets the session's error back as a code from `filesystem-error-code`.
fn failed(events: &EventLog, error: vfs::Error) -> StreamError {
    events.record(&error);
    StreamError::LastOperationFailed(wasmtime::Error::new(error))
}

#[cfg(test)]
mod tests {
    use vfs::{DescriptorFlags, Limits, Session, SessionOptions};

    use super::*;

    fn session() -> Session {
        let limits = Limits {
            file_bytes_max: 8 << 20,
            ..Limits::default()
        };
        let options = SessionOptions {
            limits,
            ..SessionOptions::default()
        };
        Session::begin(Arc::new(vfs::EmptyBase::new("vfs://test")), options)
    }

    fn open(session: &Session, content: &[u8]) -> Descriptor {
        session.write("file", content).expect("written");
        let flags = DescriptorFlags {
            read: true,
            write: true,
            mutate_directory: false,
        };
        let root = session.root().expect("open");
        root.open_at("file", true, vfs::OpenFlags::default(), flags)
            .expect("opened")
    }

    fn input(file: &Descriptor, position: u64) -> FileInput {
        FileInput {
            file: file.clone(),
            position,
            events: Arc::default(),
        }
    }

    #[test]
    fn a_read_is_capped_whatever_was_asked_for() {
        let session = session();
        let file = open(&session, &vec![7; READ_BYTES_MAX + 10]);
        let mut input = input(&file, 0);
        assert_eq!(input.read(usize::MAX).expect("read").len(), READ_BYTES_MAX);
        assert_eq!(input.read(usize::MAX).expect("read").len(), 10);
        assert!(matches!(input.read(usize::MAX), Err(StreamError::Closed)));
    }

    #[test]
    fn the_end_is_looked_for_at_each_read() {
        let session = session();
        let file = open(&session, b"one");
        let mut input = input(&file, 0);
        assert_eq!(input.read(0).expect("empty"), "");
        assert_eq!(input.read(9).expect("read"), "one");
        assert!(matches!(input.read(9), Err(StreamError::Closed)));
        session.append("file", b"two").expect("appended");
        assert_eq!(input.read(9).expect("read on"), "two");
        assert!(self::input(&file, u64::MAX).read(9).is_err());
    }

    #[tokio::test]
    async fn writes_go_on_from_their_position_and_appends_to_the_end_of_the_moment() {
        let session = session();
        let file = open(&session, b"0123456789");
        let mut at = FileOutput::at(file.clone(), 2, Arc::default());
        let mut end = FileOutput::append(file, Arc::default());
        at.write(Bytes::from_static(b"ab")).expect("written");
        end.blocking_write_and_flush(Bytes::from_static(b"X"))
            .await
            .expect("appended");
        at.write(Bytes::from_static(b"cd")).expect("written");
        session.append("file", b"Y").expect("appended");
        end.write(Bytes::from_static(b"Z")).expect("appended");
        assert_eq!(session.read("file").expect("read"), b"01abcd6789XYZ");
    }

    #[test]
    fn a_write_over_the_permit_is_the_guests_fault() {
        let session = session();
        let mut output = FileOutput::append(open(&session, b""), Arc::default());
        assert_eq!(output.check_write().expect("permitted"), WRITE_PERMIT_BYTES);
        let bytes = Bytes::from(vec![0; WRITE_PERMIT_BYTES + 1]);
        assert!(matches!(output.write(bytes), Err(StreamError::Trap(_))));
    }

    #[test]
    fn a_failed_write_closes_the_stream_and_leaves_its_cause_in_the_log() {
        let session = session();
        let events = Arc::<EventLog>::default();
        let mut output = FileOutput::at(open(&session, b""), 8 << 20, events.clone());
        let Err(StreamError::LastOperationFailed(error)) = output.write(Bytes::from_static(b"x"))
        else {
            panic!("written over the limit");
        };
        assert!(error.downcast_ref::<vfs::Error>().is_some());
        assert!(matches!(output.check_write(), Err(StreamError::Closed)));
        assert!(matches!(
            output.write(Bytes::new()),
            Err(StreamError::Closed)
        ));
        assert!(matches!(output.flush(), Err(StreamError::Closed)));
        assert_eq!(events.take().0.len(), 1);
        assert_eq!(session.read("file").expect("read"), b"");
    }
}
