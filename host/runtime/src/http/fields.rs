//! `Fields`: the headers of a request, as a list in the order in which they were added.

use wasmtime::component::Resource;

use crate::bindings::http::wasi::http::types::{HeaderError, HostFields};
use crate::host::View;

/// Bytes that names and values of one list may have; a run may hold as many lists as handles.
pub(super) const FIELDS_BYTES_MAX: usize = 8 << 10;

/// What one field counts beside its name and value.
const FIELD_OVERHEAD_BYTES: usize = 64;

type Field = (String, Vec<u8>);

/// A list of header fields.
#[derive(Clone, Debug, Default)]
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub struct Fields {
    entries: Vec<Field>,
    bytes: usize,
    is_immutable: bool,
}

impl Fields {
    /// A copy that a guest can look at and not change.
    pub(super) fn shown(&self) -> Self {
        Self {
            is_immutable: true,
            ..self.clone()
        }
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Vec<u8>> {
        let fits = move |(own, _): &&Field| own.eq_ignore_ascii_case(name);
        self.entries.iter().filter(fits).map(|(_, value)| value)
    }

    fn append(&mut self, name: String, value: Vec<u8>) -> Result<(), HeaderError> {
        if self.is_immutable {
            return Err(HeaderError::Immutable);
        }
        if !is_token(&name) || !value.iter().all(|byte| is_text(*byte)) {
            return Err(HeaderError::InvalidSyntax);
        }
        let bytes = self.bytes + name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        if bytes > FIELDS_BYTES_MAX {
            return Err(HeaderError::Forbidden);
        }
        self.bytes = bytes;
        self.entries.push((name, value));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), HeaderError> {
        if self.is_immutable {
            return Err(HeaderError::Immutable);
        }
        if !is_token(name) {
            return Err(HeaderError::InvalidSyntax);
        }
        self.entries
            .retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        let size = |(name, value): &Field| name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        self.bytes = self.entries.iter().map(size).sum();
        Ok(())
    }

    /// All values of a name at once; nothing changes when one of them cannot be set.
    fn set(&mut self, name: &str, values: Vec<Vec<u8>>) -> Result<(), HeaderError> {
        let mut changed = self.clone();
        changed.remove(name)?;
        for value in values {
            changed.append(name.to_owned(), value)?;
        }
        *self = changed;
        Ok(())
    }
}

/// Whether something is a name of a field or of a method (RFC 9110, 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

impl HostFields for View<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<Fields>> {
        Ok(self.table.push(Fields::default())?)
    }

    fn from_list(
        &mut self,
        entries: Vec<Field>,
    ) -> wasmtime::Result<Result<Resource<Fields>, HeaderError>> {
        let mut fields = Fields::default();
        for (name, value) in entries {
            if let Err(error) = fields.append(name, value) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(self.table.push(fields)?))
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self.table.get(&fields)?.values(&name).cloned().collect())
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fields)?.values(&name).next().is_some())
    }

    fn set(
        &mut self,
        fields: Resource<Fields>,
        name: String,
        values: Vec<Vec<u8>>,
    ) -> wasmtime::Result<Result<(), HeaderError>> {
        Ok(self.table.get_mut(&fields)?.set(&name, values))
    }

    fn delete(
        &mut self,
        fields: Resource<Fields>,
        name: String,
    ) -> wasmtime::Result<Result<(), HeaderError>> {
        Ok(self.table.get_mut(&fields)?.remove(&name))
    }

    fn append(
        &mut self,
        fields: Resource<Fields>,
        name: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), HeaderError>> {
        Ok(self.table.get_mut(&fields)?.append(name, value))
    }

    fn entries(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Vec<Field>> {
        Ok(self.table.get(&fields)?.entries.clone())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Resource<Fields>> {
        let mut copy = self.table.get(&fields)?.clone();
        copy.is_immutable = false;
        Ok(self.table.push(copy)?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> wasmtime::Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}
