//! Times, integers of variable length, decimals and varints.

use arrow_buffer::i256;

use super::column::Column;
use super::{Encoded, Unencodable};
use crate::decode::Target;

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

/// A time of day in nanoseconds from one in units of `nanoseconds_per_unit`.
pub fn nanoseconds(value: i64, nanoseconds_per_unit: i64) -> Encoded<i64> {
    let nanoseconds = value.checked_mul(nanoseconds_per_unit).ok_or(Unencodable)?;
    if (0..NANOSECONDS_PER_DAY).contains(&nanoseconds) { Ok(nanoseconds) } else { Err(Unencodable) }
}

pub fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Appends `value` in as few bytes as it takes, and returns how many.
pub fn write_unsigned_vint(value: u64, out: &mut Vec<u8>) -> usize {
    let bits = 64 - value.leading_zeros();
    let extra_bytes = (bits.saturating_sub(1) / 7).min(8);
    let ones = if extra_bytes == 0 { 0 } else { 0xFF_u8 << (8 - extra_bytes) };
    let mut number = [0; 9];
    if let Some((_, rest)) = number.split_first_mut() {
        rest.copy_from_slice(&value.to_be_bytes());
    }
    let start = 8 - extra_bytes as usize;
    if let Some(first) = number.get_mut(start) {
        *first |= ones;
    }
    out.extend_from_slice(number.get(start..).unwrap_or(&[]));
    extra_bytes as usize + 1
}

/// A scale and the shortest two's complement number. An Arrow decimal's scale is the column's and says nothing about a
/// value, so zeros at its end are left out.
pub fn write_decimal(target: Target, column: &Column<'_>, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
    match target {
        Target::Decimal128 { scale, .. } => {
            let (unscaled, scale) = without_zeros(i128::from_ne_bytes(column.fixed(row)?), scale);
            out.extend_from_slice(&scale.to_be_bytes());
            write_shortest(&unscaled.to_be_bytes(), out);
        }
        Target::Decimal256 { scale, .. } => {
            let (mut unscaled, mut scale) = (wide(column, row)?, scale);
            let ten = i256::from(10);
            while scale > 0 && unscaled.checked_rem(ten) == Some(i256::ZERO) {
                unscaled = unscaled.checked_div(ten).ok_or(Unencodable)?;
                scale -= 1;
            }
            out.extend_from_slice(&scale.to_be_bytes());
            write_shortest(&unscaled.to_be_bytes(), out);
        }
        Target::Text => {
            let (unscaled, scale) = decimal_of_text(column.bytes(row)?)?;
            out.extend_from_slice(&scale.to_be_bytes());
            write_shortest(&unscaled.to_be_bytes(), out);
        }
        Target::Int64 => return Err(Unencodable),
    }
    Ok(())
}

/// A whole number in as few bytes as it takes.
pub fn write_varint(target: Target, column: &Column<'_>, row: usize, out: &mut Vec<u8>) -> Encoded<()> {
    match target {
        Target::Decimal128 { scale, .. } => {
            let factor = 10_i128.checked_pow(scale.cast_unsigned()).ok_or(Unencodable)?;
            let unscaled = i128::from_ne_bytes(column.fixed(row)?);
            if unscaled.checked_rem(factor) != Some(0) {
                return Err(Unencodable);
            }
            write_shortest(&unscaled.checked_div(factor).ok_or(Unencodable)?.to_be_bytes(), out);
        }
        Target::Decimal256 { scale, .. } => {
            let factor = i256::from(10).checked_pow(scale.cast_unsigned()).ok_or(Unencodable)?;
            let unscaled = wide(column, row)?;
            if unscaled.checked_rem(factor) != Some(i256::ZERO) {
                return Err(Unencodable);
            }
            write_shortest(&unscaled.checked_div(factor).ok_or(Unencodable)?.to_be_bytes(), out);
        }
        Target::Int64 => write_shortest(&column.int64(row)?.to_be_bytes(), out),
        Target::Text => {
            let text = column.bytes(row)?;
            if text.iter().any(|character| !matches!(character, b'0'..=b'9' | b'+' | b'-')) {
                return Err(Unencodable);
            }
            write_shortest(&decimal_of_text(text)?.0.to_be_bytes(), out);
        }
    }
    Ok(())
}

/// Leaves out zeros at a number's end, many at once: a division of 128 bits costs as much as the rest of a cell.
fn without_zeros(mut unscaled: i128, mut scale: i32) -> (i128, i32) {
    for (digits, factor) in [(16, 10_i64.pow(16)), (8, 10_i64.pow(8)), (4, 10_000), (2, 100), (1, 10)] {
        while scale >= digits {
            let (quotient, remainder) = match i64::try_from(unscaled) {
                Ok(narrow) => (i128::from(narrow / factor), i128::from(narrow % factor)),
                Err(_) => (unscaled / i128::from(factor), unscaled % i128::from(factor)),
            };
            if remainder != 0 {
                break;
            }
            unscaled = quotient;
            scale -= digits;
        }
    }
    (unscaled, scale)
}

fn wide(column: &Column<'_>, row: usize) -> Encoded<i256> {
    let bytes: [u8; 32] = column.fixed(row)?;
    Ok(if cfg!(target_endian = "little") { i256::from_le_bytes(bytes) } else { i256::from_be_bytes(bytes) })
}

/// Leaves out the leading bytes of a two's complement number that only repeat its sign.
fn write_shortest(number: &[u8], out: &mut Vec<u8>) {
    let mut shortest = number;
    while let [first @ (0 | 0xFF), second, ..] = shortest
        && (first ^ second) & 0x80 == 0
    {
        shortest = shortest.get(1..).unwrap_or(&[]);
    }
    out.extend_from_slice(shortest);
}

/// `[+-]digits[.digits][e[+-]digits]`; numbers of more than 128 bits are left to the reference encoder.
fn decimal_of_text(text: &[u8]) -> Encoded<(i128, i32)> {
    let text = std::str::from_utf8(text).map_err(|_| Unencodable)?;
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i64>().map_err(|_| Unencodable)?),
        None => (text, 0),
    };
    let (is_negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    if before.is_empty() {
        return Err(Unencodable);
    }
    let mut unscaled: i128 = 0;
    for character in before.bytes().chain(after.bytes()) {
        let digit = (character as char).to_digit(10).ok_or(Unencodable)?;
        unscaled =
            unscaled.checked_mul(10).and_then(|sum| sum.checked_add(digit.into())).ok_or(Unencodable)?;
    }
    let scale =
        i64::try_from(after.len()).ok().and_then(|digits| digits.checked_sub(exponent)).ok_or(Unencodable)?;
    Ok((if is_negative { -unscaled } else { unscaled }, i32::try_from(scale).map_err(|_| Unencodable)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::vints;

    #[test]
    fn vints_read_back() {
        for number in [0, 1, -1, 63, 64, -65, 8191, 8192, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            let count = write_unsigned_vint(zigzag(number), &mut bytes);
            assert_eq!(bytes.len(), count);
            assert_eq!(vints::read_signed(&bytes), Ok((number, [].as_slice())));
        }
    }

    #[test]
    fn decimals_keep_the_digits_of_a_text() {
        assert_eq!(decimal_of_text(b"-1.50"), Ok((-150, 2)));
        assert_eq!(decimal_of_text(b"1E+3"), Ok((1, -3)));
        assert_eq!(decimal_of_text(b"12."), Ok((12, 0)));
        for text in [b"".as_slice(), b".5", b"1_0", b"0x1", b"1e", b"--1", b"+-1", b"1.2.3", b" 1"] {
            assert_eq!(decimal_of_text(text), Err(Unencodable));
        }
    }

    #[test]
    fn zeros_at_the_end_are_left_out_down_to_scale_zero() {
        assert_eq!(without_zeros(1_500_000_000_000_000_000, 18), (15, 1));
        assert_eq!(without_zeros(0, 18), (0, 0));
        assert_eq!(without_zeros(-100, 1), (-10, 0));
        assert_eq!(without_zeros(10_i128.pow(37), 30), (10_i128.pow(7), 0));
        assert_eq!(without_zeros(i128::MIN, 38), (i128::MIN, 38));
    }

    #[test]
    fn numbers_take_the_fewest_bytes() {
        for (number, expected) in
            [(0, vec![0]), (127, vec![127]), (128, vec![0, 128]), (-128, vec![128]), (-129, vec![255, 127])]
        {
            let mut bytes = Vec::new();
            write_shortest(&i64::to_be_bytes(number), &mut bytes);
            assert_eq!(bytes, expected);
        }
    }
}
