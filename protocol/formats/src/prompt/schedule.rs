//! Prompts that change while a picture is made: `[a:b:0.5]` is a and from the middle on b, `[a:0.5]` comes then, `[a::0.5]` goes, and
//! `[a|b]` alternates. As `get_learned_conditioning_prompt_schedules` of AUTOMATIC1111's `modules/prompt_parser.py`: a time with a
//! point is a part of the steps, one without is a step.
//!
//! There a grammar is resolved by an Earley parser; here brackets are matched, in one pass and without recursion. Brackets that match
//! nothing are text, and so is the whole prompt where a bar stands outside an alternation. (Where several loose brackets follow an edit,
//! as in `[a:b:3]]]`, the other parser takes the edit for text too, by accident.)

use std::ops::Range;

use super::brackets::is_space;

/// What `prompt` says over `steps` steps: each text, and the last step, from 1, that it is for. Never empty; the last is for `steps`.
///
/// In a second pass, with the steps of the one `before`, times count on from there: whole ones from its first step, and parts of this pass
/// begin at 1.
pub fn schedule(prompt: &str, steps: usize, before: Option<usize>) -> Vec<(usize, String)> {
    let steps = Pass { steps, before };
    let Some(tree) = Tree::parse(prompt) else {
        return vec![(steps.steps, prompt.to_owned())];
    };
    let mut spans: Vec<(usize, String)> = Vec::new();
    for end in tree.ends(steps) {
        let text = tree.at(end, steps);
        match spans.last_mut() {
            Some((until, same)) if *same == text => *until = end,
            _ => spans.push((end, text)),
        }
    }
    spans
}

/// A prompt whose edits are found.
struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    /// The outermost nodes.
    root: Vec<usize>,
}

enum Node {
    Text(Range<usize>),
    /// Nodes one after the other.
    Group(Vec<usize>),
    Edit {
        before: Vec<usize>,
        after: Vec<usize>,
        when: When,
    },
    Choice(Vec<Vec<usize>>),
}

/// A step, or a part of all of them.
#[derive(Clone, Copy)]
enum When {
    Step(f64),
    Part(f64),
}

impl When {
    /// The last step, from 1, before the edit.
    fn step(self, pass: Pass) -> i64 {
        let step = match self {
            Self::Step(step) => step - pass.before.unwrap_or(0) as f64,
            Self::Part(part) => (part - if pass.before.is_some() { 1.0 } else { 0.0 }) * pass.steps as f64,
        };
        (step as i64).min(pass.steps as i64)
    }
}

/// The steps of a pass, and of the one before it.
#[derive(Clone, Copy)]
struct Pass {
    steps: usize,
    before: Option<usize>,
}

/// What is between two brackets, as far as it is read.
struct Frame {
    open: Range<usize>,
    nodes: Vec<usize>,
    /// How many nodes stand before each colon and each bar.
    colons: Vec<usize>,
    bars: Vec<usize>,
    /// Whether a loose bracket or colon is in it, so that it is text.
    loose: bool,
}

impl Frame {
    fn new(open: Range<usize>) -> Self {
        Self {
            open,
            nodes: Vec::new(),
            colons: Vec::new(),
            bars: Vec::new(),
            loose: false,
        }
    }

    /// `[a:b:3]` or `[a:3]`: where its nodes part, and when.
    fn edit(&self, tree: &Tree) -> Option<(usize, usize, When)> {
        let [.., last] = self.colons[..] else {
            return None;
        };
        let [.., time] = self.nodes[last..] else {
            return None;
        };
        let Node::Text(range) = &tree.nodes[time] else {
            return None;
        };
        let when = time_of(&tree.text[range.clone()])?;
        // The time stands alone, and a colon is a node too.
        let fits = self.nodes.len() == last + 2 && self.colons.len() <= 2;
        let first = if self.colons.len() == 2 { self.colons[0] } else { 0 };
        fits.then_some((first, last, when))
    }
}

impl<'a> Tree<'a> {
    /// `None` where the prompt is not of the grammar: a bar outside an alternation, a backslash before nothing.
    fn parse(text: &'a str) -> Option<Self> {
        let mut tree = Self {
            text,
            nodes: Vec::new(),
            root: Vec::new(),
        };
        let mut frames = vec![Frame::new(0..0)];
        let mut at = 0;
        while at < text.len() {
            let end = token(text, at)?;
            let top = frames.last_mut()?;
            match &text[at..end] {
                "(" | "[" => frames.push(Frame::new(at..end)),
                ")" | "]" => tree.close(&mut frames, at..end)?,
                other => {
                    match other {
                        ":" => top.colons.push(top.nodes.len()),
                        "|" => top.bars.push(top.nodes.len()),
                        _ => {}
                    }
                    top.nodes.push(tree.add(Node::Text(at..end)));
                }
            }
            at = end;
        }
        tree.root = tree.loosen(&mut frames)?;
        Some(tree)
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// A bracket closes: the last one that is open, where it is of its kind. Else all that are open are text.
    fn close(&mut self, frames: &mut Vec<Frame>, close: Range<usize>) -> Option<()> {
        let opens = if self.text[close.clone()] == *")" { "(" } else { "[" };
        let matched = frames.len() > 1 && self.text[frames.last()?.open.clone()] == *opens;
        if !matched {
            let shut = self.add(Node::Text(close));
            let nodes = self.loosen(frames)?;
            let mut root = Frame::new(0..0);
            root.nodes = nodes;
            root.nodes.push(shut);
            frames.push(root);
            return Some(());
        }
        let frame = frames.pop()?;
        let up = frames.last_mut()?;
        let square = opens == "[";
        let whole = !frame.loose && frame.bars.is_empty();
        let most = if square { 0 } else { 1 };
        let node = match frame.edit(self) {
            Some((first, last, when)) if square && whole => {
                let before = frame.nodes[..first].to_vec();
                let skip = usize::from(frame.colons.len() == 2);
                let after = frame.nodes[first + skip..last].to_vec();
                Node::Edit { before, after, when }
            }
            _ if square && !frame.loose && !frame.bars.is_empty() && frame.colons.is_empty() => {
                Node::Choice(options(&frame))
            }
            _ => {
                // A bar that is in no alternation.
                if !frame.bars.is_empty() {
                    return None;
                }
                up.loose |= !(whole && frame.colons.len() <= most);
                let (open, shut) = (self.add(Node::Text(frame.open)), self.add(Node::Text(close)));
                let inside = [open].into_iter().chain(frame.nodes).chain([shut]);
                Node::Group(inside.collect())
            }
        };
        up.nodes.push(self.add(node));
        Some(())
    }

    /// All brackets that are open are text: everything so far, in order. `None` where a bar is in it.
    fn loosen(&mut self, frames: &mut Vec<Frame>) -> Option<Vec<usize>> {
        let mut nodes = Vec::new();
        for frame in frames.drain(..) {
            if !frame.bars.is_empty() {
                return None;
            }
            if !frame.open.is_empty() {
                nodes.push(self.add(Node::Text(frame.open)));
            }
            if nodes.is_empty() {
                // What came before is not copied each time.
                nodes = frame.nodes;
            } else {
                nodes.extend(frame.nodes);
            }
        }
        Some(nodes)
    }

    /// Every step that is the last of a text, ascending.
    fn ends(&self, steps: Pass) -> Vec<usize> {
        let mut ends = vec![steps.steps];
        if self.nodes.iter().any(|node| matches!(node, Node::Choice(_))) {
            ends.extend(1..=steps.steps);
        }
        for node in &self.nodes {
            if let Node::Edit { when, .. } = node {
                ends.extend(usize::try_from(when.step(steps)).ok().filter(|step| *step > 0));
            }
        }
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// The text of step `step`, from 1.
    fn at(&self, step: usize, steps: Pass) -> String {
        let mut text = String::new();
        let mut left: Vec<&[usize]> = vec![&self.root];
        while let Some(nodes) = left.pop() {
            let Some((first, rest)) = nodes.split_first() else {
                continue;
            };
            left.push(rest);
            left.push(match &self.nodes[*first] {
                Node::Text(range) => {
                    text.push_str(&self.text[range.clone()]);
                    continue;
                }
                Node::Group(inside) => inside,
                Node::Edit { before, after, when } => {
                    if step as i64 <= when.step(steps) {
                        before
                    } else {
                        after
                    }
                }
                Node::Choice(options) => &options[(step - 1) % options.len()],
            });
        }
        text
    }
}

/// What bars part.
fn options(frame: &Frame) -> Vec<Vec<usize>> {
    let mut options = Vec::new();
    let mut from = 0;
    for bar in &frame.bars {
        options.push(frame.nodes[from..*bar].to_vec());
        from = bar + 1;
    }
    options.push(frame.nodes[from..].to_vec());
    options
}

/// Where the token at `at` ends: one of `()[]:|`, or text up to the next of them. `None` for a backslash before a line's end or nothing.
fn token(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let special = |c: u8| matches!(c, b'(' | b')' | b'[' | b']' | b':' | b'|');
    if special(bytes[at]) {
        return Some(at + 1);
    }
    let mut end = at;
    while end < bytes.len() && !special(bytes[end]) {
        if bytes[end] == b'\\' {
            let escaped = text[end + 1..].chars().next().filter(|c| *c != '\n')?;
            end += escaped.len_utf8();
        }
        end += 1;
    }
    Some(end)
}

/// A number with an optional sign, between spaces.
fn time_of(text: &str) -> Option<When> {
    let text = text.trim_matches(is_space);
    let plain = text
        .bytes()
        .all(|c| c.is_ascii_digit() || matches!(c, b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    Some(if text.contains('.') {
        When::Part(number)
    } else {
        When::Step(number)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::schedule;

    /// A1111's `get_learned_conditioning_prompt_schedules(prompts, base_steps=20, hires_steps=10)`.
    #[rstest]
    #[case("[a:b:0.5]", &[(10, "b")])]
    #[case("[a:b:1.5]", &[(5, "a"), (10, "b")])]
    #[case("[a:b:25]", &[(5, "a"), (10, "b")])]
    #[case("[a:b:20]", &[(10, "b")])]
    #[case("[a:b:99]", &[(10, "a")])]
    fn times_count_on_in_a_second_pass(#[case] prompt: &str, #[case] expected: &[(usize, &str)]) {
        let found = schedule(prompt, 10, Some(20));
        let found: Vec<(usize, &str)> = found.iter().map(|(last, text)| (*last, text.as_str())).collect();
        assert_eq!(found, expected);
    }
}
