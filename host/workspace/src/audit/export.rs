//! Exporting a log: its lines as they stand, or as a table for a spreadsheet.

use std::io;

use super::line::AuditEntry;
use super::text::{TimeText, push_number, push_text};
use super::{AuditError, AuditFilter, AuditLog, AuditReader, AuditResult};

/// Bytes handed to the sink at once.
const PART_BYTES: usize = 64 << 10;
const COLUMNS: &str =
    "n,time,session,agent,task,operation,path,target,flags,bytes,calls,outcome,reason\r\n";

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The lines as they stand, chain included: who has the key can verify an unfiltered export.
    Jsonl,
    /// A table by RFC 4180 with a line of titles. Texts are escaped as in the log, so that each row
    /// is one line, and one that a spreadsheet would take for a formula has `'` before it.
    Csv,
}

impl AuditReader {
    /// Hands the lines that a filter takes to `sink`, in order and in parts; returns how many.
    ///
    /// # Errors
    ///
    /// As [`AuditReader::read`]; `Sink` with what the sink returned.
    pub fn export(
        &self,
        filter: &AuditFilter,
        format: ExportFormat,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> AuditResult<u64> {
        let (mut part, mut times, mut lines_count) = (Vec::new(), TimeText::new(), 0);
        if format == ExportFormat::Csv {
            part.extend_from_slice(COLUMNS.as_bytes());
        }
        self.each(0, &mut |entry, line| {
            if !filter.takes(&entry) {
                return Ok(true);
            }
            lines_count += 1;
            match format {
                ExportFormat::Jsonl => part.extend_from_slice(line),
                ExportFormat::Csv => push_row(&mut part, &mut times, &entry),
            }
            if part.len() >= PART_BYTES {
                sink(&part).map_err(AuditError::sink)?;
                part.clear();
            }
            Ok(true)
        })?;
        if !part.is_empty() {
            sink(&part).map_err(AuditError::sink)?;
        }
        Ok(lines_count)
    }
}

impl AuditLog {
    /// Hands the lines that a filter takes to `sink`, as [`AuditReader::export`].
    ///
    /// # Errors
    ///
    /// As [`AuditLog::read`]; `Sink` with what the sink returned.
    pub fn export(
        &self,
        filter: &AuditFilter,
        format: ExportFormat,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> AuditResult<u64> {
        self.reader()?.export(filter, format, sink)
    }
}

fn push_row(row: &mut Vec<u8>, times: &mut TimeText, entry: &AuditEntry) {
    push_number(row, entry.number);
    row.push(b',');
    times.push(row, entry.time);
    let texts = |row: &mut Vec<u8>, values: &[Option<&str>]| {
        for value in values {
            row.push(b',');
            value.iter().for_each(|value| push_cell(row, value));
        }
    };
    texts(
        row,
        &[
            entry.session.as_deref(),
            entry.agent.as_deref(),
            entry.task.as_deref(),
            Some(&entry.operation),
            entry.path.as_deref(),
            entry.target.as_deref(),
            entry.flags.as_deref(),
        ],
    );
    for number in [entry.bytes, entry.calls] {
        row.push(b',');
        push_number(row, number);
    }
    texts(row, &[Some(&entry.outcome), entry.reason.as_deref()]);
    row.extend_from_slice(b"\r\n");
}

/// A text in quotes, those within doubled.
fn push_cell(row: &mut Vec<u8>, text: &str) {
    let mut escaped = Vec::new();
    push_text(&mut escaped, text, usize::MAX);
    row.push(b'"');
    if text.starts_with(['=', '+', '-', '@', '\'']) {
        row.push(b'\'');
    }
    for byte in &escaped[1..escaped.len() - 1] {
        row.push(*byte);
        if *byte == b'"' {
            row.push(b'"');
        }
    }
    row.push(b'"');
}
