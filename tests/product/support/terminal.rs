//! A terminal that is only pretended: a test answers as one would, types, and sees what is written. A shell runs the command in it and
//! then keeps what is typed, as a person's shell would get it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::{Home, kill, wait_until};

/// Runs the command, says how it ended, keeps what was typed and not read.
const SHELL: &str = r#"trap : INT; "$0" "$@"; echo "ended $?"; cat > typed"#;
/// Ends what was typed.
const END: &str = "the end";

/// A terminal with a command in it.
pub struct Terminal<'a> {
    home: &'a Home,
    /// `None` once it is closed.
    master: Option<File>,
    reader: Option<JoinHandle<()>>,
    is_closed: Arc<AtomicBool>,
    is_stopped: Arc<AtomicBool>,
    shell: Child,
    written: Arc<Mutex<Vec<u8>>>,
}

impl<'a> Terminal<'a> {
    /// Runs `darkroom` with the words of `line` in a terminal of so many columns; `typed` before it begins.
    pub fn run(home: &'a Home, line: &str, columns: u16, variables: &[(&str, &str)], typed: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&slave, size(columns, 24)).unwrap();
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
        let (is_closed, is_stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let reader = Reader {
            master: master.try_clone().unwrap(),
            seen: written.clone(),
            is_closed: is_closed.clone(),
            is_stopped: is_stopped.clone(),
        };
        Self {
            home,
            master: Some(master),
            reader: Some(std::thread::spawn(move || reader.read())),
            is_closed,
            is_stopped,
            shell,
            written,
        }
    }

    /// Types, or answers.
    pub fn send(&mut self, text: &str) {
        self.master.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Has another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        tcsetwinsize(self.master.as_ref().unwrap(), size(columns, rows)).unwrap();
    }

    /// Takes nothing any more of what is written, as one whose link hangs.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
    }

    /// Is closed, as by its window's button.
    pub fn close(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.reader.take().unwrap().join().unwrap();
        self.master = None;
    }

    /// Whether the terminal sends keys one by one and shows none, as a program on the whole screen has it.
    pub fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.master.as_ref().unwrap()).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
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

    /// The command's process id.
    pub fn pid(&self) -> u32 {
        let shell = self.shell.id();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Sends the command a signal.
    pub fn signal(&self, signal: &str) {
        kill(self.pid(), signal);
    }

    /// Waits until that was written after the first `from` bytes of all that was.
    #[track_caller]
    pub fn wait_after(&self, from: usize, text: &str) {
        let is_there = || self.written().get(from..).is_some_and(|new| new.contains(text));
        wait_until(
            &format!("{text:?} anew; there is {:?}", self.written().get(from..)),
            is_there,
        );
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

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: columns * 10,
        ws_ypixel: rows * 20,
    }
}

/// What is written to the terminal, being read until that is closed.
struct Reader {
    master: File,
    seen: Arc<Mutex<Vec<u8>>>,
    is_closed: Arc<AtomicBool>,
    is_stopped: Arc<AtomicBool>,
}

impl Reader {
    fn read(mut self) {
        let mut piece = [0; 4096];
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        while !self.is_closed.load(Ordering::SeqCst) {
            if self.is_stopped.load(Ordering::SeqCst) {
                std::thread::park_timeout(Duration::from_millis(50));
                continue;
            }
            let ready = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&pause));
            if !matches!(ready, Ok(1..)) {
                continue;
            }
            match self.master.read(&mut piece) {
                Ok(n @ 1..) => self.seen.lock().unwrap().extend_from_slice(&piece[..n]),
                _ => return,
            }
        }
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
