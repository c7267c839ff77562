//! `Index`: the catalog in a file, `index.db`, so that a long history is opened without reading it.
//!
//! **Invariant:** nothing is only here. Whatever is wrong with the file, it is deleted and made again
//! from the change files.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};
use store::disk::{Dir, FileKind};
use vfs::{Digest, Name, Timestamp, VPath};

use super::catalog::{Entry, LogFilter, Member, Touched};
use crate::change::ChangeId;

/// The file of the store.
pub(super) const INDEX_NAME: &str = "index.db";
/// What SQLite may leave beside it.
const SIDE_SUFFIXES: [&str; 3] = ["-journal", "-wal", "-shm"];
/// Marks the file as ours: "SFIX".
const APPLICATION_ID: i32 = 0x5346_4958;
/// The layout of the tables.
const SCHEMA_VERSION: i32 = 1;
/// How long to wait for another process that writes the index.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const SCHEMA: [&str; 3] = [
    "CREATE TABLE changes (generation INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, session TEXT NOT NULL, agent TEXT, seconds INTEGER NOT NULL, nanoseconds INTEGER NOT NULL, message TEXT, previous BLOB)",
    "CREATE TABLE paths (generation INTEGER NOT NULL, path TEXT NOT NULL, moved INTEGER NOT NULL, PRIMARY KEY (generation, path)) WITHOUT ROWID",
    "CREATE INDEX paths_by_path ON paths (path, generation)",
];

/// The index of one store.
#[derive(Debug)]
pub(super) struct Index {
    connection: Connection,
}

impl Index {
    /// Opens the index of a store; a damaged, foreign or newer one is made again, empty. `None` where
    /// the store is not a directory of the kernel's, or there is no room for it.
    pub(super) fn open(store: &Arc<dyn Dir>) -> io::Result<Option<Self>> {
        let Some(folder) = store.os_path() else {
            return Ok(None);
        };
        let path = folder.join(INDEX_NAME);
        let made = prepare(&**store).map(|()| Self::connect(&path));
        if let Ok(Ok(index)) = made {
            return Ok(Some(index));
        }
        remove(&**store)?;
        let made = prepare(&**store).map(|()| Self::connect(&path));
        match made {
            Ok(Ok(index)) => Ok(Some(index)),
            // There is no room for it: what is empty or half made is no use to anybody.
            Ok(Err(_)) => remove(&**store).map(|()| None),
            Err(error) if is_full(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn connect(path: &std::path::Path) -> rusqlite::Result<Self> {
        // Not SQLITE_OPEN_NOFOLLOW: it refuses the link that /proc/self/fd is. `prepare` saw that the
        // file is a plain one with one name, and nothing is created here.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = connection.transaction()?;
        let version: i32 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables = tables(&transaction)?;
        if version == 0 && tables.is_empty() {
            for statement in SCHEMA {
                transaction.execute(statement, [])?;
            }
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        } else {
            let own: i32 =
                transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
            if (version, own) != (SCHEMA_VERSION, APPLICATION_ID) || tables != SCHEMA {
                return Err(rusqlite::Error::InvalidQuery);
            }
        }
        transaction.commit()?;
        Ok(Self { connection })
    }

    /// Looks through every page of the file.
    pub(super) fn check(&self) -> rusqlite::Result<bool> {
        let found: String = self
            .connection
            .pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        Ok(found == "ok")
    }

    pub(super) fn ids(&self) -> rusqlite::Result<Vec<ChangeId>> {
        self.rows("SELECT id FROM changes ORDER BY id", vec![], |row| {
            id(row, 0)
        })
    }

    pub(super) fn sessions(&self, prefix: &str, count: usize) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT DISTINCT session FROM changes WHERE substr(session, 1, length(?1)) = ?1 ORDER BY session LIMIT ?2";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.rows(sql, vec![prefix.to_owned().into(), count.into()], |row| {
            row.get(0)
        })
    }

    pub(super) fn chain(&self) -> rusqlite::Result<Vec<Member>> {
        let sql = "SELECT generation, id, previous FROM changes ORDER BY generation";
        self.rows(sql, vec![], |row| {
            Ok(Member {
                generation: generation(row)?,
                id: id(row, 1)?,
                previous: previous(row, 2)?,
            })
        })
    }

    pub(super) fn update(&mut self, added: &[Entry], gone: &[ChangeId]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for id in gone {
            let id = id.digest().as_bytes();
            transaction.execute(
                "DELETE FROM paths WHERE generation IN (SELECT generation FROM changes WHERE id = ?1)",
                [id],
            )?;
            transaction.execute("DELETE FROM changes WHERE id = ?1", [id])?;
        }
        for entry in added {
            insert(&transaction, entry)?;
        }
        transaction.commit()
    }

    pub(super) fn entries(&self) -> rusqlite::Result<Vec<Entry>> {
        let mut entries = self.log(&LogFilter::default(), u64::MAX, usize::MAX)?;
        entries.reverse();
        Ok(entries)
    }

    pub(super) fn log(
        &self,
        filter: &LogFilter,
        below: u64,
        count_max: usize,
    ) -> rusqlite::Result<Vec<Entry>> {
        let mut sql =
            "SELECT generation, id, session, agent, seconds, nanoseconds, message, previous \
                       FROM changes c WHERE generation < ?"
                .to_owned();
        let mut values = vec![integer(below)];
        if let Some(session) = &filter.session {
            sql.push_str(" AND session = ?");
            values.push(session.clone().into());
        }
        if let Some(agent) = &filter.agent {
            sql.push_str(" AND agent = ?");
            values.push(agent.clone().into());
        }
        for (time, sign) in [(filter.since, ">="), (filter.until, "<=")] {
            let Some(time) = time else { continue };
            sql.push_str(&format!(" AND (seconds, nanoseconds) {sign} (?, ?)"));
            values.extend([time.seconds.into(), i64::from(time.nanoseconds).into()]);
        }
        if let Some(path) = filter.path.as_ref().filter(|path| !path.is_root()) {
            let (condition, own) = touching(path);
            sql.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM paths p WHERE p.generation = c.generation \
                 AND ({condition} OR (p.path > ? AND p.path < ?)))"
            ));
            values.extend(own);
            // What is below begins with the path and "/", and "0" is what follows "/".
            values.extend([format!("{path}/").into(), format!("{path}0").into()]);
        } else if filter.path.is_some() {
            sql.push_str(" AND EXISTS (SELECT 1 FROM paths p WHERE p.generation = c.generation)");
        }
        sql.push_str(" ORDER BY generation DESC LIMIT ?");
        values.push(i64::try_from(count_max).unwrap_or(i64::MAX).into());
        let mut entries = self.rows(&sql, values, entry)?;
        for entry in &mut entries {
            entry.touched = self.touched(entry.generation)?;
        }
        Ok(entries)
    }

    pub(super) fn touching(
        &self,
        path: &VPath,
        below: u64,
    ) -> rusqlite::Result<Option<(u64, ChangeId)>> {
        self.nearest(path, "p.generation < ? ORDER BY p.generation DESC", below)
    }

    pub(super) fn touching_next(
        &self,
        path: &VPath,
        above: u64,
    ) -> rusqlite::Result<Option<(u64, ChangeId)>> {
        self.nearest(path, "p.generation > ? ORDER BY p.generation", above)
    }

    /// The first change that touches a path, in the order and beyond the bound that `beyond` says.
    fn nearest(
        &self,
        path: &VPath,
        beyond: &str,
        bound: u64,
    ) -> rusqlite::Result<Option<(u64, ChangeId)>> {
        let (condition, mut values) = touching(path);
        let sql = format!(
            "SELECT c.generation, c.id FROM paths p JOIN changes c ON c.generation = p.generation \
             WHERE {condition} AND {beyond} LIMIT 1"
        );
        values.push(integer(bound));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_row(params_from_iter(values), |row| {
            Ok((generation(row)?, id(row, 1)?))
        });
        found.optional()
    }

    fn touched(&self, generation: u64) -> rusqlite::Result<Vec<Touched>> {
        let sql = "SELECT path, moved FROM paths WHERE generation = ?";
        let mut touched = self.rows(sql, vec![integer(generation)], |row| {
            let text: String = row.get(0)?;
            let moved = row.get(1)?;
            Ok(Touched {
                path: parse(&text)?,
                moved,
            })
        })?;
        touched.sort();
        Ok(touched)
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: Vec<Value>,
        get: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement
            .query_map(params_from_iter(values), get)?
            .collect()
    }
}

/// Deletes the index and what SQLite left beside it.
pub(super) fn remove(store: &dyn Dir) -> io::Result<()> {
    let sides = SIDE_SUFFIXES.map(|suffix| format!("{INDEX_NAME}{suffix}"));
    for file_name in sides.iter().map(String::as_str).chain([INDEX_NAME]) {
        match store.unlink(&name(file_name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Sees to it that the index is a plain file with one name: a new one is empty.
fn prepare(store: &dyn Dir) -> io::Result<()> {
    let index = name(INDEX_NAME);
    let sides = SIDE_SUFFIXES.map(|suffix| name(&format!("{INDEX_NAME}{suffix}")));
    for file_name in sides.iter().chain([&index]) {
        let is_plain = match store.stat(file_name) {
            Ok(found) if found.kind == FileKind::File => store.open_writable(file_name).is_ok(),
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        if !is_plain {
            store.unlink(file_name)?;
        }
    }
    match store.create(&index, 0o600) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The statements that made what is in the file.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn insert(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let generation = integer(entry.generation);
    connection.execute("DELETE FROM paths WHERE generation = ?1", [&generation])?;
    let sql = "INSERT OR REPLACE INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.prepare_cached(sql)?.execute(params![
        generation,
        entry.id.digest().as_bytes(),
        entry.session,
        entry.agent,
        entry.committed_at.seconds,
        entry.committed_at.nanoseconds,
        entry.message,
        entry.previous.map(|id| *id.digest().as_bytes()),
    ])?;
    let mut statement = connection.prepare_cached("INSERT INTO paths VALUES (?1, ?2, ?3)")?;
    for touched in &entry.touched {
        statement.execute(params![generation, touched.path.to_string(), touched.moved])?;
    }
    Ok(())
}

/// A condition on `paths p`: the path itself, or a directory above it that moved.
fn touching(path: &VPath) -> (String, Vec<Value>) {
    let mut values = vec![path.to_string().into()];
    let mut at = path.parent();
    while let Some(above) = at {
        values.push(above.to_string().into());
        at = above.parent();
    }
    let marks = vec!["?"; values.len() - 1].join(", ");
    let condition = format!("(p.path = ? OR (p.moved AND p.path IN ({marks})))");
    (condition, values)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        generation: generation(row)?,
        id: id(row, 1)?,
        previous: previous(row, 7)?,
        session: row.get(2)?,
        agent: row.get(3)?,
        committed_at: Timestamp {
            seconds: row.get(4)?,
            nanoseconds: row.get(5)?,
        },
        message: row.get(6)?,
        touched: Vec::new(),
    })
}

fn generation(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<ChangeId> {
    let digest = Digest::from_bytes(row.get(column)?);
    Ok(ChangeId::of_digest(digest))
}

/// A path as `Display` writes it. A base may be deeper than what a guest may name.
fn parse(text: &str) -> rusqlite::Result<VPath> {
    if text == "." {
        return Ok(VPath::root());
    }
    let names = text.split('/').map(Name::new).collect::<Result<_, _>>();
    names
        .map(VPath::from_names)
        .map_err(|_| rusqlite::Error::InvalidQuery)
}

fn previous(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ChangeId>> {
    let digest: Option<[u8; 32]> = row.get(column)?;
    Ok(digest.map(|digest| ChangeId::of_digest(Digest::from_bytes(digest))))
}

/// Generations are counted from 1 and never reach the sign; a limit of "all" becomes the greatest.
fn integer(generation: u64) -> Value {
    i64::try_from(generation).unwrap_or(i64::MAX).into()
}

fn name(text: &str) -> Name {
    Name::new(text).expect("fixed words are names")
}
