//! Asks the terminal: one burst of questions with the device attributes last, which every terminal answers. When that answer is
//! there, nothing more will come. A terminal that is slower than our patience is listened to until the program ends, so that its
//! answers do not become the shell's input; keys that were typed meanwhile are given back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::keys::split;
use super::terminal::Stream;
use super::tty::{Quiet, can_give_back};
use super::{memory, mux};

/// What the terminal said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// It takes kitty graphics.
    pub kitty: bool,
    /// It takes sixel.
    pub sixel: bool,
    /// Width and height of a character cell in pixels.
    pub cell: Option<(u32, u32)>,
    /// Its name and version, as it gives them; empty where it does not.
    pub name: String,
    /// The background's red, green and blue.
    pub ground: Option<[u8; 3]>,
    /// What the terminal around tmux said, where it was asked and answered.
    pub outer: Option<Outer>,
}

/// What was asked of a terminal and what came back, for a person who wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The bytes that were written.
    pub asked: Vec<u8>,
    /// The answers, one behind the other, without what was typed meanwhile.
    pub answered: Vec<u8>,
    /// How long they were waited for.
    pub took: Duration,
    /// Whether the last question was answered.
    pub is_whole: bool,
}

/// What the terminal around tmux said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outer {
    /// It takes sixel.
    pub sixel: bool,
    /// Its name and version, as it gives them.
    pub name: String,
}

/// Who is asked what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The terminal, about kitty's protocol too.
    All,
    /// The terminal, without kitty's question: a multiplexer would show it as text.
    Plain,
    /// tmux, and through it the terminal around it. `sure` that it lets that pass.
    Through {
        /// Whether tmux said so.
        sure: bool,
    },
}

/// A terminal on a slow link answers within this time ...
const PATIENCE: Duration = Duration::from_secs(2);
/// ... and is listened to for so long before the program ends.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// The terminal around tmux answers so long after tmux, if tmux may not let it.
const AFTER_TMUX: Duration = Duration::from_millis(700);

/// Answers are shorter.
const MOST_HEARD: usize = 8192;

/// A question whose answer is due.
struct Open {
    stream: Stream,
    /// `None` while the program reads the terminal itself.
    quiet: Option<Quiet>,
    question: Question,
    asked: Instant,
    bytes: Vec<u8>,
}

static OPEN: Mutex<Option<Open>> = Mutex::new(None);

/// Asks the terminal there; `None` when it does not answer or must not be asked. What it said before is remembered.
pub(super) fn probe(stream: Stream, question: Question) -> Option<Answers> {
    match memory::recall(stream, question) {
        Some(known) => known,
        None => ask(stream, question)?.0,
    }
}

/// Asks it whatever is remembered; `None` when it must not be asked.
pub(super) fn ask(stream: Stream, question: Question) -> Option<(Option<Answers>, Record)> {
    let quiet = Quiet::enter(stream)?;
    // Keys that could not be given back are not taken.
    if quiet.has_keys() && !can_give_back() {
        return None;
    }
    let sent = stream.with(|out| out.write_all(&burst(question)).and_then(|()| out.flush()));
    sent.ok()?;
    let (asked, mut bytes) = (Instant::now(), Vec::new());
    listen(&quiet, question, &mut bytes, asked + PATIENCE);
    let answered = split(&bytes).answers;
    let answers = parse(&answered, question);
    let record = Record {
        asked: burst(question),
        answered,
        took: asked.elapsed(),
        is_whole: answers.is_some(),
    };
    let open = Open {
        stream,
        quiet: Some(quiet),
        question,
        asked,
        bytes,
    };
    if answers.is_some() {
        open.close();
    } else {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }
    Some((answers, record))
}

/// From now on the program reads the terminal itself, whose settings are as they were before it was asked. What came so far and is no
/// whole answer: keys, and perhaps an answer's beginning. Answers that come later are [`heard`].
pub fn hand_over() -> Vec<u8> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(open) = open.as_mut() else { return Vec::new() };
    open.quiet = None;
    let found = split(&open.bytes);
    open.bytes = found.answers;
    found.keys
}

/// The program has read an answer of the terminal's that is perhaps one that is still due.
pub fn heard(answer: &[u8]) {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(open) = open.as_mut()
        && open.bytes.len() < MOST_HEARD
    {
        open.bytes.extend_from_slice(answer);
    }
}

/// To be called before the program ends: answers that are still due are waited for, for a while, and taken off the terminal's input.
pub fn settle() {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut open) = open {
        if open.quiet.is_none() && parse(&open.bytes, open.question).is_none() {
            open.quiet = Quiet::enter(open.stream);
        }
        if let Some(quiet) = &open.quiet {
            listen(quiet, open.question, &mut open.bytes, open.asked + LAST_PATIENCE);
        }
        open.close();
    }
}

impl Open {
    /// Keeps what was learnt, gives keys back, and the terminal's settings.
    fn close(self) {
        let found = split(&self.bytes);
        memory::keep(
            self.stream,
            self.question,
            parse(&found.answers, self.question).as_ref(),
        );
        let Some(quiet) = self.quiet else { return };
        let lost = quiet.give_back(&found.keys);
        drop(quiet);
        if !lost.is_empty() {
            let keys = String::from_utf8_lossy(&lost).escape_debug().to_string();
            let words = format!(
                "Keys that were typed while the terminal was asked are lost, for the system forbids to give them back: {keys}\n"
            );
            // Nothing can be done when that fails.
            let _ = Stream::Err.with(|out| out.write_all(words.as_bytes()));
        }
    }
}

fn listen(quiet: &Quiet, question: Question, bytes: &mut Vec<u8>, until: Instant) {
    quiet.listen(bytes, until, |bytes| is_complete(bytes, question));
    if matches!(question, Question::Through { sure: false }) && attributes(&split(bytes).answers).len() == 1 {
        let until = until.min(Instant::now() + AFTER_TMUX);
        quiet.listen(bytes, until, |bytes| attributes(&split(bytes).answers).len() > 1);
    }
}

/// Whether nothing more will come.
fn is_complete(bytes: &[u8], question: Question) -> bool {
    // Both tmux and the terminal around it tell their attributes.
    let expected = if question == (Question::Through { sure: true }) {
        2
    } else {
        1
    };
    bytes.last() == Some(&b'c') && attributes(&split(bytes).answers).len() >= expected
}

fn burst(question: Question) -> Vec<u8> {
    const KITTY: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";
    const SIZE: &str = "\x1b[16t";
    const NAME: &str = "\x1b[>q";
    const GROUND: &str = "\x1b]11;?\x1b\\";
    const ATTRIBUTES: &str = "\x1b[c";
    match question {
        Question::All => format!("{KITTY}{SIZE}{NAME}{GROUND}{ATTRIBUTES}").into_bytes(),
        Question::Plain => format!("{SIZE}{GROUND}{ATTRIBUTES}").into_bytes(),
        Question::Through { .. } => {
            let outer = [KITTY, NAME, SIZE, ATTRIBUTES].map(|part| mux::wrap(part.as_bytes()));
            // tmux keeps the background that the terminal around it told, and takes another answer for its own.
            [outer.concat(), [GROUND, ATTRIBUTES].concat().into_bytes()].concat()
        }
    }
}

/// Reads the answers once the device attributes are among them.
fn parse(answers: &[u8], question: Question) -> Option<Answers> {
    let all = attributes(answers);
    let text = String::from_utf8_lossy(answers);
    let cell = text
        .split("\x1b[6;")
        .skip(1)
        .find_map(|rest| between(rest, 't'))
        .and_then(|size| {
            let (height, width) = size.split_once(';')?;
            Some((width.parse().ok()?, height.parse().ok()?))
        })
        .filter(|&(w, h)| (1..=256).contains(&w) && (1..=256).contains(&h));
    let mut said = Answers {
        kitty: text.contains("\x1b_Gi=31;OK"),
        sixel: has_sixel(all.first()?),
        cell,
        name: name(&text).unwrap_or_default().to_owned(),
        ground: ground(&text),
        outer: None,
    };
    if let Question::Through { .. } = question {
        // tmux's own are 1;2 or, with sixel, 1;2;4. Which come first, nobody knows.
        let own = all.iter().position(|a| a.starts_with("1;2")).unwrap_or(0);
        said.sixel = has_sixel(all[own]);
        let others = all.iter().enumerate().filter(|(at, _)| *at != own);
        said.outer = (all.len() > 1).then(|| Outer {
            sixel: others.into_iter().any(|(_, attributes)| has_sixel(attributes)),
            name: std::mem::take(&mut said.name),
        });
    }
    Some(said)
}

/// What stands in `ESC P > | … ESC \`.
fn name(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\x1bP>|")?;
    rest.split(['\x1b', '\x07']).next()
}

/// The colour in `ESC ] 11 ; rgb:RRRR/GGGG/BBBB`, of one to four digits a part.
fn ground(text: &str) -> Option<[u8; 3]> {
    let (_, rest) = text.split_once("\x1b]11;rgb")?;
    let (_, rest) = rest.split(['\x1b', '\x07']).next()?.split_once(':')?;
    let mut parts = rest.split('/');
    let mut part = || {
        let digits = parts
            .next()
            .filter(|digits| (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let most = (1u32 << (4 * digits.len())) - 1;
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value * 255 / most).ok()
    };
    Some([part()?, part()?, part()?])
}

/// What stands in each `ESC [ ? … c`.
fn attributes(answers: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(answers).unwrap_or_default();
    text.split("\x1b[?")
        .skip(1)
        .filter_map(|rest| between(rest, 'c'))
        .collect()
}

fn has_sixel(attributes: &str) -> bool {
    attributes.split(';').skip(1).any(|a| a == "4")
}

/// The digits and semicolons before `end`, when nothing else is.
fn between(text: &str, end: char) -> Option<&str> {
    let (body, _) = text.split_once(end)?;
    body.chars().all(|c| c.is_ascii_digit() || c == ';').then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn said(kitty: bool, sixel: bool, cell: Option<(u32, u32)>) -> Option<Answers> {
        Some(Answers {
            kitty,
            sixel,
            cell,
            ..Answers::default()
        })
    }

    #[rstest]
    #[case::kitty("\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;c", said(true, false, Some((9, 18))))]
    #[case::foot("\x1b[6;20;10t\x1b[?62;4;22c", said(false, true, Some((10, 20))))]
    #[case::xterm("\x1b[?64;1;2;6;9;15;18;21;22c", said(false, false, None))]
    #[case::sixel_last("\x1b[?62;4c", said(false, true, None))]
    #[case::level_four_is_no_sixel("\x1b[?4c", said(false, false, None))]
    #[case::kitty_refuses("\x1b_Gi=31;ENOTSUPPORTED:x\x1b\\\x1b[?62c", said(false, false, None))]
    #[case::typed_ahead("ls\r\x1b[?62;4c", said(false, true, None))]
    #[case::half("\x1b_Gi=31;OK\x1b\\\x1b[?62;", None)]
    #[case::hostile("\x1b[6;99999999999;0t\x1b[?62c", said(false, false, None))]
    #[case::silent("", None)]
    fn answers(#[case] text: &str, #[case] expected: Option<Answers>) {
        assert_eq!(parse(&split(text.as_bytes()).answers, Question::All), expected);
    }

    #[rstest]
    #[case::kitty("\x1b[?1;2c\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;19;10t\x1b[?62;c", true, false, Some((false, "kitty(0.41.1)")))]
    #[case::foot("\x1b[?1;2c\x1bP>|foot(1.21.0)\x1b\\\x1b[?62;4;22;28c", false, false, Some((true, "foot(1.21.0)")))]
    #[case::outer_first("\x1b[?62;4c\x1b[?1;2c", false, false, Some((true, "")))]
    #[case::sixel_of_its_own("\x1b[?1;2;4c\x1b[?62;4c", false, true, Some((true, "")))]
    #[case::closed("\x1b[?1;2c", false, false, None)]
    fn answers_through_tmux(
        #[case] text: &str,
        #[case] kitty: bool,
        #[case] sixel: bool,
        #[case] outer: Option<(bool, &str)>,
    ) {
        let found = parse(text.as_bytes(), Question::Through { sure: true }).unwrap();
        assert_eq!((found.kitty, found.sixel), (kitty, sixel));
        assert_eq!(found.outer.as_ref().map(|o| (o.sixel, o.name.as_str())), outer);
    }

    #[rstest]
    #[case("\x1b]11;rgb:ffff/ffff/dfdf\x1b\\", Some([255, 255, 223]))]
    #[case("\x1b]11;rgb:00/2b/36\x07", Some([0, 43, 54]))]
    #[case("\x1b]11;rgba:f/0/0/f\x07", Some([255, 0, 0]))]
    #[case("\x1b]11;rgb:fffff/0/0\x07", None)]
    #[case("\x1b]11;rgb:é/0/0\x07", None)]
    #[case("\x1b]11;rgb:+f/0/0\x07", None)]
    #[case("\x1b]11;rgb:ff/ff\x07", None)]
    #[case("\x1b]11;white\x07", None)]
    fn backgrounds_and_names(#[case] said: &str, #[case] expected: Option<[u8; 3]>) {
        let stream = format!("{said}\x1bP>|foot(1.21.0)\x1b\\l\x1b[?62;4cs");
        let found = parse(&split(stream.as_bytes()).answers, Question::All).unwrap();
        assert_eq!((found.ground, found.name.as_str()), (expected, "foot(1.21.0)"));
        assert!(found.sixel);
    }

    #[test]
    fn every_burst_ends_with_the_fence() {
        for question in [Question::All, Question::Plain, Question::Through { sure: true }] {
            let burst = String::from_utf8(burst(question)).unwrap();
            assert!(burst.ends_with("\x1b]11;?\x1b\\\x1b[c"), "{burst:?}");
            assert_eq!(burst.contains("\x1b[>q"), question != Question::Plain);
        }
    }

    #[test]
    fn tmux_is_waited_for_until_both_have_answered() {
        let (sure, unsure) = (Question::Through { sure: true }, Question::Through { sure: false });
        assert!(!is_complete(b"\x1b[?1;2c", sure) && is_complete(b"\x1b[?1;2c", unsure));
        assert!(is_complete(b"\x1b[?1;2cls\x1b[?62;c", sure));
        assert!(!is_complete(b"\x1b[?62;4c", sure) && is_complete(b"x\x1b[?62;4c", Question::Plain));
    }
}
