//! Words by a part of them, letters left out, the likeliest first: what lists below a typed line are narrowed by.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The words that `typed` finds; all of them, as they are, where nothing is typed.
pub fn found<'a>(words: &'a [String], typed: &str) -> Vec<&'a String> {
    if typed.trim().is_empty() {
        return words.iter().collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut score = |word: &str| pattern.score(Utf32Str::new(word, &mut buffer), &mut matcher);
    let mut scored: Vec<(u32, &String)> = words.iter().filter_map(|word| Some((score(word)?, word))).collect();
    // Stable: of equals the first comes first.
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_may_be_left_out() {
        let words: Vec<String> = ["dreamshaper_8", "juggernautXL_v9", "emoji"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(found(&words, "jugxl"), ["juggernautXL_v9"]);
        assert_eq!(found(&words, " "), ["dreamshaper_8", "juggernautXL_v9", "emoji"]);
        assert_eq!(found(&words, "em")[0], "emoji");
        assert!(found(&words, "zzz").is_empty());
    }
}
