//! `Packages`: a private view of a Debian mirror, through apt, that installs nothing.
//!
//! apt runs with its own state, cache and source list below our scratch directory; the mirror, the
//! proxy and the keys are those the machine already trusts, so that what is unpacked has been
//! verified against the archive's signature. Called by `debian`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::workbench::Workbench;

/// How long one apt command may take; the largest fetches about 45 MB.
const APT_TIME_MAX: Duration = Duration::from_secs(300);

/// The keys of the Debian archive, for suites newer than the machine's own.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Suites that may carry a newer rustc than the machine's own, nearest to stable first.
const NEWER_SUITES: [&str; 5] = [
    "trixie-backports",
    "trixie",
    "forky-backports",
    "forky",
    "sid",
];

/// One mirror and one suite of it, with its lists fetched.
pub(super) struct Packages<'a> {
    bench: &'a Workbench,
    scratch: PathBuf,
    /// As in `<site> trixie-backports`, for messages.
    origin: String,
}

/// A place to look: the mirror's address and the name of a suite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    site: String,
    suite: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.site, self.suite)
    }
}

impl Source {
    /// All places worth looking at, most promising first, from apt's own configuration.
    pub(super) fn all(bench: &Workbench) -> Result<Vec<Self>> {
        let mut command = bench.tool("apt-get");
        command.args([
            "indextargets",
            "--format",
            "$(SITE) $(RELEASE)",
            "Created-By: Packages",
        ]);
        let answer = bench
            .capture(&mut command, APT_TIME_MAX)
            .context("cannot ask apt for its mirror")?;
        let sources = candidates(&answer);
        ensure!(!sources.is_empty(), "apt has no package source configured");
        Ok(sources)
    }
}

impl<'a> Packages<'a> {
    /// Fetches the lists of one source.
    pub(super) fn fetch(bench: &'a Workbench, scratch: &Path, source: &Source) -> Result<Self> {
        let origin = source.to_string();
        let scratch = scratch.join(&source.suite);
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(scratch.join(folder))?;
        }
        fs::write(scratch.join("status"), "")?;
        let keys = if Path::new(KEYRING).is_file() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        fs::write(
            scratch.join("sources.list"),
            format!("deb {keys}{origin} main\n"),
        )?;
        fs::write(scratch.join("apt.conf"), configuration(&scratch))?;
        let packages = Self {
            bench,
            scratch,
            origin,
        };
        let mut command = packages.apt("apt-get");
        match bench.capture(command.args(["--quiet", "update"]), APT_TIME_MAX) {
            Ok(_) => Ok(packages),
            Err(error) => bail!("{}", first_error(&format!("{error:#}")).to_owned()),
        }
    }

    /// The versions of a package, newest first.
    pub(super) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let mut command = self.apt("apt-cache");
        let answer = self
            .bench
            .capture(command.args(["madison", package]), APT_TIME_MAX)?;
        Ok(madison(&answer, package))
    }

    /// Fetches and unpacks one package into `folder`.
    pub(super) fn unpack(&self, package: &str, version: &str, folder: &Path) -> Result<()> {
        println!("  {package} {version} from {}", self.origin);
        let downloads = self.scratch.join(package);
        fs::create_dir_all(&downloads)?;
        let mut command = self.apt("apt-get");
        command
            .current_dir(&downloads)
            .arg("download")
            .arg(format!("{package}={version}"));
        self.bench.capture(&mut command, APT_TIME_MAX)?;
        let deb = fs::read_dir(&downloads)?
            .next()
            .context("apt-get left no package")??
            .path();
        let mut command = self.bench.tool("dpkg");
        self.bench
            .capture(command.arg("-x").arg(deb).arg(folder), APT_TIME_MAX)?;
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = self.bench.tool(program);
        command
            .env("APT_CONFIG", self.scratch.join("apt.conf"))
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

/// `apt-get update` reports a missing suite as a warning unless it is told otherwise.
fn configuration(scratch: &Path) -> String {
    let scratch = scratch.display();
    format!(
        r#"Dir::State "{scratch}/state";
Dir::State::status "{scratch}/status";
Dir::Cache "{scratch}/cache";
Dir::Etc::SourceList "{scratch}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "0";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
"#
    )
}

/// The first line in which apt says what is wrong, or everything when there is none.
fn first_error(printed: &str) -> &str {
    printed
        .lines()
        .find(|line| line.starts_with("E: "))
        .unwrap_or(printed)
}

/// The sources in the answer of `apt-get indextargets`, the machine's own suites first, then its
/// backports, then newer ones; the security archive has no such packages.
fn candidates(indextargets: &str) -> Vec<Source> {
    let mut sites = Vec::new();
    let mut suites = Vec::new();
    for line in indextargets.lines() {
        let Some((site, suite)) = line.split_once(' ') else {
            continue;
        };
        if suite.ends_with("-security") || suite.ends_with("-updates") {
            continue;
        }
        sites.push(site);
        suites.push(suite.to_owned());
    }
    let own: Vec<String> = suites.clone();
    suites.extend(
        own.iter()
            .filter(|s| !s.contains('-'))
            .map(|s| format!("{s}-backports")),
    );
    suites.extend(NEWER_SUITES.map(String::from));
    let mut seen = BTreeSet::new();
    let pairs = suites.iter().flat_map(|suite| {
        sites.iter().map(|site| Source {
            site: (*site).to_owned(),
            suite: suite.clone(),
        })
    });
    pairs.filter(|source| seen.insert(source.clone())).collect()
}

/// The versions of a package in the answer of `apt-cache madison`.
fn madison(answer: &str, package: &str) -> Vec<String> {
    let rows = answer
        .lines()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|row| row.first() == Some(&package))
        .filter_map(|row| row.get(1).map(|version| (*version).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_suites_come_first_then_backports_then_newer_ones() {
        let answer = "http://m/debian bookworm\nhttp://m/debian bookworm-updates\n\
                      http://m/debian-security bookworm-security\nhttp://m/debian bookworm\n";
        let found: Vec<String> = candidates(answer).iter().map(Source::to_string).collect();
        let mut expected = vec![
            "http://m/debian bookworm",
            "http://m/debian bookworm-backports",
        ];
        let newer = NEWER_SUITES.map(|suite| format!("http://m/debian {suite}"));
        expected.extend(newer.iter().map(String::as_str));
        assert_eq!(found, expected);
        assert_eq!(candidates(""), []);
    }

    #[test]
    fn madison_rows_of_another_package_are_not_ours() {
        let answer = "  rust-src | 1.96.1+dfsg1-2 | http://m x/main\n\
                      rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://m x/main\n\
                      rust-src-x | 1.0 | http://m x/main\n";
        assert_eq!(
            madison(answer, "rust-src"),
            ["1.96.1+dfsg1-2", "1.95.0+dfsg1-2~bpo13+1"]
        );
    }
}
