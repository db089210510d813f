//! How wrong an object looks: what is known of it in, a number to sort by out.

use super::photo::ReportedObject;

/// What a map that did no better than chance adds to how wrong an object looks that nothing else ranks: less than any event, more than any score.
pub(super) const UNPROVEN: f32 = 1.0;

/// How wrong an object looks. An event weighs more than any score, and an error more than any event.
pub(super) fn suspicion(object: &ReportedObject) -> f32 {
    let severity: f32 = object.events.iter().map(|event| event.severity).sum();
    let events = if object.events.is_empty() { 0.0 } else { 2.0 };
    let error = if object.is_error() { 100.0 } else { 0.0 };
    10.0 * severity + events + error + 1.0 - object.found.score
}

/// Whether something else than its score and its explanation says how wrong an object looks.
pub(super) fn is_ranked(object: &ReportedObject) -> bool {
    object.is_error() || !object.events.is_empty()
}

/// Keeps those of the largest values, no more than `most`, the largest first; of equal ones the first.
pub(super) fn keep_largest<T: Copy + Ord>(
    items: &mut Vec<T>,
    value: impl Fn(T) -> f32,
    most: usize,
) {
    let mut valued: Vec<(f32, T)> = items.iter().map(|&item| (value(item), item)).collect();
    let order = |(a, first): &(f32, T), (b, second): &(f32, T)| {
        b.total_cmp(a).then_with(|| first.cmp(second))
    };
    // Only what is kept has to be in order.
    if most < valued.len() {
        valued.select_nth_unstable_by(most, order);
        valued.truncate(most);
    }
    valued.sort_unstable_by(order);
    items.clear();
    items.extend(valued.into_iter().map(|(_, item)| item));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_those_that_look_worst() {
        let values = [0.5, 2.0, 0.5, 9.0, 0.25];
        let kept = |most: usize| {
            let mut items = vec![0, 1, 2, 3, 4];
            keep_largest(&mut items, |item: usize| values[item], most);
            items
        };
        assert_eq!(kept(9), [3, 1, 0, 2, 4]);
        assert_eq!(kept(5), [3, 1, 0, 2, 4]);
        assert_eq!(kept(3), [3, 1, 0]);
        assert!(kept(0).is_empty());
    }

    #[test]
    fn each_is_valued_once() {
        let asked = std::cell::Cell::new(0);
        let mut items: Vec<usize> = (0..1000).collect();
        let value = |item: usize| {
            asked.set(asked.get() + 1);
            (item % 7) as f32
        };
        keep_largest(&mut items, value, 3);
        assert_eq!((items, asked.get()), (vec![6, 13, 20], 1000));
    }
}
