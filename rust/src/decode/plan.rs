//! How one column is decoded: chosen once, then one loop for some rows at a time.

use super::builders::ColumnBuilder;
use super::texts::Content;
use super::{Decoded, collections, decimals, fixed, texts, vectors};

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
    /// Begin a column.
    pub fn open(&self) -> Decoded<Box<dyn ColumnBuilder>> {
        Ok(match self {
            Plan::Number { width } => fixed::open_numbers(*width)?,
            Plan::Boolean => Box::new(fixed::BooleanBuilder::default()),
            Plan::Timestamp { factor } => fixed::open_timestamps(*factor),
            Plan::Date => fixed::open_dates(),
            Plan::Time { divisor, is_narrow } => fixed::open_times(*divisor, *is_narrow),
            Plan::Uuid => fixed::open_uuids(),
            Plan::UuidText => texts::open_uuid_texts(),
            Plan::Binary => texts::open_copied(Content::Bytes),
            Plan::Text => texts::open_copied(Content::Utf8),
            Plan::Ascii => texts::open_copied(Content::Ascii),
            Plan::Inet => texts::open_inet(),
            Plan::Duration => Box::new(fixed::DurationBuilder::default()),
            Plan::Decimal(target) => decimals::open(*target, true)?,
            Plan::Varint(target) => decimals::open(*target, false)?,
            Plan::List(element) => collections::open_list(element)?,
            Plan::Map(key, value) => collections::open_map(key, value)?,
            Plan::Struct(fields) => collections::open_struct(fields)?,
            Plan::Vector { dimension, element_length, element } => {
                vectors::open(*dimension, *element_length, element)?
            }
        })
    }
}
