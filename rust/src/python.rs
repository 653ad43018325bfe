//! The Python module: plans in, Arrow's C data interface out.

use std::ffi::CStr;

use arrow_data::ffi::FFI_ArrowArray;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyTuple};

use crate::decode::{ColumnPlan, Plan, Target, decode_page};

const ARRAY_CAPSULE: &CStr = c"arrow_array";

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

/// The compiled half of the native codec; `engine.cql.native_row_codec` is the other.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::Decoder;
}
