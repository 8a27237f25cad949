//! A machine elsewhere whose daemon is meant in place of this one's: what it is called, and the command whose standard input and output
//! lead to it. `paths.rs` carries it to whoever looks for a daemon, the client crate runs the command, and the command line and its
//! settings say which it is. Nothing here starts anything.

/// A machine elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// As the person calls it.
    pub name: String,
    /// `user@box`, as ssh takes it.
    pub destination: String,
    /// The program that leads there, with arguments of its own.
    pub ssh: Vec<String>,
    /// The `darkroom` of that machine; found by its shell when absent.
    pub program: Option<String>,
    /// Whether ssh may ask the person, for instance for a password.
    pub may_ask: bool,
}

/// What ssh is told so that a link that is dead is noticed, and nothing is set up that is not needed.
const OPTIONS: [&str; 7] = [
    "-T",
    "-o",
    "ConnectTimeout=15",
    "-o",
    "ServerAliveInterval=10",
    "-o",
    "ServerAliveCountMax=3",
];

impl Host {
    /// The machine that `name` means when no settings say otherwise: what ssh calls so, by the command `ssh`.
    ///
    /// # Errors
    /// What is wrong with the name, or with the command.
    pub fn new(name: &str, ssh: Option<&str>) -> Result<Self, String> {
        let ssh = match ssh {
            None => vec!["ssh".to_owned()],
            Some(text) => shlex::split(text)
                .filter(|words| !words.is_empty())
                .ok_or_else(|| format!("`{}` is no command", crate::text::escape_line(text)))?,
        };
        check(name)?;
        Ok(Self {
            name: name.to_owned(),
            destination: name.to_owned(),
            ssh,
            program: None,
            may_ask: true,
        })
    }

    /// The same with another destination than its name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn at(self, destination: &str) -> Result<Self, String> {
        check(destination)?;
        Ok(Self {
            destination: destination.to_owned(),
            ..self
        })
    }

    /// The name as a part of a file's name, which leads nowhere else.
    pub fn file_name(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_@.".contains(c);
        let name: String = self.name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        name.trim_start_matches('.').to_owned()
    }

    /// The words of the command line that runs `darkroom` with `arguments` there.
    pub fn command(&self, arguments: &[&str]) -> Vec<String> {
        let mut words = self.ssh.clone();
        if self.is_ssh() {
            words.extend(OPTIONS.map(str::to_owned));
            if !self.may_ask {
                words.extend(["-o", "BatchMode=yes"].map(str::to_owned));
            }
        }
        words.push(self.destination.clone());
        words.push(self.script(arguments));
        words
    }

    /// Whether the program is ssh itself, whose flags are known.
    pub fn is_ssh(&self) -> bool {
        let program = self.ssh.first().map(|program| program.rsplit('/').next());
        program == Some(Some("ssh"))
    }

    /// What the shell there is given: any shell hands it on to `sh`, which finds a `darkroom` that was installed for the user alone.
    fn script(&self, arguments: &[&str]) -> String {
        let mut line = match &self.program {
            // A leading ~ is for the shell there.
            Some(program) if program.starts_with("~/") => format!("\"$HOME\"/{}", quoted(&program[2..])),
            Some(program) => quoted(program),
            None => "darkroom".to_owned(),
        };
        for argument in arguments {
            line.push(' ');
            line.push_str(&quoted(argument));
        }
        format!(
            "exec sh -c {}",
            quoted(&format!("PATH=\"$PATH:$HOME/.local/bin\"; exec {line}"))
        )
    }
}

/// A word for `sh`. A NUL, which no argument can hold, is left out.
fn quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

/// A destination that ssh would take for one of its flags, or that no terminal should be told, is none.
fn check(destination: &str) -> Result<(), String> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    match destination {
        "" => Err("the name is empty".to_owned()),
        name if name.starts_with('-') => Err("it begins with `-`, which ssh takes for a flag".to_owned()),
        name if name.chars().any(is_odd) => Err("it has blanks or control characters".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn ssh_is_told_what_to_run_there() {
        let host = Host::new("me@box", None).unwrap();
        let words = host.command(&["queue", "log", "it's"]);
        assert_eq!(words[0], "ssh");
        assert_eq!(words[words.len() - 2], "me@box");
        assert!(!words.contains(&"BatchMode=yes".to_owned()));
        let quiet = Host {
            may_ask: false,
            ..host.clone()
        };
        assert!(quiet.command(&[]).contains(&"BatchMode=yes".to_owned()));
        // As a shell reads it, twice.
        let outer = shlex::split(words.last().unwrap()).unwrap();
        assert_eq!(outer[..3], ["exec", "sh", "-c"]);
        let inner = shlex::split(&outer[3]).unwrap();
        assert_eq!(inner[1..], ["exec", "darkroom", "queue", "log", "it's"]);
    }

    #[test]
    fn another_command_may_stand_for_ssh_and_gets_no_flags_of_its() {
        let host = Host::new("box", Some("'/opt/my link' -x")).unwrap();
        let host = Host {
            program: Some("~/bin/dark room".to_owned()),
            ..host
        };
        let words = host.command(&["stdio"]);
        assert_eq!(words[..3], ["/opt/my link", "-x", "box"]);
        let outer = shlex::split(&words[3]).unwrap();
        assert!(
            outer[3].ends_with("exec \"$HOME\"/'bin/dark room' stdio"),
            "{}",
            outer[3]
        );
    }

    #[test]
    fn its_name_in_a_files_leads_nowhere_else() {
        let of = |name| Host::new(name, None).unwrap().file_name();
        assert_eq!((of("me@box").as_str(), of("../../etc").as_str()), ("me@box", "_.._etc"));
    }

    #[rstest]
    #[case("", None, "the name is empty")]
    #[case("-oProxyCommand=evil", None, "it begins with `-`, which ssh takes for a flag")]
    #[case("a\x1b[2J", None, "it has blanks or control characters")]
    #[case("a b", None, "it has blanks or control characters")]
    #[case("box", Some("'open"), "`'open` is no command")]
    #[case("box", Some(" "), "` ` is no command")]
    fn what_is_no_machine(#[case] name: &str, #[case] ssh: Option<&str>, #[case] why: &str) {
        assert_eq!(Host::new(name, ssh).unwrap_err(), why);
    }
}
