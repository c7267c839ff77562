//! An agent that renames an identifier over the whole project, committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use proc_macro2::{TokenStream, TokenTree};

use super::{Stage, show};

/// Put behind the old name to make the new one.
const SUFFIX: &str = "Renamed";

/// What the Rust files of a tree are, as the compiler's grammar sees them.
#[derive(Default)]
struct Sources {
    /// The files that parse.
    parsing: Vec<PathBuf>,
    /// How often each identifier is in them.
    counts: BTreeMap<String, usize>,
    /// How often each is the name of a type that they define.
    definitions: BTreeMap<String, usize>,
}

pub(super) fn play(stage: &Stage<'_>) -> Result<()> {
    let path = &stage.project.path;
    let before = Sources::read(path)?;
    let from = before
        .most_frequent_type()
        .context("no type is named in the project")?;
    let to = format!("{from}{SUFFIX}");
    let (old, new) = (format!("from={from}"), format!("to={to}"));
    let ran = stage.run(&["--param", &old, "--param", &new], "rename-symbol", &[])?;
    ran.expect_code(0)?;
    show(ran.stdout.lines().next().unwrap_or_default());
    show(ran.line("committed ")?);
    show(ran.line(" paths in ")?);
    let after = Sources::read(path)?;
    ensure!(
        after.parsing == before.parsing,
        "some files no longer parse"
    );
    let (was, is) = (before.count(&from), after.count(&to));
    ensure!(after.count(&from) == 0, "{from} is still there");
    ensure!(
        was == is && was > 0,
        "{from} was there {was} times and {to} is {is} times"
    );
    println!(
        "  all {} files that parsed still do; {from} is gone",
        after.parsing.len()
    );
    Ok(())
}

impl Sources {
    fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        list(root, &mut files)?;
        files.sort();
        let mut sources = Self::default();
        for file in files {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if syn::parse_file(&text).is_ok() {
                // Without what only the file as a whole may begin with.
                let tokens = TokenStream::from_str(text.trim_start_matches('\u{feff}'));
                tokens
                    .map(|tokens| sources.count_all(tokens))
                    .unwrap_or_default();
                sources.parsing.push(file);
            }
        }
        Ok(sources)
    }

    fn count_all(&mut self, tokens: TokenStream) {
        let mut is_definition = false;
        for token in tokens {
            let name = match token {
                TokenTree::Ident(name) => name.to_string(),
                TokenTree::Group(group) => {
                    self.count_all(group.stream());
                    continue;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => continue,
            };
            if is_definition {
                *self.definitions.entry(name.clone()).or_default() += 1;
            }
            is_definition = matches!(name.as_str(), "struct" | "enum" | "trait");
            *self.counts.entry(name).or_default() += 1;
        }
    }

    fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// Of the types that are defined once, the one that is named most often.
    fn most_frequent_type(&self) -> Option<String> {
        let is_free = |name: &str| !self.counts.contains_key(&format!("{name}{SUFFIX}"));
        let is_telling = |name: &str| name.len() > 6 && is_free(name);
        let once = self
            .definitions
            .iter()
            .filter(|(name, count)| **count == 1 && is_telling(name));
        once.max_by_key(|(name, _)| self.count(name))
            .map(|(name, _)| name.clone())
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
