//! What a program that leads elsewhere says of its end, in words; the links themselves are tested at the product's doors
//! (`tests/product/remote.rs`).

use std::os::unix::process::ExitStatusExt as _;

use rstest::rstest;

use super::*;

fn ended(code: i32, words: &str) -> (String, bool) {
    let host = Host::new("box", None).unwrap();
    match in_words(&host, Some(ExitStatus::from_raw(code << 8)), words) {
        Error::Elsewhere { host, why, is_passing } => {
            assert_eq!(host, "box");
            (why, is_passing)
        }
        other => panic!("{other}"),
    }
}

#[rstest]
#[case(127, "sh: 1: exec: darkroom: not found\n", "there is no `darkroom` there", false)]
#[case(
    255,
    "ssh: connect to host box port 22: No route to host\n",
    "ssh: connect to host box",
    true
)]
#[case(
    255,
    "x\nme@box: Permission denied (publickey).\n\n",
    "me@box: Permission denied",
    false
)]
#[case(255, "Host key verification failed.\r\n", "Host key verification failed.", false)]
#[case(1, "", "the link ended before the daemon there answered (exit status: 1).", true)]
#[case(2, "darkroom: unrecognized subcommand 'stdio'\n", "unrecognized subcommand", false)]
#[case(1, "\x1b]0;x\x07\n", "\\u{1b}]0;x\\u{7}", true)]
fn how_it_ended_is_said(#[case] code: i32, #[case] words: &str, #[case] said: &str, #[case] passes: bool) {
    let (why, is_passing) = ended(code, words);
    assert!(why.starts_with(said), "{why}");
    assert_eq!(is_passing, passes);
}

#[test]
fn where_none_runs_nobody_is_reached() {
    let host = Host::new("box", None).unwrap();
    let none = in_words(&host, Some(ExitStatus::from_raw(NO_DAEMON << 8)), "");
    assert!(matches!(none, Error::Unreachable { .. }), "{none}");
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_for_a_while_and_what_does_not_is_said_at_once() {
    let tried = std::sync::atomic::AtomicU32::new(0);
    let fails = |is_passing| {
        tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let error = Error::Elsewhere {
            host: "box".into(),
            why: "x".into(),
            is_passing,
        };
        std::future::ready(Err::<(), _>(error))
    };
    let took = Instant::now();
    assert!(persist(took + PERSISTENCE, || fails(true)).await.is_err());
    let times = tried.swap(0, std::sync::atomic::Ordering::Relaxed);
    assert!((15..40).contains(&times), "{times}");
    assert!(took.elapsed() <= PERSISTENCE && took.elapsed() > PERSISTENCE / 2);
    assert!(persist(Instant::now() + PERSISTENCE, || fails(false)).await.is_err());
    assert_eq!(tried.into_inner(), 1);
}
