//! Sizes as people write them: `6GB`, `5.5 GiB`.

use darkroom_protocol::text::escape_line;

/// Units, in bytes.
const UNITS: [(&str, f64); 8] = [
    ("", 1.0),
    ("b", 1.0),
    ("mb", 1e6),
    ("gb", 1e9),
    ("g", 1e9),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tb", 1e12),
];
/// Less than this holds no model.
const LEAST: f64 = 1e6;
/// More than any machine has.
const MOST: f64 = 1e15;

/// The bytes that `value` spells: `"6GB"`, `"5.5 GiB"`, or a whole number of bytes.
///
/// # Errors
/// What is expected, as the end of a sentence about the key.
pub fn bytes(value: &toml::Value) -> Result<u64, String> {
    let text = match value {
        toml::Value::String(text) => text.trim().to_ascii_lowercase(),
        other => other.to_string(),
    };
    let refused = || format!("is a size such as \"6GB\" or \"800MB\", not {}.", escape_line(&text));
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .ok_or_else(refused)?
        .1;
    let bytes = number.parse::<f64>().map_err(|_| refused())? * unit;
    if (LEAST..=MOST).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("6GB", Some(6_000_000_000))]
    #[case(" 1.5 GiB ", Some(1_610_612_736))]
    #[case("800mb", Some(800_000_000))]
    #[case("8000000", Some(8_000_000))]
    #[case("6", None)]
    #[case("half", None)]
    #[case("1.2.3GB", None)]
    #[case("-6GB", None)]
    #[case("", None)]
    #[case("99999999TB", None)]
    fn sizes(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(bytes(&toml::Value::String(text.to_owned())).ok(), expected);
    }

    #[test]
    fn a_number_is_bytes() {
        assert_eq!(bytes(&toml::Value::Integer(5_000_000)), Ok(5_000_000));
        assert!(bytes(&toml::Value::Boolean(true)).unwrap_err().contains("6GB"));
    }
}
