//! Everything that is printed goes through here: our own words, JSON, and what the guest prints.
//!
//! Keeps apart what belongs on stdout and what on stderr, so that pipes stay clean, and lets nothing
//! of a guest's reach a terminal as a control sequence.

mod answer;
mod conflicts;
mod guest_text;
mod json;
mod printer;
mod progress;
mod table;
mod text;

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use runtime::OutputSink;
use serde::Serialize;
use tokio::time::timeout;

pub(crate) use answer::Answer;
use answer::{Form, Text};
pub(crate) use conflicts::conflicts;

use crate::args::Format;
use crate::exit::Failure;
use crate::report::Report;
use guest_text::GuestText;
use printer::Printer;
use progress::Progress;
pub(crate) use table::{Row, Section, change, listing, problem, sections};
pub(crate) use text::{clean, clean_line};

/// How long a reader may take for the last of what a stopped guest printed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where the process prints.
pub(crate) struct Output {
    format: Format,
    progress: Progress,
    /// What the guest prints, on either stream.
    guest: Printer,
    /// What is said while something else may be waiting for a reader.
    asides: Printer,
    /// Where something of the guest's is being printed.
    printing: Mutex<Option<Stream>>,
    /// A stream whose reader does not read: nothing more is printed there.
    stuck: OnceLock<Stream>,
}

/// Which of the process's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            progress: Progress::new(io::stderr().is_terminal()),
            guest: Printer::default(),
            asides: Printer::default(),
            printing: Mutex::default(),
            stuck: OnceLock::new(),
        }
    }

    /// Waits until what the guest printed is out.
    pub(crate) async fn guest_printed(&self) {
        self.guest.printed().await;
    }

    /// Gives whoever reads a moment for the last of what the guest printed. From then on nothing is
    /// printed to a stream that nobody reads.
    pub(crate) async fn give_up_guest(&self) {
        let is_out = timeout(LAST_WORDS, self.guest.printed()).await.is_ok();
        let printing = *self.printing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = printing.filter(|_| !is_out) {
            let _already_so = self.stuck.set(stream);
        }
        let _unheard = timeout(LAST_WORDS, self.asides.printed()).await;
    }

    /// Shows on a terminal what is being done, until something else is shown.
    pub(crate) fn stage(&self, what: &'static str) {
        self.progress.stage(what);
    }

    /// The sink for one stream of a guest.
    ///
    /// `is_reserved` says that stdout is kept for the result: then both streams go to stderr.
    pub(crate) fn guest(
        self: &Arc<Self>,
        stream: Stream,
        is_reserved: bool,
    ) -> Arc<dyn OutputSink> {
        let stream = if is_reserved { Stream::Stderr } else { stream };
        let is_terminal = match stream {
            Stream::Stdout => io::stdout().is_terminal(),
            Stream::Stderr => io::stderr().is_terminal(),
        };
        let strip = is_terminal.then(|| Arc::new(Mutex::new(GuestText::default())));
        Arc::new(GuestStream {
            output: self.clone(),
            stream,
            strip,
        })
    }

    /// Prints what a run came to.
    ///
    /// # Errors
    ///
    /// Those of stdout. Nobody can be told that stderr failed.
    pub(crate) fn report(&self, report: &Report) -> io::Result<()> {
        self.progress.clear();
        match self.format {
            Format::Table => {
                let printed = match &report.diff {
                    Some(diff) if io::stdout().is_terminal() => self.stdout(&table::diff(diff)),
                    Some(diff) => self.raw(diff.as_bytes()),
                    None => self.stdout(&table::result(report)),
                };
                // Also when stdout is gone: what was committed is to be said in any case.
                self.say(&table::summary(report));
                printed
            }
            Format::Json => self.raw(json::object(report).as_bytes()),
            Format::Jsonl => self.raw(json::lines(report).as_bytes()),
        }
    }

    /// Prints what is known of a component: sections of rows for a person, else the document.
    pub(crate) fn document(
        &self,
        sections: &[Section],
        document: &impl Serialize,
    ) -> io::Result<()> {
        self.progress.clear();
        match self.format {
            Format::Table => self.stdout(&table::sections(sections)),
            Format::Json => self.raw(json::object(document).as_bytes()),
            Format::Jsonl => self.raw(json::line(document).as_bytes()),
        }
    }

    /// Prints what a command came to.
    ///
    /// # Errors
    ///
    /// Those of stdout.
    pub(crate) fn answer(&self, answer: &Answer) -> io::Result<()> {
        self.progress.clear();
        let printed = match (self.format, &answer.form) {
            (Format::Table, _) => match &answer.text {
                Text::Styled(text) => self.stdout(text),
                Text::Diff(diff) if io::stdout().is_terminal() => self.stdout(&table::diff(diff)),
                Text::Diff(diff) => self.raw(diff.as_bytes()),
            },
            (_, Form::Printed) => Ok(()),
            (Format::Json, Form::Object { pretty, .. }) => self.raw(pretty.as_bytes()),
            (Format::Json, Form::Listing(lines)) => self.raw(json::array(lines).as_bytes()),
            (Format::Jsonl, Form::Object { line, .. }) => self.raw(line.as_bytes()),
            (Format::Jsonl, Form::Listing(lines)) => self.raw(lines.concat().as_bytes()),
        };
        // Also when stdout is gone: what went wrong is to be said in any case.
        if !answer.note.is_empty() {
            self.say(&answer.note);
        }
        printed
    }

    /// Prints why nothing was run.
    pub(crate) fn refusal(&self, failure: Failure) -> io::Result<()> {
        self.answer(&failure.into())
    }

    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// What a held session would commit, for the person who decides.
    pub(crate) fn proposal(&self, report: &Report) {
        self.progress.clear();
        self.say(&table::proposal(report));
    }

    /// A diff for the person who decides.
    pub(crate) fn diff(&self, diff: &str) {
        self.progress.clear();
        self.say(&table::diff(diff));
    }

    /// Says something to the person, on stderr.
    pub(crate) fn say(&self, text: &str) {
        if self.is_stuck(Stream::Stderr) {
            return;
        }
        self.progress.clear();
        let mut stderr = anstream::stderr().lock();
        // There is nowhere left to complain to.
        let _unheard = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Says something while a guest may be printing, without waiting for whoever reads.
    pub(crate) fn aside(self: &Arc<Self>, text: String) {
        let output = self.clone();
        self.asides.print(text.len(), move || output.say(&text));
    }

    /// Whether a stream's reader does not read. Its lock is held by a thread that waits for it.
    fn is_stuck(&self, stream: Stream) -> bool {
        self.stuck.get() == Some(&stream)
    }

    /// Prints bytes as they are: what a program reads, or a shell, must not lose a byte.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        if self.is_stuck(Stream::Stdout) {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    fn stdout(&self, text: &str) -> io::Result<()> {
        if self.is_stuck(Stream::Stdout) {
            return Ok(());
        }
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// One stream of a guest, on its way to ours.
struct GuestStream {
    output: Arc<Output>,
    stream: Stream,
    /// For a terminal: takes the control sequences away, which a guest could use to lie or worse.
    strip: Option<Arc<Mutex<GuestText>>>,
}

impl OutputSink for GuestStream {
    fn write(&self, bytes: &[u8]) {
        let (output, stream, strip) = (self.output.clone(), self.stream, self.strip.clone());
        let bytes = bytes.to_vec();
        self.output.guest.print(bytes.len(), move || {
            let set = |printing| {
                *output
                    .printing
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = printing;
            };
            set(Some(stream));
            output.progress.clear();
            // A reader that went away is no reason to stop the guest.
            let _unread = match strip {
                None => put(stream, &bytes),
                Some(strip) => {
                    let mut strip = strip.lock().unwrap_or_else(PoisonError::into_inner);
                    put(stream, &strip.next(&bytes))
                }
            };
            set(None);
        });
    }

    fn room(&self) -> usize {
        self.output.guest.room()
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.output.guest.poll_room(context)
    }
}

fn put(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stdout => write_all(io::stdout().lock(), bytes),
        Stream::Stderr => write_all(io::stderr().lock(), bytes),
    }
}

fn write_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
