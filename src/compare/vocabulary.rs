//! Which classes two models have in common: their labels in, what is likely not meant so out, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::matching::folded;
use crate::detect::Manifest;

/// How many names a warning lists.
const LISTED: usize = 5;

/// Warnings about the classes of a base and a candidate: that none is the same, and which are the same but for spaces, hyphens and the like.
pub(super) fn warnings(base: &Manifest, candidate: &Manifest) -> Vec<String> {
    let [base, candidate] = [base, candidate].map(labels);
    let is_common = |label: &&String| candidate.contains_key(*label);
    let mut warnings = Vec::new();
    if !base.keys().any(|label| is_common(&label)) {
        warnings.push(format!(
            "the models have no class in common: no object can be the same. The base has {}; the candidate has {}",
            listed(base.values()),
            listed(candidate.values())
        ));
    }
    let spelt: BTreeMap<String, &String> = (candidate.iter())
        .filter(|(label, _)| !base.contains_key(*label))
        .map(|(label, name)| (bare(label), name))
        .collect();
    let near: BTreeSet<String> = (base.iter())
        .filter(|(label, _)| !is_common(label))
        .filter_map(|(label, name)| {
            let other = spelt.get(&bare(label))?;
            Some(format!("\"{name}\" and \"{other}\""))
        })
        .collect();
    if !near.is_empty() {
        warnings.push(format!(
            "these classes count as different, although their labels differ only in spaces, hyphens and the like: {}. If they are the same, use one spelling in both manifests",
            listed(&near)
        ));
    }
    warnings
}

/// The names of what a model can detect, by the form in which they are compared.
fn labels(manifest: &Manifest) -> BTreeMap<String, String> {
    let classes = manifest.labels.classes();
    classes
        .filter(|&class| manifest.is_detectable(class))
        .map(|class| manifest.label(class).into_owned())
        .map(|name| (folded(&name), name))
        .collect()
}

/// A label without what stands between its words: "cell phone" is "cell_phone".
fn bare(label: &str) -> String {
    let bare: String = label.chars().filter(|c| c.is_alphanumeric()).collect();
    match bare.is_empty() {
        true => label.to_owned(),
        false => bare,
    }
}

/// "bird, cat, cow, dog, horse and 3 more".
fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<T> = names.into_iter().collect();
    let first: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let rest = names.len() - first.len();
    match (first.is_empty(), rest) {
        (true, _) => "none with a name".to_owned(),
        (false, 0) => first.join(", "),
        (false, _) => format!("{} and {rest} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_few() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(listed(names), "a, b, c, d, e and 2 more");
        assert_eq!(listed(&names[..2]), "a, b");
        assert_eq!(listed([""; 0]), "none with a name");
    }

    #[test]
    fn what_stands_between_words_does_not_tell_labels_apart() {
        for label in ["cell phone", "cell_phone", "cell-phone", "cellphone"] {
            assert_eq!(bare(label), "cellphone");
        }
        assert_eq!(bare("_"), "_");
        assert_ne!(bare("кот"), bare("собака"));
    }
}
