//! One page: rows of cells in, one struct array of columns out.

use arrow_data::ArrayData;

use super::cells::{Cell, Cells, Cursor, Reading};
use super::layout::{self, Validity};
use super::plan::Plan;
use super::{Decoded, Undecodable};

/// One column and how it is decoded.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    pub plan: Plan,
    pub is_primary_key: bool,
}

/// A page's rows as a struct array, and each column's cells of zero bytes that count as null.
pub struct DecodedPage {
    pub rows: ArrayData,
    pub zero_length_cells: Vec<u64>,
}

/// Decodes `row_count` rows that begin at `rows_offset` of `body` and fill the rest of it exactly.
pub fn decode_page(
    columns: &[ColumnPlan],
    body: &[u8],
    rows_offset: usize,
    row_count: usize,
) -> Decoded<DecodedPage> {
    let cells = split(body, rows_offset, row_count, columns.len())?;
    let mut arrays = Vec::with_capacity(columns.len());
    let mut zero_length_cells = Vec::with_capacity(columns.len());
    for (column, cells) in columns.iter().zip(cells) {
        let mut reading = Reading { is_primary_key: column.is_primary_key, zero_length_cells: 0 };
        arrays.push(column.plan.decode(Cells::new(body, &cells), &mut reading)?);
        zero_length_cells.push(reading.zero_length_cells);
    }
    Ok(DecodedPage { rows: layout::structs(arrays, Validity::new(row_count))?, zero_length_cells })
}

/// The cells of each column.
fn split(body: &[u8], rows_offset: usize, row_count: usize, column_count: usize) -> Decoded<Vec<Vec<Cell>>> {
    let rows = body.get(rows_offset..).ok_or(Undecodable)?;
    let cell_count = row_count.checked_mul(column_count).ok_or(Undecodable)?;
    // Every cell has a length of 4 bytes: a row count beyond that is a lie, and nothing is allocated for it.
    if column_count == 0 || cell_count > rows.len() / 4 || i32::try_from(body.len()).is_err() {
        return Err(Undecodable);
    }
    let mut cursor = Cursor::new(rows, rows_offset);
    let mut columns: Vec<Vec<Cell>> = (0..column_count).map(|_| Vec::with_capacity(row_count)).collect();
    for _ in 0..row_count {
        for column in &mut columns {
            column.push(cursor.read_cell()?);
        }
    }
    if cursor.is_at_end() { Ok(columns) } else { Err(Undecodable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(plans: &[Plan]) -> Vec<ColumnPlan> {
        plans.iter().map(|plan| ColumnPlan { plan: plan.clone(), is_primary_key: false }).collect()
    }

    fn cell(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as i32).to_be_bytes(), bytes].concat()
    }

    #[test]
    fn a_page_becomes_columns() -> Decoded<()> {
        let body = [vec![9, 9], cell(&[0, 0, 0, 7]), cell(b"ab"), cell(&[]), (-1_i32).to_be_bytes().to_vec()]
            .concat();
        let page = decode_page(&columns(&[Plan::Number { width: 4 }, Plan::Text]), &body, 2, 2)?;
        assert_eq!(page.rows.len(), 2);
        assert_eq!(page.zero_length_cells, [1, 0]);
        assert_eq!(page.rows.child_data().iter().map(ArrayData::null_count).collect::<Vec<_>>(), [1, 1]);
        Ok(())
    }

    #[test]
    fn truncated_and_overlong_pages_are_refused() {
        let body = [cell(&[0, 0, 0, 7]), cell(b"ab")].concat();
        let plans = columns(&[Plan::Number { width: 4 }, Plan::Text]);
        for length in 0..body.len() {
            assert!(decode_page(&plans, body.get(..length).unwrap_or(&[]), 0, 1).is_err());
        }
        assert!(decode_page(&plans, &[body.clone(), vec![0]].concat(), 0, 1).is_err());
        assert!(decode_page(&plans, &body, 0, usize::MAX).is_err());
        assert!(decode_page(&plans, &body, 99, 1).is_err());
        assert!(decode_page(&plans, &body, 0, 1).is_ok());
    }

    #[test]
    fn a_count_that_lies_allocates_nothing() {
        let list = Plan::List(Box::new(Plan::Binary));
        let body = cell(&i32::MAX.to_be_bytes());
        assert!(decode_page(&columns(&[list]), &body, 0, 1).is_err());
    }
}
