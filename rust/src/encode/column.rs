//! One Arrow array and how its values become bytes: chosen once, every access within bounds.

use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;

use super::{Encoded, Unencodable, numbers, texts};
use crate::decode::Plan;

/// An array as its buffers, with the plan that its values were decoded by.
pub struct Column<'a> {
    plan: &'a Plan,
    nulls: Option<&'a NullBuffer>,
    length: usize,
    /// Added to a row to get its place in `nulls`, which begin at the array's own offset.
    inherited_offset: usize,
    /// Added to a row to get its place in the buffers.
    offset: usize,
    first: &'a [u8],
    second: &'a [u8],
    children: Vec<Column<'a>>,
}

impl<'a> Column<'a> {
    /// `inherited_offset` is that of a struct around it, which holds for its fields too.
    pub fn new(plan: &'a Plan, data: &'a ArrayData, inherited_offset: usize) -> Encoded<Self> {
        let offset = data.offset() + inherited_offset;
        let child = |index: usize| data.child_data().get(index).ok_or(Unencodable);
        let children = match plan {
            Plan::List(element) | Plan::Vector { element, .. } => vec![Column::new(element, child(0)?, 0)?],
            Plan::Map(key, value) => {
                let entries = child(0)?;
                let entry = |index: usize| entries.child_data().get(index).ok_or(Unencodable);
                vec![
                    Column::new(key, entry(0)?, entries.offset())?,
                    Column::new(value, entry(1)?, entries.offset())?,
                ]
            }
            Plan::Struct(fields) => {
                let fields = fields.iter().enumerate();
                fields
                    .map(|(index, field)| Column::new(field, child(index)?, offset))
                    .collect::<Encoded<_>>()?
            }
            Plan::Duration => vec![
                Column::new(&Plan::Number { width: 4 }, child(0)?, offset)?,
                Column::new(&Plan::Number { width: 4 }, child(1)?, offset)?,
                Column::new(&Plan::Number { width: 8 }, child(2)?, offset)?,
            ],
            _ => Vec::new(),
        };
        let buffer =
            |index: usize| data.buffers().get(index).map_or(&[] as &[u8], |buffer| buffer.as_slice());
        Ok(Column {
            plan,
            nulls: data.nulls(),
            length: data.len(),
            inherited_offset,
            offset,
            first: buffer(0),
            second: buffer(1),
            children,
        })
    }

    pub fn is_null(&self, row: usize) -> Encoded<bool> {
        let place = row + self.inherited_offset;
        if place >= self.length {
            return Err(Unencodable);
        }
        Ok(self.nulls.is_some_and(|nulls| nulls.is_null(place)))
    }

    /// The value of `row` with its length before it; for null the length is `absent` and nothing follows.
    pub fn write_cell(&self, row: usize, absent: Option<i32>, out: &mut Vec<u8>) -> Encoded<()> {
        if self.is_null(row)? {
            out.extend_from_slice(&absent.ok_or(Unencodable)?.to_be_bytes());
            return Ok(());
        }
        // Most columns are numbers, whose length needs no looking back.
        match self.plan {
            Plan::Number { width: 4 } => push_cell(self.int32(row)?.to_be_bytes(), out),
            Plan::Number { width: 8 } => push_cell(self.int64(row)?.to_be_bytes(), out),
            Plan::Uuid => push_cell(self.fixed::<16>(row)?, out),
            Plan::UuidText => push_cell(texts::uuid_bytes(self.bytes(row)?)?, out),
            _ => self.write_measured_cell(row, out)?,
        }
        Ok(())
    }

    fn write_measured_cell(&self, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        self.write_value(row, out)?;
        let length = i32::try_from(out.len() - start - 4).map_err(|_| Unencodable)?;
        out.get_mut(start..start + 4).ok_or(Unencodable)?.copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// The bytes of the value of `row`, which is not null.
    pub fn write_value(&self, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
        match self.plan {
            Plan::Number { width } => match width {
                1 => out.extend_from_slice(&self.fixed::<1>(row)?),
                2 => out.extend_from_slice(&i16::from_ne_bytes(self.fixed(row)?).to_be_bytes()),
                4 => out.extend_from_slice(&self.int32(row)?.to_be_bytes()),
                8 => out.extend_from_slice(&self.int64(row)?.to_be_bytes()),
                _ => return Err(Unencodable),
            },
            Plan::Boolean => {
                let place = row + self.offset;
                let byte = self.first.get(place / 8).ok_or(Unencodable)?;
                out.push(byte >> (place % 8) & 1);
            }
            Plan::Timestamp { factor } => {
                let value = self.int64(row)?;
                if value.checked_rem(*factor) != Some(0) {
                    return Err(Unencodable);
                }
                out.extend_from_slice(&(value / factor).to_be_bytes());
            }
            Plan::Date => out.extend_from_slice(&(self.int32(row)? ^ i32::MIN).to_be_bytes()),
            Plan::Time { divisor, is_narrow } => {
                let value = if *is_narrow { i64::from(self.int32(row)?) } else { self.int64(row)? };
                out.extend_from_slice(&numbers::nanoseconds(value, *divisor)?.to_be_bytes());
            }
            Plan::Uuid => out.extend_from_slice(&self.fixed::<16>(row)?),
            Plan::UuidText => out.extend_from_slice(&texts::uuid_bytes(self.bytes(row)?)?),
            Plan::Binary | Plan::Text => out.extend_from_slice(self.bytes(row)?),
            Plan::Ascii => {
                let text = self.bytes(row)?;
                if !text.is_ascii() {
                    return Err(Unencodable);
                }
                out.extend_from_slice(text);
            }
            Plan::Inet => texts::write_inet(self.bytes(row)?, out)?,
            Plan::Duration => self.write_duration(row, out)?,
            Plan::Decimal(target) => numbers::write_decimal(*target, self, row, out)?,
            Plan::Varint(target) => numbers::write_varint(*target, self, row, out)?,
            Plan::List(_) | Plan::Map(..) => self.write_entries(row, out)?,
            Plan::Struct(_) => {
                for field in &self.children {
                    field.write_cell(row, Some(-1), out)?;
                }
            }
            Plan::Vector { dimension, element_length, .. } => {
                self.write_vector(row, *dimension, *element_length, out)?;
            }
        }
        Ok(())
    }

    /// A value of `WIDTH` bytes in the machine's order.
    pub fn fixed<const WIDTH: usize>(&self, row: usize) -> Encoded<[u8; WIDTH]> {
        let start = (row + self.offset).checked_mul(WIDTH).ok_or(Unencodable)?;
        self.first.get(start..).and_then(|rest| rest.first_chunk::<WIDTH>()).copied().ok_or(Unencodable)
    }

    fn int32(&self, row: usize) -> Encoded<i32> {
        Ok(i32::from_ne_bytes(self.fixed(row)?))
    }

    pub fn int64(&self, row: usize) -> Encoded<i64> {
        Ok(i64::from_ne_bytes(self.fixed(row)?))
    }

    /// A text or bytes.
    pub fn bytes(&self, row: usize) -> Encoded<&'a [u8]> {
        let (start, stop) = self.span(row)?;
        self.second.get(start..stop).ok_or(Unencodable)
    }

    fn span(&self, row: usize) -> Encoded<(usize, usize)> {
        let start = usize::try_from(self.int32(row)?).map_err(|_| Unencodable)?;
        let stop = usize::try_from(self.int32(row + 1)?).map_err(|_| Unencodable)?;
        if stop < start { Err(Unencodable) } else { Ok((start, stop)) }
    }

    fn write_entries(&self, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
        let (start, stop) = self.span(row)?;
        out.extend_from_slice(&i32::try_from(stop - start).map_err(|_| Unencodable)?.to_be_bytes());
        for entry in start..stop {
            for child in &self.children {
                // Cassandra has no nulls in collections.
                child.write_cell(entry, None, out)?;
            }
        }
        Ok(())
    }

    fn write_vector(
        &self,
        row: usize,
        dimension: usize,
        element_length: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Encoded<()> {
        let element = self.children.first().ok_or(Unencodable)?;
        let first = (row + self.offset).checked_mul(dimension).ok_or(Unencodable)?;
        for place in first..first + dimension {
            if element.is_null(place)? {
                return Err(Unencodable);
            }
            let start = out.len();
            element.write_value(place, out)?;
            let length = out.len() - start;
            match element_length {
                Some(expected) if expected != length => return Err(Unencodable),
                Some(_) => {}
                None => {
                    // The length comes first, and how many bytes it takes is known only now.
                    let prefix_bytes = numbers::write_unsigned_vint(length as u64, out);
                    out.get_mut(start..).ok_or(Unencodable)?.rotate_right(prefix_bytes);
                }
            }
        }
        Ok(())
    }

    fn write_duration(&self, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
        let [months, days, nanoseconds] = self.children.as_slice() else {
            return Err(Unencodable);
        };
        if months.is_null(row)? || days.is_null(row)? || nanoseconds.is_null(row)? {
            return Err(Unencodable);
        }
        for number in [i64::from(months.int32(row)?), i64::from(days.int32(row)?), nanoseconds.int64(row)?] {
            numbers::write_unsigned_vint(numbers::zigzag(number), out);
        }
        Ok(())
    }
}

fn push_cell<const WIDTH: usize>(value: [u8; WIDTH], out: &mut Vec<u8>) {
    out.extend_from_slice(&(WIDTH as i32).to_be_bytes());
    out.extend_from_slice(&value);
}
