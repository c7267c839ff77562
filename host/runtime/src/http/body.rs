//! Bodies that a guest writes and nobody reads, and the responses of a server that is never asked.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::pipe::SinkOutputStream;
use wasmtime_wasi_io::streams::DynOutputStream;

use super::Fields;
use crate::bindings::http::wasi::http::types::{ErrorCode, HostOutgoingBody, HostOutgoingResponse};
use crate::host::View;

/// The body of a request or a response; what is written to it is forgotten.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub struct OutgoingBody {
    has_stream: bool,
}

/// A response that a guest has put together and can give to nobody.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub struct OutgoingResponse {
    status: u16,
    headers: Fields,
    has_body: bool,
}

/// The body, the first time that it is asked for.
pub(super) fn body_once(has_body: &mut bool) -> Option<OutgoingBody> {
    let is_first = !std::mem::replace(has_body, true);
    is_first.then_some(OutgoingBody { has_stream: false })
}

impl HostOutgoingBody for View<'_> {
    fn write(
        &mut self,
        body: Resource<OutgoingBody>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let body = self.table.get_mut(&body)?;
        if std::mem::replace(&mut body.has_stream, true) {
            return Ok(Err(()));
        }
        let stream: DynOutputStream = Box::new(SinkOutputStream);
        Ok(Ok(self.table.push(stream)?))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<Fields>>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        self.table.delete(body)?;
        if let Some(trailers) = trailers {
            self.table.delete(trailers)?;
        }
        Ok(Ok(()))
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl HostOutgoingResponse for View<'_> {
    fn new(&mut self, headers: Resource<Fields>) -> wasmtime::Result<Resource<OutgoingResponse>> {
        let headers = self.table.delete(headers)?;
        Ok(self.table.push(OutgoingResponse {
            status: 200,
            headers,
            has_body: false,
        })?)
    }

    fn status_code(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn set_status_code(
        &mut self,
        response: Resource<OutgoingResponse>,
        status: u16,
    ) -> wasmtime::Result<Result<(), ()>> {
        if !(100..1000).contains(&status) {
            return Ok(Err(()));
        }
        self.table.get_mut(&response)?.status = status;
        Ok(Ok(()))
    }

    fn headers(
        &mut self,
        response: Resource<OutgoingResponse>,
    ) -> wasmtime::Result<Resource<Fields>> {
        let shown = self.table.get(&response)?.headers.shown();
        Ok(self.table.push(shown)?)
    }

    fn body(
        &mut self,
        response: Resource<OutgoingResponse>,
    ) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        let has_body = &mut self.table.get_mut(&response)?.has_body;
        match body_once(has_body) {
            Some(body) => Ok(Ok(self.table.push(body)?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}
