//! The mistakes that the tests of the commit protocol have to notice: each drops one flush, one
//! check or one lock.

/// One mistake, as the text that it replaces.
pub(super) struct Bug {
    pub(super) name: &'static str,
    /// The file, from the root of the repository.
    pub(super) file: &'static str,
    pub(super) right: &'static str,
    pub(super) wrong: &'static str,
    /// The package whose tests notice, without `session-fs-`.
    pub(super) package: &'static str,
    /// Which of them are run.
    pub(super) tests: &'static [&'static str],
}

/// A mistake in the engine, noticed by its own tests.
const fn bug(
    name: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    tests: &'static [&'static str],
) -> Bug {
    Bug {
        name,
        file,
        right,
        wrong,
        package: "workspace",
        tests,
    }
}

const CRASH: &[&str] = &["crash::"];
const RACES: &[&str] = &["races::"];

const JOURNAL: &str = "host/store/src/journal.rs";
const CHECKPOINT: &str = "host/workspace/src/directory/checkpoint.rs";
const CARRIED: &str = "host/workspace/src/directory/carried.rs";
const REDO: &str = "host/workspace/src/directory/redo.rs";
const REDO_SLOTS: &str = "host/workspace/src/directory/redo/slots.rs";
const TURN: &str = "host/workspace/src/directory/engine/turn.rs";
const COMMIT: &str = "host/workspace/src/directory/commit.rs";

/// All of them.
pub(super) const BUGS: &[Bug] = &[
    bug(
        "the record is not flushed",
        JOURNAL,
        "        self.flush()?;\n        self.is_poisoned = false;\n        self.buffer.clear();",
        "        self.is_poisoned = false;\n        self.buffer.clear();",
        CRASH,
    ),
    bug(
        "the checkpoint does not flush before the journal is emptied",
        CHECKPOINT,
        "        flush()?;\n        Ok(head)",
        "        Ok(head)",
        CRASH,
    ),
    bug(
        "slots are emptied before the change files are flushed",
        CHECKPOINT,
        "        flush()?;\n        let mut placing",
        "        let mut placing",
        CRASH,
    ),
    bug(
        "the journal is emptied before history is flushed",
        CHECKPOINT,
        "        let head = self.carry_out(root, timeline, &settled, (last, before))?;\n        retired.recycle()?;",
        "        retired.recycle()?;\n        let head = self.carry_out(root, timeline, &settled, (last, before))?;",
        CRASH,
    ),
    bug(
        "a change follows itself after an interrupted checkpoint",
        CHECKPOINT,
        "        kept.file.previous = earlier.previous;\n",
        "",
        CRASH,
    ),
    bug(
        "an interrupted checkpoint forgets what it carried away",
        CHECKPOINT,
        "        let earlier = self.remember(&mut kept)?;",
        "        let earlier: Option<Vec<u8>> = None;",
        CRASH,
    ),
    bug(
        "what is recorded is not applied when its journal is emptied",
        CHECKPOINT,
        "        self.wait_settled(last)?;\n",
        "",
        &["history::what_was_acknowledged"],
    ),
    bug(
        "recovery leaves directories where a crash carried them",
        "host/workspace/src/directory/recover.rs",
        "put_back_carried(&mut hands.collect::<Vec<_>>())",
        "put_back_carried(&mut hands.take(0).collect::<Vec<_>>())",
        CRASH,
    ),
    bug(
        "recovery leaves what was made below the path of a directory that it puts back",
        CARRIED,
        "own.path.starts_with(step.path)",
        "own.path == step.path",
        CRASH,
    ),
    bug(
        "recovery leaves what was moved to the path of a directory that it puts back",
        CARRIED,
        "    take_to_free(applier, step, (&*dir, name, &now), &slot)",
        "    let _ = (slot, dir, name);\n    Ok(())",
        CRASH,
    ),
    bug(
        "large contents are not flushed before the record",
        "host/workspace/src/directory/compose.rs",
        "            file.sync_data().map_err(fail)?;",
        "            let _ = (file, fail);",
        CRASH,
    ),
    bug(
        "recovery takes torn files for whole ones",
        REDO,
        "        if likeness == Likeness::Same {\n            self.known.at",
        "        if likeness != Likeness::Other {\n            self.known.at",
        CRASH,
    ),
    bug(
        "recovery takes the version before for somebody else's",
        REDO,
        "        seen.is_some_and(|seen| object(seen) == object(now) && seen.kind == now.kind)\n",
        "        seen.is_some_and(|_| false)\n",
        CRASH,
    ),
    bug(
        "recovery takes what a later change moved to a path for what an earlier one left there",
        REDO,
        "            moved: moved.collect(),",
        "            moved: moved.take(0).collect(),",
        CRASH,
    ),
    bug(
        "recovery takes an old version for a torn new one",
        REDO_SLOTS,
        "        if seen.is_some_and(|seen| object(seen) == object(&now)) {\n            return Ok(Likeness::Other);",
        "        if seen.is_some_and(|_| false) {\n            return Ok(Likeness::Other);",
        CRASH,
    ),
    bug(
        "recovery looks for a large content in its own slot only",
        REDO_SLOTS,
        "        Ok(None)\n    }\n\n    /// How what is in a slot compares",
        "        Ok(Some(base.clone()))\n    }\n\n    /// How what is in a slot compares",
        CRASH,
    ),
    bug(
        "recovery takes what an earlier change put at a path for what was moved there since",
        REDO,
        "                    self.known.latest.remove(&path);\n",
        "",
        CRASH,
    ),
    bug(
        "recovery puts no directory back above one that was carried away",
        CARRIED,
        "            put_back_above(hands, first, step.path, &mut back)?;\n",
        "",
        CRASH,
    ),
    bug(
        "recovery does not look into directories that were moved",
        REDO,
        "            None => self.carried_away(step, seen)?,",
        "            None => None,",
        CRASH,
    ),
    bug(
        "recovery believes what was noted before the power was lost",
        "host/workspace/src/directory/marks.rs",
        "body[8..24] == boot",
        "body[8..24] == boot || !boot.is_empty()",
        CRASH,
    ),
    bug(
        "what was just written is moved without a checkpoint",
        COMMIT,
        "    if store.pending.lock().is_moved_by(&transaction.change) {",
        "    if false && store.pending.lock().is_moved_by(&transaction.change) {",
        CRASH,
    ),
    bug(
        "no record says that a change was taken back",
        COMMIT,
        "store\n        .journal\n        .lock()\n        .current()\n        .append(&[&Entry::abort(sequence)])",
        "Ok::<Vec<u64>, JournalError>(vec![sequence + u64::from(Entry::abort(sequence).is_empty())])",
        RACES,
    ),
    bug(
        "nobody looks at a path again before it is replaced",
        "host/workspace/src/directory/apply.rs",
        "seen.is_some_and(|seen| is_same(seen, &now))",
        "seen.is_none_or(|seen| is_same(seen, &now) || seen.ino == now.ino)",
        RACES,
    ),
    bug(
        "nobody looks at what came out of the tree",
        "host/workspace/src/directory/mover.rs",
        "let untouched = is_same_renamed(now, &fingerprint);",
        "let untouched = is_same_renamed(now, &fingerprint) || true;",
        RACES,
    ),
    bug(
        "updates are not validated",
        "host/workspace/src/directory/validate.rs",
        "self.unchanged(&update.source, &update.before, Some(&update.after))?;",
        "let _ = update;",
        &["conflicts::"],
    ),
    bug(
        "recovery takes a later change's directory for what an earlier one removed",
        REDO,
        "Some(place) if !moved && self.is_of_later(step, seen, &place)? => None,",
        "Some(place) if false && self.is_of_later(step, seen, &place)? => None,",
        CRASH,
    ),
    bug(
        "two processes commit at once",
        TURN,
        "            let lock = self.root().try_lock();\n            if let Some(turn)",
        "            let lock = Ok::<_, std::io::Error>(Some(LockGuard::new(())));\n            if let Some(turn)",
        &["waiting::no_commit", "threads::"],
    ),
    bug(
        "two threads commit to one path at once",
        TURN,
        ".any(|(_, other)| other.overlaps(&footprint))",
        ".any(|(_, other)| other.overlaps(&footprint) && false)",
        &["threads::"],
    ),
    Bug {
        name: "a group of records is acknowledged before it is flushed",
        file: JOURNAL,
        right: "        self.flush()?;\n        self.is_poisoned = false;\n        self.buffer.clear();",
        wrong: "        if payloads.len() == 1 {\n            self.flush()?;\n        }\n        self.is_poisoned = false;\n        self.buffer.clear();",
        package: "store",
        tests: &["journal::"],
    },
    Bug {
        name: "nobody looks whether one journal leads to the other",
        file: "host/store/src/journal/pair.rs",
        right: "        if !follows {",
        wrong: "        if false && !follows {",
        package: "store",
        tests: &["journal::"],
    },
    Bug {
        name: "the seal of a record is not checked",
        file: "host/store/src/journal/frame.rs",
        right: "        if identity.keyed(sealed) != digest || end > sealed.len() {",
        wrong: "        if identity.keyed(sealed) != digest && end > sealed.len() {",
        package: "store",
        tests: &["journal::"],
    },
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::BUGS;

    /// A text that no longer fits would be found an hour into the long runs.
    #[test]
    fn every_text_stands_in_its_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for bug in BUGS {
            let source = fs::read_to_string(root.join(bug.file)).expect("a file of the repository");
            assert!(source.contains(bug.right), "{}: {}", bug.file, bug.name);
        }
    }
}
