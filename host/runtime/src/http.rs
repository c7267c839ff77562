//! `wasi:http` for programs that import it without having been granted a network, as everything made
//! by a JavaScript engine does: requests can be put together, and sending one is denied and noted.
//!
//! It is the host's own rather than wasmtime's, because nothing is ever sent: no client, no background
//! tasks, and what a guest makes the host keep is small. No response ever exists.

mod body;
mod fields;
mod never;
mod request;

use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::error::Error as IoError;

#[expect(
    unreachable_pub,
    reason = "the generated bindings name them in re-exports"
)]
pub use self::{
    body::{OutgoingBody, OutgoingResponse},
    fields::Fields,
    never::Never,
    request::{OutgoingRequest, RequestOptions},
};
use crate::bindings::http::wasi::http::types::ErrorCode;
use crate::bindings::http::wasi::http::{outgoing_handler, types};
use crate::host::View;

impl outgoing_handler::Host for View<'_> {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<Never>, ErrorCode>> {
        let request = self.table.delete(request)?;
        if let Some(options) = options {
            self.table.delete(options)?;
        }
        self.note_denied_network(&format!("an HTTP request, {request}"));
        Ok(Err(ErrorCode::HttpRequestDenied))
    }
}

impl types::Host for View<'_> {
    /// No stream of a guest fails for a reason of HTTP.
    fn http_error_code(
        &mut self,
        _error: Resource<IoError>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
