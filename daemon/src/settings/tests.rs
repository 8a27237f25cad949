//! What the settings file may say, and what is said of it where it is wrong.

use super::*;
use darkroom_protocol::host::Host;
use proptest::prelude::*;
use rstest::rstest;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(text, Some(Path::new("/home/ann")))
}

#[test]
fn every_key() {
    let text = r#"
        model = "~/models/sd15"
        models = ["~/models", "/srv/models", "~"]
        loras = ["~/loras"]
        device = "cuda:1"
        devices = ["cuda", "CPU", "cuda:0"]
        dtype = "BFloat16"
        threads = 8
        memory_budget = "6GB"
        keep_logs = "7d"
        keep_logs_bytes = "100MB"
        keep_cleared = "forever"
        keep_trash = "2d"
        [keep_alive]
        default = "5m"
        "My Model" = "forever"
        [hosts]
        box = "me@10.0.0.3"
    "#;
    let settings = Settings {
        model: Some("/home/ann/models/sd15".to_owned()),
        models: ["/home/ann/models", "/srv/models", "/home/ann/"]
            .map(PathBuf::from)
            .into(),
        loras: vec![PathBuf::from("/home/ann/loras")],
        device: Some("cuda:1".to_owned()),
        devices: ["cuda:0", "cpu"].map(str::to_owned).into(),
        dtype: Some(Dtype::Bf16),
        threads: Some(8),
        keep_alive: KeepAlive::Seconds(300),
        keep_alive_of: [("My Model".to_owned(), KeepAlive::Forever)].into(),
        memory_budget: Some(6_000_000_000),
        keep: Keep {
            logs: KeepAlive::Seconds(7 * 86_400),
            logs_bytes: 100_000_000,
            cleared: KeepAlive::Forever,
            trash: KeepAlive::Seconds(2 * 86_400),
        },
        hosts: [(
            "box".to_owned(),
            Host::new("box", None).unwrap().at("me@10.0.0.3").unwrap(),
        )]
        .into(),
    };
    assert_eq!(settings.keep_alive_for("my-model"), KeepAlive::Forever);
    assert_eq!(settings.keep_alive_for("other"), KeepAlive::Seconds(300));
    assert_eq!(parse(text), Ok(settings));
    assert_eq!(parse("keep_alive = '0'").unwrap().keep_alive, KeepAlive::Seconds(0));
    assert_eq!(parse("keep_alive = 90").unwrap().keep_alive, KeepAlive::Seconds(90));
    assert_eq!(parse(""), Ok(Settings::default()));
    assert_eq!(parse("model = 'sd15'").unwrap().model.as_deref(), Some("sd15"));
}

#[rstest]
#[case(
    "\n\nmodle = 'x'",
    "line 3, column 1: unknown field `modle`, expected one of `model`, `models`, `loras`, `device`, `devices`, `dtype`, `threads`, `keep_alive`, `memory_budget`, `keep_logs`, `keep_logs_bytes`, `keep_cleared`, `keep_trash`, `hosts`. Correct it or remove the line."
)]
#[case(
    "threads = 0",
    "line 1, column 11: threads must be a whole number from 1 to 1024, not 0."
)]
#[case(
    "# more\nthreads = 'all'",
    "line 2, column 11: invalid type: string \"all\", expected i64. Correct it or remove the line."
)]
#[case(
    "dtype = 'int3'",
    "line 1, column 9: dtype must be one of auto, f32, bf16, f16, not int3."
)]
#[case(
    "models = ['/m',\n 'models']",
    "line 2, column 2: models is a relative path: begin it with / or ~/."
)]
#[case(
    "models = ['~bob/models']",
    "line 1, column 11: ~bob/models is a relative path: begin it with / or ~/."
)]
#[case(
    "devices = ['cpu', 'tpu']",
    "line 1, column 19: tpu is no device: give cpu, cuda:0, xpu:0 or mps; `darkroom doctor` lists those that are here."
)]
#[case(
    "keep_alive = 'long'",
    "line 1, column 14: keep_alive is a time such as \"10m\", \"90s\" or 0, or \"forever\", not long."
)]
#[case(
    "\nkeep_alive = { sd15 = [1] }",
    "line 2, column 14: keep_alive is a time such as \"10m\", \"90s\" or 0, or \"forever\", not [1]."
)]
#[case(
    "memory_budget = 'much'",
    "line 1, column 17: memory_budget is a size such as \"6GB\" or \"800MB\", not much."
)]
#[case(
    "model = './sd15'",
    "line 1, column 9: ./sd15 is a relative path: begin it with / or ~/."
)]
fn wrong_settings_are_refused_with_the_line(#[case] text: &str, #[case] message: &str) {
    assert_eq!(parse(text), Err(message.to_owned()));
}

#[test]
fn a_tilde_without_a_home() {
    assert!(
        Settings::parse("models = ['~/m']", None)
            .unwrap_err()
            .contains("set HOME")
    );
}

#[test]
fn no_file_is_no_settings_and_a_wrong_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    assert_eq!(Settings::load(&path).unwrap(), Settings::default());
    std::fs::write(&path, "model = ").unwrap();
    let error = Settings::load(&path).unwrap_err().to_string();
    assert!(error.contains("config.toml: line 1, column "), "{error}");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(Settings::load(&path).is_err());
    std::fs::write(&path, " ".repeat(2 << 20)).unwrap();
    assert!(
        Settings::load(&path)
            .unwrap_err()
            .to_string()
            .contains("at most 1048576")
    );
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,80}|[a-z =\\[\\]'\"\n~/{}.]{0,80}") {
        if let Err(message) = parse(&text) {
            prop_assert!(!message.is_empty());
        }
    }
}

#[test]
fn the_documented_keys_are_those_of_the_file() {
    let error = parse("no_such_key = 1").unwrap_err();
    let names: Vec<String> = super::KEYS.iter().map(|key| format!("`{}`", key.name)).collect();
    assert!(
        error.contains(&format!("expected one of {}.", names.join(", "))),
        "{error}"
    );
    for key in super::KEYS {
        assert!(key.example.starts_with(&format!("{} = ", key.name)), "{}", key.example);
        parse(key.example).unwrap();
    }
}
