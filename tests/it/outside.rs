//! An agent by a stranger: a package outside of this workspace that knows the SDK and nothing else,
//! built with plain `cargo build --target wasm32-wasip2`.
#![expect(
    clippy::disallowed_methods,
    reason = "a stranger copies files and runs cargo"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use runtime::{AgentKind, RunOutcome};

use crate::support::{Ground, Item, Plan, Scene, load_bytes, runtime};

/// What this cargo was told and a stranger's would not be.
const OUR_OWN: [&str; 5] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

#[test]
fn a_package_of_its_own_is_built_and_run() {
    let component = build();
    let agent = load_bytes(runtime(), &fs::read(component).expect("it was built"));
    assert_eq!(agent.kind(), AgentKind::Agent);
    let items = [
        Item::File("README.md", "one\ntwo\n"),
        Item::File("sub/README.md", ""),
        Item::File("target/README.md", ""),
    ];
    let plan = Plan::of_no_guest().items(&items).parameter("name", "host");
    let scene = Scene::new(&items);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let session = plan.session(Ground::Directory, &scene);
    let ran = tokio
        .expect("tokio starts")
        .block_on(plan.start(runtime(), &agent, session));
    let RunOutcome::Succeeded(outcome) = &ran.report.outcome else {
        panic!("{}", ran.story());
    };
    assert_eq!(outcome.summary, "greeted 2 times");
    assert_eq!(
        ran.changes(),
        ["created file HELLO.txt", "created file sub/HELLO.txt"]
    );
    let greeting = ran.session.read("HELLO.txt").expect("read");
    assert_eq!(greeting, b"Hello, host! The README has 2 lines.\n");
    scene.assert_untouched();
}

/// Copies the package to where no workspace is around it, and builds it there.
fn build() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sdk = tests.with_file_name("guest-sdk");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let package = elsewhere.path();
    fs::create_dir(package.join("src")).expect("created");
    for file in ["Cargo.lock", "src/lib.rs"] {
        fs::copy(tests.join("outside").join(file), package.join(file)).expect("copied");
    }
    let manifest = fs::read_to_string(tests.join("outside/Cargo.toml")).expect("read");
    let relative = "path = \"../../guest-sdk\"";
    assert!(
        manifest.contains(relative),
        "it depends on the SDK by its path"
    );
    let manifest = manifest.replace(relative, &format!("path = {:?}", sdk.display().to_string()));
    fs::write(package.join("Cargo.toml"), manifest).expect("written");

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("outside");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(package)
        .args(["build", "--target", "wasm32-wasip2"]);
    cargo.env("CARGO_TARGET_DIR", &target);
    for name in OUR_OWN {
        cargo.env_remove(name);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target.join("wasm32-wasip2/debug/hello.wasm")
}
