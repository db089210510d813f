//! Texts changed at random in what they consist of: a line left out or twice, a number or a name that is another one.

use super::damage;
use crate::random::Random;

/// What stands between words in TOML, JSON and XML.
const BETWEEN: [char; 11] = [' ', ',', '[', ']', '"', '{', '}', '<', '>', ':', '='];

/// A line left out or twice, a number or a name that is another one, a byte that is another one.
pub fn spoil(text: &str, random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        let place = random.below(lines.len());
        let Some(line) = lines.get(place) else {
            break;
        };
        match random.below(6) {
            0 => drop(lines.remove(place)),
            1 => {
                let line = line.clone();
                lines.insert(random.below(lines.len() + 1), line);
            }
            _ => lines[place] = other_word(line, text, random),
        }
    }
    let mut bytes = lines.join("\n").into_bytes();
    if random.below(4) == 0 {
        damage(&mut bytes, text.as_bytes(), random);
    }
    bytes
}

/// The line with another word in the place of one of its own; what ends the word stays.
fn other_word(line: &str, text: &str, random: &mut Random) -> String {
    let words: Vec<&str> = line.split_inclusive(BETWEEN).collect();
    let changed = random.below(words.len());
    let value = match random.below(6) {
        0 => random.number().to_string(),
        1 => format!("{:?}", random.value()).to_lowercase(),
        2 => "\"\"".to_owned(),
        3 => "[]".to_owned(),
        _ => {
            let others: Vec<&str> = text
                .split(BETWEEN)
                .filter(|word| !word.is_empty())
                .collect();
            random
                .one_of(&others)
                .map(|&word| word.to_owned())
                .unwrap_or_default()
        }
    };
    let words = words.iter().enumerate().map(|(index, &word)| {
        let end = word.trim_start_matches(|c: char| !BETWEEN.contains(&c));
        match index == changed {
            true => format!("{value}{end}"),
            false => word.to_owned(),
        }
    });
    words.collect()
}
