//! What a guest sees of file systems: the session, and nothing of the host.

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::guests::makes_directories;
use super::{request, run};

/// The linker serves a guest of any 0.2.x from the highest version it holds. If wasmtime-wasi's own
/// `wasi:filesystem` were ever added beside ours, some of these would be served by the host's.
#[tokio::test]
async fn every_version_sees_the_session_and_nothing_else() {
    let outside = tempfile::tempdir().expect("a directory of the host");
    let host = Dir::open_ambient_dir(outside.path(), ambient_authority()).expect("opened");
    host.write("canary", b"alive").expect("written");
    for patch in 0..=12 {
        let request = request();
        let session = request.session.clone();
        let path = outside.path().join("made").display().to_string();
        let report = run(&makes_directories(&format!("0.2.{patch}"), &path), request).await;
        assert!(
            report.outcome.is_success(),
            "0.2.{patch}: {:?}",
            report.outcome
        );
        assert!(session.exists("made").expect("looked"), "0.2.{patch}");
        assert_eq!(session.changes().expect("listed").len(), 1, "0.2.{patch}");
        assert_eq!(report.events.len(), 1, "0.2.{patch}: {:?}", report.events);
        assert_eq!(report.events[0].path.as_deref(), Some(path.as_str()));
    }
    assert_eq!(host.entries().expect("listed").count(), 1);
}
