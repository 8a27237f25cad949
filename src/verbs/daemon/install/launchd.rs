//! The agent of macOS's launchd: the packaged plist with this site filled in, and the `launchctl` commands. `mod.rs` takes it on
//! macOS. What is filled in comes from `site.rs`; files are written by `mod.rs` and commands run by `manager.rs`.

use std::path::PathBuf;

use super::manager::Manager;
use super::site::Site;

const AGENT: &str = include_str!("../../../../packaging/launchd/darkroom.plist");
/// The parts that depend on the site.
const LABEL: &str = "<string>darkroom</string>";
const PROGRAM: &str = "<string>/usr/local/bin/darkroom</string>";
const VARIABLES: &str = "    <key>EnvironmentVariables</key>\n    <dict>\n";

/// macOS's launchd.
pub struct Launchd;

impl Manager for Launchd {
    fn name(&self) -> &'static str {
        "launchd"
    }

    fn files(&self, site: &Site) -> Vec<(PathBuf, String)> {
        let program = format!("<string>{}</string>", xml(&site.program));
        let variables = site.variables.iter();
        let entry = |(name, value): &(String, String)| {
            format!("        <key>{name}</key>\n        <string>{}</string>\n", xml(value))
        };
        let variables = VARIABLES.to_owned() + &variables.map(entry).collect::<String>();
        let label = format!("<string>{}</string>", xml(&site.unit));
        let agent = AGENT.replace(LABEL, &label).replace(PROGRAM, &program);
        let agent = agent.replace(VARIABLES, &variables);
        vec![(file(site), agent)]
    }

    fn enable(&self, site: &Site) -> Vec<Vec<String>> {
        let file = file(site).to_string_lossy().into_owned();
        vec![vec!["launchctl".to_owned(), "bootstrap".to_owned(), domain(), file]]
    }

    fn start(&self, _: &Site) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn disable(&self, site: &Site) -> Vec<Vec<String>> {
        let service = format!("{}/{}", domain(), site.unit);
        vec![vec!["launchctl".to_owned(), "bootout".to_owned(), service]]
    }

    fn forget(&self, _: &Site) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn hint(&self) -> &'static str {
        "The daemon runs for as long as you are logged in."
    }
}

fn file(site: &Site) -> PathBuf {
    site.home.join(format!("Library/LaunchAgents/{}.plist", site.unit))
}

/// The person's own services.
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_names_the_program_and_its_variables() {
        let site = Site {
            unit: "darkroom".into(),
            program: "/Users/ann/<bin> & more/darkroom".into(),
            variables: vec![("DARKROOM_HOME".into(), "/h".into())],
            socket: None,
            home: "/Users/ann".into(),
            config: "/Users/ann/.config".into(),
        };
        let (path, text) = Launchd.files(&site).remove(0);
        assert!(path.ends_with("Library/LaunchAgents/darkroom.plist"));
        assert!(
            text.contains(
                "<string>/Users/ann/&lt;bin&gt; &amp; more/darkroom</string>\n        <string>daemon</string>"
            )
        );
        assert!(text.contains("<dict>\n        <key>DARKROOM_HOME</key>\n        <string>/h</string>\n    </dict>"));
    }
}
