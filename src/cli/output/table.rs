//! Aligned columns of text.

use std::cmp::Reverse;

/// A column: its name, and its behavior in a narrow terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    fit: Fit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Printed in full.
    Fixed,
    /// Cut to at least this many characters, the widest column first.
    Shrinks(usize),
    /// Omitted, the lowest rank first.
    Optional(u8),
}

impl Column {
    /// A column that is always printed in full.
    pub(crate) const fn fixed(name: &'static str) -> Self {
        Self { name, fit: Fit::Fixed }
    }

    /// A column whose cells may be cut to `min` characters.
    pub(crate) const fn shrinks(name: &'static str, min: usize) -> Self {
        Self {
            name,
            fit: Fit::Shrinks(min),
        }
    }

    /// An optional column; the lowest rank is omitted first.
    pub(crate) const fn optional(name: &'static str, rank: u8) -> Self {
        Self {
            name,
            fit: Fit::Optional(rank),
        }
    }
}

/// The space between two columns.
const GAP: &str = "  ";

/// Rows under a header, each column as wide as its widest cell. Numbers (cells of digits) are aligned right.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// How a column is printed.
#[derive(Clone, Copy)]
struct Layout {
    width: usize,
    is_number: bool,
    is_visible: bool,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: vec![columns.iter().map(|column| column.name.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, each starting with `indent`, at most `width` characters wide where the columns allow it.
    pub(crate) fn lines(&self, indent: &str, width: Option<usize>) -> Vec<String> {
        let mut layout: Vec<Layout> = (0..self.columns.len()).map(|index| self.layout_of(index)).collect();
        if let Some(width) = width {
            self.fit(&mut layout, width.saturating_sub(indent.len()));
        }
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = row
                .iter()
                .zip(&layout)
                .filter(|(_, layout)| layout.is_visible)
                .map(|(cell, &Layout { width, is_number, .. })| {
                    let cell = cut(cell, width);
                    if is_number {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            format!("{indent}{}", cells.join(GAP)).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    fn layout_of(&self, index: usize) -> Layout {
        let cells = || self.rows.iter().filter_map(|row| row.get(index));
        let mut values = cells().skip(1).peekable();
        Layout {
            width: cells().map(|cell| cell.chars().count()).max().unwrap_or(0),
            is_number: values.peek().is_some() && values.all(|cell| is_number(cell)),
            is_visible: true,
        }
    }

    /// Shrinks columns, then omits optional ones, until the table fits or no further column can shrink.
    fn fit(&self, layout: &mut [Layout], width: usize) {
        let total = |layout: &[Layout]| {
            let visible = layout.iter().filter(|layout| layout.is_visible);
            let widths: usize = visible.map(|layout| layout.width + GAP.len()).sum();
            widths.saturating_sub(GAP.len())
        };
        let shrinkable: Vec<(usize, usize)> = self
            .columns
            .iter()
            .enumerate()
            .filter_map(|(index, column)| match column.fit {
                Fit::Shrinks(min) => Some((index, min)),
                Fit::Fixed | Fit::Optional(_) => None,
            })
            .collect();
        let mut optional: Vec<(Reverse<u8>, usize)> = self
            .columns
            .iter()
            .enumerate()
            .filter_map(|(index, column)| match column.fit {
                Fit::Optional(rank) => Some((Reverse(rank), index)),
                Fit::Fixed | Fit::Shrinks(_) => None,
            })
            .collect();
        optional.sort_unstable();
        let full: Vec<usize> = layout.iter().map(|layout| layout.width).collect();
        loop {
            let mut excess = total(layout).saturating_sub(width);
            while excess > 0 {
                let room = |&&(index, min): &&(usize, usize)| layout[index].width > min;
                let Some(&(index, _)) = shrinkable
                    .iter()
                    .filter(room)
                    .max_by_key(|(index, _)| layout[*index].width)
                else {
                    break;
                };
                layout[index].width -= 1;
                excess -= 1;
            }
            if excess == 0 {
                return;
            }
            let Some((_, index)) = optional.pop() else {
                return;
            };
            layout[index].is_visible = false;
            // With one column less the others may not need to shrink.
            for (layout, full) in layout.iter_mut().zip(&full) {
                layout.width = *full;
            }
        }
    }
}

/// The cell in at most `width` characters.
fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Column, Table};

    fn table(rows: &[[&str; 4]]) -> Table {
        let mut table = Table::new(&[
            Column::fixed("ID"),
            Column::shrinks("TYPE", 6),
            Column::optional("PRIORITY", 1),
            Column::optional("CREATED", 2),
        ]);
        for row in rows {
            table.push(row.map(str::to_owned));
        }
        table
    }

    #[test]
    fn columns_are_aligned_numbers_at_the_right() {
        let mut table = Table::new(&[Column::fixed("NAME"), Column::fixed("PENDING"), Column::fixed("STATUS")]);
        table.push(["default".to_owned(), "5".to_owned(), "running".to_owned()]);
        table.push(["é".to_owned(), "12345678".to_owned(), String::new()]);
        assert_eq!(
            table.lines(" ", None),
            [
                " NAME      PENDING  STATUS",
                " default         5  running",
                " é        12345678"
            ]
        );
    }

    #[test]
    fn a_narrow_table_shortens_texts_before_it_drops_columns() {
        let table = table(&[["a-b-c-d-e-", "EmailNotification", "normal", "2026-01-01"]]);
        assert_eq!(
            table.lines("", Some(40)),
            [
                "ID          TYPE    PRIORITY  CREATED",
                "a-b-c-d-e-  Email…  normal    2026-01-01"
            ]
        );
        assert_eq!(
            table.lines("", Some(39)),
            [
                "ID          TYPE             CREATED",
                "a-b-c-d-e-  EmailNotificat…  2026-01-01"
            ]
        );
        assert_eq!(table.lines("", Some(18)), ["ID          TYPE", "a-b-c-d-e-  Email…"]);
    }

    proptest! {
        #[test]
        fn a_table_fits_or_shows_the_least_that_it_may(cells in prop::collection::vec("[a-z]{0,30}", 4), width in 0usize..120) {
            let table = table(&[[&cells[0], &cells[1], &cells[2], &cells[3]]]);
            let least = cells[0].len().max(2) + 2 + cells[1].len().clamp(4, 6);
            for line in table.lines("", Some(width)) {
                prop_assert!(line.chars().count() <= width.max(least), "{line:?} in {width}");
            }
        }
    }
}
