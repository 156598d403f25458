//! Regular expressions in the syntax of RE2, which onnxruntime uses: matched in time proportional to the text, leftmost
//! and longest. `\w`, `\d`, `\s` and `\b` know ASCII letters only, as they do there; `\p{…}` is refused.

use super::regex_parser::{Assertion, Pattern, Set, parse};
use crate::error::{Error, ErrorKind, Result};

/// The most steps a pattern may compile to.
const MAX_STEPS: usize = 20_000;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Regex {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// Takes one character of the set.
    Take(Set),
    /// Goes on at both places.
    Fork(usize, usize),
    /// Goes on there.
    Jump(usize),
    /// Goes on only where this holds.
    Check(Assertion),
    /// The pattern is through.
    Done,
}

/// Where the search stands: each step once, with the earliest start that leads to it.
struct Threads {
    /// Step and start, earliest start first.
    list: Vec<(usize, usize)>,
    /// The round in which a step was last entered.
    entered: Vec<usize>,
}

impl Regex {
    /// Compiles a pattern. Fails with `unsupported-operator` for one that RE2 would not read, or that is too large.
    pub(super) fn new(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            let error = Error::new(ErrorKind::UnsupportedOperator, format!("the regular expression {text:?}: {why}"));
            error.help("write it in the syntax of RE2, without look-around, back references and \\p{…}")
        };
        let pattern = parse(text).map_err(refuse)?;
        let mut steps = Vec::new();
        if !compile(&pattern, &mut steps) {
            return Err(refuse(format!("it has more than {MAX_STEPS} steps")));
        }
        steps.push(Step::Done);
        Ok(Self { steps })
    }

    /// The leftmost match at or after byte `from`, and of those the longest: first byte and the byte after the last one.
    /// `from` must lie between two characters.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        self.search(text, from, false)
    }

    /// Whether the pattern matches the whole of a text.
    pub(super) fn matches_all(&self, text: &str) -> bool {
        self.search(text, 0, true).is_some_and(|(_, end)| end == text.len())
    }

    fn search(&self, text: &str, from: usize, at_start_only: bool) -> Option<(usize, usize)> {
        let mut now = Threads { list: Vec::new(), entered: vec![usize::MAX; self.steps.len()] };
        let mut next = Threads { list: Vec::new(), entered: vec![usize::MAX; self.steps.len()] };
        let mut best: Option<(usize, usize)> = None;
        let mut before = text.get(..from)?.chars().next_back();
        let mut rest = text.get(from..)?.chars();
        let mut at = from;
        loop {
            let character = rest.clone().next();
            if best.is_none() && (!at_start_only || at == from) {
                self.enter(0, at, at, (before, character), &mut now);
            }
            for index in 0..now.list.len() {
                let (step, start) = now.list[index];
                if best.is_some_and(|(earliest, _)| start > earliest) {
                    break;
                }
                match &self.steps[step] {
                    Step::Done => best = Some((start, at)),
                    Step::Take(set) => {
                        if let Some(character) = character.filter(|&character| set.has(character)) {
                            let after = at + character.len_utf8();
                            let following = text[after..].chars().next();
                            self.enter(step + 1, start, after, (Some(character), following), &mut next);
                        }
                    }
                    _ => {}
                }
            }
            let Some(character) = character else { return best };
            if next.list.is_empty() && (best.is_some() || at_start_only) {
                return best;
            }
            at += character.len_utf8();
            before = rest.next();
            std::mem::swap(&mut now, &mut next);
            next.list.clear();
        }
    }

    /// Adds a step, and all that follow from it without taking a character.
    fn enter(&self, step: usize, start: usize, at: usize, around: (Option<char>, Option<char>), threads: &mut Threads) {
        let mut waiting = vec![step];
        while let Some(step) = waiting.pop() {
            if std::mem::replace(&mut threads.entered[step], at) == at {
                continue;
            }
            match &self.steps[step] {
                Step::Fork(first, second) => waiting.extend([*second, *first]),
                Step::Jump(target) => waiting.push(*target),
                Step::Check(assertion) => {
                    if assertion.holds(around.0, around.1) {
                        waiting.push(step + 1);
                    }
                }
                Step::Take(_) | Step::Done => threads.list.push((step, start)),
            }
        }
    }
}

/// Appends the steps of a pattern. Gives false when there are too many.
fn compile(pattern: &Pattern, steps: &mut Vec<Step>) -> bool {
    if steps.len() > MAX_STEPS {
        return false;
    }
    match pattern {
        Pattern::Nothing => {}
        Pattern::Take(set) => steps.push(Step::Take(set.clone())),
        Pattern::Check(assertion) => steps.push(Step::Check(*assertion)),
        Pattern::Sequence(parts) => return parts.iter().all(|part| compile(part, steps)),
        Pattern::Either(branches) => {
            let mut ends = Vec::new();
            for (index, branch) in branches.iter().enumerate() {
                let last = index + 1 == branches.len();
                let fork = steps.len();
                if !last {
                    steps.push(Step::Fork(fork + 1, 0));
                }
                if !compile(branch, steps) {
                    return false;
                }
                if !last {
                    ends.push(steps.len());
                    steps.push(Step::Jump(0));
                    steps[fork] = Step::Fork(fork + 1, steps.len());
                }
            }
            for end in ends {
                steps[end] = Step::Jump(steps.len());
            }
        }
        Pattern::Repeat(inner, least, most) => {
            for _ in 0..*least {
                let before = steps.len();
                if !compile(inner, steps) {
                    return false;
                }
                // Nothing, however often, is nothing: nested counts must not be walked through.
                if steps.len() == before {
                    break;
                }
            }
            match most {
                None => {
                    let fork = steps.len();
                    steps.push(Step::Fork(0, 0));
                    if !compile(inner, steps) {
                        return false;
                    }
                    steps.push(Step::Jump(fork));
                    steps[fork] = Step::Fork(fork + 1, steps.len());
                }
                Some(most) => {
                    let mut forks = Vec::new();
                    for _ in *least..*most {
                        forks.push(steps.len());
                        steps.push(Step::Fork(0, 0));
                        if !compile(inner, steps) {
                            return false;
                        }
                    }
                    for fork in forks {
                        steps[fork] = Step::Fork(fork + 1, steps.len());
                    }
                }
            }
        }
    }
    steps.len() <= MAX_STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
        Regex::new(pattern).unwrap().find(text, 0).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn the_leftmost_match_is_taken_and_of_those_the_longest() {
        assert_eq!(found("[a-zA-Z0-9_]+", "  ab1_c d"), Some("ab1_c"));
        assert_eq!(found("a|ab|abc", "xabcd"), Some("abc"));
        assert_eq!(found("a?(ab)?", "ab"), Some("ab"));
        assert_eq!(found("a*?", "aaa"), Some("aaa"));
        assert_eq!(found("b{2,3}", "abbbbc"), Some("bbb"));
        assert_eq!(found("(?:ab){2}c?", "ababc"), Some("ababc"));
        assert_eq!(found("x*", "ab"), Some(""));
        assert_eq!(found("z", "ab"), None);
    }

    #[test]
    fn classes_flags_and_borders_follow_re2() {
        assert_eq!(found(r"\b\w\w+\b", "a naïve one"), Some("na"));
        assert_eq!(found(r"[^\W\d]+", "12ab3"), Some("ab"));
        assert_eq!(found("[[:upper:]-]+", "aB-Cd"), Some("B-C"));
        assert_eq!(found("[]a]+", "x]a]"), Some("]a]"));
        assert_eq!(found("(?i)straße", "STRAßE"), Some("STRAßE"));
        assert_eq!(found("(?i:a)b", "AB Ab"), Some("Ab"));
        assert_eq!(found(".+", "a\nb"), Some("a"));
        assert_eq!(found("(?s).+", "a\nb"), Some("a\nb"));
        assert_eq!(found("(?m)^b$", "a\nb"), Some("b"));
        assert_eq!(found("^b$", "a\nb"), None);
        assert_eq!(found(r"\x{e9}\x41\Q.*\E\.", "éA.*."), Some("éA.*."));
        assert_eq!(found("a{,2}b{2", "a{,2}b{2"), Some("a{,2}b{2"));
    }

    #[test]
    fn the_text_before_the_start_counts_for_borders() {
        let word = Regex::new(r"\bb").unwrap();
        assert_eq!(word.find("ab", 1), None);
        assert_eq!(word.find("a b", 1), Some((2, 3)));
        assert_eq!(Regex::new("^b").unwrap().find("ab", 1), None);
    }

    #[test]
    fn a_full_match_takes_the_whole_text() {
        let mail = Regex::new(r"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)").unwrap();
        assert!(mail.matches_all("account@gmail.com"));
        assert!(!mail.matches_all("account@hotmail.com"));
        assert!(!mail.matches_all("account@gmail.com now"));
        assert!(Regex::new("a|ab").unwrap().matches_all("ab"));
        assert!(Regex::new("").unwrap().matches_all(""));
    }

    #[test]
    fn hostile_patterns_end_in_an_error_or_in_time() {
        for pattern in ["(", ")", "[a", "a**", "*a", r"\p{L}", "(?=a)", r"\1", "a{1001}", "((a{1000}){1000})", "[b-a]"]
        {
            let error = Regex::new(pattern).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedOperator, "{pattern}");
        }
        assert!(Regex::new(&"(".repeat(100_000)).is_err());
        assert!(Regex::new(&format!("{}{}", "(".repeat(150), "){1000}".repeat(150))).is_ok());
        let slow = Regex::new("(a*)*(a|a)*b").unwrap();
        assert_eq!(slow.find(&"a".repeat(20_000), 0), None);
    }
}
