//! Sends a request of `wasi:http`, whole and with a body: it is denied, and the program goes on.

use std::env;

use bindings::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{
    ErrorCode, Fields, HeaderError, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package session-fs:test-requests;
            world requests {
                import wasi:http/types@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
            }
        ",
        world: "session-fs:test-requests/requests",
        generate_all,
    });
}

fn main() {
    let authority = env::args().nth(1).expect("who is asked");
    let headers = Fields::from_list(&[("accept".to_owned(), b"text/plain".to_vec())]);
    let headers = headers.expect("valid headers");
    assert!(headers.has("Accept"));
    let request = OutgoingRequest::new(headers);
    let changed = request.headers().append("x", b"y");
    assert!(matches!(changed, Err(HeaderError::Immutable)));
    request.set_method(&Method::Post).expect("set");
    request.set_scheme(Some(&Scheme::Http)).expect("set");
    request.set_authority(Some(&authority)).expect("set");
    request.set_path_with_query(Some("/a?b")).expect("set");

    let body = request.body().expect("the first time");
    let stream = body.write().expect("the first time");
    stream
        .blocking_write_and_flush(b"what the session has")
        .expect("taken");
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");

    let options = RequestOptions::new();
    options.set_connect_timeout(Some(1)).expect("set");
    let sent = outgoing_handler::handle(request, Some(options));
    assert!(matches!(sent, Err(ErrorCode::HttpRequestDenied)));
    let bare = OutgoingRequest::new(Fields::new());
    let sent = outgoing_handler::handle(bare, None);
    assert!(matches!(sent, Err(ErrorCode::HttpRequestDenied)));
    println!("denied twice");
}
