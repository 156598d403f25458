//! The terms of a text: what counts as one, and which ones are worth a column.

use super::fit::Expansion;
use std::collections::BTreeMap;

/// The letters and digits that terms are made of, as first and last characters: those of ASCII with the underscore, and the
/// letters of Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Indic, Georgian, Hangul, Kana and Han writing. In ASCII
/// this is `\w` of scikit-learn's `TfidfVectorizer`.
const LETTERS: [(char, char); 32] = [
    ('0', '9'),
    ('_', '_'),
    ('a', 'z'),
    ('\u{aa}', '\u{aa}'),
    ('\u{b5}', '\u{b5}'),
    ('\u{ba}', '\u{ba}'),
    ('\u{c0}', '\u{d6}'),
    ('\u{d8}', '\u{f6}'),
    ('\u{f8}', '\u{2af}'),
    ('\u{370}', '\u{373}'),
    ('\u{386}', '\u{386}'),
    ('\u{388}', '\u{3f5}'),
    ('\u{3f7}', '\u{3ff}'),
    ('\u{400}', '\u{481}'),
    ('\u{48a}', '\u{52f}'),
    ('\u{531}', '\u{556}'),
    ('\u{560}', '\u{588}'),
    ('\u{5d0}', '\u{5ea}'),
    ('\u{620}', '\u{64a}'),
    ('\u{660}', '\u{669}'),
    ('\u{66e}', '\u{6d3}'),
    ('\u{904}', '\u{939}'),
    ('\u{958}', '\u{961}'),
    ('\u{e01}', '\u{e30}'),
    ('\u{10a0}', '\u{10fa}'),
    ('\u{1100}', '\u{11ff}'),
    ('\u{1e00}', '\u{1fbc}'),
    ('\u{3041}', '\u{3096}'),
    ('\u{30a1}', '\u{30fa}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{ac00}', '\u{d7a3}'),
];

/// The fewest characters of a term, as in scikit-learn.
pub(super) const SHORTEST: usize = 2;

/// The terms of a text, in order: its longest runs of letters and digits in lower case, but for single characters.
///
/// Lower case is that of each character by itself, where that is one character; `İ` becomes `i`. This is what
/// StringNormalizer does.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let lower = |character: char| {
        let mut lower = character.to_lowercase();
        match (character, lower.next(), lower.next()) {
            ('İ', ..) => 'i',
            (_, Some(one), None) => one,
            _ => character,
        }
    };
    let text: String = text.chars().map(lower).collect();
    let is_letter = |letter: char| LETTERS.iter().any(|(first, last)| (first..=last).contains(&&letter));
    let runs = text.split(|letter| !is_letter(letter));
    runs.filter(|run| run.chars().count() >= SHORTEST).map(str::to_owned).collect()
}

/// The same as a regular expression, for the graph.
pub(super) fn pattern() -> String {
    let written = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => format!("\\x{{{:x}}}", u32::from(letter)),
    };
    let ranges = LETTERS.map(|(first, last)| match first == last {
        true => written(first),
        false => [written(first), written(last)].join("-"),
    });
    format!("[{}]+", ranges.concat())
}

/// The `most` terms that occur most often in these texts, of equally frequent ones the first by name, and what each
/// weighs: scikit-learn's smoothed inverse document frequency.
pub(super) fn learn<'t>(texts: impl Iterator<Item = &'t str>, most: usize) -> Expansion {
    // For each term: how often it occurs, in how many texts, and the last of these.
    let mut counts: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut number = 0;
    for text in texts {
        number += 1;
        for token in tokens(text) {
            let (times, texts, last) = counts.entry(token).or_default();
            *times += 1;
            *texts += usize::from(*last != number);
            *last = number;
        }
    }
    let mut all: Vec<(String, (usize, usize, usize))> = counts.into_iter().collect();
    all.sort_by_key(|(_, (times, ..))| std::cmp::Reverse(*times));
    all.truncate(most);
    all.sort();
    let weight = |texts: usize| f64::from((((1 + number) as f64 / (1 + texts) as f64).ln() + 1.0) as f32);
    let weights = all.iter().map(|(_, (_, texts, _))| weight(*texts)).collect();
    Expansion::Terms { terms: all.into_iter().map(|(term, _)| term).collect(), weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_a_run_of_letters_and_digits() {
        let text = "It's 3 o'clock: CAFÉ_noir — Straße 12, ΣΊΣΥΦΟΣ; Привет, 東京 x İstanbul 5×12";
        let wanted = ["it", "clock", "café_noir", "straße", "12", "σίσυφοσ", "привет", "東京", "istanbul", "12"]
            .map(str::to_owned);
        assert_eq!(tokens(text), wanted);
        assert!(tokens(" a, b; — ").is_empty());
    }

    /// Weights by `TfidfVectorizer(max_features=3)` of scikit-learn 1.9.1 on these texts.
    #[test]
    fn the_most_frequent_terms_are_kept_and_weighed() {
        let texts = ["red red apple", "green green apple", "red pear and green pear", "", "apple"];
        let Expansion::Terms { terms, weights } = learn(texts.into_iter(), 3) else { unreachable!() };
        assert_eq!(terms, ["apple", "green", "red"]);
        let wanted = [1.4054651, 1.6931472, 1.6931472];
        assert!(weights.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6), "{weights:?}");
        assert!(learn([""].into_iter(), 3).width() == 0);
    }
}
