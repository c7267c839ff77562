//! Where the two hosts differ and are meant to: each with the reason why ours is right, or as good.

use std::sync::atomic::{AtomicBool, Ordering};

/// What a description says before the time of access.
const ACCESSED: &str = " accessed ";

/// A step that may come out differently.
struct Exception {
    /// The methods.
    methods: &'static [&'static str],
    /// What the step, and a space after it, contains.
    step: &'static str,
    /// Our result; `*` at its begin or end stands for any text.
    ours: &'static str,
    /// Theirs.
    theirs: &'static str,
    /// Why ours is right by the WIT or POSIX, or as good.
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 39] = [
    Exception {
        methods: &["open-at"],
        step: "",
        ours: "*",
        theirs: "error unsupported",
        reason: "the flags for synchronous writes are a request by the WIT, and every write of a session meets them",
    },
    Exception {
        methods: &["get-flags"],
        step: "",
        ours: "DescriptorFlags { bits: 33 }",
        theirs: "DescriptorFlags { bits: 1 }",
        reason: "a directory that was opened with mutate-directory has it",
    },
    Exception {
        methods: &["read-via-stream", "write-via-stream", "append-via-stream"],
        step: "",
        ours: "error bad-descriptor",
        theirs: "ok",
        reason: "a stream that can do nothing is refused when it is asked for, and not when it is used",
    },
    Exception {
        methods: &["set-size"],
        step: "",
        ours: "error bad-descriptor",
        theirs: "error invalid",
        reason: "POSIX leaves open which of the two a handle gets that may not write",
    },
    Exception {
        methods: &["set-size"],
        step: "",
        ours: "error file-too-large",
        theirs: "error invalid",
        reason: "POSIX leaves open which of the two a size gets that no file can have",
    },
    Exception {
        methods: &["write"],
        step: "",
        ours: "error file-too-large",
        theirs: "error invalid",
        reason: "POSIX has EFBIG for a write past the largest offset",
    },
    Exception {
        methods: &[
            "output-stream.write",
            "output-stream.blocking-write-and-flush",
            "output-stream.write-zeroes",
            "output-stream.blocking-write-zeroes-and-flush",
            "output-stream.splice",
            "output-stream.blocking-splice",
        ],
        step: "",
        ours: "error file-too-large of a stream",
        theirs: "error invalid of a stream",
        reason: "POSIX has EFBIG for a write past the largest offset",
    },
    Exception {
        methods: &["read", "write"],
        step: "",
        ours: "error bad-descriptor",
        theirs: "error invalid",
        reason: "both the handle and the offset are wrong",
    },
    Exception {
        methods: &["read"],
        step: "",
        ours: "0 bytes 00000007 ",
        theirs: "0 bytes 00000007  and the end",
        reason: "who asks for nothing has not seen an end",
    },
    Exception {
        methods: &["input-stream.blocking-read", "input-stream.blocking-skip"],
        step: " 0 ",
        ours: "0 bytes*",
        theirs: "error closed",
        reason: "who asks for nothing has not seen an end",
    },
    Exception {
        methods: &["read"],
        step: "",
        ours: "0 bytes 00000007  and the end",
        theirs: "error invalid",
        reason: "an offset that a file can have is behind its end, whatever length is asked for",
    },
    Exception {
        methods: &[
            "input-stream.read",
            "input-stream.blocking-read",
            "input-stream.skip",
            "input-stream.blocking-skip",
            "input-stream.subscribe",
            "output-stream.splice",
            "output-stream.blocking-splice",
        ],
        step: "",
        ours: "error closed",
        theirs: "error invalid of a stream",
        reason: "an offset that a file can have is behind its end, whatever length is asked for",
    },
    Exception {
        methods: &["advise"],
        step: "",
        ours: "ok",
        theirs: "error invalid",
        reason: "advice is free, and what it is about may be anything",
    },
    Exception {
        methods: &["set-times", "set-times-at"],
        step: ".1000000000 ",
        ours: "error invalid",
        theirs: "*",
        reason: "the WIT says that nanoseconds are less than 1000000000; theirs are carried into the seconds",
    },
    Exception {
        methods: &["set-times"],
        step: " d0 ",
        ours: "ok",
        theirs: "error bad-descriptor",
        reason: "the times of a preopened directory can be set, as those of any other",
    },
    Exception {
        methods: &["set-times-at"],
        step: " no-change no-change ",
        ours: "error *",
        theirs: "ok",
        reason: "a path is looked up, also when there is nothing to change",
    },
    Exception {
        methods: &["stat", "stat-at"],
        step: "",
        ours: "* accessed *",
        theirs: "* accessed recently",
        reason: "the time of access is what was set, or not known; a host may move it when something is read",
    },
    Exception {
        methods: &["symlink-at"],
        step: "",
        ours: "error not-permitted",
        theirs: "ok",
        reason: "a link that leads out of the session is not made, because a commit would make it in the tree",
    },
    Exception {
        methods: &["link-at", "symlink-at", "create-directory-at"],
        step: "/ ",
        ours: "error exist",
        theirs: "error *",
        reason: "Linux says EEXIST for what is there, also with a slash; theirs walks into it first",
    },
    Exception {
        methods: &[
            "unlink-file-at",
            "remove-directory-at",
            "rename-at",
            "link-at",
        ],
        step: "/ ",
        ours: "error not-directory",
        theirs: "error *",
        reason: "a link with a slash is not followed by what changes names: what it leads to would be changed",
    },
    Exception {
        methods: &["remove-directory-at"],
        step: "/ ",
        ours: "*",
        theirs: "error invalid",
        reason: "a directory may be named with a slash",
    },
    Exception {
        methods: &["stat-at", "metadata-hash-at", "set-times-at"],
        step: "/ ",
        ours: "error *",
        theirs: "*",
        reason: "what is named with a slash has to be a directory; theirs forgets the slash",
    },
    Exception {
        methods: &["metadata-hash-at"],
        step: "/ ",
        ours: "equal",
        theirs: "different",
        reason: "a link to a directory that is named with a slash is that directory",
    },
    Exception {
        methods: &["stat-at"],
        step: "/ ",
        ours: "DescriptorType::Directory *",
        theirs: "DescriptorType::SymbolicLink *",
        reason: "a link to a directory that is named with a slash is that directory",
    },
    Exception {
        methods: &["stat-at", "metadata-hash-at", "set-times-at"],
        step: "/. ",
        ours: "error *",
        theirs: "*",
        reason: "what is named with a slash and a point has to be a directory; theirs forgets both",
    },
    Exception {
        methods: &["metadata-hash-at"],
        step: "/. ",
        ours: "equal",
        theirs: "different",
        reason: "a link to a directory that is named with a slash and a point is that directory",
    },
    Exception {
        methods: &["stat-at"],
        step: "/. ",
        ours: "DescriptorType::Directory *",
        theirs: "DescriptorType::SymbolicLink *",
        reason: "a link to a directory that is named with a slash and a point is that directory",
    },
    Exception {
        methods: &["open-at"],
        step: " create",
        ours: "error not-directory",
        theirs: "error is-directory",
        reason: "POSIX has ENOTDIR for a file that is named with a slash",
    },
    Exception {
        methods: &["open-at"],
        step: " create",
        ours: "error loop",
        theirs: "error is-directory",
        reason: "what is wrong with what stands there is told, and not that a directory cannot be created",
    },
    Exception {
        methods: &["open-at"],
        step: "/ create",
        ours: "error *",
        theirs: "error is-directory",
        reason: "what is wrong with what stands there is told, and not that a directory cannot be created",
    },
    Exception {
        methods: &["link-at"],
        step: "",
        ours: "error not-permitted",
        theirs: "error no-entry",
        reason: "a directory is not linked, whatever is wrong with the directory of the new name",
    },
    Exception {
        methods: &["link-at"],
        step: "",
        ours: "error no-entry",
        theirs: "error *",
        reason: "Linux looks for the source of a link before the new name; theirs walks to both first",
    },
    Exception {
        methods: &["rename-at", "link-at", "symlink-at"],
        step: "%00 ",
        ours: "error invalid",
        theirs: "error *",
        reason: "a NUL in one path is told before what is wrong with another",
    },
    Exception {
        methods: &["rename-at", "link-at", "symlink-at"],
        step: "nnnnnnnn",
        ours: "error name-too-long",
        theirs: "error *",
        reason: "a name that is too long in one path is told before what is wrong with another",
    },
    Exception {
        methods: &["rename-at", "link-at"],
        step: " /",
        ours: "error not-permitted",
        theirs: "error *",
        reason: "an absolute path is told before what is wrong with another",
    },
    Exception {
        methods: &["symlink-at"],
        step: " % ",
        ours: "error no-entry",
        theirs: "error *",
        reason: "an empty target is told before what is wrong with the name",
    },
    Exception {
        methods: &[
            "open-at",
            "set-times",
            "set-times-at",
            "create-directory-at",
            "remove-directory-at",
            "unlink-file-at",
            "rename-at",
            "link-at",
            "symlink-at",
        ],
        step: "",
        ours: "error read-only",
        theirs: "error not-permitted",
        reason: "the WIT names read-only for a directory that may not be changed",
    },
    Exception {
        methods: &["write", "set-size", "write-via-stream", "append-via-stream"],
        step: "",
        ours: "error bad-descriptor",
        theirs: "error not-permitted",
        reason: "what was opened for reading is no handle to write with, wherever it is",
    },
    Exception {
        methods: &["link-at"],
        step: "",
        ours: "error invalid",
        theirs: "error not-permitted",
        reason: "a link that would have to be followed is told before the right to make it",
    },
];

/// Which of them a script has met.
static MET: [AtomicBool; EXCEPTIONS.len()] = [const { AtomicBool::new(false) }; EXCEPTIONS.len()];

/// Whether a step that came out differently is one of the exceptions.
pub(super) fn is_known(step: &str, ours: &str, theirs: &str) -> bool {
    let found = EXCEPTIONS
        .iter()
        .position(|exception| exception.allows(step, ours, theirs));
    if let Some(index) = found {
        MET[index].store(true, Ordering::Relaxed);
    }
    found.is_some()
}

impl Exception {
    fn allows(&self, step: &str, ours: &str, theirs: &str) -> bool {
        let method = step.split(' ').next().unwrap_or_default();
        let is_step = self.methods.contains(&method) && format!("{step} ").contains(self.step);
        is_step
            && matches(self.ours, ours)
            && matches(self.theirs, theirs)
            && without_access(ours, self.ours) == without_access(theirs, self.ours)
    }
}

/// What stands before the time of access, where an exception is about that time.
fn without_access<'t>(result: &'t str, pattern: &str) -> &'t str {
    if !pattern.contains(ACCESSED) {
        return "";
    }
    result
        .split_once(ACCESSED)
        .map_or(result, |(before, _)| before)
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// Why each of them is one.
pub(super) fn reasons() -> impl Iterator<Item = &'static str> {
    EXCEPTIONS.iter().map(|exception| exception.reason)
}

/// The reasons of the exceptions that no script of this process has met.
pub(super) fn not_met() -> Vec<&'static str> {
    let pairs = EXCEPTIONS.iter().zip(&MET);
    pairs
        .filter(|(_, met)| !met.load(Ordering::Relaxed))
        .map(|(exception, _)| exception.reason)
        .collect()
}
