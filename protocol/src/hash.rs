//! How hashes are written everywhere: on the wire, in the database, in names of files.

/// Bytes as lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_digits_a_byte() {
        assert_eq!(super::hex([0, 15, 0xab]), "000fab");
        assert_eq!(super::hex([]), "");
    }
}
