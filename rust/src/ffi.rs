//! Memory that Python hands over: the one place where it is trusted rather than checked.
#![allow(unsafe_code)]

use std::ffi::CStr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_data::ArrayData;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

pub const ARRAY_CAPSULE: &CStr = c"arrow_array";
pub const SCHEMA_CAPSULE: &CStr = c"arrow_schema";

/// The array of two capsules as Arrow's PyCapsule interface has them; it is moved out of them, nothing is copied.
pub fn import_array(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<ArrayData> {
    let schema = schema.pointer_checked(Some(SCHEMA_CAPSULE))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY_CAPSULE))?.cast::<FFI_ArrowArray>();
    // SAFETY: the names of the capsules are those of the interface, which says what they point to; pyarrow keeps to it.
    let data = unsafe {
        let schema = FFI_ArrowSchema::from_raw(schema.as_ptr());
        from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), &schema)
    };
    data.map_err(|error| PyValueError::new_err(error.to_string()))
}
