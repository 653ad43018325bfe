//! Texts and bytes: what has offsets in Arrow.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use arrow_data::ArrayData;

use super::builders::ColumnBuilder;
use super::cells::{Cells, Reading};
use super::fixed::UUID_BYTES;
use super::layout::{self, Validity};
use super::{Decoded, Undecodable};

const UUID_TEXT_BYTES: usize = 36;

/// Values of a column that have offsets, put one behind the other.
struct TextBuilder {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    validity: Validity,
}

impl TextBuilder {
    fn new() -> Self {
        TextBuilder { offsets: vec![0], bytes: Vec::new(), validity: Validity::default() }
    }

    /// Make room for the values of `cells`, which have `byte_count` bytes; the position of the first one.
    fn grow(&mut self, cells: Cells<'_>, byte_count: usize) -> Decoded<usize> {
        cells.make_room(&mut self.offsets, cells.len())?;
        cells.make_room(&mut self.bytes, byte_count)?;
        Ok(self.validity.grow(cells.len()))
    }

    /// The bytes that were put behind the last value are the next one.
    fn end_value(&mut self) -> Decoded<()> {
        // Beyond 2 GiB offsets of 32 bits would wrap.
        self.offsets.push(i32::try_from(self.bytes.len()).map_err(|_| Undecodable)?);
        Ok(())
    }

    fn finish(self) -> Decoded<ArrayData> {
        layout::binary(self.offsets, self.bytes, self.validity)
    }
}

/// What the bytes of a value may be.
#[derive(Clone, Copy)]
pub enum Content {
    Bytes,
    Ascii,
    Utf8,
}

/// Values that are copied as they are; zero bytes are a value.
struct CopiedBuilder {
    values: TextBuilder,
    content: Content,
}

pub fn open_copied(content: Content) -> Box<dyn ColumnBuilder> {
    Box::new(CopiedBuilder { values: TextBuilder::new(), content })
}

impl ColumnBuilder for CopiedBuilder {
    fn append(&mut self, cells: Cells<'_>, _reading: &mut Reading) -> Decoded<()> {
        let values = &mut self.values;
        let first = values.grow(cells, cells.byte_count())?;
        let (first_end, first_byte) = (values.offsets.len(), values.bytes.len());
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.bytes(cell)? {
                Some(bytes) => values.bytes.extend_from_slice(bytes),
                None => values.validity.set_null(position),
            }
            values.end_value()?;
        }
        let bytes = values.bytes.get(first_byte..).ok_or(Undecodable)?;
        let ends = values.offsets.get(first_end..).ok_or(Undecodable)?;
        let is_valid = match self.content {
            Content::Bytes => true,
            Content::Ascii => bytes.is_ascii(),
            Content::Utf8 => bytes.is_ascii() || are_utf8(bytes, ends, first_byte),
        };
        if is_valid { Ok(()) } else { Err(Undecodable) }
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        self.values.finish()
    }
}

/// All of `bytes` at once, and then that no value ends inside a character: the same as each value alone.
fn are_utf8(bytes: &[u8], ends: &[i32], first_byte: usize) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        ends.iter().all(|end| text.is_char_boundary(end.cast_unsigned() as usize - first_byte))
    })
}

/// Texts that `write` puts behind the others for the bytes of each cell.
struct WrittenBuilder<Write> {
    values: TextBuilder,
    text_bytes: usize,
    write: Write,
}

/// A column of texts of about `text_bytes` bytes each.
pub fn open_written<Write>(text_bytes: usize, write: Write) -> Box<dyn ColumnBuilder>
where
    Write: Fn(&mut Vec<u8>, &[u8]) -> Decoded<()> + 'static,
{
    Box::new(WrittenBuilder { values: TextBuilder::new(), text_bytes, write })
}

impl<Write> ColumnBuilder for WrittenBuilder<Write>
where
    Write: Fn(&mut Vec<u8>, &[u8]) -> Decoded<()>,
{
    fn append(&mut self, cells: Cells<'_>, reading: &mut Reading) -> Decoded<()> {
        let first = self.values.grow(cells, cells.len().saturating_mul(self.text_bytes))?;
        for (position, cell) in (first..).zip(cells.iter()) {
            match cells.value(cell, reading)? {
                Some(bytes) => (self.write)(&mut self.values.bytes, bytes)?,
                None => self.values.validity.set_null(position),
            }
            self.values.end_value()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Decoded<ArrayData> {
        self.values.finish()
    }
}

/// 36 characters in lower case.
pub fn open_uuid_texts() -> Box<dyn ColumnBuilder> {
    open_written(UUID_TEXT_BYTES, |text, bytes| {
        let bytes: &[u8; UUID_BYTES] = bytes.try_into().map_err(|_| Undecodable)?;
        text.extend_from_slice(&uuid_text(bytes));
        Ok(())
    })
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
pub fn open_inet() -> Box<dyn ColumnBuilder> {
    open_written(16, |text, bytes| {
        if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            return write!(text, "{}", Ipv4Addr::from(bytes)).map_err(|_| Undecodable);
        }
        write_ipv6(text, Ipv6Addr::from(<[u8; 16]>::try_from(bytes).map_err(|_| Undecodable)?))
    })
}

fn write_ipv6(text: &mut Vec<u8>, address: Ipv6Addr) -> Decoded<()> {
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
            let mut text = Vec::new();
            assert_eq!(write_ipv6(&mut text, address.parse().unwrap_or(Ipv6Addr::LOCALHOST)), Ok(()));
            assert_eq!(text, expected.as_bytes());
        }
    }
}
