//! How one column is decoded: chosen once, then one loop a page.

use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::cells::{Cells, Reading};
use super::{Decoded, collections, decimals, fixed, texts};

/// A CQL type and the Arrow layout that it becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Integers and floats of 1, 2, 4 or 8 bytes.
    Number {
        width: usize,
    },
    Boolean,
    /// Milliseconds times `factor`, in 64 bits.
    Timestamp {
        factor: i64,
    },
    Date,
    /// Nanoseconds divided by `divisor`, in 32 or 64 bits.
    Time {
        divisor: i64,
        is_narrow: bool,
    },
    Uuid,
    UuidText,
    /// Any bytes as they are.
    Binary,
    Text,
    Ascii,
    Inet,
    Duration,
    /// A number with a scale before it.
    Decimal(decimals::Target),
    /// A whole number.
    Varint(decimals::Target),
    List(Box<Plan>),
    Map(Box<Plan>, Box<Plan>),
    /// A tuple or a user-defined type.
    Struct(Vec<Plan>),
    /// `element_length` is None where each element has its length before it.
    Vector {
        dimension: usize,
        element_length: Option<usize>,
        element: Box<Plan>,
    },
}

impl Plan {
    pub fn decode(&self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
        match self {
            Plan::Number { width } => fixed::decode_numbers(*width, cells, reading),
            Plan::Boolean => fixed::decode_booleans(cells, reading),
            Plan::Timestamp { factor } => {
                fixed::decode_fixed::<8, i64>(DataType::Int64, cells, reading, |bytes| {
                    i64::from_be_bytes(bytes).checked_mul(*factor)
                })
            }
            Plan::Date => fixed::decode_fixed::<4, i32>(DataType::Int32, cells, reading, |bytes| {
                Some(i32::from_be_bytes(bytes) ^ i32::MIN)
            }),
            Plan::Time { divisor, is_narrow } => fixed::decode_times(*divisor, *is_narrow, cells, reading),
            Plan::Uuid => fixed::decode_uuids(cells, reading),
            Plan::UuidText => texts::decode_uuid_texts(cells, reading),
            Plan::Binary => texts::decode_binary(cells),
            Plan::Text => texts::decode_text(cells),
            Plan::Ascii => texts::decode_ascii(cells),
            Plan::Inet => texts::decode_inet(cells, reading),
            Plan::Duration => fixed::decode_durations(cells, reading),
            Plan::Decimal(target) => decimals::decode(*target, true, cells, reading),
            Plan::Varint(target) => decimals::decode(*target, false, cells, reading),
            Plan::List(element) => collections::decode_list(element, cells, reading),
            Plan::Map(key, value) => collections::decode_map(key, value, cells, reading),
            Plan::Struct(fields) => collections::decode_struct(fields, cells, reading),
            Plan::Vector { dimension, element_length, element } => {
                collections::decode_vector(*dimension, *element_length, element, cells, reading)
            }
        }
    }
}
