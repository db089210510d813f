//! The element's page, docs/element.md, says what the element is.

use gst::glib;
use gst::prelude::*;

use super::documents::shown_commands;
use super::support::element;

const PAGE: &str = include_str!("../../../docs/element.md");

/// A row of the page's table of properties, from the element itself.
fn row(property: &glib::ParamSpec) -> String {
    let kind = match property.value_type().name() {
        "gchararray" => "string".to_owned(),
        "gboolean" => "boolean".to_owned(),
        "gfloat" => format!("float{}", range(property)),
        "guint" => format!("uint{}", range(property)),
        "guint64" => "uint64".to_owned(),
        "GstStructure" => "GstStructure".to_owned(),
        _ => nicks(property).join(" \\| "),
    };
    let is_set = property.flags().contains(glib::ParamFlags::WRITABLE);
    let default = property.default_value();
    let default = match (default.get::<Option<String>>(), default.get::<f32>()) {
        _ if !is_set => "–".to_owned(),
        (Ok(None), _) => "unset".to_owned(),
        (Ok(Some(text)), _) if text.is_empty() => "empty".to_owned(),
        (Ok(Some(text)), _) => format!("`{text}`"),
        (_, Ok(number)) => format!("`{number}`"),
        _ => format!("`{}`", default.serialize().unwrap()),
    };
    let when = match property.flags() {
        _ if !is_set => "never",
        flags if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) => "always",
        _ => "null, ready",
    };
    let blurb = property.blurb().unwrap_or_default();
    let blurb = blurb.replace('|', "\\|");
    format!(
        "| `{}` | {kind} | {default} | {blurb} | {when} |",
        property.name()
    )
}

/// The values that a property takes, behind its type: ", 0 to 1", or ", from 1".
fn range(property: &glib::ParamSpec) -> String {
    let (least, most, unlimited) = if let Some(of) = property.downcast_ref::<glib::ParamSpecFloat>()
    {
        (of.minimum(), of.maximum(), f32::MAX)
    } else if let Some(of) = property.downcast_ref::<glib::ParamSpecUInt>() {
        (of.minimum() as f32, of.maximum() as f32, u32::MAX as f32)
    } else {
        return String::new();
    };
    match most < unlimited {
        true => format!(", {least} to {most}"),
        false => format!(", from {least}"),
    }
}

/// The values of an enumeration.
fn nicks(property: &glib::ParamSpec) -> Vec<String> {
    let class = glib::EnumClass::with_type(property.value_type()).unwrap();
    (class.values().iter())
        .map(|value| format!("`{}`", value.nick()))
        .collect()
}

#[test]
fn the_page_lists_all_properties_as_they_are() {
    let (element, _) = element(&[]);
    let own = (element.list_properties().into_iter())
        .filter(|property| property.owner_type() == element.type_());
    let rows: Vec<String> = own.map(|property| row(&property)).collect();
    assert!(rows.len() > 10);
    let table = format!(
        "| property | type | default | | may be changed |\n|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    assert!(PAGE.contains(&table), "the page must contain:\n{table}");
}

#[test]
fn the_page_lists_the_formats() {
    let (element, _) = element(&[]);
    let caps = element.static_pad("sink").unwrap().pad_template_caps();
    let formats = caps.structure(0).unwrap().get::<gst::List>("format");
    let formats: Vec<String> = (formats.unwrap().iter())
        .map(|format| format.get().unwrap())
        .collect();
    let list = formats.join(", ");
    let page = PAGE.replace('\n', " ");
    assert!(page.contains(&list), "the page must contain: {list}");
}

/// Every pipeline of README and docs: its elements, their properties, the values that these take, and an order in which they can be linked.
#[test]
fn pipelines_of_the_pages_are_understood() {
    super::support::init();
    let mut tried = 0;
    for shown in shown_commands() {
        let Some(arguments) = shown.arguments_of("gst-launch-1.0") else {
            continue;
        };
        let words = arguments.iter().map(String::as_str);
        let words: Vec<&str> = words.skip_while(|word| word.starts_with('-')).collect();
        let parsed = gst::parse::launchv_full(&words, None, gst::ParseFlags::FATAL_ERRORS);
        if let Err(error) = parsed {
            panic!("{}: {words:?}: {error}", shown.page);
        }
        tried += 1;
    }
    assert!(tried > 8, "{tried}");
}
