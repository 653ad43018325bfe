//! decimal and varint: whole numbers of any size, a decimal with a scale of 32 bits before it.
//!
//! Numbers of up to 16 bytes are handled with 128 bits, up to 32 bytes with 256; larger ones are left to the reference
//! codec. A scale may be two thousand million, so 10^scale is only built where it can fit.

use std::fmt::Display;

use arrow_buffer::i256;
use arrow_schema::DataType;

use super::builders::{ColumnBuilder, open_values};
use super::texts::open_written;
use super::{Decoded, Undecodable};

/// What a number becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    Decimal128 { precision: u32, scale: i32 },
    Decimal256 { precision: u32, scale: i32 },
    Int64,
    Text,
}

/// A number as it came: `unscaled` times ten to the power of minus `scale`.
#[derive(Clone, Copy)]
struct Number<'a> {
    unscaled: &'a [u8],
    scale: i32,
}

impl<'a> Number<'a> {
    fn read(bytes: &'a [u8], has_scale: bool) -> Decoded<Self> {
        if !has_scale {
            return Ok(Number { unscaled: bytes, scale: 0 });
        }
        match bytes.split_first_chunk::<4>() {
            Some((scale, unscaled)) if !unscaled.is_empty() => {
                Ok(Number { unscaled, scale: i32::from_be_bytes(*scale) })
            }
            _ => Err(Undecodable),
        }
    }

    /// None where it has more than 16 bytes.
    fn unscaled_128(&self) -> Option<i128> {
        // Most numbers have 8 bytes at the most.
        if let Some(number) = sign_extended::<8>(self.unscaled) {
            return Some(i128::from(i64::from_be_bytes(number)));
        }
        sign_extended::<16>(self.unscaled).map(i128::from_be_bytes)
    }

    fn unscaled_256(&self) -> Decoded<i256> {
        sign_extended::<32>(self.unscaled).map(i256::from_be_bytes).ok_or(Undecodable)
    }
}

fn sign_extended<const WIDTH: usize>(bytes: &[u8]) -> Option<[u8; WIDTH]> {
    let first = *bytes.first()?;
    let mut number = [if first & 0x80 == 0 { 0 } else { 0xFF }; WIDTH];
    let start = WIDTH.checked_sub(bytes.len())?;
    number.get_mut(start..)?.copy_from_slice(bytes);
    Some(number)
}

/// A column of decimals, or of varints where `has_scale` is false.
pub fn open(target: Target, has_scale: bool) -> Decoded<Box<dyn ColumnBuilder>> {
    Ok(match target {
        Target::Decimal128 { precision, scale } => {
            let largest = power_of_ten(precision)? - 1;
            open_values(DataType::FixedSizeBinary(16), move |bytes| {
                let value = rescaled_128(Number::read(bytes, has_scale)?, scale)?;
                if (-largest..=largest).contains(&value) { Ok(value) } else { Err(Undecodable) }
            })
        }
        Target::Decimal256 { precision, scale } => {
            let largest = i256::from(10).checked_pow(precision).ok_or(Undecodable)?;
            open_values(DataType::FixedSizeBinary(32), move |bytes| {
                let value = rescaled_256(Number::read(bytes, has_scale)?, scale)?;
                if value < largest && value > largest.wrapping_neg() { Ok(value) } else { Err(Undecodable) }
            })
        }
        Target::Int64 => open_values(DataType::Int64, move |bytes| {
            i64::try_from(rescaled_128(Number::read(bytes, has_scale)?, 0)?).map_err(|_| Undecodable)
        }),
        Target::Text => open_written(8, move |text, bytes| {
            let number = Number::read(bytes, has_scale)?;
            match number.unscaled_128() {
                Some(unscaled) => write_text(text, unscaled, number.scale),
                None => write_text(text, number.unscaled_256()?, number.scale),
            }
            Ok(())
        }),
    })
}

/// Ten to the power of each index, as far as 128 bits reach.
const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1; 39];
    let mut rest: &mut [i128] = &mut powers;
    let mut power: i128 = 1;
    while let Some((first, after)) = rest.split_first_mut() {
        *first = power;
        power = power.wrapping_mul(10);
        rest = after;
    }
    powers
};

/// Looked up: to multiply it anew for each number takes longer than the rest of its way.
fn power_of_ten(exponent: u32) -> Decoded<i128> {
    POWERS_OF_TEN.get(exponent as usize).copied().ok_or(Undecodable)
}

/// The unscaled number at another scale, where no digit is lost.
fn rescaled_128(number: Number<'_>, scale: i32) -> Decoded<i128> {
    let Some(unscaled) = number.unscaled_128() else {
        return rescaled_256(number, scale)?.to_i128().ok_or(Undecodable);
    };
    if unscaled == 0 {
        return Ok(0);
    }
    let more_digits = i64::from(scale) - i64::from(number.scale);
    let digits = u32::try_from(more_digits.unsigned_abs()).map_err(|_| Undecodable)?;
    let factor = power_of_ten(digits)?;
    if more_digits >= 0 {
        return unscaled.checked_mul(factor).ok_or(Undecodable);
    }
    exact(unscaled.checked_div(factor), unscaled.checked_rem(factor) == Some(0))
}

fn rescaled_256(number: Number<'_>, scale: i32) -> Decoded<i256> {
    let unscaled = number.unscaled_256()?;
    if unscaled == i256::ZERO {
        return Ok(i256::ZERO);
    }
    let more_digits = i64::from(scale) - i64::from(number.scale);
    let digits = u32::try_from(more_digits.unsigned_abs()).map_err(|_| Undecodable)?;
    let factor = i256::from(10).checked_pow(digits).ok_or(Undecodable)?;
    if more_digits >= 0 {
        return unscaled.checked_mul(factor).ok_or(Undecodable);
    }
    exact(unscaled.checked_div(factor), unscaled.checked_rem(factor) == Some(i256::ZERO))
}

fn exact<T>(quotient: Option<T>, is_exact: bool) -> Decoded<T> {
    quotient.filter(|_| is_exact).ok_or(Undecodable)
}

/// As Java's `BigDecimal.toString` writes it: value and scale can be read back.
fn write_text(text: &mut Vec<u8>, unscaled: impl Display, scale: i32) {
    let number = unscaled.to_string();
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number.as_str()),
    };
    text.extend_from_slice(sign.as_bytes());
    let digit_count = digits.len() as i64;
    let scale = i64::from(scale);
    let exponent = digit_count - 1 - scale;
    let (before, after) = if scale < 0 || exponent < -6 {
        digits.split_at(1)
    } else {
        digits.split_at(usize::try_from(digit_count - scale).unwrap_or(0))
    };
    let is_scientific = scale < 0 || exponent < -6;
    text.extend_from_slice(if before.is_empty() { b"0" } else { before.as_bytes() });
    if !is_scientific && scale > digit_count {
        text.extend_from_slice(b".");
        text.extend(std::iter::repeat_n(b'0', usize::try_from(scale - digit_count).unwrap_or(0)));
        text.extend_from_slice(after.as_bytes());
    } else if !after.is_empty() {
        text.extend_from_slice(b".");
        text.extend_from_slice(after.as_bytes());
    }
    if is_scientific {
        text.extend_from_slice(format!("E{exponent:+}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unscaled: i128, scale: i32) -> String {
        let mut text = Vec::new();
        write_text(&mut text, unscaled, scale);
        String::from_utf8(text).unwrap_or_default()
    }

    #[test]
    fn texts_are_those_of_java() {
        for (unscaled, scale, expected) in [
            (150, 2, "1.50"),
            (-15, 1, "-1.5"),
            (0, 2, "0.00"),
            (0, -2, "0E+2"),
            (1, 6, "0.000001"),
            (1, 7, "1E-7"),
            (12, 8, "1.2E-7"),
            (123, -1, "1.23E+3"),
            (5, 0, "5"),
            (-100, 3, "-0.100"),
        ] {
            assert_eq!(text(unscaled, scale), expected);
        }
    }

    #[test]
    fn no_digit_is_lost() {
        let number = |unscaled, scale| Number { unscaled, scale };
        assert_eq!(rescaled_128(number(&[0x01], i32::MIN), 18), Err(Undecodable));
        assert_eq!(rescaled_128(number(&[0x00], i32::MIN), 18), Ok(0));
        assert_eq!(rescaled_128(number(&[0x0F], 19), 18), Err(Undecodable));
        assert_eq!(rescaled_128(number(&[0x0A], 19), 18), Ok(1));
        assert_eq!(rescaled_128(number(&[0xFF], 0), 2), Ok(-100));
    }
}
