//! A strict reader of the text format 0.0.4, for tests: a family's HELP and TYPE come once and before its samples, samples of a
//! family stand together and are distinct, names and escapes are well formed, counters do not fall below 0, histograms are
//! cumulative with `+Inf` equal to `_count`.

use std::collections::{BTreeMap, HashSet};

/// Samples by name and labels as they are written.
pub type Samples = BTreeMap<String, f64>;

/// Name, labels and value of a line.
type Sample = (String, Vec<(String, String)>, f64);

#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    samples: Vec<Sample>,
}

/// The samples of `text`, or the first line that breaks a rule.
pub fn read(text: &str) -> Result<Samples, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let (mut seen, mut families) = (HashSet::new(), Vec::new());
    let mut family = Family::default();
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            families.push(std::mem::take(&mut family));
            let Some((name, help)) = rest.split_once(' ') else {
                return wrong("no help");
            };
            if !is_name(name) || help.trim().is_empty() || !seen.insert(name.to_owned()) {
                return wrong("a bad or repeated HELP");
            }
            family.name = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            match rest.split_once(' ') {
                Some((name, kind)) if name == family.name && family.kind.is_empty() && family.samples.is_empty() => {
                    family.kind = kind.to_owned();
                }
                _ => return wrong("a TYPE out of place"),
            }
        } else {
            family.samples.push(sample(line)?);
        }
    }
    families.push(family);
    let mut all = Samples::new();
    for family in families.iter().skip(1) {
        check(family)?;
        for (name, labels, value) in &family.samples {
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            let key = format!("{name}{{{}}}", labels.join(","));
            if all.insert(key.clone(), *value).is_some() {
                return Err(format!("{key} comes twice"));
            }
        }
    }
    Ok(all)
}

fn check(family: &Family) -> Result<(), String> {
    let name = &family.name;
    let wrong = |why: &str| Err(format!("{name}: {why}"));
    if family.samples.is_empty() {
        return wrong("no samples");
    }
    let suffixes: &[&str] = match family.kind.as_str() {
        "counter" if !name.ends_with("_total") => return wrong("a counter's name ends in _total"),
        "gauge" if name.ends_with("_total") => return wrong("only a counter's name ends in _total"),
        "counter" | "gauge" => &[""],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => return wrong("no type that is used here"),
    };
    for (sample, _, value) in &family.samples {
        let suffix = sample.strip_prefix(name.as_str());
        if !suffix.is_some_and(|suffix| suffixes.contains(&suffix)) {
            return wrong(&format!("a sample of another family: {sample}"));
        }
        if value.is_nan() || (family.kind != "gauge" && *value < 0.0) {
            return wrong("a value out of range");
        }
    }
    if family.kind == "histogram" {
        buckets(family)
    } else {
        Ok(())
    }
}

fn buckets(family: &Family) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{}: {why}", family.name));
    let mut last = (f64::NEG_INFINITY, 0.0);
    for (name, labels, value) in &family.samples {
        if name.ends_with("_bucket") {
            let le = labels.iter().find(|(label, _)| label == "le").map(|(_, le)| number(le));
            let Some(Some(le)) = le else {
                return wrong("a bucket without le");
            };
            if le <= last.0 || *value < last.1 {
                return wrong("buckets out of order or falling");
            }
            last = (le, *value);
        } else if name.ends_with("_count") {
            if last != (f64::INFINITY, *value) {
                return wrong("the last bucket is not all");
            }
            last = (f64::NEG_INFINITY, 0.0);
        }
    }
    Ok(())
}

fn sample(line: &str) -> Result<Sample, String> {
    let wrong = || format!("no sample: {line}");
    let end = line.find(['{', ' ']).ok_or_else(wrong)?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").ok_or_else(wrong)?;
            let (value, after) = quoted(after).ok_or_else(wrong)?;
            if !is_name(label) || label.starts_with("__") || label.contains(':') {
                return Err(wrong());
            }
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').and_then(number).ok_or_else(wrong)?;
    if !is_name(name) {
        return Err(wrong());
    }
    Ok((name.to_owned(), labels, value))
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => text.parse().ok(),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':');
    first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}
