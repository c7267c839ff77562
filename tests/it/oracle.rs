//! The same program on the session and on wasmtime's own file system must find the same.
//!
//! Natively a program would see another libc; so the oracle is the very same component, run by
//! wasmtime over a directory of the host. The guests that check by themselves pass on both (but for
//! those whose subject is where wasmtime is not POSIX: it stops reading for good at an end, and tells
//! every refused write as EIO), and ten thousand random steps print the same and leave the same tree.

use std::sync::OnceLock;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::support::{Ground, Item, Plan, Scene, bytes, guests};

/// Seeds of the random steps; each is some four hundred steps.
const SEEDS: u64 = 25;

/// Error numbers of ours and of the oracle's where more than one thing is wrong with a step and POSIX
/// leaves open which is told: a directory that is linked to a name that cannot be made, a source that
/// is not there renamed to below a file, a file renamed over the directory it is in, and a file that
/// is created through a link that ends in `/`.
const EITHER: [(i32, i32); 7] = [
    (errno::PERM, errno::EXIST),
    (errno::PERM, errno::NOTDIR),
    (errno::PERM, errno::NOENT),
    (errno::NOENT, errno::NOTDIR),
    (errno::ISDIR, errno::NOTEMPTY),
    (errno::NOTDIR, errno::ISDIR),
    (errno::LOOP, errno::ISDIR),
];

const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Error numbers of wasi-libc.
mod errno {
    pub(super) const EXIST: i32 = 20;
    pub(super) const ISDIR: i32 = 31;
    pub(super) const LOOP: i32 = 32;
    pub(super) const NOENT: i32 = 44;
    pub(super) const NOTDIR: i32 = 54;
    pub(super) const NOTEMPTY: i32 = 55;
    pub(super) const PERM: i32 = 63;
}

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Config::new()).expect("an engine"))
}

/// Runs a guest over the scene's directory itself and returns what it printed.
fn oracle(component: &Component, scene: &Scene, args: &[&str]) -> String {
    let stdout = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
    let stderr = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
    let mut wasi = WasiCtxBuilder::new();
    wasi.arg("guest")
        .args(args)
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    wasi.preopened_dir(scene.path(), "/", FsPerms::ReadWrite)
        .expect("the scene is there");
    let host = Host {
        wasi: wasi.build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(engine(), host);
    let mut linker = Linker::new(engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("linked");
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let result = tokio.expect("tokio starts").block_on(async {
        let command = Command::instantiate_async(&mut store, component, &linker).await?;
        command.wasi_cli_run().call_run(&mut store).await
    });
    let text = |pipe: &MemoryOutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
    assert!(
        matches!(result, Ok(Ok(()))),
        "{result:?}\n{}\n{}",
        text(&stdout),
        text(&stderr)
    );
    text(&stdout)
}

fn compiled(guest: &str) -> Component {
    Component::from_binary(engine(), &bytes(guest)).expect("a component")
}

#[test]
fn what_guests_expect_of_a_session_is_what_they_find_elsewhere() {
    const GIVEN: Item = Item::File("given.txt", "given\n");
    let tree = [
        Item::File("given/a.txt", "a"),
        Item::File("given/b.txt", "b"),
        Item::File("given/sub/deep.txt", "deep\n"),
        Item::File("top.txt", "top"),
        Item::Link("link", "given/sub"),
    ];
    let cases: [(&str, &[Item]); 12] = [
        (guests::APPEND, &[GIVEN]),
        (guests::HARD_LINK, &[GIVEN]),
        (guests::LARGE_FILE, &[]),
        (guests::MANY_FILES, &[]),
        (guests::READ_DIR, &tree),
        (
            guests::REMOVE,
            &[tree[0], tree[1], Item::File("kept.txt", "")],
        ),
        (guests::RENAME, &tree[2..3]),
        (guests::SEEK, &[]),
        (guests::SYMLINK, &[GIVEN]),
        (guests::SYNC, &[]),
        (guests::TREES, &[Item::File("given/a/b", "")]),
        (guests::UNLINKED, &[GIVEN]),
    ];
    for (guest, items) in cases {
        oracle(&compiled(guest), &Scene::new(items), &[]);
    }
}

#[test]
fn random_steps_come_out_the_same() {
    let component = compiled(guests::RANDOM_STEPS);
    let items = [
        Item::File("given", "given\n"),
        Item::File("d/given", "given\n"),
    ];
    let mut differences = Vec::new();
    for seed in 1..=SEEDS {
        let seed = seed.to_string();
        let scene = Scene::new(&items);
        let expected = oracle(&component, &scene, &[&seed]);
        let plan = Plan::new(guests::RANDOM_STEPS).items(&items).args(&[&seed]);
        for ground in [Ground::Directory, Ground::Memory] {
            let ran = plan.run(ground);
            ran.assert_success();
            let lines = ran.stdout.lines().zip(expected.lines());
            let differing = lines.filter(|(ours, theirs)| !agree(ours, theirs));
            differences
                .extend(differing.map(|(ours, theirs)| format!("{seed}: {ours} | {theirs}")));
            let (ours, theirs) = (tree(&ran.session, ""), scene.tree());
            if ours != theirs {
                differences.push(format!("{seed}: {ours:?} | {theirs:?}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "ours | the oracle's\n{}",
        differences.join("\n")
    );
}

/// Whether two lines say the same, or name two of the several reasons why a step cannot be taken.
fn agree(ours: &str, theirs: &str) -> bool {
    let both_refuse = || {
        let ((step, ours), (other_step, theirs)) = (refusal(ours)?, refusal(theirs)?);
        Some(step == other_step && EITHER.contains(&(ours, theirs)))
    };
    ours == theirs || both_refuse() == Some(true)
}

fn refusal(line: &str) -> Option<(&str, i32)> {
    let (step, number) = line.split_once(": errno Some(")?;
    Some((step, number.strip_suffix(')')?.parse().ok()?))
}

/// Every path of a session with what stands there.
fn tree(session: &vfs::Session, directory: &str) -> Vec<String> {
    let page = session.list(directory, None, 1000).expect("a directory");
    let mut lines = Vec::new();
    for entry in page.entries {
        let path = if directory.is_empty() {
            entry.name.to_string()
        } else {
            format!("{directory}/{}", entry.name)
        };
        match entry.kind {
            vfs::Kind::Directory => {
                lines.push(format!("{path}/"));
                lines.extend(tree(session, &path));
            }
            vfs::Kind::File => {
                let content = session.read(&path).expect("a file");
                lines.push(format!("{path} {}", content.escape_ascii()));
            }
            vfs::Kind::Symlink => {
                lines.push(format!(
                    "{path} -> {}",
                    session.read_link(&path).expect("a link")
                ));
            }
        }
    }
    lines
}
