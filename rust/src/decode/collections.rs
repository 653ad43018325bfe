//! Types of other types: the cells inside all values of a column become one column of their own.

use arrow_data::ArrayData;

use super::cells::{Cell, Cells, Cursor, Reading};
use super::fixed;
use super::layout::{self, Validity};
use super::plan::Plan;
use super::{Decoded, Undecodable, vints};

/// Cells inside a column's values, those of each entry in `N` columns, and where each value's begin.
struct Entries<const N: usize> {
    columns: [Vec<Cell>; N],
    offsets: Vec<i32>,
    validity: Validity,
}

/// Splits lists and sets (one cell an entry) and maps (two): a count, and then as many entries.
fn split<const N: usize>(cells: Cells<'_>, reading: &mut Reading) -> Decoded<Entries<N>> {
    let mut columns = [const { Vec::new() }; N];
    let mut entry_count = 0;
    let mut offsets = Vec::with_capacity(cells.len() + 1);
    offsets.push(0);
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        match cells.value(cell, reading)? {
            Some(bytes) => {
                let mut cursor = Cursor::inside(cell, bytes);
                let count = usize::try_from(cursor.read_int()?).map_err(|_| Undecodable)?;
                // Every entry has a length of 4 bytes, so a count beyond that is a lie, and not looped over.
                if count.checked_mul(N).ok_or(Undecodable)? > bytes.len() / 4 {
                    return Err(Undecodable);
                }
                for _ in 0..count {
                    for column in &mut columns {
                        column.push(cursor.read_cell()?);
                    }
                }
                entry_count += count;
                if !cursor.is_at_end() {
                    return Err(Undecodable);
                }
            }
            None => validity.set_null(position),
        }
        offsets.push(i32::try_from(entry_count).map_err(|_| Undecodable)?);
    }
    Ok(Entries { columns, offsets, validity })
}

/// A list or a set, in the server's order.
pub fn decode_list(element: &Plan, cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let Entries { columns: [elements], offsets, validity } = split(cells, reading)?;
    let values = element.decode(cells.inner(&elements), reading)?;
    layout::list(offsets, values, validity)
}

/// A map. Arrow has no null keys.
pub fn decode_map(key: &Plan, value: &Plan, cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let Entries { columns: [keys, values], offsets, validity } = split(cells, reading)?;
    let keys = key.decode(cells.inner(&keys), reading)?;
    if keys.null_count() > 0 {
        return Err(Undecodable);
    }
    let values = value.decode(cells.inner(&values), reading)?;
    let length = keys.len();
    let pairs = layout::structs(vec![keys, values], Validity::new(length))?;
    layout::list(offsets, pairs, validity)
}

/// A tuple or a user-defined type. A value may have fewer fields than its type: the missing ones are null.
pub fn decode_struct(fields: &[Plan], cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let mut columns: Vec<Vec<Cell>> = fields.iter().map(|_| Vec::with_capacity(cells.len())).collect();
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        let value = cells.value(cell, reading)?;
        if value.is_none() {
            validity.set_null(position);
        }
        let mut cursor = Cursor::inside(cell, value.unwrap_or_default());
        for column in &mut columns {
            column.push(if cursor.is_at_end() { Cell::NULL } else { cursor.read_cell()? });
        }
        if !cursor.is_at_end() {
            return Err(Undecodable);
        }
    }
    let arrays = fields
        .iter()
        .zip(&columns)
        .map(|(field, column)| field.decode(cells.inner(column), reading))
        .collect::<Decoded<Vec<ArrayData>>>()?;
    layout::structs(arrays, validity)
}

/// A vector: elements back to back where they have one length, else each with its length before it.
pub fn decode_vector(
    dimension: usize,
    element_length: Option<usize>,
    element: &Plan,
    cells: Cells<'_>,
    reading: &mut Reading,
) -> Decoded<ArrayData> {
    let size = i32::try_from(dimension).map_err(|_| Undecodable)?;
    if let (Some(length), Plan::Number { width }) = (element_length, element)
        && length == *width
    {
        return decode_number_vector(
            size,
            dimension.checked_mul(length).ok_or(Undecodable)?,
            length,
            cells,
            reading,
        );
    }
    let mut elements = Vec::new();
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        let Some(bytes) = cells.value(cell, reading)? else {
            validity.set_null(position);
            elements.extend(std::iter::repeat_n(Cell::NULL, dimension));
            continue;
        };
        let mut cursor = Cursor::inside(cell, bytes);
        for _ in 0..dimension {
            let length = match element_length {
                Some(length) => length,
                None => read_length(&mut cursor)?,
            };
            elements.push(cursor.read_cell_of(length)?);
        }
        if !cursor.is_at_end() {
            return Err(Undecodable);
        }
    }
    let values = element.decode(cells.inner(&elements), reading)?;
    layout::fixed_size_list(size, values, validity)
}

fn read_length(cursor: &mut Cursor<'_>) -> Decoded<usize> {
    let (length, rest) = vints::read_unsigned(cursor.rest())?;
    cursor.skip(cursor.rest().len() - rest.len())?;
    usize::try_from(length).map_err(|_| Undecodable)
}

/// Embeddings: thousands of numbers a vector, read without a cell for each.
fn decode_number_vector(
    size: i32,
    vector_bytes: usize,
    width: usize,
    cells: Cells<'_>,
    reading: &mut Reading,
) -> Decoded<ArrayData> {
    let mut numbers = Vec::with_capacity(cells.len().saturating_mul(vector_bytes));
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        match cells.value(cell, reading)? {
            Some(bytes) if bytes.len() == vector_bytes => numbers.extend_from_slice(bytes),
            Some(_) => return Err(Undecodable),
            None => {
                validity.set_null(position);
                numbers.resize(numbers.len() + vector_bytes, 0);
            }
        }
    }
    layout::fixed_size_list(size, fixed::adjacent_numbers(width, &numbers)?, validity)
}
