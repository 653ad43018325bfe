//! Segments without compression, as messages are sent in them (native protocol 5, section 2.3).

use std::io::{self, Write};

use crc32fast::Hasher;

const MAX_PAYLOAD_BYTES: usize = (1 << 17) - 1;
const SELF_CONTAINED: u32 = 1 << 17;
/// A header and its checksum, three bytes each, and the payload's checksum.
const FRAMING_BYTES: usize = 3 + 3 + 4;
const CRC24_INITIAL: u32 = 0x0087_5060;
const CRC24_POLYNOMIAL: u32 = 0x0197_4F0B;
/// Every payload's checksum is that of these bytes and the payload.
const CRC32_PREFIX: [u8; 4] = [0xFA, 0x2D, 0x55, 0xCA];

/// Bytes that a message of `length` takes in segments.
pub fn encoded_length(length: usize) -> usize {
    length + length.div_ceil(MAX_PAYLOAD_BYTES) * FRAMING_BYTES
}

/// Writes the segments of `message`: one where it fits, else as many as it takes.
pub fn encode(message: &[u8], out: &mut impl Write) -> io::Result<()> {
    let flags = if message.len() <= MAX_PAYLOAD_BYTES { SELF_CONTAINED } else { 0 };
    for payload in message.chunks(MAX_PAYLOAD_BYTES) {
        let header = payload.len() as u32 | flags;
        write_24(header, out)?;
        write_24(crc24(header), out)?;
        out.write_all(payload)?;
        let mut hasher = Hasher::new();
        hasher.update(&CRC32_PREFIX);
        hasher.update(payload);
        out.write_all(&hasher.finalize().to_le_bytes())?;
    }
    Ok(())
}

fn write_24(number: u32, out: &mut impl Write) -> io::Result<()> {
    let [low, middle, high, _] = number.to_le_bytes();
    out.write_all(&[low, middle, high])
}

/// Of the three bytes of a header, the lowest first.
fn crc24(header: u32) -> u32 {
    let [low, middle, high, _] = header.to_le_bytes();
    [low, middle, high].iter().fold(CRC24_INITIAL, |mut crc, byte| {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= CRC24_POLYNOMIAL;
            }
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_takes_several_segments() -> io::Result<()> {
        for (length, segments) in [(1, 1), (MAX_PAYLOAD_BYTES, 1), (MAX_PAYLOAD_BYTES + 1, 2)] {
            let mut out = Vec::new();
            encode(&vec![7; length], &mut out)?;
            assert_eq!(out.len(), length + segments * FRAMING_BYTES);
            assert_eq!(out.len(), encoded_length(length));
            assert_eq!(out.get(2).map(|byte| byte >> 1 & 1), Some(u8::from(segments == 1)));
        }
        Ok(())
    }
}
