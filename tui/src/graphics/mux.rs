//! Multiplexers stand between the program and the terminal. tmux lets pictures pass where its user allows that; others keep them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The multiplexer that the program runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mux {
    /// tmux, and what it says about itself.
    Tmux(Tmux),
    /// GNU screen, or something that calls itself so.
    Screen,
}

/// What tmux says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tmux {
    /// Whether it lets sequences pass; `None` when it cannot be asked, as at the other end of ssh.
    pub passes: Option<bool>,
    /// Whether colours pass as they are; `None` as above.
    pub true_colour: Option<bool>,
    /// Width and height of a character cell in pixels.
    pub cell: Option<(u32, u32)>,
}

/// tmux answers within this time.
const PATIENCE: Duration = Duration::from_secs(1);
const ASKED: &str = "#{version},#{allow-passthrough},#{client_termfeatures},#{client_cell_width},#{client_cell_height}";

impl Mux {
    /// As the environment says; `ask` is tmux's answer to a format.
    pub fn of(env: &dyn Fn(&str) -> Option<String>, ask: impl FnOnce(&str) -> Option<String>) -> Option<Self> {
        let term = env("TERM").unwrap_or_default();
        if env("TMUX").is_some() {
            return Some(Self::Tmux(
                ask(ASKED).map_or_else(Tmux::default, |said| Tmux::read(&said)),
            ));
        }
        if env("STY").is_some() || term.starts_with("screen") {
            return Some(Self::Screen);
        }
        term.starts_with("tmux").then(|| Self::Tmux(Tmux::default()))
    }
}

impl Tmux {
    fn read(said: &str) -> Self {
        let mut parts = said.trim().split(',').map(str::trim);
        let version = parts.next().unwrap_or_default();
        let allowed = parts.next().unwrap_or_default();
        let mut rest: Vec<&str> = parts.collect();
        let mut number = || {
            rest.pop()
                .and_then(|n| n.parse().ok())
                .filter(|n| (2..=256).contains(n))
        };
        let (height, width) = (number(), number());
        Self {
            passes: match allowed {
                "0" | "off" => Some(false),
                // Before 3.3 there was no such option: all passed.
                "" => Some(before_3_3(version)),
                _ => Some(true),
            },
            true_colour: Some(rest.contains(&"RGB")),
            cell: width.zip(height),
        }
    }
}

fn before_3_3(version: &str) -> bool {
    let digits: String = version
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let (major, minor) = digits.split_once('.').unwrap_or((&digits, "0"));
    matches!((major.parse::<u32>(), minor.parse::<u32>()), (Ok(major), Ok(minor)) if (major, minor) < (3, 3))
}

/// What the tmux that this runs in answers to a format; `None` when it does not, or not in time.
pub(super) fn ask_tmux(format: &str) -> Option<String> {
    let mut command = Command::new("tmux");
    command.args(["display-message", "-p"]);
    if let Some(pane) = std::env::var_os("TMUX_PANE") {
        command.arg("-t").arg(pane);
    }
    let mut child = command
        .arg(format)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let output = child.wait_with_output().ok()?;
                return status
                    .success()
                    .then(|| String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            _ => {
                // It may end by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// A sequence that tmux passes on as it is.
pub(crate) fn wrap(sequence: &[u8]) -> Vec<u8> {
    let mut out = b"\x1bPtmux;".to_vec();
    for byte in sequence {
        if *byte == 0x1b {
            out.push(0x1b);
        }
        out.push(*byte);
    }
    out.extend(b"\x1b\\");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("3.3a,1,bpaste,RGB,title,10,19\n", Some(true), Some(true), Some((10, 19)))]
    #[case("3.3a,0,bpaste,title,10,19", Some(false), Some(false), Some((10, 19)))]
    #[case("3.5,all,,0,0", Some(true), Some(false), None)]
    #[case("3.4,on,,,", Some(true), Some(false), None)]
    #[case("3.2a,,256,8,16", Some(true), Some(false), Some((8, 16)))]
    #[case("next-3.6,,256,8,16", Some(false), Some(false), Some((8, 16)))]
    #[case("", Some(false), Some(false), None)]
    fn what_tmux_says(
        #[case] said: &str,
        #[case] passes: Option<bool>,
        #[case] true_colour: Option<bool>,
        #[case] cell: Option<(u32, u32)>,
    ) {
        let expected = Tmux {
            passes,
            true_colour,
            cell,
        };
        assert_eq!(Tmux::read(said), expected);
    }

    #[rstest]
    #[case(&[("TMUX", "/tmp/t,1,0"), ("TERM", "screen-256color")], Some(Mux::Tmux(Tmux::default())))]
    #[case(&[("TERM", "tmux-256color")], Some(Mux::Tmux(Tmux::default())))]
    #[case(&[("TERM", "screen")], Some(Mux::Screen))]
    #[case(&[("STY", "1.pts-0"), ("TERM", "xterm")], Some(Mux::Screen))]
    #[case(&[("TERM", "xterm-kitty")], None)]
    fn which_one(#[case] env: &[(&str, &str)], #[case] expected: Option<Mux>) {
        let lookup = |name: &str| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Mux::of(&lookup, |_| None), expected);
    }

    #[test]
    fn escapes_are_doubled() {
        assert_eq!(wrap(b"\x1b[c"), b"\x1bPtmux;\x1b\x1b[c\x1b\\");
    }
}
