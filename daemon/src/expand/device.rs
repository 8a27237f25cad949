/// The one spelling of a device: `cpu`, `mps`, `cuda:0`, `xpu:0`. Case does not matter, a missing number is 0, and `hip` and
/// `rocm` are what libtorch calls `cuda`. `None` when `text` names no kind of device.
pub fn canonical_device(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (kind, number) = match text.split_once(':') {
        Some((kind, number)) => (kind, number.parse::<u8>().ok().filter(|_| !number.starts_with('+'))?),
        None => (text.as_str(), 0),
    };
    match kind {
        "cpu" | "mps" if number == 0 => Some(kind.to_owned()),
        "cuda" | "hip" | "rocm" => Some(format!("cuda:{number}")),
        "xpu" => Some(format!("xpu:{number}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cpu", Some("cpu"))]
    #[case(" CUDA ", Some("cuda:0"))]
    #[case("cuda:3", Some("cuda:3"))]
    #[case("rocm:1", Some("cuda:1"))]
    #[case("xpu", Some("xpu:0"))]
    #[case("mps:0", Some("mps"))]
    #[case("cpu:1", None)]
    #[case("cuda:", None)]
    #[case("cuda:+1", None)]
    #[case("cuda:-1", None)]
    #[case("cuda:999", None)]
    #[case("tpu", None)]
    #[case("", None)]
    fn devices_have_one_spelling(#[case] text: &str, #[case] device: Option<&str>) {
        assert_eq!(canonical_device(text).as_deref(), device);
    }
}
