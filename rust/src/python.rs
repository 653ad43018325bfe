//! The Python module: plans in, Arrow's C data interface out.

use arrow_array::{Array, UInt8Array};
use arrow_data::ffi::FFI_ArrowArray;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyTuple};

use crate::decode::{ColumnPlan, Plan, Target, decode_page};
use crate::encode::{BoundColumn, encode_rows};
use crate::ffi::{ARRAY_CAPSULE, import_array};
use crate::segments;

/// Decodes the pages of one result. It keeps nothing between pages, so several threads may call it at once.
#[pyclass(frozen, module = "airflow_provider_cqlai._native")]
struct Decoder {
    columns: Vec<ColumnPlan>,
}

#[pymethods]
impl Decoder {
    /// `columns` has, for each column, its plan and whether it is part of the primary key. A plan is a tuple of its name
    /// and its arguments; those of nested types have plans among them.
    #[new]
    fn new(columns: Vec<(Bound<'_, PyTuple>, bool)>) -> PyResult<Self> {
        let columns = columns
            .iter()
            .map(|(plan, is_primary_key)| {
                Ok(ColumnPlan { plan: read_plan(plan)?, is_primary_key: *is_primary_key })
            })
            .collect::<PyResult<_>>()?;
        Ok(Decoder { columns })
    }

    /// The rows as a capsule of one struct array, and each column's cells of zero bytes that were read as null; None
    /// where the page cannot be decoded.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        body: &Bound<'py, PyBytes>,
        rows_offset: usize,
        row_count: i64,
    ) -> PyResult<Option<(Bound<'py, PyCapsule>, Vec<u64>)>> {
        let body = body.as_bytes();
        let decoded = py.detach(|| {
            let row_count = usize::try_from(row_count).ok()?;
            let page = decode_page(&self.columns, body, rows_offset, row_count).ok()?;
            Some((FFI_ArrowArray::new(&page.rows), page.zero_length_cells))
        });
        decoded
            .map(|(array, zero_length_cells)| {
                Ok((PyCapsule::new_with_value(py, array, ARRAY_CAPSULE)?, zero_length_cells))
            })
            .transpose()
    }
}

/// Rows of bound values: the values as a capsule of one array of bytes, where rows begin, their numbers, where groups
/// begin, routing keys, key hashes.
type EncodedParts<'py> = (
    Bound<'py, PyCapsule>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Vec<Bound<'py, PyBytes>>,
    Bound<'py, PyBytes>,
);

/// Encodes the rows of one statement. It keeps nothing between record batches.
#[pyclass(frozen, module = "airflow_provider_cqlai._native")]
struct Encoder {
    columns: Vec<BoundColumn>,
    partition_key: Vec<usize>,
    row_prefix: Vec<u8>,
}

#[pymethods]
impl Encoder {
    /// `columns` has, for each marker, its plan and the length that stands for null (-1 null, -2 unset), None where a
    /// null is an error; `partition_key` the places of its columns among them; `row_prefix` comes before each row.
    #[new]
    fn new(
        columns: Vec<(Bound<'_, PyTuple>, Option<i32>)>,
        partition_key: Vec<usize>,
        row_prefix: Vec<u8>,
    ) -> PyResult<Self> {
        let columns = columns
            .iter()
            .map(|(plan, absent)| Ok(BoundColumn { plan: read_plan(plan)?, absent: *absent }))
            .collect::<PyResult<_>>()?;
        Ok(Encoder { columns, partition_key, row_prefix })
    }

    /// The rows of a struct array; None where a value cannot be encoded. Numbers have 64 bits in the machine's order.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        schema: &Bound<'py, PyCapsule>,
        array: &Bound<'py, PyCapsule>,
        is_grouped: bool,
    ) -> PyResult<Option<EncodedParts<'py>>> {
        let data = import_array(schema, array)?;
        let partition_key = is_grouped.then_some(self.partition_key.as_slice());
        let encode = || encode_rows(&self.columns, &data, partition_key, &self.row_prefix);
        let Ok(encoded) = py.detach(encode) else {
            return Ok(None);
        };
        let numbers = |values: &[i64]| numbers_as_bytes(py, values, |value| value.to_ne_bytes());
        // Not copied: it is as large as the rows.
        let body = UInt8Array::from(encoded.body).into_data();
        Ok(Some((
            PyCapsule::new_with_value(py, FFI_ArrowArray::new(&body), ARRAY_CAPSULE)?,
            numbers(&encoded.row_offsets)?,
            numbers(&encoded.row_numbers)?,
            numbers(&encoded.group_starts)?,
            encoded.routing_keys.iter().map(|key| PyBytes::new(py, key)).collect(),
            numbers_as_bytes(py, &encoded.key_hashes, |hash| hash.to_ne_bytes())?,
        )))
    }
}

fn numbers_as_bytes<'py, Number: Copy>(
    py: Python<'py>,
    numbers: &[Number],
    to_bytes: impl Fn(Number) -> [u8; 8],
) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, numbers.len() * 8, |out| {
        for (bytes, number) in out.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&to_bytes(*number));
        }
        Ok(())
    })
}

fn read_plan(plan: &Bound<'_, PyTuple>) -> PyResult<Plan> {
    let name: String = plan.get_item(0)?.extract()?;
    let inner = |index: usize| -> PyResult<Plan> { read_plan(plan.get_item(index)?.cast::<PyTuple>()?) };
    Ok(match name.as_str() {
        "number" => Plan::Number { width: plan.get_item(1)?.extract()? },
        "boolean" => Plan::Boolean,
        "timestamp" => Plan::Timestamp { factor: plan.get_item(1)?.extract()? },
        "date" => Plan::Date,
        "time" => {
            Plan::Time { divisor: plan.get_item(1)?.extract()?, is_narrow: plan.get_item(2)?.extract()? }
        }
        "uuid" => Plan::Uuid,
        "uuid_text" => Plan::UuidText,
        "binary" => Plan::Binary,
        "text" => Plan::Text,
        "ascii" => Plan::Ascii,
        "inet" => Plan::Inet,
        "duration" => Plan::Duration,
        "decimal" => Plan::Decimal(read_target(plan)?),
        "varint" => Plan::Varint(read_target(plan)?),
        "list" => Plan::List(Box::new(inner(1)?)),
        "map" => Plan::Map(Box::new(inner(1)?), Box::new(inner(2)?)),
        "struct" => Plan::Struct((1..plan.len()).map(inner).collect::<PyResult<_>>()?),
        "vector" => Plan::Vector {
            dimension: plan.get_item(1)?.extract()?,
            element_length: plan.get_item(2)?.extract()?,
            element: Box::new(inner(3)?),
        },
        _ => return Err(PyValueError::new_err(format!("unknown plan {name:?}"))),
    })
}

fn read_target(plan: &Bound<'_, PyTuple>) -> PyResult<Target> {
    let name: String = plan.get_item(1)?.extract()?;
    let number = |index: usize| -> PyResult<i32> { plan.get_item(index)?.extract() };
    let precision = || -> PyResult<u32> { plan.get_item(2)?.extract() };
    Ok(match name.as_str() {
        "decimal128" => Target::Decimal128 { precision: precision()?, scale: number(3)? },
        "decimal256" => Target::Decimal256 { precision: precision()?, scale: number(3)? },
        "int64" => Target::Int64,
        "text" => Target::Text,
        _ => return Err(PyValueError::new_err(format!("unknown target {name:?}"))),
    })
}

/// `zlib.crc32` of `data[begin:end]`; zlib is slower than receiving needs where it has no vector instructions.
///
/// Of bytes: Python's stable ABI has buffers from 3.11 on only.
#[pyfunction]
fn crc32(data: &Bound<'_, PyBytes>, begin: usize, end: usize, value: u32) -> PyResult<u32> {
    let part =
        data.as_bytes().get(begin..end).ok_or_else(|| PyValueError::new_err("not a part of the bytes"))?;
    let mut hasher = crc32fast::Hasher::new_with_initial(value);
    hasher.update(part);
    Ok(hasher.finalize())
}

/// A message in segments without compression.
#[pyfunction]
fn encode_segments<'py>(py: Python<'py>, message: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyBytes>> {
    let message = message.as_bytes();
    PyBytes::new_with(py, segments::encoded_length(message.len()), |mut out| {
        Ok(segments::encode(message, &mut out)?)
    })
}

/// The compiled half of the native codec; `engine.cassandra.codec.native_decoder` and `native_encoder` are the other.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{Decoder, Encoder, crc32, encode_segments};
}
