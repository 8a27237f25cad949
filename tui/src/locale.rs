//! Whether the terminal's text is UTF-8, as the locale has it.

/// Whether characters beyond ASCII may be drawn. A locale that is not set at all, as in most containers, says nothing against it.
pub fn is_utf8() -> bool {
    of(&|name| std::env::var(name).ok())
}

pub(crate) fn of(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| env(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[], true)]
    #[case(&[("LANG", "de_DE.UTF-8")], true)]
    #[case(&[("LANG", "C.utf8"), ("LC_ALL", "")], true)]
    #[case(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false)]
    #[case(&[("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "C.UTF-8")], false)]
    #[case(&[("LANG", "POSIX")], false)]
    fn locales(#[case] env: &[(&str, &str)], #[case] expected: bool) {
        let lookup = |name: &str| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(of(&lookup), expected);
    }
}
