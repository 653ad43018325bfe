//! Arrow arrays as buffers. Types are those of the layout only: the caller knows the Arrow type and has the schema.
//!
//! So a timestamp is an `Int64`, a text a `Binary` and a decimal a `FixedSizeBinary` here: the same buffers.

use std::sync::Arc;

use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};

use super::{Decoded, Undecodable};

/// Which values are null: nothing at all while none is.
#[derive(Default)]
pub struct Validity {
    bits: Option<Vec<u8>>,
    length: usize,
}

impl Validity {
    pub fn all_valid(length: usize) -> Self {
        Validity { bits: None, length }
    }

    /// `count` values more, none of them null; the position of the first one.
    pub fn grow(&mut self, count: usize) -> usize {
        let first = self.length;
        self.length += count;
        if let Some(bits) = &mut self.bits {
            bits.resize(self.length.div_ceil(8), 0xFF);
        }
        first
    }

    pub fn set_null(&mut self, position: usize) {
        let byte_count = self.length.div_ceil(8);
        let bits = self.bits.get_or_insert_with(|| vec![0xFF; byte_count]);
        if let Some(byte) = bits.get_mut(position / 8) {
            *byte &= !(1 << (position % 8));
        }
    }

    fn finish(self) -> Option<Buffer> {
        self.bits.map(buffer)
    }
}

/// An array of numbers; `data_type` has values of the size of `T`.
pub fn numbers<T: ArrowNativeType>(
    data_type: DataType,
    values: Vec<T>,
    validity: Validity,
) -> Decoded<ArrayData> {
    array(data_type, validity, vec![buffer(values)], vec![])
}

/// An array of booleans, one bit each.
pub fn booleans(bits: Vec<u8>, validity: Validity) -> Decoded<ArrayData> {
    array(DataType::Boolean, validity, vec![buffer(bits)], vec![])
}

/// An array of texts or bytes.
pub fn binary(offsets: Vec<i32>, values: Vec<u8>, validity: Validity) -> Decoded<ArrayData> {
    array(DataType::Binary, validity, vec![buffer(offsets), buffer(values)], vec![])
}

/// An array of lists; a map is one of structs.
pub fn list(offsets: Vec<i32>, values: ArrayData, validity: Validity) -> Decoded<ArrayData> {
    array(DataType::List(field(&values)), validity, vec![buffer(offsets)], vec![values])
}

/// An array of lists of `dimension` values each.
pub fn fixed_size_list(dimension: usize, values: ArrayData, validity: Validity) -> Decoded<ArrayData> {
    let dimension = i32::try_from(dimension).map_err(|_| Undecodable)?;
    array(DataType::FixedSizeList(field(&values), dimension), validity, vec![], vec![values])
}

/// An array of structs.
pub fn structs(fields: Vec<ArrayData>, validity: Validity) -> Decoded<ArrayData> {
    let data_type = DataType::Struct(fields.iter().map(field).collect());
    array(data_type, validity, vec![], fields)
}

/// Rows keep it until they are written: memory that was reserved in vain is given back.
fn buffer<T: ArrowNativeType>(mut items: Vec<T>) -> Buffer {
    if items.capacity() - items.len() > items.len() / 8 {
        items.shrink_to_fit();
    }
    Buffer::from_vec(items)
}

fn field(values: &ArrayData) -> Arc<Field> {
    Arc::new(Field::new("", values.data_type().clone(), true))
}

fn array(
    data_type: DataType,
    validity: Validity,
    buffers: Vec<Buffer>,
    children: Vec<ArrayData>,
) -> Decoded<ArrayData> {
    let length = validity.length;
    ArrayData::try_new(data_type, length, validity.finish(), 0, buffers, children).map_err(|_| Undecodable)
}
