//! A terminal that is only pretended: a test answers as one would, types, and sees what is written. A shell runs the command in it and
//! then keeps what is typed, as a person's shell would get it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Home, kill, wait_until};

/// Runs the command, says how it ended, keeps what was typed and not read.
const SHELL: &str = r#"trap : INT; "$0" "$@"; echo "ended $?"; cat > typed"#;
/// Ends what was typed.
const END: &str = "the end";

/// A terminal with a command in it.
pub struct Terminal<'a> {
    home: &'a Home,
    master: File,
    shell: Child,
    written: Arc<Mutex<Vec<u8>>>,
}

impl<'a> Terminal<'a> {
    /// Runs `darkroom` with the words of `line` in a terminal of so many columns; `typed` before it begins.
    pub fn run(home: &'a Home, line: &str, columns: u16, variables: &[(&str, &str)], typed: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize {
            ws_col: columns,
            ws_row: 24,
            ws_xpixel: columns * 10,
            ws_ypixel: 24 * 20,
        };
        tcsetwinsize(&slave, size).unwrap();
        let mut master = File::from(master);
        master.write_all(typed.as_bytes()).unwrap();
        let wanted = home.command(line.split(' '));
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "sh", "-c", SHELL])
            .arg(wanted.get_program())
            .args(wanted.get_args());
        for (name, value) in wanted.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        for name in [
            "TMUX",
            "STY",
            "ZELLIJ",
            "TERM_PROGRAM",
            "LC_TERMINAL",
            "COLORTERM",
            "NO_COLOR",
            "LC_ALL",
            "LC_CTYPE",
            "LANG",
        ] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        let shell = command
            .current_dir(home.path())
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        let written = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut reader) = (written.clone(), master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut piece) {
                seen.lock().unwrap().extend_from_slice(&piece[..n]);
            }
        });
        Self {
            home,
            master,
            shell,
            written,
        }
    }

    /// Types, or answers.
    pub fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// What was written so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until that was written.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?}; there is {:?}", self.written()), || {
            self.written().contains(text)
        });
    }

    /// Sends the command a signal.
    pub fn signal(&self, signal: &str) {
        let shell = self.shell.id();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let command = children.split_whitespace().next().unwrap().parse().unwrap();
        kill(command, signal);
    }

    /// Waits for the command's end; its exit code.
    #[track_caller]
    pub fn end(&self) -> i32 {
        let code = || {
            let written = self.written();
            let (_, code) = written.rsplit_once("ended ")?;
            code.split_once('\r')?.0.parse().ok()
        };
        wait_until(
            &format!("the end of the command; there is {:?}", self.written()),
            || code().is_some(),
        );
        code().unwrap()
    }

    /// What was typed and not read, once the command has ended.
    #[track_caller]
    pub fn left(&mut self) -> String {
        self.end();
        self.send(&format!("{END}\n"));
        let read = || std::fs::read_to_string(self.home.at("typed")).unwrap_or_default();
        wait_until("the shell's input", || read().contains(END));
        read().replace(END, "").trim_end_matches('\n').to_owned()
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        kill(self.shell.id(), "HUP");
        // It may have ended.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
