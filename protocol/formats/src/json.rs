use serde_json::{Map, Value};

/// The longest configuration file, in bytes. Real ones have a few thousand.
pub(crate) const MAX_CONFIG: u64 = 1024 * 1024;

/// The object that `bytes` spell; the error is serde_json's own line. Nesting is limited to 128 by serde_json.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is not an object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("[]", "not an object")]
    #[case("{", "EOF")]
    #[case("{\"a\":NaN}", "expected value")]
    fn other_json_is_refused(#[case] text: &str, #[case] message: &str) {
        assert!(object(text.as_bytes()).unwrap_err().contains(message));
    }

    #[test]
    fn deep_json_is_refused_without_a_deep_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(500_000));
        assert!(object(deep.as_bytes()).unwrap_err().contains("recursion limit"));
    }
}
