//! Texts that stand for bytes: uuids and addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Encoded, Unencodable};

const NO_DIGIT: u8 = 0x80;
/// The value of a hex digit by its character.
const HEX_VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut code = 0;
    while code < 256 {
        #[allow(clippy::indexing_slicing)]
        {
            values[code] = match code as u8 {
                digit @ b'0'..=b'9' => digit - b'0',
                digit @ b'a'..=b'f' => digit - b'a' + 10,
                digit @ b'A'..=b'F' => digit - b'A' + 10,
                _ => NO_DIGIT,
            };
        }
        code += 1;
    }
    values
};

const HYPHEN_PLACES: [usize; 4] = [8, 13, 18, 23];
/// Where the two digits of each byte begin.
const BYTE_PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// 36 characters in either case.
pub fn uuid_bytes(text: &[u8]) -> Encoded<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().map_err(|_| Unencodable)?;
    let value = |place: usize| {
        let character = text.get(place).copied().unwrap_or_default();
        HEX_VALUES.get(usize::from(character)).copied().unwrap_or(NO_DIGIT)
    };
    let mut bytes = [0; 16];
    let mut wrong = 0;
    for (byte, place) in bytes.iter_mut().zip(BYTE_PLACES) {
        let (high, low) = (value(place), value(place + 1));
        wrong |= high | low;
        *byte = high << 4 | low & 0x0F;
    }
    let has_hyphens = HYPHEN_PLACES.iter().all(|place| text.get(*place) == Some(&b'-'));
    if wrong & NO_DIGIT != 0 || !has_hyphens {
        return Err(Unencodable);
    }
    Ok(bytes)
}

/// `1.2.3.4` as 4 bytes, IPv6 text as 16.
pub fn write_inet(text: &[u8], out: &mut Vec<u8>) -> Encoded<()> {
    let text = std::str::from_utf8(text).map_err(|_| Unencodable)?;
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        out.extend_from_slice(&address.octets());
        return Ok(());
    }
    let address = text.parse::<Ipv6Addr>().map_err(|_| Unencodable)?;
    out.extend_from_slice(&address.octets());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_of_another_form_are_refused() {
        let bytes: [u8; 16] = std::array::from_fn(|index| index as u8 * 0x11);
        assert_eq!(uuid_bytes(b"00112233-4455-6677-8899-AAbbccddeeff"), Ok(bytes));
        for text in ["00112233445566778899aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeeff}", ""] {
            assert_eq!(uuid_bytes(text.as_bytes()), Err(Unencodable));
        }
    }
}
