use darkroom_protocol::text::unmarked;
use serde_json::{Map, Value};

/// The longest configuration file, in bytes. Real ones have a few thousand.
pub(crate) const MAX_CONFIG: u64 = 1024 * 1024;

/// The object that `bytes` spell, as Python's json module reads it; the error is serde_json's own line. Nesting is limited to 128 by serde_json.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(&python_numbers(unmarked(&String::from_utf8_lossy(bytes)))) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is not an object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Python's json module writes `-Infinity`, `Infinity` and `NaN`, which JSON lacks: here they become ±10³⁰⁸ and null.
/// diffusers writes `-Infinity` for a scheduler's `lambda_min_clipped`.
fn python_numbers(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for (i, part) in unescaped_quotes(json).into_iter().enumerate() {
        if i % 2 == 0 {
            out.push_str(&part.replace("Infinity", "1e308").replace("NaN", "null"));
        } else {
            out.push_str(part);
        }
    }
    out
}

/// `json` cut before each quotation mark that opens a string and after each that closes one: odd pieces are strings.
fn unescaped_quotes(json: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut inside, mut escaped) = (Vec::new(), 0, false, false);
    for (i, byte) in json.bytes().enumerate() {
        match byte {
            b'\\' if inside && !escaped => escaped = true,
            b'"' if !escaped => {
                let cut = if inside { i + 1 } else { i };
                pieces.push(&json[from..cut]);
                (from, inside) = (cut, !inside);
            }
            _ => escaped = false,
        }
    }
    pieces.push(&json[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("[]", "not an object")]
    #[case("{", "EOF")]
    fn other_json_is_refused(#[case] text: &str, #[case] message: &str) {
        assert!(object(text.as_bytes()).unwrap_err().contains(message));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_it() {
        assert_eq!(object(b"\xef\xbb\xbf{\"a\": 1}").unwrap()["a"], 1);
    }

    #[test]
    fn pythons_numbers_are_read_and_strings_left_alone() {
        let text = r#"{"s":"a \"-Infinity\" \\ NaN","min":-Infinity,"max":Infinity,"none":NaN}"#;
        let found = object(text.as_bytes()).unwrap();
        assert_eq!(found["s"], r#"a "-Infinity" \ NaN"#);
        assert_eq!(
            (&found["min"], &found["max"]),
            (&Value::from(-1e308), &Value::from(1e308))
        );
        assert!(found["none"].is_null());
    }

    #[test]
    fn deep_json_is_refused_without_a_deep_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(500_000));
        assert!(object(deep.as_bytes()).unwrap_err().contains("recursion limit"));
    }
}
