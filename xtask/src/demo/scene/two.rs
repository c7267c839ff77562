//! Two agents at once: each has done its work and holds its session when the first one commits.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Ran, Stage, show};

/// The files that the agents work on, made for the purpose.
const FILES: [(&str, &str); 2] = [
    ("demo_one.rs", "fn apple() {}\nfn pear() {}\n"),
    ("demo_two.rs", "fn apple() {}\nfn pear() {}\n"),
];

pub(super) fn different(stage: &Stage<'_>) -> Result<()> {
    let [one, two] = FILES.map(|(file, _)| file);
    put_files(stage)?;
    let first = Held::start(stage, one, "apple", "cherry")?;
    let second = Held::start(stage, two, "pear", "plum")?;
    let (first, second) = (first.commit()?, second.commit()?);
    first.expect_code(0)?;
    second.expect_code(0)?;
    println!("  first:  {}", first.line("committed ")?);
    println!("  second: {}", second.line("committed ")?);
    expect_files(
        stage,
        [
            "fn cherry() {}\nfn pear() {}\n",
            "fn apple() {}\nfn plum() {}\n",
        ],
    )
}

pub(super) fn same(stage: &Stage<'_>) -> Result<()> {
    let one = FILES[0].0;
    put_files(stage)?;
    let first = Held::start(stage, one, "apple", "cherry")?;
    let second = Held::start(stage, one, "pear", "plum")?;
    let (first, second) = (first.commit()?, second.commit()?);
    first.expect_code(0)?;
    second.expect_code(3)?;
    println!("  first:  {}", first.line("committed ")?);
    for part in ["error", &format!("C {one}"), "hint"] {
        println!("  second: {}", second.line(part)?.trim_start());
    }
    expect_files(stage, ["fn cherry() {}\nfn pear() {}\n", FILES[1].1])
}

fn put_files(stage: &Stage<'_>) -> Result<()> {
    for (file, text) in FILES {
        fs::write(stage.project.path.join(file), text)?;
    }
    Ok(())
}

fn expect_files(stage: &Stage<'_>, expected: [&str; 2]) -> Result<()> {
    for ((file, _), expected) in FILES.iter().zip(expected) {
        let path = stage.project.path.join(file);
        let text = fs::read_to_string(&path)?;
        ensure!(text == expected, "{file} is {text:?} and not {expected:?}");
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// An agent that has done its work and waits to be told whether to commit.
struct Held {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Held {
    fn start(stage: &Stage<'_>, file: &str, from: &str, to: &str) -> Result<Self> {
        let params = [
            format!("from={from}"),
            format!("to={to}"),
            format!("glob={file}"),
        ];
        let [from, to, glob] = &params;
        let options = ["--hold", "--param", from, "--param", to, "--param", glob];
        let mut command = stage.command(&options, "rename-symbol", &[])?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start session-fs")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let mut stderr = BufReader::new(stderr);
        let mut seen = String::new();
        while !seen.contains(&format!("M {file}")) {
            let read = stderr.read_line(&mut seen)?;
            if read == 0 {
                child.wait()?;
                show(&seen);
                anyhow::bail!("the agent did not get as far as its decision");
            }
        }
        Ok(Self { child, stderr })
    }

    fn commit(mut self) -> Result<Ran> {
        let mut stdin = self.child.stdin.take().context("stdin is piped")?;
        stdin.write_all(b"commit\n")?;
        drop(stdin);
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr)?;
        let mut ran = Ran::from(self.child.wait_with_output()?);
        ran.stderr = stderr;
        Ok(ran)
    }
}
