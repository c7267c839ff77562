//! Races on a real directory: a thread that knows nothing of sessions writes, appends, moves things
//! away, swaps links and goes on writing through old handles, while sessions commit.
//!
//! It never destroys bytes itself, and each of its writes has a number of its own: so every one of
//! them has to be found somewhere afterwards.

use std::collections::BTreeSet;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, Permissions, PermissionsExt};
use cap_tempfile::TempDir;
use rustix::fs::{Timespec, Timestamps};
use session_fs_workspace::history::Severity;
use session_fs_workspace::{CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::RealDir;
use vfs::Session;

use crate::acting::ActingDir;
use crate::rig::{Dice, Host};
use crate::scene::in_memory;

const DIRS: &[&str] = &["a", "b", "c"];
const NAMES: &[&str] = &["f", "g", "h", "i"];

/// Acts of theirs while one session is committed.
const ACTS_PER_ROUND: u64 = 4;
/// How long they wait before an act, at most, in turns of a loop.
const PAUSE_TURNS_MAX: usize = 4_000;
/// Commits between two checkpoints.
const ROUNDS_PER_CHECKPOINT: u64 = 40;

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rounds: u64,
    pub(crate) applied: u64,
    /// Commits that met somebody and said so, one way or another.
    pub(crate) met: u64,
    /// Writes of theirs.
    pub(crate) tokens: u64,
}

/// How the two keep pace.
struct Pace {
    rounds: AtomicU64,
    is_over: AtomicBool,
}

/// Races so many commits, and looks for everything that was written.
pub(crate) fn live(rounds: u64, seed: u64) -> Counts {
    let folder = in_memory();
    for dir in DIRS.iter().chain(&["theirs"]) {
        folder.create_dir(dir).expect("a directory");
    }
    let pace = Pace {
        rounds: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let mut counts = Counts::default();
    let written = std::thread::scope(|scope| {
        let outsider = scope.spawn(|| {
            let mut outsider = Outsider::new(&folder, seed);
            outsider.live(&pace);
            outsider.written
        });
        // However the commits end, the thread has to.
        let over = Over(&pace);
        commit_again_and_again(&folder, rounds, seed, &pace, &mut counts);
        drop(over);
        outsider.join().expect("ends")
    });
    counts.tokens = written;
    check(&folder, written, &format!("seed {seed}: {counts:?}"));
    counts
}

struct Over<'a>(&'a Pace);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

fn open(folder: &TempDir, number: u64) -> Host {
    let root = RealDir::open(folder.try_clone().expect("a handle")).expect("a directory");
    let host = Host::open(ActingDir::quiet(root), &format!("host{number}"), None);
    assert_eq!(host.trouble(), None);
    host
}

fn commit_again_and_again(
    folder: &TempDir,
    rounds: u64,
    seed: u64,
    pace: &Pace,
    counts: &mut Counts,
) {
    let (mut host, mut dice) = (open(folder, 0), Dice::new(seed ^ 0x5E55_1011));
    for round in 1..=rounds {
        let session = host.begin();
        for _ in 0..=dice.below(4) {
            // What they were faster with is refused, and something else is done.
            drop(change(&session, &mut dice, round));
        }
        pace.rounds.store(round, Ordering::Release);
        let options = CommitOptions {
            strict: dice.below(4) == 0,
            ..CommitOptions::default()
        };
        match host.workspace.commit(&session, &options) {
            Ok(CommitOutcome::Applied(info)) => {
                counts.applied += 1;
                counts.met += u64::from(!info.displaced.is_empty());
            }
            Ok(CommitOutcome::Conflicted(_)) | Err(WorkspaceError::Interfered { .. }) => {
                counts.met += 1;
            }
            Ok(CommitOutcome::Unchanged) => {}
            // A name that is taken away and put back all the time: the next opening completes it.
            Err(WorkspaceError::NeedsRecovery { source, .. })
                if source.kind() == io::ErrorKind::ResourceBusy =>
            {
                counts.met += 1;
                drop(session);
                host = open(folder, round);
            }
            Err(WorkspaceError::Io { .. } | WorkspaceError::Session(_)) => {
                counts.met += 1;
                // A strict commit that could not be taken back in full; the next opening does it.
                if host.trouble().is_some() {
                    drop(session);
                    host = open(folder, round);
                }
            }
            Err(error) => panic!("{error:?}, seed {seed}, round {round}"),
        }
        if round % ROUNDS_PER_CHECKPOINT == 0 {
            host.base.checkpoint().expect("checkpointed");
        }
    }
    counts.rounds += rounds;
}

fn path(dice: &mut Dice) -> String {
    format!("{}/{}", dice.pick(DIRS), dice.pick(NAMES))
}

fn change(session: &Session, dice: &mut Dice, round: u64) -> vfs::Result<()> {
    let (one, two) = (path(dice), path(dice));
    let content = format!("session {round}\n");
    match dice.below(8) {
        0..3 => session.write(&one, content.as_bytes()),
        3 => session.remove(&one),
        4 => session.rename(&one, &two),
        5 => {
            session.rename(&one, &two)?;
            session.append(&two, content.as_bytes())
        }
        6 => session.append(&one, content.as_bytes()),
        _ => {
            let dir = *dice.pick(DIRS);
            session.rename(dir, "t")?;
            session.mkdir(dir)?;
            session.rename(&format!("t/{}", dice.pick(NAMES)), &one)?;
            session.remove_all("t")
        }
    }
}

/// Somebody else.
struct Outsider<'a> {
    folder: &'a Dir,
    dice: Dice,
    /// How many numbers were written; all below are somewhere.
    written: u64,
    carried: u64,
    handle: Option<File>,
}

impl<'a> Outsider<'a> {
    fn new(folder: &'a Dir, seed: u64) -> Self {
        Self {
            folder,
            dice: Dice::new(seed),
            written: 0,
            carried: 0,
            handle: None,
        }
    }

    fn live(&mut self, pace: &Pace) {
        let mut acts = 0;
        while !pace.is_over.load(Ordering::Acquire) {
            if acts >= pace.rounds.load(Ordering::Acquire) * ACTS_PER_ROUND {
                std::thread::yield_now();
                continue;
            }
            for _ in 0..self.dice.below(PAUSE_TURNS_MAX) {
                std::hint::spin_loop();
            }
            acts += 1;
            // A name that is gone just now cannot be acted upon.
            drop(self.act());
        }
    }

    fn act(&mut self) -> io::Result<()> {
        let place = path(&mut self.dice);
        match self.dice.below(9) {
            0 | 1 => self.append(&place),
            2 => self.disguise(&place),
            3 => self.carry(&place),
            4 => {
                drop(self.carry(&place));
                self.create(&place)
            }
            5 => {
                drop(self.carry(&place));
                let target = format!("../theirs/{}", self.carried);
                self.folder.symlink_contents(target, &place)
            }
            6 => {
                let mode = Permissions::from_mode(*self.dice.pick(&[0o755, 0o644]));
                self.folder.open(&place)?.set_permissions(mode)
            }
            7 => {
                self.handle = Some(self.writable(&place)?);
                Ok(())
            }
            _ => match self.handle.take() {
                Some(mut file) => {
                    file.seek(SeekFrom::End(0))?;
                    self.write(&mut file)
                }
                None => self.create(&place),
            },
        }
    }

    fn writable(&self, place: &str) -> io::Result<File> {
        // One that leads to what was carried away is as good as any.
        self.folder
            .open_with(place, OpenOptions::new().append(true))
    }

    /// Writes the next number; it counts when all of it is written.
    fn write(&mut self, file: &mut File) -> io::Result<()> {
        file.write_all(token(self.written).as_bytes())?;
        self.written += 1;
        Ok(())
    }

    fn append(&mut self, place: &str) -> io::Result<()> {
        let mut file = self.writable(place)?;
        self.write(&mut file)
    }

    /// Appends, and gives the file the time that it had.
    fn disguise(&mut self, place: &str) -> io::Result<()> {
        let mut file = self.writable(place)?;
        let before = file.metadata()?;
        let written = self.write(&mut file);
        let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: time(before.atime(), before.atime_nsec()),
            last_modification: time(before.mtime(), before.mtime_nsec()),
        };
        rustix::fs::futimens(&file, &times)?;
        written
    }

    /// Moves whatever is there away, to where no session goes.
    fn carry(&mut self, place: &str) -> io::Result<()> {
        self.carried += 1;
        let target = format!("theirs/{}", self.carried);
        self.folder.rename(place, self.folder, target)
    }

    /// Writes another file and gives it the name, when that is free.
    fn create(&mut self, place: &str) -> io::Result<()> {
        self.carried += 1;
        let fresh = format!("theirs/{}", self.carried);
        let mut file = self.folder.create(&fresh)?;
        self.write(&mut file)?;
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(self.folder, &fresh, self.folder, place, flags)?;
        Ok(())
    }
}

fn token(number: u64) -> String {
    format!("<their {number:08}>")
}

/// The numbers in some bytes.
fn tokens(bytes: &[u8], found: &mut BTreeSet<u64>) {
    const HEAD: &[u8] = b"<their ";
    for (at, part) in bytes.windows(HEAD.len() + 9).enumerate() {
        if part.starts_with(HEAD) && part.ends_with(b">") {
            let digits = &bytes[at + HEAD.len()..at + HEAD.len() + 8];
            let digits = std::str::from_utf8(digits).expect("digits");
            found.insert(digits.parse().expect("a number"));
        }
    }
}

fn check(folder: &TempDir, written: u64, context: &str) {
    let host = open(folder, u64::MAX);
    host.base.checkpoint().expect("checkpointed");
    let report = host.workspace.doctor(&host.base, false).expect("looks");
    let report = report.expect("there is a store");
    // An object to which a handle of theirs leads still is one that they can change.
    let is_theirs = |detail: &str| detail.contains("object");
    let mut bad = report.findings.iter().filter(|found| {
        found.kind.severity() == Severity::Error
            && !is_theirs(&format!("{:?}", found.kind).to_lowercase())
    });
    assert!(bad.next().is_none(), "{context}: {report:?}");
    let mut found = BTreeSet::new();
    collect(folder, "", &mut found);
    let lost: Vec<_> = (0..written)
        .filter(|number| !found.contains(number))
        .collect();
    assert!(lost.is_empty(), "lost {lost:?}: {context}");
    let staging = folder.open_dir(".session-fs/staging").expect("is there");
    let slots = staging.entries().expect("lists").count();
    assert_eq!(slots, 0, "{context}");
}

/// All numbers below a folder; what the journal holds besides is not looked at.
fn collect(dir: &Dir, prefix: &str, found: &mut BTreeSet<u64>) {
    for entry in dir.entries().expect("lists") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            collect(
                &entry.open_dir().expect("opens"),
                &format!("{path}/"),
                found,
            );
        } else if kind.is_file()
            && ![
                ".session-fs/journal",
                ".session-fs/journal2",
                ".session-fs/reserve",
            ]
            .contains(&&*path)
        {
            tokens(&dir.read(&name).expect("reads"), found);
        }
    }
}
