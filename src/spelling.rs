//! Names near one that does not exist: what a user typed and the names there are in, those that were likely meant out.

/// How many names an error about an unknown one suggests.
const SUGGESTIONS: usize = 3;

/// The quoted `names` that are likely meant by `wanted`, in any case, the likeliest first.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    if wanted.is_empty() {
        return vec![];
    }
    let near_enough = (wanted.chars().count() / 3).max(2);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // "phone" means "cell phone", and "relu6" "Conv_1/relu6", although they are letters apart.
            let mut parts = lower.split(|c: char| c.is_whitespace() || c == '/');
            let distance = if parts.any(|part| part == wanted) {
                1
            } else {
                edit_distance(&lower, &wanted)
            };
            (distance <= near_enough).then_some((distance, name))
        })
        .collect();
    // The sort keeps the order of names that are equally near.
    found.sort_by_key(|&(distance, _)| distance);
    let quoted = found.into_iter().map(|(_, name)| format!("\"{name}\""));
    quoted.take(SUGGESTIONS).collect()
}

/// The least number of letters to insert, delete or replace to turn one word into the other (Levenshtein 1966).
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut current = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            current.push(replaced.min(previous[j + 1] + 1).min(current[j] + 1));
        }
        previous = current;
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_letters() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "dog"), 3);
        assert_eq!(edit_distance("dog", "dog"), 0);
    }

    #[test]
    fn the_nearest_come_first_and_far_ones_not_at_all() {
        let names = ["head1/class", "head0/class", "head0/box", "Conv_1/relu6"];
        assert_eq!(
            nearest("Head0/clas", names),
            ["\"head0/class\"", "\"head1/class\""]
        );
        assert_eq!(nearest("relu6", names), ["\"Conv_1/relu6\""]);
        assert!(nearest("logits", names).is_empty() && nearest("", names).is_empty());
    }
}
