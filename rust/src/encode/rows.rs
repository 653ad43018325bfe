//! Rows of bound values, in the order they came or grouped by partition key.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use arrow_data::ArrayData;

use super::column::Column;
use super::{Encoded, Unencodable};
use crate::decode::Plan;

/// One marker of a statement.
#[derive(Debug, Clone)]
pub struct BoundColumn {
    pub plan: Plan,
    /// The length that stands for null: -1 null, -2 unset; None where a null is an error.
    pub absent: Option<i32>,
}

/// Values of all rows, one behind the other.
#[derive(Debug, Default)]
pub struct EncodedRows {
    pub body: Vec<u8>,
    /// Where each row begins, and where the last one ends.
    pub row_offsets: Vec<i64>,
    /// Each row's place in the record batch.
    pub row_numbers: Vec<i64>,
    /// Where each group begins, and where the last one ends; empty where rows are not grouped.
    pub group_starts: Vec<i64>,
    /// Of each group.
    pub routing_keys: Vec<Vec<u8>>,
    /// Of each row: equal for equal primary keys, within one process.
    pub key_hashes: Vec<u64>,
}

/// Encodes the rows of `data`, a struct array of `columns`, each behind `row_prefix`; grouped where `partition_key`
/// names some of them.
pub fn encode_rows(
    columns: &[BoundColumn],
    data: &ArrayData,
    partition_key: Option<&[usize]>,
    row_prefix: &[u8],
) -> Encoded<EncodedRows> {
    let arrays = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let array = data.child_data().get(index).ok_or(Unencodable)?;
            Ok((Column::new(&column.plan, array, data.offset())?, column.absent))
        })
        .collect::<Encoded<Vec<_>>>()?;
    let mut encoded = EncodedRows::default();
    match partition_key {
        None => encoded.row_numbers = (0..data.len() as i64).collect(),
        Some(places) => group(&arrays, places, data.len(), &mut encoded)?,
    }
    encoded.row_offsets.reserve(data.len() + 1);
    encoded.body.reserve(
        data.get_slice_memory_size().unwrap_or(0) + data.len() * (row_prefix.len() + 4 * columns.len()),
    );
    encoded.key_hashes.reserve(data.len());
    encoded.row_offsets.push(0);
    for number in &encoded.row_numbers {
        let row = usize::try_from(*number).map_err(|_| Unencodable)?;
        encoded.body.extend_from_slice(row_prefix);
        let mut hasher = DefaultHasher::new();
        for (array, absent) in &arrays {
            let start = encoded.body.len();
            array.write_cell(row, *absent, &mut encoded.body)?;
            // Only the columns of the primary key take no null.
            if absent.is_none() {
                hasher.write(encoded.body.get(start..).ok_or(Unencodable)?);
            }
        }
        encoded.key_hashes.push(hasher.finish());
        encoded.row_offsets.push(encoded.body.len() as i64);
    }
    Ok(encoded)
}

/// Puts the rows of one partition key together: groups in the order they first come, rows in theirs.
fn group(
    arrays: &[(Column<'_>, Option<i32>)],
    partition_key: &[usize],
    row_count: usize,
    encoded: &mut EncodedRows,
) -> Encoded<()> {
    let mut groups: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut rows_of: Vec<Vec<i64>> = Vec::new();
    let mut previous: Option<(Vec<u8>, usize)> = None;
    let mut routing_key = Vec::new();
    for row in 0..row_count {
        routing_key.clear();
        write_routing_key(arrays, partition_key, row, &mut routing_key)?;
        // Exported rows come in the order of their partition keys.
        let place = match &previous {
            Some((key, place)) if *key == routing_key => *place,
            _ => {
                let place = *groups.entry(routing_key.clone()).or_insert_with(|| {
                    rows_of.push(Vec::new());
                    encoded.routing_keys.push(routing_key.clone());
                    rows_of.len() - 1
                });
                previous = Some((routing_key.clone(), place));
                place
            }
        };
        rows_of.get_mut(place).ok_or(Unencodable)?.push(row as i64);
    }
    encoded.group_starts.push(0);
    for rows in rows_of {
        encoded.row_numbers.extend(rows);
        encoded.group_starts.push(encoded.row_numbers.len() as i64);
    }
    Ok(())
}

/// A single column's bytes; of several, each with its length in 2 bytes before it and a zero after it.
fn write_routing_key(
    arrays: &[(Column<'_>, Option<i32>)],
    partition_key: &[usize],
    row: usize,
    out: &mut Vec<u8>,
) -> Encoded<()> {
    for place in partition_key {
        let (array, _) = arrays.get(*place).ok_or(Unencodable)?;
        if array.is_null(row)? {
            return Err(Unencodable);
        }
        if partition_key.len() == 1 {
            return array.write_value(row, out);
        }
        let start = out.len();
        out.extend_from_slice(&[0; 2]);
        array.write_value(row, out)?;
        let length = u16::try_from(out.len() - start - 2).map_err(|_| Unencodable)?;
        out.get_mut(start..start + 2).ok_or(Unencodable)?.copy_from_slice(&length.to_be_bytes());
        out.push(0);
    }
    Ok(())
}
