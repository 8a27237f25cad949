//! How hashes are written everywhere: on the wire, in the database, in names of files.

/// Bytes as lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `text` is written as a SHA-256 is here: 64 digits, lower-case. What becomes a file's name is asked first.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::is_sha256;

    #[test]
    fn no_path_is_a_hash() {
        assert!(is_sha256(&"0f".repeat(32)));
        for text in [
            "",
            "../../etc/passwd",
            &"0F".repeat(32),
            &"0f".repeat(31),
            &"é".repeat(32),
        ] {
            assert!(!is_sha256(text), "{text}");
        }
    }

    #[test]
    fn two_digits_a_byte() {
        assert_eq!(super::hex([0, 15, 0xab]), "000fab");
        assert_eq!(super::hex([]), "");
    }
}
