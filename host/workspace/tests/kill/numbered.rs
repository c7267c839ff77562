//! The numbered changes that a child commits, and the tree that there is after each of them.

use std::collections::VecDeque;

use session_fs_workspace::{
    BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use vfs::{Kind, Session};

use crate::scene::{Node, Tree};

/// Changes a session as the change of this number does: files, directories, links, and moves.
pub(crate) fn change(session: &Session, number: u64) -> vfs::Result<()> {
    let text = number.to_string();
    session.write("counter", text.as_bytes())?;
    let size = usize::try_from(number * 37 % 3_000).expect("small");
    session.write(
        &format!("f{}", number % 5),
        &text.repeat(size / text.len()).into_bytes(),
    )?;
    session.append("log", format!("{number}\n").as_bytes())?;
    session.mkdir("gone")?;
    match number % 4 {
        0 => session.remove_all("gone")?,
        1 => session.write("gone/large", &vec![b'l'; 1 << 20 | 1])?,
        _ => session.write(&format!("gone/x{}", number % 3), text.as_bytes())?,
    }
    session.mkdir("here")?;
    session.write("here/inner", text.as_bytes())?;
    if session.exists("there")? {
        session.remove_all("there")?;
    }
    if number.is_multiple_of(3) {
        session.rename("here", "there")?;
    }
    if session.exists("link")? || session.stat_link("link").is_ok() {
        session.remove("link")?;
    }
    session.symlink(&format!("f{}", number % 5), "link")
}

/// The trees after each change, made on a base in memory.
pub(crate) struct History {
    workspace: Workspace,
    /// The number of the newest of them.
    len: u64,
    trees: VecDeque<Tree>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            workspace: Workspace::new(WorkspaceOptions::default()),
            len: 0,
            trees: VecDeque::from([Tree::new()]),
        }
    }

    /// How many changes were asked for.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The tree after a change; earlier ones are forgotten.
    pub(crate) fn tree(&mut self, number: u64) -> Tree {
        let base = self.workspace.memory("history");
        while self.len < number {
            let session = self.workspace.begin(&base, BeginOptions::default());
            let session = session.expect("begins");
            change(&session, self.len + 1).expect("the session takes it");
            let mut tree = Tree::new();
            collect(&session, "", &mut tree);
            let outcome = self.workspace.commit(&session, &CommitOptions::default());
            assert!(matches!(outcome, Ok(CommitOutcome::Applied(_))));
            self.trees.push_back(tree);
            self.len += 1;
        }
        while self.trees.len() as u64 > self.len - number + 1 {
            self.trees.pop_front();
        }
        self.trees
            .front()
            .expect("the base never goes back")
            .clone()
    }
}

fn collect(session: &Session, dir: &str, tree: &mut Tree) {
    for entry in session.list(dir, None, 1_000).expect("lists").entries {
        let path = format!("{dir}{}", entry.name);
        let node = match entry.kind {
            Kind::Directory => {
                collect(session, &format!("{path}/"), tree);
                Node::Directory
            }
            Kind::Symlink => Node::Link(session.read_link(&path).expect("a link")),
            Kind::File => Node::File(session.read(&path).expect("reads")),
        };
        tree.insert(path, node);
    }
}
