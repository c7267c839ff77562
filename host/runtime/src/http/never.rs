//! `Never`: what only an answer or a server would have, so that no guest ever holds one.
//!
//! Nothing makes a `Never`; a call on one finds no such handle in the table, which is a trap.

use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::DynInputStream;

use super::{Fields, OutgoingResponse};
use crate::bindings::http::wasi::http::types::{
    ErrorCode, HostFutureIncomingResponse, HostFutureTrailers, HostIncomingBody,
    HostIncomingRequest, HostIncomingResponse, HostResponseOutparam, Method, Scheme,
};
use crate::host::View;

/// A resource that there is none of.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub enum Never {}

impl View<'_> {
    fn never<T>(&self, handle: &Resource<Never>) -> wasmtime::Result<T> {
        match *self.table.get(handle)? {}
    }

    fn drop_never(&mut self, handle: Resource<Never>) -> wasmtime::Result<()> {
        match self.table.delete(handle)? {}
    }
}

impl HostIncomingRequest for View<'_> {
    fn method(&mut self, request: Resource<Never>) -> wasmtime::Result<Method> {
        self.never(&request)
    }

    fn path_with_query(&mut self, request: Resource<Never>) -> wasmtime::Result<Option<String>> {
        self.never(&request)
    }

    fn scheme(&mut self, request: Resource<Never>) -> wasmtime::Result<Option<Scheme>> {
        self.never(&request)
    }

    fn authority(&mut self, request: Resource<Never>) -> wasmtime::Result<Option<String>> {
        self.never(&request)
    }

    fn headers(&mut self, request: Resource<Never>) -> wasmtime::Result<Resource<Fields>> {
        self.never(&request)
    }

    fn consume(
        &mut self,
        request: Resource<Never>,
    ) -> wasmtime::Result<Result<Resource<Never>, ()>> {
        self.never(&request)
    }

    fn drop(&mut self, request: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(request)
    }
}

impl HostIncomingResponse for View<'_> {
    fn status(&mut self, response: Resource<Never>) -> wasmtime::Result<u16> {
        self.never(&response)
    }

    fn headers(&mut self, response: Resource<Never>) -> wasmtime::Result<Resource<Fields>> {
        self.never(&response)
    }

    fn consume(
        &mut self,
        response: Resource<Never>,
    ) -> wasmtime::Result<Result<Resource<Never>, ()>> {
        self.never(&response)
    }

    fn drop(&mut self, response: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(response)
    }
}

impl HostIncomingBody for View<'_> {
    fn stream(
        &mut self,
        body: Resource<Never>,
    ) -> wasmtime::Result<Result<Resource<DynInputStream>, ()>> {
        self.never(&body)
    }

    fn finish(&mut self, body: Resource<Never>) -> wasmtime::Result<Resource<Never>> {
        self.never(&body)
    }

    fn drop(&mut self, body: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(body)
    }
}

impl HostFutureIncomingResponse for View<'_> {
    fn subscribe(&mut self, future: Resource<Never>) -> wasmtime::Result<Resource<DynPollable>> {
        self.never(&future)
    }

    fn get(
        &mut self,
        future: Resource<Never>,
    ) -> wasmtime::Result<Option<Result<Result<Resource<Never>, ErrorCode>, ()>>> {
        self.never(&future)
    }

    fn drop(&mut self, future: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(future)
    }
}

impl HostFutureTrailers for View<'_> {
    fn subscribe(&mut self, future: Resource<Never>) -> wasmtime::Result<Resource<DynPollable>> {
        self.never(&future)
    }

    fn get(
        &mut self,
        future: Resource<Never>,
    ) -> wasmtime::Result<Option<Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>>> {
        self.never(&future)
    }

    fn drop(&mut self, future: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(future)
    }
}

impl HostResponseOutparam for View<'_> {
    fn send_informational(
        &mut self,
        param: Resource<Never>,
        _status: u16,
        _headers: Resource<Fields>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        self.never(&param)
    }

    fn set(
        &mut self,
        param: Resource<Never>,
        _response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> wasmtime::Result<()> {
        self.never(&param)
    }

    fn drop(&mut self, param: Resource<Never>) -> wasmtime::Result<()> {
        self.drop_never(param)
    }
}
