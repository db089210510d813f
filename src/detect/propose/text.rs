//! How values stand in a proposed manifest.

/// Behind a value that the graph does not say.
pub(super) const GUESS: &str = "# a guess";

pub(super) fn list(values: &[f32]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|v| format!("{:?}", (v * 1e3).round() / 1e3))
        .collect();
    format!("[{}]", values.join(", "))
}

/// A name, or a list with a line for each.
pub(super) fn one_or_all(names: &[String]) -> String {
    match names {
        [name] => quoted(name),
        _ => all(names),
    }
}

/// A list, whatever the number of names.
pub(super) fn all(names: &[String]) -> String {
    let lines = names.iter().map(|name| format!("    {},\n", quoted(name)));
    format!("[\n{}]", lines.collect::<String>())
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
