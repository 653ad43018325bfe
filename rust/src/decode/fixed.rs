//! Values of a fixed number of bytes, and durations.

use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::cells::{Cells, Reading};
use super::layout::{self, Validity};
use super::{Decoded, Undecodable, vints};

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;
pub const UUID_BYTES: usize = 16;

/// One value per cell of `WIDTH` bytes; what `convert` has no value for cannot be decoded.
fn values<const WIDTH: usize, T: Default>(
    cells: Cells<'_>,
    reading: &mut Reading,
    convert: impl Fn([u8; WIDTH]) -> Option<T>,
) -> Decoded<(Vec<T>, Validity)> {
    let mut values = Vec::with_capacity(cells.len());
    let mut validity = Validity::new(cells.len());
    for cell in cells.iter() {
        match cells.value(cell, reading)? {
            Some(bytes) => {
                let bytes = bytes.try_into().map_err(|_| Undecodable)?;
                values.push(convert(bytes).ok_or(Undecodable)?);
            }
            None => {
                validity.set_null(values.len());
                values.push(T::default());
            }
        }
    }
    Ok((values, validity))
}

/// An array of numbers from cells of `WIDTH` bytes.
pub fn decode_fixed<const WIDTH: usize, T: ArrowNativeType + Default>(
    data_type: DataType,
    cells: Cells<'_>,
    reading: &mut Reading,
    convert: impl Fn([u8; WIDTH]) -> Option<T>,
) -> Decoded<ArrayData> {
    let (values, validity) = values(cells, reading, convert)?;
    layout::numbers(data_type, values, validity)
}

pub fn decode_numbers(width: usize, cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    match width {
        1 => decode_fixed(DataType::Int8, cells, reading, |bytes| Some(i8::from_be_bytes(bytes))),
        2 => decode_fixed(DataType::Int16, cells, reading, |bytes| Some(i16::from_be_bytes(bytes))),
        4 => decode_fixed(DataType::Int32, cells, reading, |bytes| Some(i32::from_be_bytes(bytes))),
        8 => decode_fixed(DataType::Int64, cells, reading, |bytes| Some(i64::from_be_bytes(bytes))),
        _ => Err(Undecodable),
    }
}

/// An array of the big-endian numbers that lie back to back in `bytes`.
pub fn adjacent_numbers(width: usize, bytes: &[u8]) -> Decoded<ArrayData> {
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
    let values: Vec<T> = chunks.iter().map(|chunk| convert(*chunk)).collect();
    let validity = Validity::new(values.len());
    layout::numbers(data_type, values, validity)
}

/// Zero is false and everything else is true, as in Cassandra.
pub fn decode_booleans(cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let mut bits = vec![0_u8; cells.len().div_ceil(8)];
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        match cells.value(cell, reading)? {
            Some([0]) => {}
            Some([_]) => {
                let byte = bits.get_mut(position / 8).ok_or(Undecodable)?;
                *byte |= 1 << (position % 8);
            }
            Some(_) => return Err(Undecodable),
            None => validity.set_null(position),
        }
    }
    layout::booleans(bits, validity)
}

/// Nanoseconds since midnight; coarser units only where they lose no digit.
pub fn decode_times(
    divisor: i64,
    is_narrow: bool,
    cells: Cells<'_>,
    reading: &mut Reading,
) -> Decoded<ArrayData> {
    let convert = |bytes: [u8; 8]| {
        let nanoseconds = i64::from_be_bytes(bytes);
        let is_time =
            (0..NANOSECONDS_PER_DAY).contains(&nanoseconds) && nanoseconds.checked_rem(divisor) == Some(0);
        if is_time { nanoseconds.checked_div(divisor) } else { None }
    };
    if is_narrow {
        return decode_fixed(DataType::Int32, cells, reading, |bytes| i32::try_from(convert(bytes)?).ok());
    }
    decode_fixed(DataType::Int64, cells, reading, convert)
}

pub fn decode_uuids(cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let (values, validity) =
        values::<UUID_BYTES, u128>(cells, reading, |bytes| Some(u128::from_ne_bytes(bytes)))?;
    let values: Vec<i128> = values.into_iter().map(u128::cast_signed).collect();
    layout::fixed_size_binary(16, values, validity)
}

/// Months, days and nanoseconds: three signed integers of variable length.
pub fn decode_durations(cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let (mut months, mut days, mut nanoseconds) = (Vec::new(), Vec::new(), Vec::new());
    let mut validity = Validity::new(cells.len());
    for (position, cell) in cells.iter().enumerate() {
        let parts = match cells.value(cell, reading)? {
            Some(bytes) => duration_parts(bytes)?,
            None => {
                validity.set_null(position);
                (0, 0, 0)
            }
        };
        months.push(parts.0);
        days.push(parts.1);
        nanoseconds.push(parts.2);
    }
    let length = cells.len();
    let fields = vec![
        layout::numbers(DataType::Int32, months, Validity::new(length))?,
        layout::numbers(DataType::Int32, days, Validity::new(length))?,
        layout::numbers(DataType::Int64, nanoseconds, Validity::new(length))?,
    ];
    layout::structs(fields, validity)
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
