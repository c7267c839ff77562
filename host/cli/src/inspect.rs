//! `session-fs inspect`: what a component is, what it needs, whether it would run here.

mod grant;
mod imports;

use std::io;
use std::sync::Arc;

use runtime::{AgentKind, Inspection, RuntimeOptions};
use serde::Serialize;

use crate::ambient;
use crate::args::InspectArgs;
use crate::exit::{Code, Failure};
use crate::granted::Granted;
use crate::output::{Output, Row, Section};
use crate::run;
use crate::units;
use grant::{Asks, Effective};
use imports::{Import, Standing};

/// All that is shown.
#[derive(Debug, Serialize)]
struct Document {
    agent: String,
    kind: Option<&'static str>,
    world: Option<&'static str>,
    wrapped: bool,
    size: usize,
    digest: String,
    imports: Vec<Import>,
    exports: Vec<String>,
    memories_count: Option<u32>,
    memory_bytes_min: Option<u64>,
    tables_count: Option<u32>,
    asks: Option<Asks>,
    grant: Effective,
    runnable: bool,
    reason: Option<String>,
}

/// Inspects a component; the outer error is that of printing.
pub(crate) fn inspect(args: &InspectArgs, output: &Arc<Output>) -> io::Result<Code> {
    match examine(args, output) {
        Err(failure) => crate::refuse(failure, output),
        Ok(document) => {
            let code = if document.runnable {
                Code::Ok
            } else {
                Code::Failed
            };
            crate::printed(output.document(&sections(&document), &document), code)
        }
    }
}

fn examine(args: &InspectArgs, output: &Arc<Output>) -> Result<Document, Failure> {
    let defaults = RuntimeOptions::default();
    let bytes = ambient::read_component(&args.agent, defaults.component_bytes_max)?;
    let granted = Granted::of(&args.agent, args.base.as_ref(), &args.grant)?;
    let runtime = run::new_runtime(&args.cache, 0)?;
    output.stage("compiling");
    let inspection = runtime.inspect(&bytes);
    let inspection = inspection.map_err(|error| Failure::component(&args.agent, &error))?;
    let reason = runtime
        .load(&bytes)
        .err()
        .map(|error| crate::exit::chain(&error));
    let Inspection {
        kind,
        is_wrapped,
        digest,
        imports,
        exports,
        ..
    } = inspection;
    let (kind, world) = match kind {
        Some(AgentKind::Agent) => (Some("agent"), Some("session-fs:host/agent")),
        Some(AgentKind::Command) => (Some("command"), Some("wasi:cli/command")),
        None => (None, None),
    };
    Ok(Document {
        agent: args.agent.display().to_string(),
        kind,
        world,
        wrapped: is_wrapped,
        size: bytes.len(),
        digest: digest.to_string(),
        imports: imports.into_iter().map(Import::from).collect(),
        exports,
        memories_count: inspection.memories_count,
        memory_bytes_min: inspection.memory_bytes_min,
        tables_count: inspection.tables_count,
        asks: granted.asks.as_ref().map(Asks::from),
        grant: Effective::from(&granted),
        runnable: reason.is_none(),
        reason,
    })
}

fn sections(document: &Document) -> Vec<Section> {
    let row = |name: &str, value: String| (name.to_owned(), value);
    let kind = match (document.kind, document.world) {
        (Some(kind), Some(world)) => format!("{kind}, world {world}"),
        _ => "unknown".to_owned(),
    };
    let kind = match document.wrapped {
        true => format!("{kind}, wrapped: it is a core module of WASI preview 1"),
        false => kind,
    };
    let mut rows = vec![
        row("kind", kind),
        row("size", units::bytes(document.size as u64)),
        row("digest", document.digest.clone()),
    ];
    if let (Some(count), Some(bytes)) = (document.memories_count, document.memory_bytes_min) {
        rows.push(row(
            "memory",
            format!("{count}, from {} on", units::bytes(bytes)),
        ));
    }
    rows.extend(
        document
            .tables_count
            .map(|count| row("tables", count.to_string())),
    );
    rows.extend(
        document
            .exports
            .iter()
            .map(|name| row("exports", name.clone())),
    );
    let mut sections = vec![Section {
        title: document.agent.clone(),
        rows,
    }];
    for standing in [Standing::Offered, Standing::Denied, Standing::Unknown] {
        let rows = import_rows(&document.imports, standing);
        if !rows.is_empty() {
            sections.push(Section {
                title: format!("imports, {}", standing.words()),
                rows,
            });
        }
    }
    if let Some(asks) = &document.asks {
        let title = "asks for, and has what is granted of it".to_owned();
        let rows = asks.rows();
        sections.push(Section { title, rows });
    }
    sections.push(Section {
        title: "would be granted".to_owned(),
        rows: document.grant.rows(),
    });
    let verdict = match &document.reason {
        None => row("yes", String::new()),
        Some(reason) => row("no", reason.clone()),
    };
    sections.push(Section {
        title: "would run here".to_owned(),
        rows: vec![verdict],
    });
    sections
}

/// One row per package and version.
fn import_rows(imports: &[Import], standing: Standing) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for import in imports.iter().filter(|import| import.standing == standing) {
        let package = import.package();
        match rows.last_mut() {
            Some((last, names)) if *last == package => {
                names.push_str(", ");
                names.push_str(import.interface());
            }
            _ => rows.push((package, import.interface().to_owned())),
        }
    }
    rows
}
