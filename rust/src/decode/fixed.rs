//! Values of a fixed number of bytes, and durations.

use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::builders::{ColumnBuilder, open_fixed};
use super::cells::{Cells, Reading};
use super::layout::{self, Validity};
use super::{Decoded, Undecodable, vints};

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;
pub const UUID_BYTES: usize = 16;

pub fn open_numbers(width: usize) -> Decoded<Box<dyn ColumnBuilder>> {
    Ok(match width {
        1 => open_fixed(DataType::Int8, |bytes| Some(i8::from_be_bytes(bytes))),
        2 => open_fixed(DataType::Int16, |bytes| Some(i16::from_be_bytes(bytes))),
        4 => open_fixed(DataType::Int32, |bytes| Some(i32::from_be_bytes(bytes))),
        8 => open_fixed(DataType::Int64, |bytes| Some(i64::from_be_bytes(bytes))),
        _ => return Err(Undecodable),
    })
}

/// Milliseconds times `factor`.
pub fn open_timestamps(factor: i64) -> Box<dyn ColumnBuilder> {
    open_fixed(DataType::Int64, move |bytes| i64::from_be_bytes(bytes).checked_mul(factor))
}

/// Days, which Cassandra counts from the middle of its range.
pub fn open_dates() -> Box<dyn ColumnBuilder> {
    open_fixed(DataType::Int32, |bytes| Some(i32::from_be_bytes(bytes) ^ i32::MIN))
}

/// Nanoseconds since midnight; coarser units only where they lose no digit.
pub fn open_times(divisor: i64, is_narrow: bool) -> Box<dyn ColumnBuilder> {
    let convert = move |bytes: [u8; 8]| {
        let nanoseconds = i64::from_be_bytes(bytes);
        let is_time =
            (0..NANOSECONDS_PER_DAY).contains(&nanoseconds) && nanoseconds.checked_rem(divisor) == Some(0);
        if is_time { nanoseconds.checked_div(divisor) } else { None }
    };
    if is_narrow {
        return open_fixed(DataType::Int32, move |bytes| i32::try_from(convert(bytes)?).ok());
    }
    open_fixed(DataType::Int64, convert)
}

pub fn open_uuids() -> Box<dyn ColumnBuilder> {
    open_fixed::<UUID_BYTES, i128, _>(DataType::FixedSizeBinary(16), |bytes| Some(i128::from_ne_bytes(bytes)))
}

/// Zero is false and everything else is true, as in Cassandra.
#[derive(Default)]
pub struct BooleanBuilder {
    bits: Vec<u8>,
    validity: Validity,
}

impl ColumnBuilder for BooleanBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        self.bits.resize((first + cells.len()).div_ceil(8), 0);
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.value(cell, reading)? {
                Some([0]) => {}
                Some([_]) => {
                    let byte = self.bits.get_mut(position / 8).ok_or(Undecodable)?;
                    *byte |= 1 << (position % 8);
                }
                Some(_) => return Err(Undecodable),
                None => self.validity.set_null(position),
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        layout::booleans(self.bits, self.validity)
    }
}

/// Months, days and nanoseconds: three signed integers of variable length.
#[derive(Default)]
pub struct DurationBuilder {
    months: Vec<i32>,
    days: Vec<i32>,
    nanoseconds: Vec<i64>,
    validity: Validity,
}

impl ColumnBuilder for DurationBuilder {
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.validity.grow(cells.len());
        for (position, cell) in (first..).zip(cells.iter()) {
            let (months, days, nanoseconds) = match cells.value(cell, reading)? {
                Some(bytes) => duration_parts(bytes)?,
                None => {
                    self.validity.set_null(position);
                    (0, 0, 0)
                }
            };
            self.months.push(months);
            self.days.push(days);
            self.nanoseconds.push(nanoseconds);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        let length = self.months.len();
        let fields = vec![
            layout::numbers(DataType::Int32, self.months, Validity::all_valid(length))?,
            layout::numbers(DataType::Int32, self.days, Validity::all_valid(length))?,
            layout::numbers(DataType::Int64, self.nanoseconds, Validity::all_valid(length))?,
        ];
        layout::structs(fields, self.validity)
    }
}

fn duration_parts(bytes: &[u8]) -> Decoded<(i32, i32, i64)> {
    let (months, rest) = vints::read_signed(bytes)?;
    let (days, rest) = vints::read_signed(rest)?;
    let (nanoseconds, rest) = vints::read_signed(rest)?;
    if !rest.is_empty() {
        return Err(Undecodable);
    }
    let narrow = |number: i64| i32::try_from(number).map_err(|_| Undecodable);
    Ok((narrow(months)?, narrow(days)?, nanoseconds))
}
