//! Putting short lists in order, and numbers between others.

/// Sorts by insertion; what is neither before the other stays in its order. For lists of features, rules and the like: the sorts
/// of the standard library are faster on long ones, and would be a tenth of the small runtime.
pub fn order<T>(items: &mut [T], before: impl Fn(&T, &T) -> bool) {
    for end in 1..items.len() {
        let mut place = end;
        while place > 0 && before(&items[place], &items[place - 1]) {
            items.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// A number held between two others; what is not a number stays so. `clamp` checks its limits, and with the words for that comes
/// the code that writes floats.
pub fn held(value: f64, low: f64, high: f64) -> f64 {
    match value {
        value if value < low => low,
        value if value > high => high,
        value => value,
    }
}

/// Sorts many numbers, ascending, as a heap (Williams, 1964). None of them may be NaN.
pub fn order_many<T: Copy + PartialOrd>(numbers: &mut [T]) {
    let sink = |numbers: &mut [T], mut root: usize| {
        loop {
            let mut child = 2 * root + 1;
            if child + 1 < numbers.len() && numbers[child] < numbers[child + 1] {
                child += 1;
            }
            if child >= numbers.len() || numbers[root] >= numbers[child] {
                break;
            }
            numbers.swap(root, child);
            root = child;
        }
    };
    (0..numbers.len() / 2).rev().for_each(|root| sink(numbers, root));
    for end in (1..numbers.len()).rev() {
        numbers.swap(0, end);
        sink(&mut numbers[..end], 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_stable_sort() {
        let mut items: Vec<(u32, usize)> = (0..200).map(|place| ((place * 7919 % 13) as u32, place)).collect();
        let mut wanted = items.clone();
        wanted.sort_by_key(|item| item.0);
        order(&mut items, |a, b| a.0 < b.0);
        assert_eq!(items, wanted);
    }

    #[test]
    fn many_numbers_are_sorted() {
        for count in [0, 1, 2, 3, 10, 1000] {
            let mut numbers: Vec<f64> = (0..count).map(|place| f64::from(place * 7919 % 1013)).collect();
            let mut wanted = numbers.clone();
            wanted.sort_by(f64::total_cmp);
            order_many(&mut numbers);
            assert_eq!(numbers, wanted);
        }
    }
}
