//! The native row codec: result pages of Cassandra's protocol to Arrow, and back to bound values.
//!
//! Beside it are the checksums and segments that pages and bound values travel in.
//!
//! It knows bytes and layouts only. It never says why something cannot be done: the caller then asks the reference
//! codec in Python, which raises the error. So both have the same errors, by construction.

pub mod decode;
pub mod encode;
#[cfg(feature = "python")]
mod ffi;
#[cfg(feature = "python")]
mod python;
pub mod segments;
