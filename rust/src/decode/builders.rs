//! What each column of a page becomes, filled with the cells of some rows at a time.

use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::cells::{Cells, Reading};
use super::layout::{self, Validity};
use super::{Decoded, Undecodable};

/// One column of one page while it is decoded.
pub trait ColumnBuilder {
    /// Append the values of `cells`.
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()>;

    /// All values that were appended.
    fn finish(self: Box<Self>) -> Decoded<ArrayData>;
}

/// Values of one size in Arrow: what `convert` makes of the bytes of each cell.
struct ValueBuilder<T, Convert> {
    data_type: DataType,
    values: Vec<T>,
    validity: Validity,
    convert: Convert,
}

/// A column of `data_type`, whose values have the size of `T`.
pub fn open_values<T, Convert>(data_type: DataType, convert: Convert) -> Box<dyn ColumnBuilder>
where
    T: ArrowNativeType + Default,
    Convert: Fn(&[u8]) -> Decoded<T> + 'static,
{
    Box::new(ValueBuilder { data_type, values: Vec::new(), validity: Validity::default(), convert })
}

/// As `open_values`, where cells have `WIDTH` bytes; what `convert` has no value for cannot be decoded.
pub fn open_fixed<const WIDTH: usize, T, Convert>(
    data_type: DataType,
    convert: Convert,
) -> Box<dyn ColumnBuilder>
where
    T: ArrowNativeType + Default,
    Convert: Fn([u8; WIDTH]) -> Option<T> + 'static,
{
    open_values(data_type, move |bytes| {
        convert(bytes.try_into().map_err(|_| Undecodable)?).ok_or(Undecodable)
    })
}

impl<T, Convert> ColumnBuilder for ValueBuilder<T, Convert>
where
    T: ArrowNativeType + Default,
    Convert: Fn(&[u8]) -> Decoded<T>,
{
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        cells.make_room(&mut self.values, cells.len())?;
        let first = self.validity.grow(cells.len());
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.value(cell, reading)? {
                Some(bytes) => self.values.push((self.convert)(bytes)?),
                None => {
                    self.validity.set_null(position);
                    self.values.push(T::default());
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        layout::numbers(self.data_type, self.values, self.validity)
    }
}
