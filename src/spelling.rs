//! Names near one that does not exist: what a user typed and the names there are in, those that were likely meant out.

use strsim::levenshtein;

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
                levenshtein(&lower, &wanted)
            };
            (distance <= near_enough).then_some((distance, name))
        })
        .collect();
    // The sort keeps the order of names that are equally near.
    found.sort_by_key(|&(distance, _)| distance);
    let quoted = found.into_iter().map(|(_, name)| format!("\"{name}\""));
    quoted.take(SUGGESTIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
