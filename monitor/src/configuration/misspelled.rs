//! What an unknown key was likely meant to be. In: the error of whoever reads the file. Out: the same with the likeliest key first.

/// Keys that are less like each other are not taken for each other.
const LIKE_ENOUGH: f32 = 0.5;

/// Of "unknown field `modell`, expected one of `name`, `model`": "unknown field `modell`; did you mean `model`? Expected one of …".
pub fn with_hint(words: &str) -> String {
    let mut names = words.split('`').skip(1).step_by(2);
    let (Some(wanted), true) = (names.next(), words.contains("unknown field")) else {
        return words.to_owned();
    };
    let nearest = names
        .map(|name| (likeness(wanted, name), name))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, name)) => {
            let hint = format!("; did you mean `{name}`? Expected");
            words.replacen(", expected", &hint, 1)
        }
        None => words.to_owned(),
    }
}

/// How many of their pairs of letters two words share, 0 to 1.
fn likeness(a: &str, b: &str) -> f32 {
    let pairs = |word: &str| -> Vec<[u8; 2]> {
        let word = word.to_lowercase().replace('_', "-");
        let pairs = word.as_bytes().windows(2);
        pairs.map(|pair| [pair[0], pair[1]]).collect()
    };
    let (of_a, mut of_b) = (pairs(a), pairs(b));
    let all = (of_a.len() + of_b.len()).max(1);
    let mut shared = 0;
    for pair in of_a {
        if let Some(place) = of_b.iter().position(|other| *other == pair) {
            of_b.swap_remove(place);
            shared += 1;
        }
    }
    2.0 * shared as f32 / all as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_key_comes_first() {
        let words = |wanted: &str| {
            with_hint(&format!(
                "unknown field `{wanted}`, expected one of `name`, `source`, `score-threshold`, `model`"
            ))
        };
        for (wanted, meant) in [
            ("modell", "model"),
            ("sourc", "source"),
            ("Score_Threshold", "score-threshold"),
        ] {
            let words = words(wanted);
            assert!(
                words.contains(&format!(
                    "`; did you mean `{meant}`? Expected one of `name`"
                )),
                "{words}"
            );
        }
        assert!(words("colour").contains("`colour`, expected one of"));
        assert_eq!(with_hint("no `a`, `aa`"), "no `a`, `aa`");
    }
}
