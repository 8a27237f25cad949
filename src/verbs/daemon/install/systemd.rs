//! The units of the user's systemd, a socket and a service: the packaged ones with this site filled in, and the `systemctl`
//! commands. `mod.rs` takes it wherever the system is not macOS. What is filled in comes from `site.rs`; files are written by
//! `mod.rs` and commands run by `manager.rs`.

use std::path::PathBuf;

use super::manager::Manager;
use super::site::Site;

const SERVICE: &str = include_str!("../../../../packaging/systemd/darkroom.service");
const SOCKET: &str = include_str!("../../../../packaging/systemd/darkroom.socket");
/// The lines that depend on the site.
const EXEC: &str = "ExecStart=/usr/bin/darkroom daemon run\n";
const LISTEN: &str = "ListenStream=%t/darkroom/darkroom.sock\n";

/// systemd's manager of this user.
pub struct Systemd;

impl Manager for Systemd {
    fn name(&self) -> &'static str {
        "systemd's user manager"
    }

    fn files(&self, site: &Site) -> Vec<(PathBuf, String)> {
        let folder = site.config.join("systemd/user");
        let exec = format!("ExecStart={} daemon run\n", word(&site.program, true));
        let variable =
            |(name, value): &(String, String)| format!("Environment={}\n", word(&format!("{name}={value}"), false));
        let exec = exec + &site.variables.iter().map(variable).collect::<String>();
        let unit = &site.unit;
        let listen = match &site.socket {
            Some(path) => format!("ListenStream={}\n", path.replace('%', "%%")),
            None => format!("ListenStream=%t/darkroom/{unit}.sock\n"),
        };
        let name = |text: &str| text.replace("darkroom.socket\n", &format!("{unit}.socket\n"));
        vec![
            (folder.join(format!("{unit}.socket")), SOCKET.replace(LISTEN, &listen)),
            (
                folder.join(format!("{unit}.service")),
                name(SERVICE).replace(EXEC, &exec),
            ),
        ]
    }

    fn enable(&self, site: &Site) -> Vec<Vec<String>> {
        let enable = format!("--user enable --now {}.socket", site.unit);
        commands(&["--user daemon-reload", &enable])
    }

    fn start(&self, site: &Site) -> Vec<Vec<String>> {
        commands(&[&format!("--user start {}.service", site.unit)])
    }

    fn disable(&self, site: &Site) -> Vec<Vec<String>> {
        let unit = &site.unit;
        commands(&[&format!("--user disable --now {unit}.socket {unit}.service")])
    }

    fn forget(&self, _: &Site) -> Vec<Vec<String>> {
        commands(&["--user daemon-reload"])
    }

    fn hint(&self) -> &'static str {
        "Jobs end with your last session unless `loginctl enable-linger` keeps it."
    }
}

fn commands(lines: &[&str]) -> Vec<Vec<String>> {
    let words = |line: &&str| {
        ["systemctl"]
            .into_iter()
            .chain(line.split(' '))
            .map(str::to_owned)
            .collect()
    };
    lines.iter().map(words).collect()
}

/// A word as systemd.syntax(7) quotes it. Only commands expand `$`.
fn word(text: &str, command: bool) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            '$' if command => quoted.push_str("$$"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_a_plain_site_are_the_packaged_ones_but_for_the_program() {
        let site = Site {
            unit: "darkroom".into(),
            program: "/home/ann/.local/bin/darkroom".into(),
            variables: vec![],
            socket: None,
            home: "/home/ann".into(),
            config: "/home/ann/.config".into(),
        };
        let files = Systemd.files(&site);
        assert_eq!(files[0].1, SOCKET);
        let expected = "ExecStart=\"/home/ann/.local/bin/darkroom\" daemon run\n";
        assert_eq!(files[1].1, SERVICE.replace(EXEC, expected));
        assert!(files[1].1.contains(expected));
        assert!(files[1].0.ends_with(".config/systemd/user/darkroom.service"));
    }

    #[test]
    fn another_home_has_units_and_a_socket_of_its_own() {
        let site = Site {
            unit: "darkroom-0123456789ab".into(),
            program: "/d".into(),
            variables: vec![],
            socket: None,
            home: "/home/ann".into(),
            config: "/home/ann/.config".into(),
        };
        let files = Systemd.files(&site);
        assert!(
            files[0]
                .1
                .contains("ListenStream=%t/darkroom/darkroom-0123456789ab.sock\n")
        );
        let enabled = Systemd.enable(&site);
        assert_eq!(enabled[1].last().unwrap(), "darkroom-0123456789ab.socket");
        let plain = |text: &str| text.contains("darkroom.socket") || text.contains("darkroom.service");
        assert!(files.iter().all(|(_, text)| !plain(text)), "{files:#?}");
    }

    #[test]
    fn strange_paths_are_quoted_and_variables_go_along() {
        let site = Site {
            unit: "darkroom-0123456789ab".into(),
            program: "/a b/100%/$x/\"dark\"".into(),
            variables: vec![("DARKROOM_HOME".into(), "/h $y 5%".into())],
            socket: Some("/h $y 5%/run/darkroom.sock".into()),
            home: "/".into(),
            config: "/c".into(),
        };
        let files = Systemd.files(&site);
        let line = |text: &str, begin: &str| text.lines().find(|l| l.starts_with(begin)).map(str::to_owned);
        insta::assert_snapshot!(line(&files[1].1, "ExecStart").unwrap(), @r#"ExecStart="/a b/100%%/$$x/\"dark\"" daemon run"#);
        insta::assert_snapshot!(line(&files[1].1, "Environment").unwrap(), @r#"Environment="DARKROOM_HOME=/h $y 5%%""#);
        assert!(files[1].0.ends_with("darkroom-0123456789ab.service"));
        insta::assert_snapshot!(line(&files[1].1, "Requires").unwrap(), @"Requires=darkroom-0123456789ab.socket");
        insta::assert_snapshot!(line(&files[1].1, "Also").unwrap(), @"Also=darkroom-0123456789ab.socket");
        insta::assert_snapshot!(line(&files[0].1, "ListenStream").unwrap(), @"ListenStream=/h $y 5%%/run/darkroom.sock");
    }
}
