//! sed and tex-fmt: programs that read files and write them in place.

use super::contest::{Contest, Step};
use super::install::{Native, Program};
use super::sample;
use crate::support::Item;

const SED: Program = Program {
    package: "sed",
    version: "0.3.0",
    name: "sed",
    features: "",
    native: Native::System,
};

const TEX_FMT: Program = Program {
    package: "tex-fmt",
    version: "0.5.7",
    name: "tex-fmt",
    features: "",
    native: Native::Itself,
};

#[test]
fn texts_are_edited_in_place() {
    let contest = Contest::new(SED, &sample());
    let (one, other) = ("docs/commit.md", "docs/formats.md");
    let result = contest.play(&[
        &["-n", "2,4p", one],
        &["-n", "$=", one, other],
        &["-E", "s/(session)s?/<\\1>/g;/^$/d", one],
        &["-i", "s/commit/COMMIT/2", one, other],
        &["-i", "-e", "1i first", "-e", "$a last", "-e", "3,5d", one],
        &["-i.bak", "s/$/ /", "wit/types.wit"],
        &["-n", "/COMMIT/w found.txt", one, other],
        &["-i", "y/abc/xyz/", "docs/missing.md"],
        &["s/a", one],
    ]);
    let is_success: Vec<bool> = result.steps.iter().map(|step| step.0).collect();
    assert_eq!(is_success[3..], [true, true, true, true, false, false]);
    let first = result.session.read(one).expect("still there");
    assert!(first.starts_with(b"first\n"), "it was edited");
    let changes = result.session.changes().expect("open");
    assert_eq!(changes.len(), 5, "{changes:?}");
}

#[test]
fn standard_input_is_edited() {
    let contest = Contest::new(SED, &[]);
    let step = Step {
        args: &["s/b/B/g"],
        stdin: "abc\nb",
    };
    assert_eq!(contest.play_steps(&[step]).steps[0].1, "aBc\nB");
}

const DOCUMENT: &str = r"\documentclass{article}
\begin{document}
\begin{itemize}
\item One   
\item A line that is long enough to be wrapped somewhere, because it has more than eighty characters in it
\begin{equation}
a = b
\end{equation}
\end{itemize}



\end{document}";

#[test]
fn documents_are_formatted_in_place() {
    let items = [
        Item::File("main.tex", DOCUMENT),
        Item::File("part/one.tex", "\\section{One}\n{\nnot closed\n"),
        Item::File("part/two.bib", "@book{a,\nauthor = {B},\n}\n"),
        Item::File("tex-fmt.toml", "wraplen = 60\ntabsize = 4\n"),
    ];
    let contest = Contest::new(TEX_FMT, &items);
    let result = contest.play(&[
        &["--check", "main.tex"],
        &["--print", "main.tex"],
        &["main.tex", "part/one.tex", "part/two.bib"],
        &["--check", "main.tex"],
        &["--noconfig", "main.tex"],
        &["missing.tex"],
    ]);
    assert!(!result.steps[0].0 && result.steps[3].0, "it was formatted");
    let formatted = result.session.read("main.tex").expect("still there");
    assert_ne!(formatted, DOCUMENT.as_bytes());
}
