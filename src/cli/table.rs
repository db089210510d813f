//! Rows of text in aligned columns.

/// The rows, each in a line, columns as wide as their widest cell and two spaces apart. The first row is the heading.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "b"], ["größer", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "a       b\ngrößer  c\n");
        assert_eq!(aligned::<2>(&[]), "");
    }
}
