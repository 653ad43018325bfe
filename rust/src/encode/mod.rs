//! Arrow arrays to bound values, the way back: each row's values one behind the other, as EXECUTE and BATCH want them.

mod column;
mod numbers;
mod rows;
mod texts;

pub use rows::{BoundColumn, EncodedRows, encode_rows};

/// A value cannot be encoded as planned; the reference encoder says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unencodable;

/// What every step of encoding returns.
pub type Encoded<T> = Result<T, Unencodable>;
