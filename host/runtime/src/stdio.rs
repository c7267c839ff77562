//! The standard streams of a run: output goes straight to the caller's sinks, bounded in all.
//!
//! Over the bound the guest goes on and its output is dropped: a program that prints too much is no
//! reason to lose its work. The report says how much was dropped.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtxBuilder, async_trait};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{OutputStream, StreamError, StreamResult};

use crate::events::{EventKind, EventLog};

/// Bytes that a guest may print with one call.
const PERMIT_BYTES: usize = 64 << 10;

/// Where one output stream of a guest goes, while it runs.
pub trait OutputSink: Send + Sync {
    /// Takes what the guest printed. Called from the run, which cannot be stopped meanwhile: it must
    /// not block. The guest never writes more than there is [room](Self::room) for on this stream.
    fn write(&self, bytes: &[u8]);

    /// Bytes that may be written now.
    fn room(&self) -> usize {
        PERMIT_BYTES
    }

    /// Waits until there is room again. The guest waits with it, and can be stopped there.
    fn poll_room(&self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Whether the guest should think that it prints to a terminal.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// Where a guest's standard input comes from.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// At its end from the start.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// The standard input of the host process.
    Host,
}

/// A sink that forgets everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOutput;

impl OutputSink for NoOutput {
    fn write(&self, _bytes: &[u8]) {}
}

impl OutputSink for parking_lot::Mutex<Vec<u8>> {
    fn write(&self, bytes: &[u8]) {
        self.lock().extend_from_slice(bytes);
    }
}

/// Counts what one run printed on both streams.
#[derive(Debug)]
pub(crate) struct OutputMeter {
    written: AtomicU64,
    limit: u64,
    events: Arc<EventLog>,
}

impl OutputMeter {
    pub(crate) fn new(limit: u64, events: Arc<EventLog>) -> Self {
        Self {
            written: AtomicU64::new(0),
            limit,
            events,
        }
    }

    /// Bytes that the guest printed, dropped ones included.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.written().saturating_sub(self.limit)
    }

    /// Whether all that comes is dropped.
    fn is_full(&self) -> bool {
        self.written() >= self.limit
    }

    /// How many of the next `len` bytes may pass.
    fn admit(&self, len: usize) -> usize {
        let before = self.written.fetch_add(len as u64, Ordering::Relaxed);
        let left = usize::try_from(self.limit.saturating_sub(before)).unwrap_or(usize::MAX);
        if left < len {
            let detail = format!("output over {} bytes was dropped", self.limit);
            self.events.note(EventKind::Limit, None, &detail);
        }
        left.min(len)
    }
}

/// Gives a guest its three streams.
pub(crate) fn connect(
    builder: &mut WasiCtxBuilder,
    stdin: Stdin,
    stdout: Arc<dyn OutputSink>,
    stderr: Arc<dyn OutputSink>,
    meter: &Arc<OutputMeter>,
) {
    match stdin {
        Stdin::Empty => {}
        Stdin::Bytes(bytes) => {
            builder.stdin(BytesStdin(MemoryInputPipe::new(bytes)));
        }
        Stdin::Host => {
            builder.inherit_stdin();
        }
    }
    builder.stdout(Output {
        sink: stdout,
        meter: meter.clone(),
    });
    builder.stderr(Output {
        sink: stderr,
        meter: meter.clone(),
    });
}

struct BytesStdin(MemoryInputPipe);

impl IsTerminal for BytesStdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl wasmtime_wasi::cli::StdinStream for BytesStdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.0.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi_io::streams::InputStream> {
        Box::new(self.0.clone())
    }
}

#[derive(Clone)]
struct Output {
    sink: Arc<dyn OutputSink>,
    meter: Arc<OutputMeter>,
}

impl Output {
    fn print(&self, bytes: &[u8]) {
        let admitted = self.meter.admit(bytes.len());
        if admitted > 0 {
            self.sink.write(&bytes[..admitted]);
        }
    }

    /// Bytes that the guest may print with its next call. What is dropped needs no room.
    fn room(&self) -> usize {
        match self.meter.is_full() {
            true => PERMIT_BYTES,
            false => self.sink.room().min(PERMIT_BYTES),
        }
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        match self.meter.is_full() {
            true => Poll::Ready(()),
            false => self.sink.poll_room(context),
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        self.sink.is_terminal()
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.poll_room(context).is_pending() {
            return Poll::Pending;
        }
        let len = bytes.len().min(self.room());
        self.print(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        poll_fn(|context| self.poll_room(context)).await;
    }
}

#[async_trait]
impl OutputStream for Output {
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(self.room())
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PERMIT_BYTES {
            return Err(StreamError::trap(
                "write of more than check-write permitted",
            ));
        }
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ready().await;
        self.write(bytes)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn output_over_the_bound_is_dropped_and_counted_over_both_streams() {
        let meter = Arc::new(OutputMeter::new(5, Arc::default()));
        let sink = Arc::new(Mutex::new(Vec::new()));
        let mut stdout = Output {
            sink: sink.clone(),
            meter: meter.clone(),
        };
        let mut stderr = Output {
            sink: Arc::new(NoOutput),
            meter: meter.clone(),
        };
        stdout.write(Bytes::from_static(b"abc")).expect("written");
        stderr.write(Bytes::from_static(b"x")).expect("written");
        stdout.write(Bytes::from_static(b"def")).expect("written");
        assert_eq!(*sink.lock(), b"abcd");
        assert_eq!((meter.written(), meter.dropped()), (7, 2));
        assert_eq!(meter.events.take().0.len(), 1);
    }
}
