//! What `tui.toml` may say, and what is said of it where it is wrong.

use super::parse::parse;
use super::*;
use crate::app::own::notify::Way;
use crate::app::state::Screen;
use rstest::rstest;

#[test]
fn every_key() {
    let text = r##"
        theme = "light"
        accent = "#00FF80"
        mouse = false
        images = "kitty"
        notify = "osc777"
        notify_after = "5m"
        plain = true
        [layout]
        picture = "below"
        prompt_width = 70
        [keys]
        "generate" = ["Ctrl-G", "f5"]
        help = "f12"
        "trash" = []
    "##;
    let settings = parse(text).unwrap();
    let keys = settings.keys.clone();
    let expected = Settings {
        theme: theme::Wish::Light,
        accent: [0, 255, 128],
        mouse: false,
        images: "kitty",
        notify: notify::Wish::In(Way::Osc777),
        notify_after: Duration::from_secs(300),
        plain: true,
        layout: Layout {
            picture: Side::Below,
            prompt_width: 70,
        },
        keys: keys.clone(),
    };
    assert_eq!(settings, expected);
    let meant = |key, screen| keys.meant(key, screen).map(|command| command.name);
    assert_eq!(meant("ctrl-g", Screen::Create), Some("generate"));
    assert_eq!(meant("ctrl-s", Screen::Create), None);
    assert_eq!(meant("f12", Screen::Models), Some("help"));
    assert_eq!(meant("d", Screen::Gallery), None);
    assert_eq!(parse("theme = 16").unwrap().theme, theme::Wish::Sixteen);
    assert_eq!(
        parse("notify_after = 90").unwrap().notify_after,
        Duration::from_secs(90)
    );
    assert_eq!(parse(""), Ok(Settings::default()));
}

#[rstest]
#[case("\nthem = 'dark'", "line 2, column 1: there is no setting them; did you mean theme?")]
#[case(
    "zzzzzzzz = 1",
    "line 1, column 1: there is no setting zzzzzzzz; there are theme, accent, mouse, images, notify, notify_after, plain, layout, keys."
)]
#[case(
    "[layout]\npictures = 'left'",
    "line 2, column 1: there is no setting layout.pictures; did you mean picture?"
)]
#[case(
    "theme = 'blue'",
    "line 1, column 9: theme must be one of auto, dark, light, 16, none, not blue."
)]
#[case(
    "accent = 'red'",
    "line 1, column 10: accent is a colour such as \"#ff5f3c\", not red."
)]
#[case(
    "accent = '#é1234'",
    "line 1, column 10: accent is a colour such as \"#ff5f3c\", not #é1234."
)]
#[case("mouse = 'on'", "line 1, column 9: mouse must be true or false, not on.")]
#[case(
    "images = 'ascii'",
    "line 1, column 10: images must be one of auto, kitty, iterm, sixel, blocks, off, not ascii."
)]
#[case(
    "notify_after = 'forever'",
    "line 1, column 16: notify_after is a time such as \"20s\" or \"5m\", not forever."
)]
#[case(
    "layout.prompt_width = 7",
    "line 1, column 23: prompt_width must be a whole number from 40 to 120, not 7."
)]
#[case("layout = 3", "line 1, column 10: layout is a table: begin it with [layout].")]
#[case(
    "[keys]\n\"generat\" = ['f5']",
    "line 2, column 1: there is no command generat; did you mean generate?"
)]
#[case(
    "[keys]\n\"x\\u001b\" = ['f5']",
    "line 2, column 1: there is no command x\\u{1b}; `darkroom tui` shows all of a screen with ?, and docs/keys.md has them."
)]
#[case(
    "[keys]\ntrash = ['D', 'escp']",
    "line 2, column 15: escp is no key; did you mean esc?"
)]
#[case(
    "[keys]\ntrash = 3",
    "line 2, column 9: trash takes a list of keys, such as [\"ctrl-s\", \"f5\"]."
)]
#[case(
    "[keys]\ntrash = ['D']\nundo = ['D']",
    "line 3, column 9: D is trash's and undo's on one screen: give one of them another."
)]
#[case(
    "[keys]\ntrash = ['v']",
    "line 2, column 10: v is vary's and trash's on one screen: give one of them another."
)]
#[case(
    "[keys]\nquit = []",
    "line 2, column 1: quit must keep a key: give it one, such as [\"f12\"]."
)]
#[case(
    "[keys]\n# more\npalette = ['p']",
    "line 3, column 1: palette is done where text is written too: give it a key that types nothing, such as [\"f12\"]."
)]
#[case(
    "[keys]\ngenerate = ['g']",
    "line 2, column 1: generate is done where text is written too: give it a key that types nothing, such as [\"f12\"]."
)]
fn wrong_settings_are_refused_with_the_line(#[case] text: &str, #[case] message: &str) {
    assert_eq!(parse(text), Err(message.to_owned()));
}

#[rstest]
#[case::as_the_table_has_it("[keys]\nhold = ['h']\nuse = ['g']")]
#[case::on_other_screens("[keys]\ntrash = ['x']")]
#[case::freed("[keys]\nvary = ['V']\ntrash = ['v']")]
#[case::swapped("[keys]\nvary = ['r']\nreuse = ['v']")]
fn keys_may_be_given_where_they_have_one_meaning(#[case] text: &str) {
    parse(text).unwrap();
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for text in [
        "theme = ",
        "theme = 'dark'\ntheme = 'light'",
        "[keys",
        "\u{feff}= 3",
        "a\u{1b} = 1",
    ] {
        let why = parse(text).unwrap_err();
        assert!(why.starts_with("line ") && !why.contains('\u{1b}'), "{why}");
    }
}

#[test]
fn no_file_is_no_settings_and_a_wrong_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tui.toml");
    assert_eq!(load(&path), Ok(Settings::default()));
    std::fs::write(&path, "theme = 1").unwrap();
    let why = load(&path).unwrap_err();
    assert!(why.contains("tui.toml: line 1, column 9: theme must be"), "{why}");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(load(&path).unwrap_err().contains("not UTF-8"));
    std::fs::write(&path, " ".repeat(2 << 20)).unwrap();
    assert!(load(&path).unwrap_err().contains("more than 1048576 bytes"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(load(&path).unwrap_err().contains("put a file there"));
}

#[test]
fn the_documented_keys_are_those_of_the_file() {
    for key in KEYS {
        let text = match key.name.split_once('.') {
            Some((table, _)) => format!("[{table}]\n{}", key.example),
            None if key.name == "keys" => format!("[keys]\n{}", key.example),
            None => key.example.to_owned(),
        };
        parse(&text).unwrap_or_else(|why| panic!("{}: {why}", key.name));
    }
}

#[test]
fn no_text_is_too_strange() {
    let whole = "theme='dark'\naccent='#ff5f3c'\nnotify_after='20s'\n[layout]\nprompt_width=58\n[keys]\n'trash'=['d','ctrl-é']\n";
    let chars: Vec<char> = whole.chars().collect();
    let mut seed = 7u64;
    let mut chance = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    for _ in 0..3000 {
        let mut text = chars.clone();
        for _ in 0..=chance(4) {
            let at = chance(text.len().max(1));
            match chance(3) {
                0 if text.len() > 1 => drop(text.remove(at)),
                1 => text.insert(at, ['\'', '=', '[', '-', '\u{1b}', '夜', '{', '9'][chance(8)]),
                _ => text.truncate(at.max(1)),
            }
        }
        if let Err(why) = parse(&text.iter().collect::<String>()) {
            assert!(!why.is_empty() && !why.contains('\u{1b}'), "{why:?}");
        }
    }
}
