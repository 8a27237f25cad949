//! The part of YAML that configurations beside checkpoints are written in: mappings by indentation, with scalars and short
//! lists. Read line by line into paths and values; anchors, flow mappings and texts over several lines are not read.

/// The most lines; published ones have about 70.
const MAX_LINES: usize = 10_000;

/// Path, joined by dots, and value of every scalar and every list in brackets, in order; items of block lists are left out.
///
/// # Errors
/// What a line has that is not read, in words.
pub(super) fn scalars(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    // Keys that lead to the line, each with its indentation.
    let mut path: Vec<(usize, &str)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| Err(format!("line {} {what}", number + 1));
        if number >= MAX_LINES {
            return wrong("is one too many");
        }
        let line = without_comment(line).trim_end();
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with("- ") || body == "-" || body == "---" || body == "..." {
            continue;
        }
        if body.starts_with('\t') {
            return wrong("is indented with a tab");
        }
        let Some((key, value)) = split(body) else {
            return wrong("has no key");
        };
        let indent = line.len() - body.len();
        while path.last().is_some_and(|(outer, _)| *outer >= indent) {
            path.pop();
        }
        path.push((indent, key));
        if value.is_empty() {
            continue;
        }
        if value.starts_with(['{', '&', '*', '|', '>', '!']) {
            return wrong("is written in a way that is not read");
        }
        let keys: Vec<&str> = path.iter().map(|(_, key)| *key).collect();
        found.push((keys.join("."), unquoted(value).to_owned()));
    }
    Ok(found)
}

/// Key and value of `key: value` or `key:`.
fn split(body: &str) -> Option<(&str, &str)> {
    let (key, value) = match body.strip_suffix(':') {
        Some(key) if !key.contains(": ") => (key, ""),
        _ => body.split_once(": ")?,
    };
    let key = unquoted(key.trim());
    (!key.is_empty()).then(|| (key, value.trim()))
}

fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// `line` up to a `#` that is outside quotation marks and begins a word.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before == ' ' => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_configuration_reads() {
        let text = "model:\n  base_learning_rate: 1.0e-4 # rate\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    \
                    parameterization: \"v\"\n    linear_start: 0.00085\n\n    unet_config:\n      params:\n        channel_mult: [ 1, 2, 4, 4 ]\n        \
                    attention_resolutions:\n        - 4\n        - 2\n        context_dim: 768\n    scale_factor: 0.18215\n";
        let found = scalars(text).unwrap();
        let get = |key: &str| {
            found
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(get("model.params.parameterization"), Some("v"));
        assert_eq!(get("model.base_learning_rate"), Some("1.0e-4"));
        assert_eq!(
            get("model.params.unet_config.params.channel_mult"),
            Some("[ 1, 2, 4, 4 ]")
        );
        assert_eq!(get("model.params.unet_config.params.context_dim"), Some("768"));
        assert_eq!(get("model.params.scale_factor"), Some("0.18215"));
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn what_is_not_read_is_named_by_its_line() {
        assert_eq!(
            scalars("model: {params: 1}").unwrap_err(),
            "line 1 is written in a way that is not read"
        );
        assert_eq!(scalars("a: 1\nnonsense").unwrap_err(), "line 2 has no key");
        assert_eq!(scalars("a:\n\tb: 1").unwrap_err(), "line 2 is indented with a tab");
        assert!(scalars(&"a: 1\n".repeat(20_000)).is_err());
        assert_eq!(scalars("# only\n---\n").unwrap(), []);
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused(text in "[a-c: #\"'\\n\\t\\[{-]{0,80}") {
            let _ = scalars(&text).is_ok();
        }
    }
}
