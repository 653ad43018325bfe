//! Pages to Arrow arrays: of some rows at a time cells are cut and bounds-checked, then one tight loop a column decodes
//! them.

mod builders;
mod cells;
mod collections;
mod decimals;
mod fixed;
mod layout;
mod page;
mod plan;
mod texts;
mod vectors;
pub(crate) mod vints;

pub use decimals::Target;
pub use page::{ColumnPlan, DecodedPage, decode_page};
pub use plan::Plan;

/// The bytes cannot be decoded as planned; the reference codec says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable;

/// What every step of decoding returns.
pub type Decoded<T> = Result<T, Undecodable>;
