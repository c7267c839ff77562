//! Two changes of one tree: what is joined, what is a conflict and why, and what each policy makes
//! of it. Every case runs twice: a nested session is merged into its parent, and a session is
//! rebased onto the base that another one has committed to.

use std::sync::Arc;

use session_fs_vfs::{
    Conflict, ConflictPolicy, Isolation, Kind, MergeOptions, Merged, Session, SessionOptions,
};

use crate::support::{Body, MapBase, over, tree};

use ConflictPolicy::{Fail, Merge, Ours, Theirs};

pub(crate) type Act = fn(&Session);

/// The files and links of a session as `path=content`; `/` ends a directory, `*` marks a program.
pub(crate) fn shown(session: &Session) -> String {
    let rows = tree(session)
        .into_iter()
        .map(|(path, (kind, executable, content))| {
            let content = String::from_utf8_lossy(&content).replace('\n', ",");
            match kind {
                Kind::Directory => format!("{path}/"),
                Kind::Symlink => format!("{path}->{content}"),
                Kind::File => format!("{path}{}={content}", if executable { "*" } else { "" }),
            }
        });
    rows.collect::<Vec<_>>().join(" ")
}

pub(crate) fn told(conflicts: &[Conflict]) -> String {
    let rows = conflicts
        .iter()
        .map(|conflict| format!("{}!{}", conflict.path, conflict.reason.as_str()));
    rows.collect::<Vec<_>>().join(" ")
}

/// A base with all that a session shows.
pub(crate) fn committed(session: &Session) -> MapBase {
    let objects: Vec<_> = tree(session)
        .into_iter()
        .map(|(path, (kind, executable, content))| {
            let text = String::from_utf8_lossy(&content).into_owned();
            let body = match kind {
                Kind::Directory => Body::Directory,
                Kind::Symlink => Body::Link(text),
                Kind::File if executable => Body::Executable(content),
                Kind::File => Body::File(content),
            };
            (path, body)
        })
        .collect();
    let objects: Vec<_> = objects
        .iter()
        .map(|(path, body)| (path.as_str(), body.clone()))
        .collect();
    MapBase::new(&objects)
}

fn base() -> MapBase {
    let file = |text: &str| Body::File(text.into());
    MapBase::new(&[
        ("f", file("1\n2\n3\n4\n5\n")),
        ("g", file("g")),
        ("bin", Body::File(b"\0\n1\n2\n3\n".to_vec())),
        ("run", Body::Executable(b"1\n2\n3\n4\n5\n".to_vec())),
        ("d/x", file("x")),
        ("d/y", file("y")),
        ("l", Body::Link("g".to_owned())),
    ])
}

/// Merges a nested session into its parent; what the parent shows then, or the conflicts.
fn nested(policy: ConflictPolicy, ours: Act, theirs: Act) -> String {
    let parent = over(&base());
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("open");
    ours(&child);
    theirs(&parent);
    let before = shown(&parent);
    let options = MergeOptions {
        policy,
        isolation: Isolation::Snapshot,
    };
    let sealed = child.seal().expect("open");
    match sealed.merge_into_parent("change", &options).expect("fits") {
        Merged::Applied { .. } => shown(&parent),
        Merged::Conflicted(conflicts) => {
            assert_eq!(shown(&parent), before, "a conflict changes nothing");
            told(&conflicts)
        }
    }
}

/// Rebases a session onto what another one left; what it shows then, or the conflicts.
fn rebased(policy: ConflictPolicy, ours: Act, theirs: Act) -> String {
    let base = base();
    let (session, other) = (over(&base), over(&base));
    ours(&session);
    theirs(&other);
    let (now, before) = (committed(&other), shown(&session));
    let rebased = session.rebase(Arc::new(now.clone()), policy).expect("open");
    if !rebased.conflicts.is_empty() {
        assert_eq!(shown(&session), before, "a conflict changes nothing");
        return told(&rebased.conflicts);
    }
    let shown = shown(&session);
    // Nothing of the old base is needed any more, and its changes say what differs.
    for (path, body) in base.snapshot() {
        if !matches!(body, Body::Directory) {
            base.take(&path.to_string());
        }
    }
    assert_eq!(self::shown(&session), shown);
    assert_eq!(
        session.changes().expect("open").is_empty(),
        shown == self::shown(&over(&now))
    );
    shown
}

/// Checks a case both ways; only the rows that name something of `about` are compared.
#[track_caller]
fn check(policy: ConflictPolicy, about: &str, ours: Act, theirs: Act, expected: &str) {
    check_each(policy, about, ours, theirs, [expected, expected]);
}

#[track_caller]
fn check_each(policy: ConflictPolicy, about: &str, ours: Act, theirs: Act, expected: [&str; 2]) {
    let of = |all: String| {
        let kept = all.split(' ').filter(|row| {
            let end = row.find(['=', '!', '/', '-', '*']).unwrap_or(row.len());
            about.split(' ').any(|name| name == &row[..end])
        });
        kept.collect::<Vec<_>>().join(" ")
    };
    let got = [nested(policy, ours, theirs), rebased(policy, ours, theirs)].map(of);
    assert_eq!(got, expected, "{policy:?}: nested, rebased");
}

fn put(session: &Session, path: &str, text: &str) {
    session.write(path, text.as_bytes()).expect(path);
}

/// Writes a file as many programs do: another one, renamed over it.
fn save(session: &Session, path: &str, text: &str) {
    put(session, "saving", text);
    session.rename("saving", path).expect(path);
}

fn remove(session: &Session, path: &str) {
    session.remove_all(path).expect(path);
}

fn rename(session: &Session, source: &str, target: &str) {
    session.rename(source, target).expect(source);
}

/// Makes `f` executable, which a session does by what it copies from.
fn chmod(session: &Session) {
    let content = session.read("f").expect("there");
    remove(session, "f");
    session.copy("run", "f").expect("there");
    session.write("f", &content).expect("there");
}

#[test]
fn one_file_changed_twice() {
    let (top, bottom): (Act, Act) = (
        |s| put(s, "f", "one\n2\n3\n4\n5\n"),
        |s| put(s, "f", "1\n2\n3\n4\nfive\n"),
    );
    check(Fail, "f", top, bottom, "f!content");
    check(Merge, "f", top, bottom, "f=one,2,3,4,five,");
    check(Ours, "f", top, bottom, "f=one,2,3,4,5,");
    check(Theirs, "f", top, bottom, "f=1,2,3,4,five,");
    check(Merge, "f", top, |s| put(s, "f", "1st\n"), "f!content");
    for policy in [Fail, Merge, Ours, Theirs] {
        check(policy, "f", top, top, "f=one,2,3,4,5,");
    }
}

#[test]
fn a_file_saved_by_renaming_another_over_it_is_merged_too() {
    let (top, bottom): (Act, Act) = (
        |s| save(s, "f", "one\n2\n3\n4\n5\n"),
        |s| save(s, "f", "1\n2\n3\n4\nfive\n"),
    );
    let write: Act = |s| put(s, "f", "1\n2\n3\n4\nfive\n");
    for (ours, theirs) in [(top, bottom), (top, write)] {
        check(Merge, "f", ours, theirs, "f=one,2,3,4,five,");
        check(Merge, "f", theirs, ours, "f=one,2,3,4,five,");
        check(Theirs, "f", ours, theirs, "f=1,2,3,4,five,");
        check(Ours, "f", ours, theirs, "f=one,2,3,4,5,");
    }
}

#[test]
fn a_binary_file_is_never_merged() {
    let (one, two): (Act, Act) = (
        |s| put(s, "bin", "\0\none\n2\n3\n"),
        |s| put(s, "bin", "\0\n1\n2\nthree\n"),
    );
    check(Merge, "bin", one, two, "bin!binary");
    check(Merge, "bin", one, one, "bin=\0,one,2,3,");
}

#[test]
fn both_created_a_file() {
    let (a, b): (Act, Act) = (|s| put(s, "new", "a\n"), |s| put(s, "new", "b\n"));
    check(Merge, "new", a, b, "new!both-created");
    check(Ours, "new", a, b, "new=a,");
    check(Theirs, "new", a, b, "new=b,");
    check(Fail, "new", a, a, "new=a,");
}

#[test]
fn removed_on_one_side_and_changed_on_the_other() {
    let (gone, new): (Act, Act) = (|s| remove(s, "f"), |s| put(s, "f", "new"));
    check(Merge, "f", gone, new, "f!removed-here");
    check(Merge, "f", new, gone, "f!removed-there");
    check(Ours, "f", gone, new, "");
    check(Ours, "f", new, gone, "f=new");
    check(Theirs, "f", gone, new, "f=new");
    check(Theirs, "f", new, gone, "");
    for policy in [Fail, Merge, Ours, Theirs] {
        check(policy, "f", gone, gone, "");
    }
}

#[test]
fn replaced_on_one_side_and_removed_on_the_other() {
    let (saved, gone): (Act, Act) = (|s| save(s, "f", "new"), |s| remove(s, "f"));
    check(Merge, "f", saved, gone, "f!removed-there");
    check(Ours, "f", saved, gone, "f=new");
    check(Theirs, "f", saved, gone, "");
    check(Ours, "f", gone, saved, "");
    check(Theirs, "f", gone, saved, "f=new");
}

#[test]
fn a_change_of_content_follows_a_rename() {
    let (moved, new): (Act, Act) = (|s| rename(s, "f", "h"), |s| put(s, "f", "new"));
    check(Merge, "f h", moved, new, "h=new");
    check(Fail, "f h", moved, new, "f!content");
    // In a base nobody can tell a rename from a removal and a new file.
    check_each(Merge, "f h", new, moved, ["h=new", "f!removed-there"]);
    check_each(Fail, "f h", new, moved, ["f!moved", "f!removed-there"]);
    let both: Act = |s| {
        rename(s, "f", "h");
        put(s, "h", "1\n2\n3\n4\nfive\n");
    };
    let top: Act = |s| put(s, "f", "one\n2\n3\n4\n5\n");
    check(Merge, "f h", both, top, "h=one,2,3,4,five,");
}

#[test]
fn both_renamed_a_file() {
    let (h, i): (Act, Act) = (|s| rename(s, "f", "h"), |s| rename(s, "f", "i"));
    for policy in [Fail, Merge, Ours, Theirs] {
        check(policy, "f h", h, h, "h=1,2,3,4,5,");
    }
    check_each(Merge, "f h i", h, i, ["f!moved", "f!removed-there"]);
    check_each(
        Ours,
        "f h i",
        h,
        i,
        ["h=1,2,3,4,5,", "h=1,2,3,4,5, i=1,2,3,4,5,"],
    );
    check(Theirs, "f h i", h, i, "i=1,2,3,4,5,");
}

#[test]
fn renamed_on_one_side_and_removed_on_the_other() {
    let (moved, gone): (Act, Act) = (|s| rename(s, "f", "h"), |s| remove(s, "f"));
    check(Merge, "f h", moved, gone, "f!removed-there");
    check(Ours, "f h", moved, gone, "h=1,2,3,4,5,");
    check(Theirs, "f h", moved, gone, "");
    check_each(Merge, "f h", gone, moved, ["f!moved", "h=1,2,3,4,5,"]);
}

#[test]
fn a_directory_on_one_side_and_a_file_on_the_other() {
    let file: Act = |s| {
        remove(s, "d");
        put(s, "d", "file");
    };
    let change: Act = |s| put(s, "d/x", "new");
    check(Ours, "d d/x d/y", file, change, "d=file");
    // Of what was removed, only what the other side changed comes back.
    check(Theirs, "d", file, change, "d/ d/x=new");
    check(Ours, "d", change, file, "d/ d/x=new");
    check(Theirs, "d", change, file, "d=file");
    let (dir, new): (Act, Act) = (
        |s| {
            s.mkdir("n").expect("free");
            put(s, "n/a", "1");
        },
        |s| put(s, "n", "file"),
    );
    check(Fail, "n", new, dir, "n!kind");
    check(Ours, "n", new, dir, "n=file");
    check(Theirs, "n", new, dir, "n/ n/a=1");
    check(Ours, "n", dir, new, "n/ n/a=1");
    check(Theirs, "n", dir, new, "n=file");
}

#[test]
fn something_new_in_a_directory_that_the_other_side_removed() {
    let (gone, new): (Act, Act) = (|s| remove(s, "d"), |s| put(s, "d/new", "1"));
    check(Merge, "d", gone, new, "d!not-empty");
    check(Ours, "d", gone, new, "");
    check(Theirs, "d", gone, new, "d/ d/new=1");
    check(Merge, "d", new, gone, "d/new!removed-there");
    check(Ours, "d", new, gone, "d/ d/new=1");
    check(Theirs, "d", new, gone, "");
}

#[test]
fn a_mode_and_a_content_both_apply() {
    let (mode, text): (Act, Act) = (chmod, |s| put(s, "f", "1\n2\n3\n4\nfive\n"));
    check(Merge, "f", mode, text, "f*=1,2,3,4,five,");
    check(Merge, "f", text, mode, "f*=1,2,3,4,five,");
    check(Fail, "f", text, mode, "f!content");
    check(Merge, "f", mode, mode, "f*=1,2,3,4,5,");
    let (plain, program): (Act, Act) = (
        |s| put(s, "new", "1\n2\n3\n4\n5\n"),
        |s| s.copy("run", "new").expect("there"),
    );
    check(Merge, "new", plain, program, "new!mode");
}

#[test]
fn links_on_both_sides() {
    let (f, d): (Act, Act) = (
        |s| {
            remove(s, "l");
            s.symlink("f", "l").expect("free");
        },
        |s| {
            remove(s, "l");
            s.symlink("d", "l").expect("free");
        },
    );
    check(Merge, "l", f, f, "l->f");
    check(Merge, "l", f, d, "l!both-created");
    check(Ours, "l", f, d, "l->f");
    check(Theirs, "l", f, d, "l->d");
}

#[test]
fn a_moved_directory_takes_along_what_the_other_side_did_in_it() {
    let (moved, new): (Act, Act) = (
        |s| rename(s, "d", "e"),
        |s| {
            put(s, "d/x", "new");
            put(s, "d/z", "z");
        },
    );
    check(Merge, "d e", moved, new, "e/ e/x=new e/y=y e/z=z");
    for policy in [Fail, Merge, Ours, Theirs] {
        check(policy, "d e", moved, moved, "e/ e/x=x e/y=y");
    }
}

#[test]
fn what_only_one_side_changed_is_taken_under_every_policy() {
    for policy in [Fail, Merge, Ours, Theirs] {
        let theirs: Act = |s| {
            put(s, "g", "theirs");
            put(s, "d/z", "z");
            remove(s, "d/y");
        };
        let ours: Act = |s| {
            put(s, "f", "ours");
            rename(s, "d/x", "x");
        };
        check(policy, "f g x", ours, theirs, "f=ours g=theirs x=x");
    }
}
