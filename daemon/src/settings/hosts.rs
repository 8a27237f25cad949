//! Machines elsewhere, as the settings spell them: a name, and how ssh gets there. The command reads them; the daemon only checks them
//! with the rest.

use std::collections::BTreeMap;

use darkroom_protocol::host::Host;
use darkroom_protocol::text::escape_line;

/// What a table of a machine may hold.
const KEYS: [&str; 3] = ["at", "ssh", "program"];

/// The machines of `[hosts]`.
///
/// # Errors
/// What is wrong with one of them, and what one looks like.
pub fn hosts(table: toml::Table) -> Result<BTreeMap<String, Host>, String> {
    table
        .into_iter()
        .map(|(name, value)| Ok((name.clone(), host(&name, value)?)))
        .collect()
}

fn host(name: &str, value: toml::Value) -> Result<Host, String> {
    let shown = escape_line(name);
    let wrong = |why: String| format!("hosts: {shown}: {why}.");
    let like = || {
        wrong(
            "write \"user@box\", or { at = \"user@box\", ssh = \"ssh -p 2222\", program = \"~/bin/darkroom\" }"
                .to_owned(),
        )
    };
    let table = match value {
        toml::Value::String(at) => return Host::new(name, None).and_then(|host| host.at(&at)).map_err(wrong),
        toml::Value::Table(table) => table,
        _ => return Err(like()),
    };
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(wrong(format!(
            "there is no {}, only {}",
            escape_line(unknown),
            KEYS.join(", ")
        )));
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(like()),
    };
    let host = Host::new(name, text("ssh")?).map_err(wrong)?;
    let host = match text("at")? {
        Some(at) => host.at(at).map_err(wrong)?,
        None => host,
    };
    Ok(Host {
        program: text("program")?.map(str::to_owned),
        ..host
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_machine_is_a_word_or_a_table() {
        let text = "box = \"me@10.0.0.3\"\ngpu = { ssh = \"ssh -p 2222\", program = \"~/bin/darkroom\" }";
        let found = hosts(toml::from_str(text).unwrap()).unwrap();
        assert_eq!(found["box"].destination, "me@10.0.0.3");
        assert_eq!((found["gpu"].destination.as_str(), found["gpu"].ssh.len()), ("gpu", 3));
        assert_eq!(found["gpu"].program.as_deref(), Some("~/bin/darkroom"));
    }

    #[rstest]
    #[case("box = 3", "hosts: box: write \"user@box\"")]
    #[case("box = { at = \"\" }", "hosts: box: write \"user@box\"")]
    #[case("box = { user = \"me\" }", "hosts: box: there is no user, only at, ssh, program.")]
    #[case("box = \"-oX\"", "hosts: box: it begins with `-`")]
    #[case("box = { ssh = \"'\" }", "hosts: box: `'` is no command.")]
    fn what_is_no_machine(#[case] text: &str, #[case] why: &str) {
        let error = hosts(toml::from_str(text).unwrap()).unwrap_err();
        assert!(error.starts_with(why), "{error}");
    }
}
