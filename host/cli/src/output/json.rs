//! Reports as JSON: one object, or one object per line.

use serde::Serialize;
use serde_json::{Value, json};

use crate::report::Report;

/// A document over several lines.
pub(super) fn object(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_else(|e| broken(&e));
    text.push('\n');
    text
}

/// A document on one line.
pub(super) fn line(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).unwrap_or_else(|e| broken(&e));
    text.push('\n');
    text
}

/// Documents that are on a line each, as one array.
pub(super) fn array(lines: &[String]) -> String {
    if lines.is_empty() {
        return "[]\n".to_owned();
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    format!("[\n  {}\n]\n", lines.join(",\n  "))
}

/// Events, entries and conflicts on a line each, then the rest.
pub(super) fn lines(report: &Report) -> String {
    let mut text = String::new();
    for event in &report.events {
        text.push_str(&tagged("event", event));
    }
    for entry in report.change.iter().flat_map(|change| &change.entries) {
        text.push_str(&tagged("entry", entry));
    }
    for conflict in &report.conflicts {
        text.push_str(&tagged("conflict", conflict));
    }
    let mut rest = report.clone();
    rest.events.clear();
    rest.conflicts.clear();
    if let Some(change) = &mut rest.change {
        change.entries.clear();
    }
    let mut rest = value(&rest);
    if let Some(fields) = rest.as_object_mut() {
        fields.remove("events");
        fields.remove("conflicts");
        if let Some(change) = fields.get_mut("change").and_then(Value::as_object_mut) {
            change.remove("entries");
        }
    }
    text.push_str(&tagged("result", &rest));
    text
}

fn tagged(tag: &str, document: &impl Serialize) -> String {
    let mut tagged = json!({ "type": tag });
    if let (Some(fields), Value::Object(more)) = (tagged.as_object_mut(), value(document)) {
        fields.extend(more);
    }
    line(&tagged)
}

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap_or(Value::Null)
}

/// The documents hold nothing that JSON cannot; still no reason to panic after a commit.
fn broken(error: &serde_json::Error) -> String {
    json!({ "error": { "message": error.to_string() } }).to_string()
}
