//! Sizes, times, paths and errors as people say them, once for every client. Pure but for the clock's absence: each gets its number.
//! Nothing here prints; what comes out holds no character that a terminal obeys.

use std::io::ErrorKind;
use std::path::Path;

use darkroom_protocol::ResidentModel;
use darkroom_protocol::text::escape_line;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Seconds: `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// Milliseconds that something took: below ten seconds with a tenth, where that says something.
pub fn took(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match ms {
        0..9_950 => format!("{seconds:.1} s"),
        _ => duration(seconds),
    }
}

/// A length of time in its largest unit, rounded: `40 s`, `2 min`, `3 h`, `5 d`.
pub fn roughly(seconds: u64) -> String {
    let of = |unit: u64| (seconds + unit / 2) / unit;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3570 => format!("{} min", of(60)),
        3570..84_600 => format!("{} h", of(3600)),
        _ => format!("{} d", of(86_400)),
    }
}

/// When something begins that waits: `next`, `in 40 s`, `in 5 min`, `in 2 h`.
pub fn begins(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "next".to_owned(),
        s if s < 60.0 => format!("in {s:.0} s"),
        s if s < 3600.0 => format!("in {:.0} min", s / 60.0),
        s => format!("in {:.0} h", s / 3600.0),
    }
}

/// Bytes, in powers of 1024: `1023 B`, `1.5 KiB`, `80.0 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// What the system said, without its number.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => error.to_string(),
    }
}

/// A path as it may be printed.
pub fn shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}

/// `text` cut to `width` columns, with `cut` (`…`) where something is missing, safe to print.
pub fn brief(text: &str, width: usize, cut: &str) -> String {
    let text = escape_line(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let width = width.saturating_sub(cut.width() - 1);
    let mut columns = 0;
    let mut over = |c: char| {
        columns += c.width().unwrap_or(0);
        columns > width
    };
    match text.char_indices().find(|(_, c)| over(*c)) {
        Some((end, _)) => format!("{}{cut}", text[..end].trim_end()),
        None => text.into_owned(),
    }
}

/// Why a model is in memory: `in use`, `pinned`, `used 2 min ago, expires in 8 min`.
pub fn why_resident(model: &ResidentModel) -> String {
    let mut reasons = Vec::new();
    if model.busy {
        reasons.push("in use".to_owned());
    } else {
        reasons.push(format!("used {} ago", roughly(model.used_s)));
    }
    match model.expires_s {
        _ if model.pinned => reasons.insert(0, "pinned".to_owned()),
        // How long it stays is known once its job has ended.
        _ if model.busy => {}
        None => reasons.push("stays until its room is needed".to_owned()),
        Some(left) => reasons.push(format!("expires in {}", roughly(left))),
    }
    if !model.complete {
        reasons.push("in part".to_owned());
    }
    reasons.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.2, "0 s")]
    #[case(59.4, "59 s")]
    #[case(61.0, "1 min 1 s")]
    #[case(3700.0, "1 h 1 min")]
    #[case(90_000.0, "1 d 1 h")]
    #[case(-1.0, "0 s")]
    fn durations(#[case] seconds: f64, #[case] words: &str) {
        assert_eq!(duration(seconds), words);
    }

    #[test]
    fn short_ones_have_tenths() {
        let said: Vec<String> = [0, 340, 9_949, 9_950, 18_400, 61_000].map(took).to_vec();
        assert_eq!(said, ["0.0 s", "0.3 s", "9.9 s", "10 s", "18 s", "1 min 1 s"]);
    }

    #[rstest]
    #[case(59, "59 s")]
    #[case(599, "10 min")]
    #[case(3569, "59 min")]
    #[case(3570, "1 h")]
    #[case(43_200, "12 h")]
    #[case(84_599, "23 h")]
    #[case(84_600, "1 d")]
    fn rough_lengths_of_time(#[case] seconds: u64, #[case] words: &str) {
        assert_eq!(roughly(seconds), words);
    }

    #[rstest]
    #[case(0, "0 B")]
    #[case(1023, "1023 B")]
    #[case(1536, "1.5 KiB")]
    #[case(85_899_345_920, "80.0 GiB")]
    fn sizes(#[case] bytes: u64, #[case] words: &str) {
        assert_eq!(size(bytes), words);
    }

    #[rstest]
    #[case(ErrorKind::StorageFull, "the disk is full")]
    #[case(ErrorKind::NotFound, "there is no such file or folder")]
    #[case(ErrorKind::PermissionDenied, "permission denied")]
    fn reasons(#[case] kind: ErrorKind, #[case] words: &str) {
        assert_eq!(reason(&kind.into()), words);
    }

    #[test]
    fn long_prompts_are_cut_and_escaped() {
        assert_eq!(brief("a fox\x1b[2J", 40, "…"), "a fox\\u{1b}[2J");
        assert_eq!(brief("a red apple on a table", 11, "…"), "a red apple…");
        assert_eq!(brief("日本語の狐", 7, "…"), "日本語…", "wide ones take two columns");
        assert_eq!(brief("abcdef", 5, "..."), "abc...");
    }

    #[rstest]
    #[case(|_: &mut ResidentModel| {}, "used 2 min ago, expires in 8 min")]
    #[case(|m: &mut ResidentModel| m.pinned = true, "pinned, used 2 min ago")]
    #[case(|m: &mut ResidentModel| m.expires_s = None, "used 2 min ago, stays until its room is needed")]
    #[case(|m: &mut ResidentModel| m.busy = true, "in use")]
    #[case(|m: &mut ResidentModel| { m.busy = true; m.expires_s = None }, "in use")]
    #[case(|m: &mut ResidentModel| { m.complete = false; m.used_s = 3; m.expires_s = Some(90_000) }, "used 3 s ago, expires in 1 d, in part")]
    fn why_a_model_is_in_memory(#[case] change: fn(&mut ResidentModel), #[case] words: &str) {
        let mut model = ResidentModel {
            name: "sd15".into(),
            source: darkroom_protocol::ModelSource::Folder("/m/sd15".into()),
            dtype: "bf16".into(),
            components: vec![],
            complete: true,
            bytes: 7,
            pinned: false,
            busy: false,
            used_s: 130,
            expires_s: Some(480),
        };
        change(&mut model);
        assert_eq!(why_resident(&model), words);
    }
}
