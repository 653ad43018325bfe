//! One page: rows of cells in, one struct array of columns out.

use arrow_data::ArrayData;

use super::builders::ColumnBuilder;
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

// Rows are cut and decoded so many at a time that their bytes and cells stay in a core's own cache.
const ROWS_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 64 * 1024;

/// Decodes `row_count` rows that begin at `rows_offset` of `body` and fill the rest of it exactly.
pub fn decode_page(
    columns: &[ColumnPlan],
    body: &[u8],
    rows_offset: usize,
    row_count: usize,
) -> Decoded<DecodedPage> {
    let rows = body.get(rows_offset..).ok_or(Undecodable)?;
    let cell_count = row_count.checked_mul(columns.len()).ok_or(Undecodable)?;
    // Every cell has a length of 4 bytes: a row count beyond that is a lie.
    if columns.is_empty() || cell_count > rows.len() / 4 || i32::try_from(body.len()).is_err() {
        return Err(Undecodable);
    }
    let mut cursor = Cursor::new(rows, rows_offset);
    let mut columns = columns.iter().map(OpenColumn::new).collect::<Decoded<Vec<_>>>()?;
    let mut rows_left = row_count;
    while rows_left > 0 {
        rows_left -= cut_rows(&mut cursor, &mut columns, rows_left.min(ROWS_AT_ONCE))?;
        let cut_bytes = body.len() - cursor.rest().len();
        for column in &mut columns {
            column.decode_cells(body, cut_bytes)?;
        }
    }
    if !cursor.is_at_end() {
        return Err(Undecodable);
    }
    let zero_length_cells = columns.iter().map(|column| column.reading.zero_length_cells).collect();
    let arrays =
        columns.into_iter().map(|column| column.builder.finish()).collect::<Decoded<Vec<ArrayData>>>()?;
    Ok(DecodedPage { rows: layout::structs(arrays, Validity::all_valid(row_count))?, zero_length_cells })
}

/// One column of the page that is being decoded.
struct OpenColumn {
    /// Cut, but not yet decoded.
    cells: Vec<Cell>,
    builder: Box<dyn ColumnBuilder>,
    reading: Reading,
}

impl OpenColumn {
    fn new(column: &ColumnPlan) -> Decoded<Self> {
        Ok(OpenColumn {
            cells: Vec::new(),
            builder: column.plan.open()?,
            reading: Reading { is_primary_key: column.is_primary_key, zero_length_cells: 0 },
        })
    }

    fn decode_cells(&mut self, body: &[u8], cut_bytes: usize) -> Decoded<()> {
        self.builder.append(Cells::new(body, &self.cells, cut_bytes), &mut self.reading)?;
        self.cells.clear();
        Ok(())
    }
}

/// The cells of at least one and at most `max_rows` rows; their number.
fn cut_rows(cursor: &mut Cursor<'_>, columns: &mut [OpenColumn], max_rows: usize) -> Decoded<usize> {
    let bytes_before = cursor.rest().len();
    for row in 1..=max_rows {
        for column in &mut *columns {
            column.cells.push(cursor.read_cell()?);
        }
        if bytes_before - cursor.rest().len() >= BYTES_AT_ONCE {
            return Ok(row);
        }
    }
    Ok(max_rows)
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
    fn rows_of_every_block_are_there() -> Decoded<()> {
        let plans = columns(&[Plan::Number { width: 4 }, Plan::Boolean, Plan::List(Box::new(Plan::Text))]);
        let rows = 2 * ROWS_AT_ONCE + 3;
        let is_null = |row: usize| row % 100 == 99;
        let mut body = Vec::new();
        for row in 0..rows {
            let value = (row as i32).to_be_bytes();
            let text = if is_null(row) { (-1_i32).to_be_bytes().to_vec() } else { cell("é".as_bytes()) };
            let list = cell(&[&1_i32.to_be_bytes(), text.as_slice()].concat());
            body.extend([cell(&value), cell(&[row as u8 % 2]), list].concat());
        }
        let page = decode_page(&plans, &body, 0, rows)?;
        let [numbers, booleans, lists] = page.rows.child_data() else {
            return Err(Undecodable);
        };
        let values = numbers.buffers().first().ok_or(Undecodable)?.typed_data::<i32>();
        assert_eq!(values, (0..rows as i32).collect::<Vec<_>>());
        assert_eq!((booleans.len(), booleans.null_count(), lists.len()), (rows, 0, rows));
        let texts = lists.child_data().first().ok_or(Undecodable)?;
        assert_eq!(texts.len(), rows);
        assert!((0..rows).all(|row| texts.is_null(row) == is_null(row)));
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
