//! `Meta`: what is known of a durable session apart from its tree, and where it is in its life.
//!
//! It is small and rewritten as a whole, into a new file that takes the place of the old one.
//! `docs/formats.md`, "Durable sessions", is its specification.

mod codec;

use std::io;

use store::disk::{Dir, File, RenameMode};
use store::{Hasher, Name};
use vfs::{Metadata, PathRules, Timestamp};

pub(super) use self::codec::RULE_LISTS_MAX;
use self::codec::{Decoder, Encoder};
use super::error::{DurableError, Result};
use super::frame::derive;
use super::id::SessionId;
use crate::change::ChangeId;

/// The first bytes of the file.
const MAGIC: [u8; 8] = *b"SFSESSIO";
/// The newest format that is read, of the whole folder; it has the rules for paths.
pub(super) const FORMAT_VERSION: u16 = 2;
/// The format of a session without rules, which every program reads.
const FORMAT_WITHOUT_RULES: u16 = 1;
/// Bytes of the largest file that is read or written.
const META_BYTES_MAX: usize = 1 << 20;
const DIGEST_BYTES: usize = 32;

/// What the folder of a session says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) id: SessionId,
    pub(super) life: Life,
    /// Name of the base.
    pub(super) base: String,
    /// Generation of the base when the session began.
    pub(super) base_generation: u64,
    pub(super) file_system_id: u64,
    pub(super) is_read_only: bool,
    pub(super) metadata: Metadata,
    pub(super) expires_after_ms: Option<u64>,
    pub(super) spill_bytes_min: u64,
    pub(super) keep_pristine: bool,
    /// Which paths it may read and write.
    pub(super) rules: PathRules,
}

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// A commit may have been applied; whoever opens the session has to ask.
    Settling,
    /// It was over at a time, and its log is no longer needed.
    Ended(Timestamp, End),
}

/// How a session was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `None` when there was nothing to commit.
    Committed(Option<ChangeId>),
    RolledBack,
    Expired,
}

/// The file.
pub(super) fn meta_name() -> Name {
    Name::new("meta").expect("a plain name")
}

/// The file that is to become it.
pub(super) fn meta_new_name() -> Name {
    Name::new("meta.new").expect("a plain name")
}

impl Meta {
    /// The bytes of the file.
    pub(super) fn encode(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = Encoder::default();
        out.bytes(&MAGIC);
        let version = match self.rules.is_everything() {
            true => FORMAT_WITHOUT_RULES,
            false => FORMAT_VERSION,
        };
        out.bytes(&version.to_le_bytes());
        out.text(self.id.as_str());
        match &self.life {
            Life::Open => out.byte(0),
            Life::Settling => out.byte(1),
            Life::Ended(at, end) => {
                out.byte(2);
                out.time(*at);
                match end {
                    End::Committed(change) => {
                        out.byte(0);
                        out.option(change.as_ref(), |out, id| out.text(&id.to_string()));
                    }
                    End::RolledBack => out.byte(1),
                    End::Expired => out.byte(2),
                }
            }
        }
        out.text(&self.base);
        out.u64(self.base_generation);
        out.u64(self.file_system_id);
        out.flag(self.is_read_only);
        out.metadata(&self.metadata);
        out.option(self.expires_after_ms.as_ref(), |out, ms| out.u64(*ms));
        out.u64(self.spill_bytes_min);
        out.flag(self.keep_pristine);
        if version == FORMAT_VERSION {
            out.rules(&self.rules);
        }
        let mut bytes = out.finish();
        let digest = digest(key, &self.id, &bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads the bytes of the file of session `id`.
    pub(super) fn decode(bytes: &[u8], key: &[u8; 32], id: &SessionId) -> Result<Self> {
        let corrupt = || DurableError::corrupt(id, "its file 'meta' is not as it was written");
        if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
            return Err(corrupt());
        }
        let version = bytes.get(MAGIC.len()..MAGIC.len() + 2);
        let version: [u8; 2] = version
            .and_then(|v| v.try_into().ok())
            .ok_or_else(corrupt)?;
        let found = u16::from_le_bytes(version);
        // A newer program may protect its file in another way, so its version is believed first.
        if found > FORMAT_VERSION {
            return Err(DurableError::Newer {
                session: id.to_string(),
                found,
                known: FORMAT_VERSION,
            });
        }
        let signed = bytes.len().checked_sub(DIGEST_BYTES).ok_or_else(corrupt)?;
        let (signed, stored) = bytes.split_at(signed);
        if digest(key, id, signed) != stored {
            return Err(corrupt());
        }
        let fields = signed.get(MAGIC.len() + 2..).ok_or_else(corrupt)?;
        let meta = Self::decode_fields(fields, found).ok_or_else(corrupt)?;
        if meta.id == *id {
            Ok(meta)
        } else {
            Err(corrupt())
        }
    }

    fn decode_fields(bytes: &[u8], version: u16) -> Option<Self> {
        let mut input = Decoder::new(bytes);
        let meta = Self {
            id: SessionId::new(&input.text()?).ok()?,
            life: match input.byte()? {
                0 => Life::Open,
                1 => Life::Settling,
                2 => Life::Ended(input.time()?, decode_end(&mut input)?),
                _ => return None,
            },
            base: input.text()?,
            base_generation: input.u64()?,
            file_system_id: input.u64()?,
            is_read_only: input.flag()?,
            metadata: input.metadata()?,
            expires_after_ms: input.option(Decoder::u64)?,
            spill_bytes_min: input.u64()?,
            keep_pristine: input.flag()?,
            rules: match version {
                FORMAT_WITHOUT_RULES => PathRules::default(),
                FORMAT_VERSION => input.rules()?,
                _ => return None,
            },
        };
        input.is_at_end().then_some(meta)
    }

    /// Reads the file in the folder of a session.
    pub(super) fn read(dir: &dyn Dir, key: &[u8; 32], id: &SessionId) -> Result<Self> {
        let bytes = match read_small(dir, &meta_name(), META_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(DurableError::corrupt(id, "its file 'meta' is too long")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DurableError::corrupt(id, "its file 'meta' is missing"));
            }
            Err(error) => return Err(DurableError::io(id, "reading 'meta'", error)),
        };
        Self::decode(&bytes, key, id)
    }

    /// Puts the file in the place of the one before; it is durable when this returns.
    pub(super) fn write(&self, dir: &dyn Dir, key: &[u8; 32]) -> Result<()> {
        let bytes = self.encode(key);
        if bytes.len() > META_BYTES_MAX {
            return Err(DurableError::io(
                &self.id,
                "writing 'meta'",
                io::ErrorKind::FileTooLarge.into(),
            ));
        }
        let write = || -> io::Result<()> {
            let file = create_over(dir, &meta_new_name())?;
            file.write_at(&bytes, 0)?;
            file.sync_data()?;
            dir.rename(&meta_new_name(), dir, &meta_name(), RenameMode::Replace)?;
            dir.sync()
        };
        write().map_err(|error| DurableError::io(&self.id, "writing 'meta'", error))
    }
}

fn decode_end(input: &mut Decoder<'_>) -> Option<End> {
    match input.byte()? {
        0 => {
            let change = input.option(|input| input.text()?.parse().ok())?;
            Some(End::Committed(change))
        }
        1 => Some(End::RolledBack),
        2 => Some(End::Expired),
        _ => None,
    }
}

fn digest(key: &[u8; 32], id: &SessionId, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::keyed(&derive(key, "session meta", id));
    hasher.update(bytes);
    *hasher.finish().as_bytes()
}

/// Creates a file; a leftover of the same name goes.
pub(super) fn create_over(dir: &dyn Dir, name: &Name) -> io::Result<std::sync::Arc<dyn File>> {
    match dir.create(name, 0o600) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            dir.unlink(name)?;
            dir.create(name, 0o600)
        }
        created => created,
    }
}

/// Reads a whole file; `None` when it is longer than `bytes_max`.
pub(super) fn read_small(
    dir: &dyn Dir,
    name: &Name,
    bytes_max: usize,
) -> io::Result<Option<Vec<u8>>> {
    let file = dir.open(name)?;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        match file.read_at(&mut part, bytes.len() as u64)? {
            0 => return Ok(Some(bytes)),
            read => bytes.extend_from_slice(&part[..read]),
        }
        if bytes.len() > bytes_max {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn id() -> SessionId {
        SessionId::new("0189").expect("valid")
    }

    fn meta(life: Life) -> Meta {
        Meta {
            id: id(),
            life,
            base: "file:///srv/project".to_owned(),
            base_generation: 3,
            file_system_id: 9,
            is_read_only: true,
            metadata: Metadata {
                purpose: Some("mend it".to_owned()),
                agent: None,
                task_id: Some(String::new()),
                labels: vec![("a".to_owned(), "b".to_owned())],
                created_at: Timestamp {
                    seconds: -5,
                    nanoseconds: 999_999_999,
                },
            },
            expires_after_ms: Some(1),
            spill_bytes_min: 2,
            keep_pristine: true,
            rules: PathRules::default(),
        }
    }

    fn ruled() -> Meta {
        let list =
            |read: &[&str], write: &[&str]| PathRules::allowing(read, write).expect("valid globs");
        let rules = list(&["src/**", "a\\*"], &["docs/**"]).narrowed(&list(&[], &["**"]));
        Meta {
            rules: rules.narrowed(&PathRules::guarded()),
            ..meta(Life::Open)
        }
    }

    fn lives() -> Vec<Life> {
        let at = Timestamp::default();
        let change = "ab".repeat(32).parse().expect("an id");
        vec![
            Life::Open,
            Life::Settling,
            Life::Ended(at, End::Committed(Some(change))),
            Life::Ended(at, End::Committed(None)),
            Life::Ended(at, End::RolledBack),
            Life::Ended(at, End::Expired),
        ]
    }

    #[test]
    fn every_life_round_trips() {
        for life in lives() {
            let meta = meta(life);
            let decoded = Meta::decode(&meta.encode(&KEY), &KEY, &id());
            assert_eq!(decoded.expect("as it was written"), meta);
        }
        let meta = ruled();
        let decoded = Meta::decode(&meta.encode(&KEY), &KEY, &id());
        let decoded = decoded.expect("as it was written");
        assert_eq!(decoded, meta);
        let path = |text| vfs::VPath::parse(text).expect("valid");
        let rules = &decoded.rules;
        assert!(rules.may_write(&path("docs/x")) && !rules.may_write(&path("src/x")));
        assert!(rules.may_read(&path("src/x")) && !rules.may_read(&path("other")));
    }

    /// A program that knows no rules must not take a session with them for one without.
    #[test]
    fn only_a_session_with_rules_is_of_the_newer_version() {
        let version = |meta: Meta| meta.encode(&KEY)[8];
        assert_eq!((version(meta(Life::Open)), version(ruled())), (1, 2));
    }

    #[test]
    fn every_changed_or_missing_byte_is_refused() {
        let bytes = ruled().encode(&KEY);
        for at in 0..bytes.len() {
            assert!(
                Meta::decode(&bytes[..at], &KEY, &id()).is_err(),
                "cut at {at}"
            );
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(
                Meta::decode(&changed, &KEY, &id()).is_err(),
                "changed at {at}"
            );
        }
    }

    #[test]
    fn another_session_or_store_and_a_newer_format_are_refused() {
        let mut bytes = meta(Life::Open).encode(&KEY);
        let other = SessionId::new("0190").expect("valid");
        assert!(Meta::decode(&bytes, &KEY, &other).is_err());
        assert!(Meta::decode(&bytes, &[8; 32], &id()).is_err());
        bytes[8] = 3;
        let newer = Meta::decode(&bytes, &KEY, &id());
        assert!(matches!(newer, Err(DurableError::Newer { found: 3, .. })));
    }

    proptest! {
        #[test]
        fn hostile_fields_never_panic(bytes: Vec<u8>, cut: prop::sample::Index, byte: u8) {
            Meta::decode_fields(&bytes, FORMAT_VERSION);
            let whole = ruled().encode(&KEY);
            let mut fields = whole[10..whole.len() - DIGEST_BYTES].to_vec();
            let at = cut.index(fields.len());
            fields[at] = byte;
            Meta::decode_fields(&fields, FORMAT_VERSION);
        }
    }
}
