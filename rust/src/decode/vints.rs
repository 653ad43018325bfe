//! Cassandra's integers of variable length: the leading one bits of the first byte count the bytes that follow.

use super::{Decoded, Undecodable};

/// The number at the beginning of `bytes` and the bytes behind it.
pub fn read_unsigned(bytes: &[u8]) -> Decoded<(u64, &[u8])> {
    let (first, rest) = bytes.split_first().ok_or(Undecodable)?;
    let extra_bytes = first.leading_ones();
    let (number, rest) = rest.split_at_checked(extra_bytes as usize).ok_or(Undecodable)?;
    let start = u64::from(first & 0xFF_u8.checked_shr(extra_bytes).unwrap_or(0));
    Ok((number.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)), rest))
}

/// The signed number (zig-zag: 0, -1, 1, -2...) at the beginning of `bytes` and the bytes behind it.
pub fn read_signed(bytes: &[u8]) -> Decoded<(i64, &[u8])> {
    let (value, rest) = read_unsigned(bytes)?;
    let sign = if value & 1 == 1 { -1 } else { 0 };
    Ok(((value >> 1).cast_signed() ^ sign, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        assert_eq!(read_unsigned(&[0x05, 9]), Ok((5, [9].as_slice())));
        assert_eq!(read_unsigned(&[0x81, 0x00]), Ok((256, [].as_slice())));
        assert_eq!(read_unsigned(&[0xFF; 9]), Ok((u64::MAX, [].as_slice())));
        assert_eq!(read_signed(&[0xFF; 9]), Ok((i64::MIN, [].as_slice())));
        assert_eq!(read_signed(&[0x03]), Ok((-2, [].as_slice())));
    }

    #[test]
    fn numbers_that_end_too_early_are_refused() {
        for length in 0..9 {
            let bytes = [0xFF; 9];
            assert_eq!(read_unsigned(bytes.get(..length).unwrap_or(&[])), Err(Undecodable));
        }
    }
}
