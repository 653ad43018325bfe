//! Vectors: as many elements in each value.

use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::builders::ColumnBuilder;
use super::cells::{Cell, Cells, Cursor, Reading};
use super::layout::{self, Validity};
use super::plan::Plan;
use super::{Decoded, Undecodable, vints};

/// A vector: elements back to back where they have one length, else each with its length before it.
struct VectorBuilder {
    dimension: usize,
    element_length: Option<usize>,
    elements: Box<dyn ColumnBuilder>,
    cells: Vec<Cell>,
    validity: Validity,
}

pub fn open(
    dimension: usize,
    element_length: Option<usize>,
    element: &Plan,
) -> Decoded<Box<dyn ColumnBuilder>> {
    if let (Some(length), Plan::Number { width }) = (element_length, element)
        && length == *width
    {
        return Ok(Box::new(NumberVectorBuilder {
            dimension,
            width: length,
            vector_bytes: dimension.checked_mul(length).ok_or(Undecodable)?,
            numbers: Vec::new(),
            validity: Validity::default(),
        }));
    }
    Ok(Box::new(VectorBuilder {
        dimension,
        element_length,
        elements: element.open()?,
        cells: Vec::new(),
        validity: Validity::default(),
    }))
}

impl ColumnBuilder for VectorBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        for (position, cell) in (first..).zip(cells.iter()) {
            let Some(bytes) = cells.value(cell, reading)? else {
                self.validity.set_null(position);
                self.cells.try_reserve(self.dimension).map_err(|_| Undecodable)?;
                self.cells.extend(std::iter::repeat_n(Cell::NULL, self.dimension));
                continue;
            };
            let mut cursor = Cursor::inside(cell, bytes);
            for _ in 0..self.dimension {
                let length = match self.element_length {
                    Some(length) => length,
                    None => read_length(&mut cursor)?,
                };
                self.cells.push(cursor.read_cell_of(length)?);
            }
            if !cursor.is_at_end() {
                return Err(Undecodable);
            }
        }
        self.elements.append(cells.inner(&self.cells), reading)?;
        self.cells.clear();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        layout::fixed_size_list(self.dimension, self.elements.finish()?, self.validity)
    }
}

fn read_length(cursor: &mut Cursor<'_>) -> Decoded<usize> {
    let (length, rest) = vints::read_unsigned(cursor.rest())?;
    cursor.skip(cursor.rest().len() - rest.len())?;
    usize::try_from(length).map_err(|_| Undecodable)
}

/// Embeddings: thousands of numbers a vector, read without a cell for each.
struct NumberVectorBuilder {
    dimension: usize,
    width: usize,
    vector_bytes: usize,
    numbers: Vec<u8>,
    validity: Validity,
}

impl ColumnBuilder for NumberVectorBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        // A null takes as much as a vector, which the bytes of the page do not bound.
        let byte_count = cells.len().checked_mul(self.vector_bytes).ok_or(Undecodable)?;
        self.numbers.try_reserve(byte_count).map_err(|_| Undecodable)?;
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.value(cell, reading)? {
                Some(bytes) if bytes.len() == self.vector_bytes => self.numbers.extend_from_slice(bytes),
                Some(_) => return Err(Undecodable),
                None => {
                    self.validity.set_null(position);
                    self.numbers.resize(self.numbers.len() + self.vector_bytes, 0);
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        let numbers = adjacent_numbers(self.width, &self.numbers)?;
        layout::fixed_size_list(self.dimension, numbers, self.validity)
    }
}

/// An array of the big-endian numbers that lie back to back in `bytes`.
fn adjacent_numbers(width: usize, bytes: &[u8]) -> Decoded<ArrayData> {
    match width {
        1 => adjacent(DataType::Int8, bytes, i8::from_be_bytes),
        2 => adjacent(DataType::Int16, bytes, i16::from_be_bytes),
        4 => adjacent(DataType::Int32, bytes, i32::from_be_bytes),
        8 => adjacent(DataType::Int64, bytes, i64::from_be_bytes),
        _ => Err(Undecodable),
    }
}

fn adjacent<const WIDTH: usize, T: ArrowNativeType>(
    data_type: DataType,
    bytes: &[u8],
    convert: impl Fn([u8; WIDTH]) -> T,
) -> Decoded<ArrayData> {
    let (chunks, []) = bytes.as_chunks::<WIDTH>() else {
        return Err(Undecodable);
    };
    let mut values: Vec<T> = Vec::new();
    values.try_reserve_exact(chunks.len()).map_err(|_| Undecodable)?;
    values.extend(chunks.iter().map(|chunk| convert(*chunk)));
    let validity = Validity::all_valid(values.len());
    layout::numbers(data_type, values, validity)
}
