//! One script on both hosts, and what differs.

use tokio::runtime::Runtime as Tokio;
use vfs::Access;
use wasmtime_wasi::FsPerms;

use super::exceptions::is_known;
use super::hosts::{self, Guest};
use crate::support::trees;
use crate::support::{Ground, Item, Scene, guests};

/// The player of scripts, and the tree that ours begins with.
pub(super) struct Duel {
    player: Guest,
    tokio: Tokio,
    items: Vec<Item>,
    /// Sessions leave it as it is, so that one is enough.
    scene: Scene,
    grounds: &'static [Ground],
    access: Access,
}

/// How far two hosts went the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// To the end, with the same tree.
    Whole,
    /// To a step that one host takes and the other refuses, for a reason that is known.
    Until(usize),
}

impl Duel {
    pub(super) fn new(items: &[Item], grounds: &'static [Ground]) -> Self {
        Self {
            player: Guest::new(guests::PLAYER),
            tokio: hosts::tokio(),
            items: items.to_vec(),
            scene: Scene::new(items),
            grounds,
            access: Access::ReadWrite,
        }
    }

    /// The same where nothing may be changed.
    pub(super) fn read_only(items: &[Item], grounds: &'static [Ground]) -> Self {
        Self {
            access: Access::ReadOnly,
            ..Self::new(items, grounds)
        }
    }

    /// Plays a script everywhere; an error tells the first difference.
    pub(super) fn play(&self, script: &[String]) -> Result<Agreement, String> {
        let text = script.join("\n");
        let scene = Scene::new(&self.items);
        let permissions = match self.access {
            Access::ReadWrite => FsPerms::ReadWrite,
            Access::ReadOnly => FsPerms::ReadOnly,
        };
        let args = [text.as_str()];
        let player = &self.player;
        let theirs = player.on_the_oracle(&self.tokio, &scene, permissions, &args);
        let their_tree = trees::of_directory(&scene.path());
        let mut agreement = Agreement::Whole;
        for &ground in self.grounds {
            let mut plan = player.plan().items(&self.items).args(&args);
            if self.access == Access::ReadOnly {
                plan = plan.read_only();
            }
            let ran = player.on_a_session(&self.tokio, &plan, ground, &self.scene);
            agreement = compare(script, &ran.stdout, &theirs)
                .map_err(|difference| format!("over {ground:?}, {difference}"))?;
            if agreement == Agreement::Whole {
                let our_tree = trees::of_session(&ran.session);
                compare_trees(&our_tree, &their_tree)
                    .map_err(|difference| format!("over {ground:?}, {difference}"))?;
            }
        }
        Ok(agreement)
    }

    /// Fails when a session has changed what it was over.
    pub(super) fn assert_untouched(&self) {
        self.scene.assert_untouched();
    }
}

fn compare(script: &[String], ours: &str, theirs: &str) -> Result<Agreement, String> {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    if ours.len() != script.len() || theirs.len() != script.len() {
        return Err("a result is not one line".to_owned());
    }
    for (index, step) in script.iter().enumerate() {
        let (ours, theirs) = (ours[index], theirs[index]);
        if ours == theirs {
            continue;
        }
        if !is_known(step, ours, theirs) {
            return Err(format!("step {index}: {step} | {ours} | {theirs}"));
        }
        if is_refused(ours) != is_refused(theirs) {
            return Ok(Agreement::Until(index));
        }
    }
    Ok(Agreement::Whole)
}

fn is_refused(result: &str) -> bool {
    result.starts_with("error ")
}

fn compare_trees(ours: &[String], theirs: &[String]) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    let only = |these: &[String], those: &[String]| {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.cloned().collect::<Vec<_>>().join("\n  ")
    };
    let (ours, theirs) = (only(ours, theirs), only(theirs, ours));
    Err(format!("the trees: ours\n  {ours}\ntheirs\n  {theirs}"))
}
