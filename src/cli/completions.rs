//! What shells offer behind an option, and on the man pages: the declared command in; the same with lists of known values, and with the options of the program behind `annotate`, out.
//!
//! The command that parses knows nothing of it, so that other values, such as a class's name, are taken, too.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, ValueHint};
use ssdcrp::crp::{Contrast, PRESETS, TargetOutput};
#[cfg(feature = "built-in-model")]
use ssdcrp::detect::{Manifest, Model};
use ssdcrp::evaluate::BASELINES;
use ssdcrp::heatmap::ColourMap;
use ssdcrp::runtime::ExecutionProvider;

use super::compare::BUILT_IN;

/// Options of `ssdcrp-annotate` that `ssdcrp` has not, with what they take; a test holds them against its help.
const OF_ANNOTATE: [(&str, Option<char>, Option<ValueHint>); 10] = [
    ("output", Some('o'), Some(ValueHint::DirPath)),
    ("list", None, None),
    ("null", Some('0'), None),
    ("prepare", None, None),
    ("video", None, None),
    ("evidence", None, None),
    ("shard", None, Some(ValueHint::Other)),
    ("set", None, Some(ValueHint::Other)),
    ("help", Some('h'), None),
    ("version", Some('V'), None),
];

/// With all that shells may offer.
pub fn offering(command: Command) -> Command {
    let providers = ExecutionProvider::ALL.map(|provider| provider.to_string());
    let command = command.mut_arg("execution_provider", |arg| known(arg, providers.into()));
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        if name == "annotate" {
            return with_options(verb);
        }
        verb.mut_args(|arg| match values(&name, arg.get_id().as_str()) {
            Some(values) => known(arg, values),
            None => arg,
        })
    })
}

/// The argument with values that shells offer, and files beside them where it takes files.
fn known(arg: Arg, values: Vec<String>) -> Arg {
    let hint = arg.get_value_hint();
    // They live until the process ends, which is when all is written.
    let values = values
        .into_iter()
        .map(|value| PossibleValue::new(&*value.leak()));
    arg.value_parser(PossibleValuesParser::new(values))
        .value_hint(hint)
        .hide_possible_values(true)
}

fn with_options(annotate: Command) -> Command {
    let inputs = |arg: Arg| arg.value_hint(ValueHint::AnyPath);
    let annotate = annotate.mut_arg("arguments", inputs);
    let options = OF_ANNOTATE.into_iter();
    annotate.args(options.map(|(long, short, taken)| {
        let arg = Arg::new(long).long(long);
        let arg = short.into_iter().fold(arg, Arg::short);
        match taken {
            Some(hint) => arg.action(ArgAction::Set).value_hint(hint),
            None => arg.action(ArgAction::SetTrue),
        }
    }))
}

/// The values of an option of a verb that are known.
fn values(verb: &str, option: &str) -> Option<Vec<String>> {
    let values: Vec<String> = match (verb, option) {
        (_, "target" | "targets") => with_classes(TargetOutput::forms()),
        (_, "contrast") => with_classes(Contrast::forms()),
        ("compare", "base" | "candidate") => vec![BUILT_IN.to_owned()],
        (_, "composite" | "composites") => PRESETS.map(str::to_owned).into(),
        (_, "baselines") => BASELINES.map(str::to_owned).into(),
        (_, "colour_map") => ColourMap::ALL.map(|map| map.name().to_owned()).into(),
        ("explain", "seed") => ["score", "unit"].map(str::to_owned).into(),
        (_, "deletion") => ["blurred", "mean-colour"].map(str::to_owned).into(),
        _ => return None,
    };
    Some(values)
}

/// The forms of a target or contrast with the built-in model's classes for NAME. A program without that model knows no class.
fn with_classes(forms: Vec<String>) -> Vec<String> {
    let classes = built_in_classes();
    let (named, plain): (Vec<String>, Vec<String>) =
        (forms.into_iter()).partition(|form| form.contains(NAME));
    let of_classes = named.iter().flat_map(|form| {
        let classes = classes.iter();
        classes.map(|class| form.replace(NAME, class))
    });
    of_classes.chain(plain).collect()
}

/// What stands for a class in a form.
const NAME: &str = "NAME";

#[cfg(feature = "built-in-model")]
fn built_in_classes() -> Vec<String> {
    let (_, manifest) = Model::built_in_files();
    let Ok(manifest) = Manifest::parse(manifest, "(built-in manifest)") else {
        return Vec::new();
    };
    let classes = manifest.labels.classes();
    classes
        .filter(|&class| manifest.is_detectable(class))
        .map(|class| manifest.labels.name(class).into_owned())
        .collect()
}

#[cfg(not(feature = "built-in-model"))]
fn built_in_classes() -> Vec<String> {
    Vec::new()
}
