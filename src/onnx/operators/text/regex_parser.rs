//! The syntax of RE2: from the text of a pattern to its tree.

use std::iter::Peekable;
use std::str::Chars;

/// How often one part may be repeated by a count, as in RE2.
const MAX_REPEATS: u32 = 1000;
/// How deep groups may lie in each other.
const MAX_DEPTH: usize = 200;

/// The tree of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Matches the empty text.
    Nothing,
    /// One character.
    Take(Set),
    /// No character, but a place in the text.
    Check(Assertion),
    /// One after the other.
    Sequence(Vec<Pattern>),
    /// Any of them.
    Either(Vec<Pattern>),
    /// At least so often, and at most so often.
    Repeat(Box<Pattern>, u32, Option<u32>),
}

/// A set of characters.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    /// First and last characters.
    ranges: Vec<(char, char)>,
    /// Whether the set holds what the ranges do not.
    negated: bool,
    /// Whether upper and lower case are the same.
    folded: bool,
}

impl Set {
    /// Whether a character is in the set.
    pub(super) fn has(&self, character: char) -> bool {
        let within = |character: char| self.ranges.iter().any(|&(first, last)| (first..=last).contains(&character));
        let mut found = within(character);
        if self.folded && !found {
            let (lower, upper) = (lower(character), upper(character));
            found = [lower, upper, self::upper(lower), self::lower(upper)].into_iter().any(within);
        }
        found != self.negated
    }
}

/// The lower case of a character where that is one character; else the character.
pub(super) fn lower(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

/// The upper case of a character where that is one character; else the character.
pub(super) fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

/// A place in the text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Assertion {
    Start,
    End,
    LineStart,
    LineEnd,
    WordBorder,
    NoWordBorder,
}

impl Assertion {
    /// Whether it holds between these two characters.
    pub(super) fn holds(self, before: Option<char>, after: Option<char>) -> bool {
        let word = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match self {
            Self::Start => before.is_none(),
            Self::End => after.is_none(),
            Self::LineStart => before.is_none_or(|character| character == '\n'),
            Self::LineEnd => after.is_none_or(|character| character == '\n'),
            Self::WordBorder => word(before) != word(after),
            Self::NoWordBorder => word(before) == word(after),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_takes_newline: bool,
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    flags: Flags,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

/// Reads a pattern.
pub(super) fn parse(text: &str) -> Parsed<Pattern> {
    let mut parser = Parser { rest: text.chars().peekable(), flags: Flags::default(), depth: 0 };
    let pattern = parser.either()?;
    match parser.rest.next() {
        Some(_) => Err("a closing parenthesis has no opening one".to_owned()),
        None => Ok(pattern),
    }
}

impl Parser<'_> {
    fn eat(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn either(&mut self) -> Parsed<Pattern> {
        let mut branches = vec![self.sequence()?];
        while self.eat('|') {
            branches.push(self.sequence()?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Pattern::Either(branches) })
    }

    fn sequence(&mut self) -> Parsed<Pattern> {
        let mut parts = Vec::new();
        while let Some(&next) = self.rest.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let part = self.part()?;
            parts.push(self.repeated(part)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Pattern::Sequence(parts) })
    }

    fn repeated(&mut self, part: Pattern) -> Parsed<Pattern> {
        let Some((least, most)) = self.count()? else { return Ok(part) };
        // Greedy or not is the same to a search for the longest match.
        self.eat('?');
        if self.count()?.is_some() {
            return Err("a repetition is repeated".to_owned());
        }
        Ok(Pattern::Repeat(Box::new(part), least, most))
    }

    fn count(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        Ok(match self.rest.peek() {
            Some('*') => self.rest.next().map(|_| (0, None)),
            Some('+') => self.rest.next().map(|_| (1, None)),
            Some('?') => self.rest.next().map(|_| (0, Some(1))),
            Some('{') => {
                let ahead: String = self.rest.clone().skip(1).take(16).collect();
                let Some((inside, _)) = ahead.split_once('}') else { return Ok(None) };
                let number = |text: &str| -> Option<u32> {
                    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
                };
                let bounds = match inside.split_once(',') {
                    None => number(inside).map(|count| (count, Some(count))),
                    Some((least, "")) => number(least).map(|least| (least, None)),
                    Some((least, most)) => number(least).zip(number(most)).map(|(least, most)| (least, Some(most))),
                };
                let Some((least, most)) = bounds else { return Ok(None) };
                if least > MAX_REPEATS || most.is_some_and(|most| most > MAX_REPEATS || most < least) {
                    return Err(format!("the repetition {{{inside}}} is not possible"));
                }
                self.rest.nth(inside.chars().count() + 1);
                Some((least, most))
            }
            _ => None,
        })
    }

    fn part(&mut self) -> Parsed<Pattern> {
        let Some(next) = self.rest.next() else { return Ok(Pattern::Nothing) };
        Ok(match next {
            '(' => return self.group(),
            '[' => Pattern::Take(self.class()?),
            '.' if self.flags.dot_takes_newline => self.set(vec![], true),
            '.' => self.set(vec![('\n', '\n')], true),
            '^' => Pattern::Check(if self.flags.lines { Assertion::LineStart } else { Assertion::Start }),
            '$' => Pattern::Check(if self.flags.lines { Assertion::LineEnd } else { Assertion::End }),
            '*' | '+' | '?' => return Err(format!("there is nothing to repeat before {next}")),
            '\\' => return self.escape(),
            literal => self.set(vec![(literal, literal)], false),
        })
    }

    fn set(&self, ranges: Vec<(char, char)>, negated: bool) -> Pattern {
        Pattern::Take(Set { ranges, negated, folded: self.flags.fold })
    }

    fn group(&mut self) -> Parsed<Pattern> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("groups lie more than {MAX_DEPTH} deep"));
        }
        let around = self.flags;
        if self.eat('?') {
            let named = self.eat('P');
            if self.eat('<') {
                let name: String = self.rest.by_ref().take_while(|&character| character != '>').collect();
                if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err("(?<…> is no name of a group".to_owned());
                }
            } else if named {
                return Err("(?P is no name of a group".to_owned());
            } else if !self.switches()? {
                // The flags hold to the end of the group around.
                self.depth -= 1;
                return Ok(Pattern::Nothing);
            }
        }
        let inner = self.either()?;
        self.flags = around;
        self.depth -= 1;
        if self.eat(')') { Ok(inner) } else { Err("a parenthesis is not closed".to_owned()) }
    }

    /// Reads `flags:` or `flags)`. Gives whether a group follows.
    fn switches(&mut self) -> Parsed<bool> {
        let mut on = true;
        loop {
            match self.rest.next() {
                Some('i') => self.flags.fold = on,
                Some('m') => self.flags.lines = on,
                Some('s') => self.flags.dot_takes_newline = on,
                Some('U') => {}
                Some('-') if on => on = false,
                Some(':') => return Ok(true),
                Some(')') => return Ok(false),
                other => return Err(format!("(?{} is not supported", other.unwrap_or_default())),
            }
        }
    }

    fn escape(&mut self) -> Parsed<Pattern> {
        let assertion = match self.rest.peek() {
            Some('b') => Assertion::WordBorder,
            Some('B') => Assertion::NoWordBorder,
            Some('A') => Assertion::Start,
            Some('z') => Assertion::End,
            Some('Q') => {
                self.rest.next();
                let mut parts = Vec::new();
                while let Some(character) = self.rest.next() {
                    if character == '\\' && self.eat('E') {
                        break;
                    }
                    parts.push(self.set(vec![(character, character)], false));
                }
                return Ok(Pattern::Sequence(parts));
            }
            _ => {
                return Ok(match self.escaped()? {
                    Escaped::One(character) => self.set(vec![(character, character)], false),
                    Escaped::Class(ranges) => self.set(ranges, false),
                });
            }
        };
        self.rest.next();
        Ok(Pattern::Check(assertion))
    }

    /// Reads what stands after a backslash: a character, or a class of them.
    fn escaped(&mut self) -> Parsed<Escaped> {
        let Some(next) = self.rest.next() else { return Err("it ends in a backslash".to_owned()) };
        Ok(match next {
            'd' => Escaped::Class(perl('d')),
            'D' => Escaped::Class(complement(&perl('d'))),
            'w' => Escaped::Class(perl('w')),
            'W' => Escaped::Class(complement(&perl('w'))),
            's' => Escaped::Class(perl('s')),
            'S' => Escaped::Class(complement(&perl('s'))),
            'a' => Escaped::One('\x07'),
            'f' => Escaped::One('\x0c'),
            'n' => Escaped::One('\n'),
            'r' => Escaped::One('\r'),
            't' => Escaped::One('\t'),
            'v' => Escaped::One('\x0b'),
            'x' => {
                let digits: String = if self.eat('{') {
                    self.rest.by_ref().take_while(|&character| character != '}').collect()
                } else {
                    self.rest.by_ref().take(2).collect()
                };
                let code = digits.chars().all(|c| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(&digits, 16).ok());
                let character = code.flatten().and_then(char::from_u32);
                Escaped::One(character.ok_or_else(|| format!("\\x{digits} is no character"))?)
            }
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(digit) = self.rest.peek().and_then(|character| character.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.rest.next();
                }
                Escaped::One(char::from_u32(code).unwrap_or_default())
            }
            letter if letter.is_ascii_alphanumeric() => return Err(format!("\\{letter} is not supported")),
            literal => Escaped::One(literal),
        })
    }

    fn class(&mut self) -> Parsed<Set> {
        let mut set = Set { negated: self.eat('^'), folded: self.flags.fold, ..Set::default() };
        let mut first = true;
        loop {
            let open = || "a bracket is not closed".to_owned();
            let next = self.rest.next().ok_or_else(open)?;
            let from = match next {
                ']' if !first => return Ok(set),
                '[' if self.rest.peek() == Some(&':') => {
                    self.rest.next();
                    let name: String = self.rest.by_ref().take_while(|&character| character != ']').collect();
                    set.ranges.extend(named(&name).ok_or_else(|| format!("[:{name}] is no class of characters"))?);
                    first = false;
                    continue;
                }
                '\\' => match self.escaped()? {
                    Escaped::One(character) => character,
                    Escaped::Class(ranges) => {
                        set.ranges.extend(ranges);
                        first = false;
                        continue;
                    }
                },
                literal => literal,
            };
            first = false;
            let mut ahead = self.rest.clone();
            if ahead.next() != Some('-') || matches!(ahead.next(), None | Some(']')) {
                set.ranges.push((from, from));
                continue;
            }
            self.rest.next();
            let to = match self.rest.next().ok_or_else(open)? {
                '\\' => match self.escaped()? {
                    Escaped::One(character) => character,
                    Escaped::Class(_) => return Err("a range ends in a class of characters".to_owned()),
                },
                literal => literal,
            };
            if to < from {
                return Err(format!("the range {from}-{to} is empty"));
            }
            set.ranges.push((from, to));
        }
    }
}

enum Escaped {
    One(char),
    Class(Vec<(char, char)>),
}

fn perl(letter: char) -> Vec<(char, char)> {
    match letter {
        'd' => vec![('0', '9')],
        'w' => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => vec![('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
    }
}

/// The class that is named `name:` between `[:` and `]`; with `^` before the name, its opposite.
fn named(name: &str) -> Option<Vec<(char, char)>> {
    let plain = name.strip_suffix(':')?;
    let (negated, plain) = plain.strip_prefix('^').map_or((false, plain), |plain| (true, plain));
    let ranges = match plain {
        "alnum" => vec![('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => vec![('A', 'Z'), ('a', 'z')],
        "ascii" => vec![('\0', '\x7f')],
        "blank" => vec![('\t', '\t'), (' ', ' ')],
        "cntrl" => vec![('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => vec![('0', '9')],
        "graph" => vec![('!', '~')],
        "lower" => vec![('a', 'z')],
        "print" => vec![(' ', '~')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => vec![('\t', '\r'), (' ', ' ')],
        "upper" => vec![('A', 'Z')],
        "word" => perl('w'),
        "xdigit" => vec![('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some(if negated { complement(&ranges) } else { ranges })
}

/// What sorted ranges leave out.
fn complement(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let mut left = Vec::with_capacity(ranges.len() + 1);
    let mut next = Some('\0');
    for &(first, last) in ranges {
        if let Some(start) = next.filter(|&start| start < first) {
            // The character before `first`, over the gap of the surrogates.
            let before = (start..first).next_back().unwrap_or(start);
            left.push((start, before));
        }
        next = (last..=char::MAX).nth(1);
    }
    left.extend(next.map(|start| (start, char::MAX)));
    left
}
