//! Texts and bytes: what has offsets in Arrow.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use arrow_data::ArrayData;

use super::cells::{Cells, Reading};
use super::fixed::UUID_BYTES;
use super::layout::{self, Validity};
use super::{Decoded, Undecodable};

const UUID_TEXT_BYTES: usize = 36;

/// Values of a column that have offsets, put one behind the other.
pub struct TextBuilder {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    validity: Validity,
}

impl TextBuilder {
    pub fn new(length: usize, byte_count: usize) -> Self {
        let mut offsets = Vec::with_capacity(length + 1);
        offsets.push(0);
        TextBuilder { offsets, bytes: Vec::with_capacity(byte_count), validity: Validity::new(length) }
    }

    pub fn push(&mut self, value: Option<&[u8]>) -> Decoded<()> {
        match value {
            Some(value) => self.bytes.extend_from_slice(value),
            None => self.validity.set_null(self.offsets.len() - 1),
        }
        self.end_value()
    }

    /// Where the bytes of the next value go; `end_value` follows.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub fn end_value(&mut self) -> Decoded<()> {
        // Beyond 2 GiB offsets of 32 bits would wrap.
        self.offsets.push(i32::try_from(self.bytes.len()).map_err(|_| Undecodable)?);
        Ok(())
    }

    pub fn finish(self) -> Decoded<ArrayData> {
        layout::binary(self.offsets, self.bytes, self.validity)
    }
}

fn collect(cells: Cells<'_>) -> Decoded<TextBuilder> {
    let mut builder = TextBuilder::new(cells.len(), cells.byte_count());
    for cell in cells.iter() {
        builder.push(cells.bytes(cell)?)?;
    }
    Ok(builder)
}

pub fn decode_binary(cells: Cells<'_>) -> Decoded<ArrayData> {
    collect(cells)?.finish()
}

pub fn decode_text(cells: Cells<'_>) -> Decoded<ArrayData> {
    let builder = collect(cells)?;
    // All of it at once, and then that no value begins inside a character: the same as each value alone.
    let text = std::str::from_utf8(&builder.bytes).map_err(|_| Undecodable)?;
    if !text.is_ascii()
        && !builder.offsets.iter().all(|offset| text.is_char_boundary(offset.cast_unsigned() as usize))
    {
        return Err(Undecodable);
    }
    builder.finish()
}

pub fn decode_ascii(cells: Cells<'_>) -> Decoded<ArrayData> {
    let builder = collect(cells)?;
    if builder.bytes.is_ascii() { builder.finish() } else { Err(Undecodable) }
}

/// 36 characters in lower case.
pub fn decode_uuid_texts(cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let mut builder = TextBuilder::new(cells.len(), cells.len().saturating_mul(UUID_TEXT_BYTES));
    for cell in cells.iter() {
        match cells.value(cell, reading)? {
            Some(bytes) => {
                let bytes: &[u8; UUID_BYTES] = bytes.try_into().map_err(|_| Undecodable)?;
                builder.push(Some(&uuid_text(bytes)))?;
            }
            None => builder.push(None)?,
        }
    }
    builder.finish()
}

fn uuid_text(bytes: &[u8; UUID_BYTES]) -> [u8; UUID_TEXT_BYTES] {
    let mut text = [b'-'; UUID_TEXT_BYTES];
    let mut rest = text.as_mut_slice();
    let digits = hex_digits(bytes);
    let mut digits = digits.as_slice();
    for length in [8, 4, 4, 4, 12] {
        let (Some((part, after)), Some((group, later))) =
            (rest.split_at_mut_checked(length), digits.split_at_checked(length))
        else {
            break;
        };
        part.copy_from_slice(group);
        digits = later;
        rest = after.get_mut(1..).unwrap_or_default();
    }
    text
}

/// Four bytes at a time, for a table has a lookup for each digit: most columns of ids come through here.
fn hex_digits(bytes: &[u8; UUID_BYTES]) -> [u8; 2 * UUID_BYTES] {
    let mut digits = [0; 2 * UUID_BYTES];
    let (quads, _) = bytes.as_chunks::<4>();
    for (eight, quad) in digits.as_chunks_mut::<8>().0.iter_mut().zip(quads) {
        // Each nibble in a byte of its own.
        let mut nibbles = u64::from(u32::from_be_bytes(*quad));
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF;
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF;
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F;
        // 1 where a nibble is ten or more, which begin at 'a' rather than after '9'.
        let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
        let text = nibbles + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
        *eight = text.to_be_bytes();
    }
    digits
}

/// As the C library writes addresses.
pub fn decode_inet(cells: Cells<'_>, reading: &mut Reading) -> Decoded<ArrayData> {
    let mut builder = TextBuilder::new(cells.len(), cells.len().saturating_mul(16));
    let mut text = String::new();
    for cell in cells.iter() {
        let Some(bytes) = cells.value(cell, reading)? else {
            builder.push(None)?;
            continue;
        };
        text.clear();
        if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            write!(text, "{}", Ipv4Addr::from(bytes)).map_err(|_| Undecodable)?;
        } else {
            write_ipv6(&mut text, Ipv6Addr::from(<[u8; 16]>::try_from(bytes).map_err(|_| Undecodable)?))?;
        }
        builder.push(Some(text.as_bytes()))?;
    }
    builder.finish()
}

fn write_ipv6(text: &mut String, address: Ipv6Addr) -> Decoded<()> {
    // Rust writes the last 32 bits as IPv4 after ::ffff: only, the C library after plain zeros as well.
    let written = match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            write!(text, "::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => write!(text, "{address}"),
    };
    written.map_err(|_| Undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_dashes() {
        let bytes: [u8; UUID_BYTES] = std::array::from_fn(|index| index as u8 * 0x11);
        assert_eq!(&uuid_text(&bytes), b"00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn addresses_are_written_as_the_c_library_does() {
        for (address, expected) in [
            ("::", "::"),
            ("::1", "::1"),
            ("::1:2", "::0.1.0.2"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ] {
            let mut text = String::new();
            assert_eq!(write_ipv6(&mut text, address.parse().unwrap_or(Ipv6Addr::LOCALHOST)), Ok(()));
            assert_eq!(text, expected);
        }
    }
}
