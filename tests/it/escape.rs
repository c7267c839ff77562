//! Every way out that a guest may try: each is refused, and nothing beside the base is seen or touched.

use std::net::TcpListener;

use crate::support::{CANARY, Ground, Item, Plan, Ran, Scene, guests};

const GIVEN: Item = Item::File("given.txt", "given\n");

/// Runs a guest that checks by itself, over a directory; what it prints is never the canary.
#[track_caller]
fn contained(plan: &Plan) -> Ran {
    let ran = plan.run(Ground::Directory);
    ran.assert_success();
    assert!(!ran.stdout.contains(CANARY), "{}", ran.story());
    ran
}

#[test]
fn no_call_climbs_out() {
    let plan = Plan::new(guests::CLIMB);
    contained(&plan).assert_event("the path leads out of the session");
    plan.passes();
}

#[test]
fn absolute_paths_are_of_the_session() {
    let plan = Plan::new(guests::ABSOLUTE);
    plan.passes();
    let scene = Scene::new(&[GIVEN]);
    let base = scene.path().display().to_string();
    let plan = plan.args(&[&base]);
    plan.run_in(plan.session(Ground::Directory, &scene))
        .assert_success();
    scene.assert_untouched();
}

#[test]
fn links_of_the_base_that_lead_out_lead_nowhere() {
    let items = [
        Item::Link("absolute", "/etc"),
        Item::Link("evil", "../../base/../canary.txt"),
        Item::Link("file", "../canary.txt"),
        Item::Link("top", ".."),
        Item::Link("trailing", "../"),
        Item::Link("sub/up", "../.."),
        Item::File("mine", "mine"),
    ];
    let ran = contained(&Plan::new(guests::LINKS_OUT).items(&items));
    for line in [
        "absolute -> Err(PermissionDenied)",
        "file -> Ok(\"../canary.txt\")",
    ] {
        assert!(
            ran.stdout.lines().any(|printed| printed == line),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn the_host_s_own_folder_is_not_there() {
    let items = [GIVEN, Item::File(".session-fs/journal", CANARY)];
    contained(&Plan::new(guests::STORE_FOLDER).items(&items));
    contained(&Plan::new(guests::STORE_FOLDER).items(&[GIVEN]));
}

#[test]
fn pipes_of_the_host_are_not_there() {
    contained(&Plan::new(guests::SPECIAL_FILES).items(&[GIVEN, Item::Pipe("pipe")]));
}

#[test]
fn a_read_only_session_stays_as_it_is() {
    let items = [GIVEN, Item::Directory("directory")];
    let ran = Plan::new(guests::READ_ONLY)
        .items(&items)
        .read_only()
        .passes();
    assert_eq!(ran.changes(), [""; 0]);
    assert_eq!(ran.session.read("given.txt").expect("read"), b"given\n");
}

#[test]
fn there_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("bound").port().to_string();
    contained(&Plan::new(guests::SOCKETS).args(&[&port]));
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn requests_are_denied() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let authority = listener.local_addr().expect("bound").to_string();
    let ran = contained(&Plan::new(guests::REQUESTS).args(&[&authority]));
    let told = format!("not granted: an HTTP request, POST http://{authority}/a?b");
    ran.assert_event(&told);
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn there_are_no_other_programs() {
    contained(&Plan::new(guests::PROCESSES));
}
