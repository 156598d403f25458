//! "Did you mean": the name that is nearest to a mistyped one.

/// The candidate nearest to `name`, when it is near enough to be what was meant: at most a third of the letters
/// differ (by optimal string alignment: insertions, deletions, substitutions and swaps of neighbours).
///
/// ```
/// use nearside::canvas::nearest;
/// assert_eq!(nearest("incmoe", ["age", "income"]), Some("income"));
/// assert_eq!(nearest("postcode", ["age", "income"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let scored = candidates.into_iter().map(|candidate| (distance(name, candidate), candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    let longest = letters.max(candidate.chars().count());
    (distance <= (longest / 3).max(1) && distance < longest).then_some(candidate)
}

/// `did you mean "x"? accepted: a, b, x`, or only the accepted names when none is near.
pub(crate) fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let meant = nearest(name, candidates.iter().copied()).map(|near| format!("did you mean \"{near}\"? "));
    let accepted = if candidates.is_empty() { "none".to_owned() } else { candidates.join(", ") };
    format!("{}accepted: {accepted}", meant.unwrap_or_default())
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (lower(a), lower(b));
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["offline_evaluation", "decisions", "min", "max"];
        assert_eq!(nearest("ofline_evaluation", names), Some("offline_evaluation"));
        assert_eq!(nearest("Decisions", names), Some("decisions"));
        assert_eq!(nearest("mn", names), Some("min"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("min", []), None);
    }

    #[test]
    fn a_swap_of_neighbours_counts_once() {
        assert_eq!(distance("incmoe", "income"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
