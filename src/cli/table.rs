//! Aligned columns of text.

/// Rows under a header, each column as wide as its widest cell. Numbers (cells of digits) stand at the right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names.
    pub(super) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&name| name.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, each beginning with `indent`.
    pub(super) fn lines(&self, indent: &str) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let column = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        let layout: Vec<(usize, bool)> = (0..columns)
            .map(|index| {
                let width = column(index).map(|cell| cell.chars().count()).max().unwrap_or(0);
                let mut cells = column(index).skip(1).peekable();
                let is_number = cells.peek().is_some() && cells.all(|cell| is_number(cell));
                (width, is_number)
            })
            .collect();
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = row
                .iter()
                .zip(&layout)
                .map(|(cell, &(width, is_number))| {
                    if is_number {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            format!("{indent}{}", cells.join("  ")).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '/'))
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned_numbers_at_the_right() {
        let mut table = Table::new(&["NAME", "PENDING", "STATUS"]);
        table.push(["default".to_owned(), "5".to_owned(), "running".to_owned()]);
        table.push(["é".to_owned(), "12345678".to_owned(), String::new()]);
        assert_eq!(
            table.lines(" "),
            [
                " NAME      PENDING  STATUS",
                " default         5  running",
                " é        12345678"
            ]
        );
    }
}
