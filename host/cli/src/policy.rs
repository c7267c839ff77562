//! The files that say what a run may do: beside the agent, named by the operator, and kept with the
//! base.

use std::io;
use std::path::Path;

use store::Name;
use store::disk::File;
use supervisor::Role;
use vfs::reserved::STORE_NAME;

use crate::ambient;
use crate::exit::{Code, Failure};
use crate::sheet::{SHEET_BYTES_MAX, Sheet, WORDS};

/// The file of a base's own policy, in the folder that no session sees.
pub(crate) const POLICY_NAME: &str = "policy.toml";
/// Bits of a mode that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// Reads what the agent asks for; `None` when there is no file beside it.
///
/// # Errors
///
/// `Usage` for a file that cannot be used, `Limit` for one that is too large.
pub(crate) fn beside(agent: &Path) -> Result<Option<Sheet>, Failure> {
    let path = agent.with_extension("toml");
    let text = ambient::read_text(&path, SHEET_BYTES_MAX)?;
    text.map(|text| parse(&text, Role::Agent, &path))
        .transpose()
}

/// Reads the policy that the operator named.
///
/// # Errors
///
/// As [`beside`]; `NotFound` when there is none.
pub(crate) fn named(path: &Path) -> Result<Sheet, Failure> {
    match ambient::read_text(path, SHEET_BYTES_MAX)? {
        Some(text) => parse(&text, Role::Operator, path),
        None => {
            let message = format!("there is no policy '{}'", path.display());
            Err(Failure::new(Code::NotFound, message))
        }
    }
}

/// Reads the policy that is kept with a directory; `None` when there is none.
///
/// # Errors
///
/// As [`beside`]; `Denied` for one that others than its owner may write to.
pub(crate) fn kept_with(base: &Path) -> Result<Option<Sheet>, Failure> {
    let path = base.join(STORE_NAME).join(POLICY_NAME);
    let failure = |error: io::Error| Failure::io("cannot read", &path, &error);
    let Some(file) = open_kept(base).map_err(failure)? else {
        return Ok(None);
    };
    let stat = file.stat().map_err(failure)?;
    if stat.mode & OTHERS_WRITE != 0 {
        let message = format!("others than its owner may write to '{}'", path.display());
        let hint = format!("chmod go-w '{}'", path.display());
        return Err(Failure::new(Code::Denied, message).hint(hint));
    }
    let text = read(&*file).map_err(failure)?;
    parse(&text, Role::Workspace, &path).map(Some)
}

/// Opens it without following a link: below the store nobody but the operator has made one.
fn open_kept(base: &Path) -> io::Result<Option<std::sync::Arc<dyn File>>> {
    let name = |text| Name::new(text).map_err(io::Error::other);
    let open = || {
        let dir = ambient::open_dir(base)?.walk(&[name(STORE_NAME)?])?;
        dir.open(&name(POLICY_NAME)?)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn read(file: &dyn File) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        match file.read_at(&mut part, bytes.len() as u64)? {
            0 => break,
            read => bytes.extend_from_slice(&part[..read]),
        }
        if bytes.len() as u64 > SHEET_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn parse(text: &str, role: Role, path: &Path) -> Result<Sheet, Failure> {
    let file = path.display().to_string();
    Sheet::parse(text, role, &file).map_err(|reason| {
        let message = format!("cannot use '{file}': {}", reason.trim_end());
        let hint = format!("the words of such a file: {WORDS}");
        Failure::new(Code::Usage, message).hint(hint)
    })
}
