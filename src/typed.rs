//! Values of flags, put into a request; what is wrong with one is said under the name that the person typed for it, which may be
//! an alias. Every verb whose flags are rows of the parameter table comes here.

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::params::{Parameter, find};

use crate::{Error, Result};

/// Sets the row called `name` to what its flag says.
///
/// # Errors
/// [`Error::Usage`] with the flag as it was typed, and what it takes.
pub fn set(request: &mut GenerateRequest, name: &str, text: &str) -> Result<()> {
    let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let set = request.set_text(name, text);
    set.map_err(|e| match find(name) {
        Some(row) => Error::Usage(e.named(&flag(row, args)).to_string()),
        None => Error::Usage(e.to_string()),
    })
}

/// The last argument that gives `row`, without its value, a short one with the long one; the row's own flag where there is none.
fn flag(row: &Parameter, args: impl Iterator<Item = String>) -> String {
    let mut found = format!("--{}", row.flag);
    for arg in args.skip(1).take_while(|arg| arg != "--") {
        let name = arg.split('=').next().unwrap_or_default();
        match (name.strip_prefix("--"), row.short) {
            (Some(long), _) if row.is_named(long) => found = name.to_owned(),
            (None, Some(short)) if name.starts_with(&format!("-{short}")) => {
                found = format!("-{short} (--{})", row.flag)
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cfg_scale", &["generate", "a", "--cfg", "nan"], "--cfg")]
    #[case("cfg_scale", &["generate", "a", "--guidance-scale=nan"], "--guidance-scale")]
    #[case("cfg_scale", &["generate", "a", "--", "--guidance", "2"], "--cfg")]
    #[case("batch", &["generate", "a", "-b1000"], "-b (--batch)")]
    #[case("batch", &["generate", "a", "--batch-size", "1000"], "--batch-size")]
    #[case("batch", &[], "--batch")]
    fn flags_are_named_as_typed(#[case] row: &str, #[case] args: &[&str], #[case] named: &str) {
        let args = ["darkroom"].iter().chain(args).map(|arg| (*arg).to_owned());
        assert_eq!(flag(find(row).unwrap(), args), named);
    }
}
