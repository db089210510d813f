//! What shells offer behind an option, and on the man pages: the declared command in; the same with lists of known values, and with the options of the program behind `annotate`, out.
//!
//! The command that parses knows nothing of it, so that other values, such as a class's name, are taken, too.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, ValueHint};
use ssdcrp::crp::{Contrast, PRESETS, TargetOutput};
use ssdcrp::evaluate::BASELINES;
use ssdcrp::heatmap::ColourMap;

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
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        if name == "annotate" {
            return with_options(verb);
        }
        verb.mut_args(|arg| match values(&name, arg.get_id().as_str()) {
            Some(values) => arg
                .value_parser(PossibleValuesParser::new(values))
                .hide_possible_values(true),
            None => arg,
        })
    })
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
fn values(verb: &str, option: &str) -> Option<Vec<PossibleValue>> {
    let values: Vec<String> = match (verb, option) {
        (_, "target" | "targets") => TargetOutput::forms(),
        (_, "contrast") => Contrast::forms(),
        (_, "composite" | "composites") => PRESETS.map(str::to_owned).into(),
        (_, "baselines") => BASELINES.map(str::to_owned).into(),
        (_, "colour_map") => ColourMap::ALL.map(|map| map.name().to_owned()).into(),
        ("explain", "seed") => ["score", "unit"].map(str::to_owned).into(),
        (_, "deletion") => ["blurred", "mean-colour"].map(str::to_owned).into(),
        _ => return None,
    };
    // A shell sets a blank behind what it offers, where a class's name, which only a model knows, would have to follow.
    let values = values.into_iter().filter(|value| !value.contains("NAME"));
    let values = values.map(|value| {
        // Until the process ends, which is when all is written.
        PossibleValue::new(&*value.leak())
    });
    Some(values.collect())
}
