//! JSON: it parses, it has the documented fields, and stdout carries nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Call, Place};
use crate::support::guests;

const STEPS: [&str; 4] = [
    "write a.txt x",
    "rename b.txt z.txt",
    "print chatter",
    "warn more",
];

#[test]
fn a_commit_is_one_object() {
    let place = Place::new();
    let done = place
        .run(&["--format", "json"], guests::STEPS, &STEPS)
        .done();
    done.assert_code(0).assert_says(&["chatter", "more"]);
    let report = done.json();
    assert_eq!(report["outcome"], "committed");
    assert_eq!(report["run"]["ended"], "succeeded");
    assert_eq!(report["change"]["generation"], 1);
    assert_eq!(report["change"]["id"].as_str().map(str::len), Some(64));
    let entries = &report["change"]["entries"];
    assert_eq!(entries[0]["path"], "a.txt");
    assert_eq!(entries[0]["change"], "modified");
    assert_eq!(
        (&entries[0]["size_before"], &entries[0]["size_after"]),
        (&14.into(), &2.into())
    );
    assert_eq!(
        (&entries[1]["path"], &entries[1]["renamed_from"]),
        (&"z.txt".into(), &"b.txt".into())
    );
    assert!(report["error"].is_null());
}

#[test]
fn a_dry_run_has_the_diff_and_what_was_denied() {
    let place = Place::new();
    let options = ["--format", "json", "--dry-run"];
    let done = place
        .run(&options, guests::STEPS, &["write a.txt x", "try ../up"])
        .done();
    let report = done.assert_code(0).json();
    assert_eq!(report["outcome"], "dry-run");
    assert!(report["change"]["id"].is_null());
    assert!(
        report["diff"]
            .as_str()
            .is_some_and(|diff| diff.contains("+x"))
    );
    assert_eq!(report["events"][0]["kind"], "denied");
    assert_eq!(report["events"][0]["path"], "../up");
    place.scene.assert_untouched();
}

#[test]
fn what_was_not_run_is_an_object_too() {
    let done = Call::new(&["run", "--format", "json", "--base", "/none", guests::STEPS]).done();
    let refusal = done.assert_code(4).json();
    assert_eq!(refusal["exit_code"], 4);
    assert!(
        refusal["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("/none"))
    );
}

#[test]
fn lines_end_with_the_result() {
    let place = Place::new();
    let steps = ["write a.txt x", "write n y", "try ../up"];
    let done = place
        .run(&["--format", "jsonl"], guests::STEPS, &steps)
        .done();
    let lines = done.assert_code(0).stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let types: Vec<_> = lines.iter().map(|line| &line["type"]).collect();
    assert_eq!(types, ["event", "entry", "entry", "result"]);
    assert_eq!(lines[3]["outcome"], "committed");
    assert_eq!(lines[3]["change"]["generation"], 1);
}

/// Fields come and go; the page has to go with them.
#[test]
fn every_field_is_in_the_manual() {
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let manual = std::fs::read_to_string(manual).expect("the manual is there");
    let place = Place::new();
    let run = place
        .run(&["--format", "json"], guests::STEPS, &STEPS)
        .done()
        .json();
    let inspected = Call::new(&["inspect", "--format", "json", guests::STEPS])
        .done()
        .json();
    let mut names = BTreeSet::new();
    collect(&run, "", &mut names);
    collect(&inspected, "", &mut names);
    let is_missing = |name: &&String| {
        let last = name.rsplit('.').next().unwrap_or(name);
        let spelled =
            [name.as_str(), last].map(|name| [format!("`{name}`"), format!("`{name}[]`")]);
        !spelled.iter().flatten().any(|name| manual.contains(name))
    };
    let missing: Vec<_> = names.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "docs/cli.md lacks {missing:?}");
}

fn collect(value: &Value, prefix: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_group = matches!(
                    name.as_str(),
                    "run" | "change" | "usage" | "error" | "result"
                );
                if !is_group || !value.is_object() {
                    names.insert(format!("{prefix}{name}"));
                }
                collect(value, &format!("{prefix}{name}."), names);
            }
        }
        Value::Array(values) => {
            values
                .iter()
                .for_each(|value| collect(value, prefix, names));
        }
        _ => {}
    }
}
