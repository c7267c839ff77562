//! Requests put together by hand, each of which is denied.

use super::fields::FIELDS_BYTES_MAX;
use super::request::TEXT_BYTES_MAX;
use super::*;
use crate::EventKind;
use crate::bindings::http::wasi::http::types::{
    HeaderError, HostFields, HostOutgoingBody, HostOutgoingRequest, HostOutgoingResponse,
    HostRequestOptions, Method, Scheme,
};
use crate::tests::Run;

fn request(view: &mut View<'_>, host: &str) -> Resource<OutgoingRequest> {
    let headers = HostFields::new(view).expect("room");
    let request = HostOutgoingRequest::new(view, headers).expect("room");
    let borrowed = || Resource::new_borrow(request.rep());
    let host = Some(host.to_owned());
    let set = view.set_authority(borrowed(), host).expect("no trap");
    assert_eq!(set, Ok(()));
    request
}

fn fields(view: &mut View<'_>, list: &[(&str, &str)]) -> Result<Resource<Fields>, HeaderError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    view.from_list(list.iter().map(owned).collect())
        .expect("no trap")
}

#[test]
fn sending_is_denied_noted_and_leaves_no_handle() {
    let mut run = Run::new();
    for (scheme, told) in [
        (None, "GET https://example.org/"),
        (Some(Scheme::Http), "GET http://example.org/"),
    ] {
        let request = request(&mut run.view(), "example.org");
        let set = run
            .view()
            .set_scheme(Resource::new_borrow(request.rep()), scheme);
        assert_eq!(set.expect("no trap"), Ok(()));
        let options = HostRequestOptions::new(&mut run.view()).expect("room");
        let answer = outgoing_handler::Host::handle(&mut run.view(), request, Some(options));
        let code = answer.expect("no trap").expect_err("denied");
        assert!(matches!(code, ErrorCode::HttpRequestDenied), "{code:?}");
        let (events, _) = run.state.events.take();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, EventKind::Denied);
        assert!(events[0].detail.ends_with(told), "{}", events[0].detail);
    }
    assert!(run.table.is_empty(), "everything was let go of");
}

#[test]
fn a_body_is_taken_once_and_swallows_what_is_written() {
    let mut run = Run::new();
    let request = request(&mut run.view(), "example.org");
    let borrowed = || Resource::new_borrow(request.rep());
    let body = HostOutgoingRequest::body(&mut run.view(), borrowed()).expect("no trap");
    let body = body.expect("the first time");
    let again = HostOutgoingRequest::body(&mut run.view(), borrowed()).expect("no trap");
    assert!(again.is_err());
    let stream = run.view().write(Resource::new_borrow(body.rep()));
    let stream = stream.expect("no trap").expect("the first time");
    let again = run.view().write(Resource::new_borrow(body.rep()));
    assert!(again.expect("no trap").is_err());
    let writer = run.table.get_mut(&stream).expect("held");
    writer.check_write().expect("room");
    writer.write(vec![0; 4096].into()).expect("taken");
    let trailers = HostFields::new(&mut run.view()).expect("room");
    let finished = run.view().finish(body, Some(trailers)).expect("no trap");
    assert!(finished.is_ok());
}

#[test]
fn what_a_request_keeps_is_valid_and_short() {
    let mut run = Run::new();
    let request = request(&mut run.view(), "example.org");
    let borrowed = || Resource::new_borrow(request.rep());
    let long = "a".repeat(TEXT_BYTES_MAX + 1);
    for wrong in ["a b", "", long.as_str()] {
        let method = Method::Other(wrong.to_owned());
        let set = run.view().set_method(borrowed(), method).expect("no trap");
        assert_eq!(set, Err(()), "{wrong}");
        let scheme = Some(Scheme::Other(wrong.to_owned()));
        let set = run.view().set_scheme(borrowed(), scheme).expect("no trap");
        assert_eq!(set, Err(()), "{wrong}");
    }
    for wrong in ["a/b", "a b", "a?", "a\n", long.as_str()] {
        let host = Some(wrong.to_owned());
        let set = run.view().set_authority(borrowed(), host).expect("no trap");
        assert_eq!(set, Err(()), "{wrong}");
    }
    for wrong in ["/a b", "/a#b", "/\r\n", long.as_str()] {
        let path = Some(wrong.to_owned());
        let set = run.view().set_path_with_query(borrowed(), path);
        assert_eq!(set.expect("no trap"), Err(()), "{wrong}");
    }
    let (method, path) = (Method::Other("BREW".to_owned()), Some("/a?b=c".to_owned()));
    let set = run.view().set_method(borrowed(), method).expect("no trap");
    assert_eq!(set, Ok(()));
    let set = run.view().set_path_with_query(borrowed(), path);
    assert_eq!(set.expect("no trap"), Ok(()));
    let kept = run.table.get(&request).expect("held");
    assert_eq!(kept.to_string(), "BREW https://example.org/a?b=c");
}

#[test]
fn fields_are_found_in_any_case_and_changed_as_a_whole() {
    let mut run = Run::new();
    let list = [("A", "1"), ("b", "2"), ("a", "3")];
    let fields = fields(&mut run.view(), &list).expect("valid");
    let borrowed = || Resource::new_borrow(fields.rep());
    let get = |run: &mut Run, name: &str| run.view().get(borrowed(), name.to_owned());
    assert_eq!(get(&mut run, "a").expect("no trap"), [b"1", b"3"]);
    let wrong = vec![b"4".to_vec(), b"\n".to_vec()];
    let set = run.view().set(borrowed(), "a".to_owned(), wrong);
    assert!(matches!(set, Ok(Err(HeaderError::InvalidSyntax))));
    assert_eq!(get(&mut run, "A").expect("no trap"), [b"1", b"3"]);
    let set = run
        .view()
        .set(borrowed(), "a".to_owned(), vec![b"4".to_vec()]);
    assert!(matches!(set, Ok(Ok(()))));
    let deleted = HostFields::delete(&mut run.view(), borrowed(), "B".to_owned());
    assert!(matches!(deleted, Ok(Ok(()))));
    assert!(!run.view().has(borrowed(), "b".to_owned()).expect("no trap"));
    let entries = run.view().entries(borrowed()).expect("no trap");
    assert_eq!(entries, [("a".to_owned(), b"4".to_vec())]);
}

#[test]
fn headers_of_a_request_are_shown_and_copied_but_not_changed() {
    let mut run = Run::new();
    let headers = fields(&mut run.view(), &[("a", "1")]).expect("valid");
    let request = HostOutgoingRequest::new(&mut run.view(), headers).expect("room");
    let shown = HostOutgoingRequest::headers(&mut run.view(), request).expect("no trap");
    let borrowed = || Resource::new_borrow(shown.rep());
    let append = |run: &mut Run, to| run.view().append(to, "b".to_owned(), b"2".to_vec());
    let appended = append(&mut run, borrowed());
    assert!(matches!(appended, Ok(Err(HeaderError::Immutable))));
    let deleted = HostFields::delete(&mut run.view(), borrowed(), "a".to_owned());
    assert!(matches!(deleted, Ok(Err(HeaderError::Immutable))));
    let copy = HostFields::clone(&mut run.view(), borrowed()).expect("no trap");
    assert!(matches!(append(&mut run, copy), Ok(Ok(()))));
}

#[test]
fn fields_have_a_limit_that_many_small_ones_meet_too() {
    let mut run = Run::new();
    let long = "v".repeat(FIELDS_BYTES_MAX);
    let error = fields(&mut run.view(), &[("a", &long)]).expect_err("too long");
    assert!(matches!(error, HeaderError::Forbidden));
    let many = vec![("a", ""); FIELDS_BYTES_MAX / 64];
    let error = fields(&mut run.view(), &many).expect_err("too many");
    assert!(matches!(error, HeaderError::Forbidden));
    for name in ["", "a b", "ä", "a:"] {
        let error = fields(&mut run.view(), &[(name, "")]).expect_err("no name");
        assert!(matches!(error, HeaderError::InvalidSyntax), "{name}");
    }
    let fields = fields(&mut run.view(), &[("a", "1")]).expect("valid");
    for _ in 0..1000 {
        let borrowed = Resource::new_borrow(fields.rep());
        let set = run
            .view()
            .set(borrowed, "a".to_owned(), vec![b"1".to_vec()]);
        assert!(matches!(set, Ok(Ok(()))), "what is replaced counts no more");
    }
}

#[test]
fn a_response_can_be_made_and_given_to_nobody() {
    let mut run = Run::new();
    let headers = HostFields::new(&mut run.view()).expect("room");
    let response = HostOutgoingResponse::new(&mut run.view(), headers).expect("room");
    let borrowed = || Resource::new_borrow(response.rep());
    for (status, expected) in [(99, Err(())), (404, Ok(())), (1000, Err(()))] {
        let set = run.view().set_status_code(borrowed(), status);
        assert_eq!(set.expect("no trap"), expected);
    }
    assert_eq!(run.view().status_code(borrowed()).expect("no trap"), 404);
}
