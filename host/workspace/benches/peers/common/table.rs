//! `Table`: Markdown that can be pasted into `docs/benchmarks.md`.

/// Rows below a heading.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let header = columns.iter().map(|column| (*column).to_owned()).collect();
        Self {
            title: title.into(),
            rows: vec![header],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a last column, from the top row down.
    pub(crate) fn column(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        let cells = std::iter::once(name.to_owned()).chain(cells);
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.push(cell);
        }
    }

    #[expect(clippy::print_stdout, reason = "a table is what a benchmark is for")]
    pub(crate) fn print(&self) {
        println!("\n{}\n", self.title);
        for (number, row) in self.rows.iter().enumerate() {
            println!("| {} |", row.join(" | "));
            if number == 0 {
                println!("|{}", " --- |".repeat(row.len()));
            }
        }
    }
}
