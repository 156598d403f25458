//! The held-out cases in the order of their scores.

/// Cases with score, label and decision, ascending by score. Each counts a number of times, which resampling changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// The score of each case, 0…1, ascending.
    pub scores: Vec<f64>,
    /// Whether it belongs to the positive class.
    pub labels: Vec<bool>,
    /// Whether it was treated as positive.
    pub decided: Vec<bool>,
    /// How many times it counts: 1, or how often it was drawn.
    pub counts: Vec<f64>,
}

impl Cases {
    /// Orders `(score, label, treated as positive)` by score. Cases with the same score keep their order.
    pub fn new(cases: impl IntoIterator<Item = (f64, bool, bool)>) -> Self {
        Self::with_order(cases).0
    }

    /// The same, with the place that each case came in at.
    pub(super) fn with_order(cases: impl IntoIterator<Item = (f64, bool, bool)>) -> (Self, Vec<usize>) {
        let mut cases: Vec<(usize, (f64, bool, bool))> = cases.into_iter().enumerate().collect();
        cases.sort_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
        let ordered = Self {
            scores: cases.iter().map(|(_, case)| case.0).collect(),
            labels: cases.iter().map(|(_, case)| case.1).collect(),
            decided: cases.iter().map(|(_, case)| case.2).collect(),
            counts: vec![1.0; cases.len()],
        };
        (ordered, cases.into_iter().map(|(place, _)| place).collect())
    }

    /// The number of cases, without their counts.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is no case.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The counted number of positive and of negative cases.
    pub fn classes(&self) -> (f64, f64) {
        self.iter().fold(
            (0.0, 0.0),
            |(positive, negative), (_, label, count)| {
                if label { (positive + count, negative) } else { (positive, negative + count) }
            },
        )
    }

    /// Score, label and count of each case, ascending by score.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (f64, bool, f64)> + '_ {
        self.scores.iter().zip(&self.labels).zip(&self.counts).map(|((&score, &label), &count)| (score, label, count))
    }

    /// The runs of cases with the same score, ascending: the counted positive and negative cases of each.
    pub fn ties(&self) -> Vec<(f64, f64, f64)> {
        let mut ties: Vec<(f64, f64, f64)> = Vec::new();
        for (score, label, count) in self.iter() {
            if ties.last().is_none_or(|last| last.0 != score) {
                ties.push((score, 0.0, 0.0));
            }
            if let Some((_, positive, negative)) = ties.last_mut() {
                *(if label { positive } else { negative }) += count;
            }
        }
        ties
    }
}
