//! Texts that stand for bytes: uuids and addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Encoded, Unencodable};

/// 36 characters in either case.
pub fn uuid_bytes(text: &[u8]) -> Encoded<[u8; 16]> {
    if text.len() != 36 {
        return Err(Unencodable);
    }
    let mut bytes = [0; 16];
    let mut nibbles = 0;
    for (position, character) in text.iter().enumerate() {
        if matches!(position, 8 | 13 | 18 | 23) {
            if *character != b'-' {
                return Err(Unencodable);
            }
            continue;
        }
        let digit = (*character as char)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(Unencodable)?;
        let byte = bytes.get_mut(nibbles / 2).ok_or(Unencodable)?;
        *byte = *byte << 4 | digit;
        nibbles += 1;
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
