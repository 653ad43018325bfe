//! Cells: where the values of one column lie in a page.

use super::{Decoded, Undecodable};

/// Where one value lies: an offset into the page's body and a length, negative for null.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    start: u32,
    length: i32,
}

impl Cell {
    pub const NULL: Cell = Cell { start: 0, length: -1 };
}

/// The cells of one column of the rows that are being decoded.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    body: &'a [u8],
    column: &'a [Cell],
    /// Bytes of the page up to the end of these rows; None for cells inside of others.
    cut_bytes: Option<usize>,
}

impl<'a> Cells<'a> {
    pub fn new(body: &'a [u8], column: &'a [Cell], cut_bytes: usize) -> Self {
        Cells { body, column, cut_bytes: Some(cut_bytes) }
    }

    /// Cells inside those of this column.
    pub fn inner<'b>(&self, column: &'b [Cell]) -> Cells<'b>
    where
        'a: 'b,
    {
        Cells { body: self.body, column, cut_bytes: None }
    }

    /// Room in `items`, which hold what became of the column so far, for the `count` that these cells become; for what
    /// the rest of the page becomes as well, if it is like the part that was cut. Judged by bytes, which are there, not
    /// by rows, which are only claimed: all columns together reserve little more than a page like that needs.
    pub fn make_room<T>(&self, items: &mut Vec<T>, count: usize) -> Decoded<()> {
        if items.capacity() - items.len() >= count {
            return Ok(());
        }
        let wanted = match self.cut_bytes {
            Some(cut_bytes) => {
                let of_all =
                    (items.len() + count) as u128 * self.body.len() as u128 / cut_bytes.max(1) as u128;
                let of_rest = usize::try_from(of_all).map_err(|_| Undecodable)?.saturating_sub(items.len());
                count.max(of_rest.saturating_add(of_rest / 16))
            }
            None => count,
        };
        items.try_reserve(wanted).map_err(|_| Undecodable)
    }

    pub fn len(&self) -> usize {
        self.column.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = Cell> + 'a {
        self.column.iter().copied()
    }

    /// The bytes of a value, zero bytes included; None for null.
    pub fn bytes(&self, cell: Cell) -> Decoded<Option<&'a [u8]>> {
        let Ok(length) = usize::try_from(cell.length) else {
            return Ok(None);
        };
        let start = cell.start as usize;
        self.body.get(start..start + length).map(Some).ok_or(Undecodable)
    }

    /// The bytes of a value of a type that has no value of zero bytes, for which the cell then counts as null.
    pub fn value(&self, cell: Cell, reading: &mut Reading) -> Decoded<Option<&'a [u8]>> {
        if cell.length == 0 {
            reading.note_zero_length()?;
            return Ok(None);
        }
        self.bytes(cell)
    }

    /// Bytes of all values together.
    pub fn byte_count(&self) -> usize {
        self.iter().map(|cell| usize::try_from(cell.length).unwrap_or(0)).sum()
    }
}

/// One column of one page while it is decoded.
pub struct Reading {
    pub is_primary_key: bool,
    pub zero_length_cells: u64,
}

impl Reading {
    fn note_zero_length(&mut self) -> Decoded<()> {
        // In a key that would make two keys one.
        if self.is_primary_key {
            return Err(Undecodable);
        }
        self.zero_length_cells += 1;
        Ok(())
    }
}

/// Reads numbers and cells from a part of the page's body, one after the other, within its bounds.
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the page's body.
    offset: usize,
}

impl<'a> Cursor<'a> {
    /// Over the bytes of `cell`, which are `bytes`.
    pub fn inside(cell: Cell, bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes, offset: cell.start as usize }
    }

    /// Over `bytes`, which begin at `offset` of the body.
    pub fn new(bytes: &'a [u8], offset: usize) -> Self {
        Cursor { rest: bytes, offset }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn read_int(&mut self) -> Decoded<i32> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(Undecodable)?;
        self.rest = rest;
        self.offset += 4;
        Ok(i32::from_be_bytes(*bytes))
    }

    pub fn skip(&mut self, length: usize) -> Decoded<()> {
        self.rest = self.rest.get(length..).ok_or(Undecodable)?;
        self.offset += length;
        Ok(())
    }

    /// A length of 4 bytes and as many bytes; a negative length is null.
    pub fn read_cell(&mut self) -> Decoded<Cell> {
        let length = self.read_int()?;
        let Ok(byte_count) = usize::try_from(length) else {
            return Ok(Cell::NULL);
        };
        self.read_cell_of(byte_count)
    }

    /// A cell of `length` bytes.
    pub fn read_cell_of(&mut self, length: usize) -> Decoded<Cell> {
        let cell = Cell {
            start: u32::try_from(self.offset).map_err(|_| Undecodable)?,
            length: i32::try_from(length).map_err(|_| Undecodable)?,
        };
        self.skip(length)?;
        Ok(cell)
    }
}
