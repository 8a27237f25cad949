//! What a person should know about a request before it is made: what of it will not be done as it was perhaps meant.

use darkroom_protocol::lora::without_tags;
use darkroom_protocol::params::{Category, TABLE};
use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{GenerateRequest, ImageTask};

use super::syntax::foreign;

/// The most pieces of a prompt that are named.
const NAMED: usize = 8;
/// The most characters of each.
const SHOWN: usize = 40;

/// Sentences about `task`, one a subject; none for most.
pub fn notices(task: &ImageTask) -> Vec<String> {
    guidance(task).into_iter().chain(syntax(task)).collect()
}

/// What of `request` has no meaning for the task that it came to, in sentences.
pub fn unused(request: &GenerateRequest, task: &ImageTask) -> Vec<String> {
    let again = task.to_request();
    let idle = |name: &str| request.get(name).is_some() && again.get(name).is_none();
    let mut said = Vec::new();
    let of_masks = TABLE
        .iter()
        .filter(|row| row.category == Category::Inpaint && idle(row.name));
    let names: Vec<&str> = of_masks.map(|row| row.name).collect();
    if !task.inpaint.is_asked() && !names.is_empty() {
        said.push(format!("Without a mask there is no meaning in {}.", names.join(", ")));
    } else if idle("inpaint_padding") {
        said.push("inpaint_padding is for inpaint_area \"Only masked\" alone.".to_owned());
    }
    let of_second = TABLE
        .iter()
        .filter(|row| row.category == Category::Hires && idle(row.name));
    let names: Vec<&str> = of_second.map(|row| row.name).collect();
    if !task.hires.is_asked() && !names.is_empty() {
        said.push(format!(
            "Without hires there is no second pass, and no meaning in {}.",
            names.join(", ")
        ));
    }
    let without: Vec<&str> = ["resize_mode", "color_correction"]
        .into_iter()
        .filter(|name| task.inputs.init_image.is_none() && idle(name))
        .collect();
    if !without.is_empty() {
        said.push(format!(
            "Without a picture to begin with there is no meaning in {}.",
            without.join(", ")
        ));
    } else if idle("color_correction") && request.color_correction == Some(true) {
        said.push("color_correction has no meaning with a model that edits.".to_owned());
    }
    if idle("image_cfg_scale") {
        said.push("image_cfg_scale is for models that edit a picture.".to_owned());
    }
    if idle("distilled_cfg_scale") {
        said.push("distilled_cfg_scale is for models that are told a guidance, such as FLUX.1 dev.".to_owned());
    }
    if task.guidance.image_cfg_scale.is_some() && request.denoise.is_some_and(|denoise| denoise != 1.0) {
        said.push(
            "denoise has no meaning with a model that edits: image_cfg_scale says how closely it keeps the picture."
                .to_owned(),
        );
    }
    let unlike = request
        .denoise
        .is_some_and(|denoise| task.inputs.denoise.is_some_and(|now| now != denoise));
    if task.guidance.image_cfg_scale.is_none() && unlike {
        said.push(
            "denoise has no meaning with a model that is shown the picture to refer to: all steps are run.".to_owned(),
        );
    }
    said
}

/// Guidance that other programs read in another way, or that leaves the negative prompt unused.
fn guidance(task: &ImageTask) -> Option<String> {
    let negative = !task.what.negative.trim().is_empty();
    if task.is_guided() || (task.guidance.cfg_scale == 1.0 && !negative) {
        return None;
    }
    let unused = if negative {
        " The negative prompt is not used."
    } else {
        ""
    };
    Some(format!(
        "Guidance of {} means the prompt alone, as all up to 1 does.{unused}",
        task.guidance.cfg_scale
    ))
}

/// Syntax of other programs than the one whose syntax is read, in either prompt.
fn syntax(task: &ImageTask) -> Option<String> {
    let prompts = [
        (&task.what.prompt, ""),
        (&task.what.negative, "in the negative prompt "),
    ];
    let found = prompts.map(|(text, place)| (named(&foreign(&without_tags(text), task.what.syntax)), place));
    let found: Vec<String> = found
        .into_iter()
        .filter_map(|(names, place)| Some(format!("{place}{}", names?)))
        .collect();
    (!found.is_empty()).then(|| {
        format!(
            "Read as plain words, because --prompt-syntax {} has no such syntax: {}.",
            task.what.syntax.name(),
            found.join("; ")
        )
    })
}

/// The different ones among `pieces`, as a list.
fn named(pieces: &[&str]) -> Option<String> {
    let mut different: Vec<&str> = Vec::new();
    let mut more = 0;
    for piece in pieces {
        if different.contains(piece) {
            continue;
        }
        if different.len() < NAMED {
            different.push(piece);
        } else {
            more += 1;
        }
    }
    let list: Vec<String> = different.iter().map(|piece| shown(piece)).collect();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!list.is_empty()).then(|| format!("{}{more}", list.join(", ")))
}

fn shown(piece: &str) -> String {
    let piece = escape_line(piece);
    match piece.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &piece[..end]),
        None => piece.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use darkroom_protocol::Task;
    use rstest::rstest;

    fn task(prompt: &str, negative: &str, cfg_scale: f64) -> ImageTask {
        let Task::Image(mut task) = testing::task(prompt);
        task.what.prompt = prompt.to_owned();
        task.what.negative = negative.to_owned();
        task.guidance.cfg_scale = cfg_scale;
        task
    }

    #[rstest]
    #[case(task("a fox", "blur", 5.0), &[])]
    #[case(task("a fox", "", 1.0), &[])]
    #[case(task("a fox", "", 0.0), &["Guidance of 0 means the prompt alone, as all up to 1 does."])]
    #[case(task("a fox", "blur", 1.0), &["Guidance of 1 means the prompt alone, as all up to 1 does. The negative prompt is not used."])]
    #[case(task("a __red__ (fox), __red__ {a|b}\u{1b} <lora:y:1>", "", 5.0),
        &["Read as plain words, because --prompt-syntax a1111 has no such syntax: __red__, {a|b}."])]
    #[case(task("x", "{bad}", 5.0), &["Read as plain words, because --prompt-syntax a1111 has no such syntax: in the negative prompt {bad}."])]
    #[case(task("{a} {b} {c} {d} {e} {f} {g} {h} {i} {j}", "bad++", 0.5),
        &["Guidance of 0.5 means the prompt alone, as all up to 1 does. The negative prompt is not used.",
          "Read as plain words, because --prompt-syntax a1111 has no such syntax: {a}, {b}, {c}, {d}, {e}, {f}, {g}, {h} and 2 more; \
           in the negative prompt bad++."])]
    fn what_is_said(#[case] task: ImageTask, #[case] said: &[&str]) {
        assert_eq!(notices(&task), said);
    }

    #[test]
    fn a_long_piece_is_cut_and_made_safe() {
        let said = notices(&task(&format!("{{{}\u{1b}[2J}}", "a".repeat(100)), "", 5.0));
        assert!(said[0].contains("aaaa…") && !said[0].contains('\u{1b}'), "{said:?}");
        assert!(said[0].len() < 200);
    }
}
