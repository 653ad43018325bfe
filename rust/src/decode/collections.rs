//! Lists, sets, maps, tuples and user-defined types: the cells inside of values become columns of their own.

use arrow_data::ArrayData;

use super::builders::ColumnBuilder;
use super::cells::{Cell, Cells, Cursor, Reading};
use super::layout::{self, Validity};
use super::plan::Plan;
use super::{Decoded, Undecodable};

/// Lists and sets (one cell an entry) and maps (two): a count, and then as many entries.
struct Entries<const N: usize> {
    builders: [Box<dyn ColumnBuilder>; N],
    /// Of the entries of the rows that are being decoded.
    columns: [Vec<Cell>; N],
    offsets: Vec<i32>,
    entry_count: usize,
    validity: Validity,
}

impl<const N: usize> Entries<N> {
    fn new(builders: [Box<dyn ColumnBuilder>; N]) -> Self {
        Entries {
            builders,
            columns: [const { Vec::new() }; N],
            offsets: vec![0],
            entry_count: 0,
            validity: Validity::default(),
        }
    }

    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        cells.make_room(&mut self.offsets, cells.len())?;
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.value(cell, reading)? {
                Some(bytes) => self.cut(cell, bytes)?,
                None => self.validity.set_null(position),
            }
            self.offsets.push(i32::try_from(self.entry_count).map_err(|_| Undecodable)?);
        }
        for (builder, column) in self.builders.iter_mut().zip(&mut self.columns) {
            builder.append(cells.inner(column), reading)?;
            column.clear();
        }
        Ok(())
    }

    /// The cells of the entries of one value, `bytes`.
    fn cut(&mut self, cell: Cell, bytes: &[u8]) -> Decoded<()> {
        let mut cursor = Cursor::inside(cell, bytes);
        let count = usize::try_from(cursor.read_int()?).map_err(|_| Undecodable)?;
        // Every entry has a length of 4 bytes, so a count beyond that is a lie, and not looped over.
        if count.checked_mul(N).ok_or(Undecodable)? > bytes.len() / 4 {
            return Err(Undecodable);
        }
        for _ in 0..count {
            for column in &mut self.columns {
                column.push(cursor.read_cell()?);
            }
        }
        self.entry_count += count;
        if cursor.is_at_end() { Ok(()) } else { Err(Undecodable) }
    }
}

/// A list or a set, in the server's order.
struct ListBuilder(Entries<1>);

pub fn open_list(element: &Plan) -> Decoded<Box<dyn ColumnBuilder>> {
    Ok(Box::new(ListBuilder(Entries::new([element.open()?]))))
}

impl ColumnBuilder for ListBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        self.0.append(cells, reading)
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        let Entries { builders: [elements], offsets, validity, .. } = self.0;
        layout::list(offsets, elements.finish()?, validity)
    }
}

/// A map. Arrow has no null keys.
struct MapBuilder(Entries<2>);

pub fn open_map(key: &Plan, value: &Plan) -> Decoded<Box<dyn ColumnBuilder>> {
    Ok(Box::new(MapBuilder(Entries::new([key.open()?, value.open()?]))))
}

impl ColumnBuilder for MapBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        self.0.append(cells, reading)
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        let Entries { builders: [keys, values], offsets, validity, .. } = self.0;
        let keys = keys.finish()?;
        if keys.null_count() > 0 {
            return Err(Undecodable);
        }
        let length = keys.len();
        let pairs = layout::structs(vec![keys, values.finish()?], Validity::all_valid(length))?;
        layout::list(offsets, pairs, validity)
    }
}

/// A tuple or a user-defined type. A value may have fewer fields than its type: the missing ones are null.
struct StructBuilder {
    fields: Vec<Box<dyn ColumnBuilder>>,
    columns: Vec<Vec<Cell>>,
    validity: Validity,
}

pub fn open_struct(fields: &[Plan]) -> Decoded<Box<dyn ColumnBuilder>> {
    Ok(Box::new(StructBuilder {
        fields: fields.iter().map(|field| field.open()).collect::<Decoded<_>>()?,
        columns: vec![Vec::new(); fields.len()],
        validity: Validity::default(),
    }))
}

impl ColumnBuilder for StructBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        for (position, cell) in (first..).zip(cells.iter()) {
            let value = cells.value(cell, reading)?;
            if value.is_none() {
                self.validity.set_null(position);
            }
            let mut cursor = Cursor::inside(cell, value.unwrap_or_default());
            for column in &mut self.columns {
                column.push(if cursor.is_at_end() { Cell::NULL } else { cursor.read_cell()? });
            }
            if !cursor.is_at_end() {
                return Err(Undecodable);
            }
        }
        for (field, column) in self.fields.iter_mut().zip(&mut self.columns) {
            field.append(cells.inner(column), reading)?;
            column.clear();
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        let fields = self.fields.into_iter().map(|field| field.finish()).collect::<Decoded<_>>()?;
        layout::structs(fields, self.validity)
    }
}
