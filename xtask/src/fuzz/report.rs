//! The numbers that libFuzzer prints at the end of a run, read and put into a line. `mod.rs` prints the line for each target.
//! Whether a target failed is seen from its exit status, in `mod.rs`.

use std::fmt;

/// What a fuzzer says of its run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    runs: u64,
    /// Edges of the program that some input reached.
    edges: u64,
    /// Edges with how often each was taken.
    features: u64,
    inputs: u64,
    peak_mb: u64,
}

impl Report {
    /// From libFuzzer's output: the last line that has each number.
    pub fn read(text: &str) -> Self {
        let after = |key: &str| {
            let found = text.rsplit(key).next().filter(|rest| rest.len() < text.len());
            let digits = found.unwrap_or_default().trim_start();
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            digits[..end].parse().unwrap_or(0)
        };
        Self {
            runs: after("stat::number_of_executed_units:"),
            edges: after(" cov: "),
            features: after(" ft: "),
            inputs: after(" corp: "),
            peak_mb: after("stat::peak_rss_mb:"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            edges,
            features,
            inputs,
            peak_mb,
        } = self;
        write!(
            f,
            "{runs} runs, {edges} edges, {features} features, {inputs} inputs kept, {peak_mb} MB at most"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_numbers_count() {
        let text = "#2 INITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
            #4096 pulse cov: 99 ft: 110 corp: 7/99b lim: 43 exec/s: 2048 rss: 40Mb\n\
            stat::number_of_executed_units: 5000\nstat::peak_rss_mb:              41\n";
        let expected = Report {
            runs: 5000,
            edges: 99,
            features: 110,
            inputs: 7,
            peak_mb: 41,
        };
        assert_eq!(Report::read(text), expected);
        assert_eq!(Report::read("died at once"), Report::default());
    }
}
