//! What the element is told: options and `--set PROPERTY=VALUE` in, elements with these properties out, and all of them as text for the manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use gst::glib;
use gst::prelude::*;

use crate::options::AnnotateOptions;

/// Properties that are not for `--set`, and what there is instead.
const TAKEN: [(&str, &str); 10] = [
    ("model-file", "the option --model names the model"),
    ("threads", "the option --threads says how many"),
    (
        "execution-provider",
        "that is the option --execution-provider",
    ),
    ("events-location", "the option --evidence keeps evidence"),
    ("results-location", "results are in the folder of --output"),
    ("on-error", "an input whose frames fail fails"),
    ("mode", "every frame waits for its own result here"),
    ("detections", "no other element detects here"),
    ("post-messages", "the tables are made of the messages"),
    ("model-instance-id", "all inputs share one model as it is"),
];
/// Of these the execution provider alone changes results.
const RECORDED: &str = "execution-provider";

/// What differs from the element's own defaults, unless `--set` says otherwise: what is asked later of an archive is whether explanations hold and what looked wrong, and of none of its events evidence is
/// missing.
const DEFAULTS: [(&str, &str); 4] = [
    ("check-explanations", "true"),
    ("events", "all"),
    ("events-budget", "18446744073709551615"),
    ("events-per-minute", "4294967295"),
];

/// What is drawn, which nobody sees without a picture.
const DRAWN: [&str; 3] = ["draw-boxes", "draw-labels", "draw-heatmap"];

/// How else pictures look.
const LOOKS: [&str; 6] = [
    "colour-map",
    "draw-age",
    "expire-overlay",
    "layout",
    "opacity",
    "output",
];

/// How much evidence there is.
const OF_EVIDENCE: [&str; 2] = ["events-budget", "events-per-minute"];

/// The properties of the elements of a run.
#[derive(Clone, Debug)]
pub struct ElementSettings {
    model: Option<PathBuf>,
    threads: u16,
    provider: String,
    set: Vec<(String, String)>,
    draws: bool,
    keeps_evidence: bool,
}

impl ElementSettings {
    /// Takes them from the options.
    ///
    /// # Errors
    /// A property that the element does not have, that is not for `--set`, or that does not take the value.
    pub fn of(options: &AnnotateOptions) -> Result<Self> {
        let settings = Self {
            model: options.model.clone(),
            threads: options.threads,
            provider: options.execution_provider.to_string(),
            set: options.set.clone(),
            draws: options.video || options.evidence,
            keeps_evidence: options.evidence,
        };
        settings.element()?;
        Ok(settings)
    }

    /// An element with these properties.
    ///
    /// # Errors
    /// As [`ElementSettings::of`].
    pub fn element(&self) -> Result<gst::Element> {
        let element = gst::ElementFactory::make("ssdcrp").build()?;
        element.set_property_from_str("mode", "every-frame");
        element.set_property("model-instance-id", "annotate");
        element.set_property("threads", u32::from(self.threads));
        if let Some(model) = &self.model {
            let model = std::path::absolute(model)?;
            let name = model.to_str();
            element.set_property("model-file", name.context("the model's path is not UTF-8")?);
        }
        set(&element, RECORDED, &self.provider)?;
        for (name, value) in DEFAULTS {
            set(&element, name, value)?;
        }
        for (name, value) in &self.set {
            let taken = TAKEN.iter().find(|(taken, _)| taken == name);
            if let Some((_, instead)) = taken {
                bail!("--set {name}={value}: the property is set already: {instead}");
            }
            set(&element, name, value).with_context(|| format!("--set {name}={value}"))?;
            ensure!(
                (name.as_str(), value.as_str()) != ("select", "missing"),
                "--set select=missing: tables have rows of what was detected alone; ssdcrp explain --missing asks why something was not"
            );
        }
        Ok(element)
    }

    /// The same, but nothing is drawn where no picture is kept.
    ///
    /// # Errors
    /// As [`ElementSettings::of`].
    pub fn for_run(&self) -> Result<gst::Element> {
        let element = self.element()?;
        if !self.draws {
            for name in DRAWN {
                element.set_property(name, false);
            }
        }
        Ok(element)
    }

    /// All of the element's own properties that results depend on, as text.
    ///
    /// # Errors
    /// As [`ElementSettings::of`].
    pub fn recorded(&self) -> Result<BTreeMap<String, String>> {
        let element = self.element()?;
        let own = element.list_properties();
        let own = own.iter().filter(|property| {
            let name = property.name();
            property.owner_type() == element.type_()
                && property.flags().contains(glib::ParamFlags::READWRITE)
                && (name == RECORDED || TAKEN.iter().all(|(taken, _)| *taken != name))
                && (self.draws || ![&DRAWN[..], &LOOKS].concat().contains(&name))
                && (self.keeps_evidence || !OF_EVIDENCE.contains(&name))
        });
        own.map(|property| {
            let name = property.name();
            Ok((name.to_owned(), text(&element.property_value(name))?))
        })
        .collect()
    }
}

/// A value as it is written after `--set`.
fn text(value: &glib::Value) -> Result<String> {
    if let Ok(text) = value.get::<Option<String>>() {
        return Ok(text.unwrap_or_default());
    }
    // Serialized it would have the digits of float64.
    if let Ok(number) = value.get::<f32>() {
        return Ok(number.to_string());
    }
    if let Some((_, choice)) = glib::EnumValue::from_value(value) {
        return Ok(choice.nick().to_owned());
    }
    Ok(value.serialize()?.into())
}

/// Sets a property of the element by text.
fn set(element: &gst::Element, name: &str, text: &str) -> Result<()> {
    let property = element.find_property(name).with_context(|| {
        format!("the element has no property '{name}'; gst-inspect-1.0 ssdcrp lists them")
    })?;
    ensure!(
        property.owner_type() == element.type_()
            && property.flags().contains(glib::ParamFlags::WRITABLE),
        "the property '{name}' cannot be set here"
    );
    if property.value_type() == glib::Type::STRING {
        // Whether the text is understood, the start says.
        element.set_property(name, text);
        return Ok(());
    }
    let value = glib::Value::deserialize_with_pspec(text, &property).ok();
    let value = value.filter(|value| is_in_range(value, &property));
    let value = value.with_context(|| {
        format!("the property '{name}' does not take '{text}'; gst-inspect-1.0 ssdcrp says what it takes")
    })?;
    element.set_property_from_value(name, &value);
    Ok(())
}

fn is_in_range(value: &glib::Value, property: &glib::ParamSpec) -> bool {
    if let Some(numbers) = property.downcast_ref::<glib::ParamSpecFloat>() {
        let range = numbers.minimum()..=numbers.maximum();
        return value.get().is_ok_and(|number: f32| range.contains(&number));
    }
    if let Some(numbers) = property.downcast_ref::<glib::ParamSpecUInt>() {
        let range = numbers.minimum()..=numbers.maximum();
        return value.get().is_ok_and(|number: u32| range.contains(&number));
    }
    true
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn settings(arguments: &[&str]) -> Result<ElementSettings> {
        gst::init().unwrap();
        gstssdcrp::register_static().unwrap();
        let all = ["annotate", "a.mp4", "-o", "out"].iter().chain(arguments);
        ElementSettings::of(&AnnotateOptions::try_parse_from(all).unwrap())
    }

    #[test]
    fn all_that_results_depend_on_is_recorded() {
        let recorded = settings(&[
            "--set",
            "score-threshold=0.3",
            "--set",
            "target=class:traffic light",
        ]);
        let recorded = recorded.unwrap().recorded().unwrap();
        for (name, value) in [
            ("score-threshold", "0.3"),
            ("target", "class:traffic light"),
            ("events", "all"),
            ("check-explanations", "true"),
            ("execution-provider", "cpu"),
            ("select", "best"),
            ("explain-interval", "0"),
        ] {
            assert_eq!(
                recorded.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        let picture = ["opacity", "draw-boxes", "events-budget"];
        for absent in ["threads", "model-file", "stats", "name", "qos"]
            .iter()
            .chain(&picture)
        {
            let absent = *absent;
            assert_eq!(recorded.get(absent), None, "{absent}");
        }
    }

    /// Nobody has to name another folder for what nobody sees.
    #[test]
    fn how_pictures_look_is_recorded_where_there_are_pictures() {
        let recorded = |further: &[&str]| settings(further).unwrap().recorded().unwrap();
        let (video, evidence) = (recorded(&["--video"]), recorded(&["--evidence"]));
        for name in DRAWN.iter().chain(&LOOKS) {
            assert!(
                video.contains_key(*name) && evidence.contains_key(*name),
                "{name}"
            );
        }
        for name in OF_EVIDENCE {
            assert!(
                !video.contains_key(name) && evidence.contains_key(name),
                "{name}"
            );
        }
        let opaque = recorded(&["--set", "opacity=0.5"]);
        assert_eq!(opaque, recorded(&[]));
        assert!(
            LOOKS
                .iter()
                .chain(&DRAWN)
                .all(|name| !opaque.contains_key(*name))
        );
    }

    #[test]
    fn a_property_that_cannot_be_set_is_refused_in_one_line() {
        for (set, words) in [
            ("colour=red", "has no property 'colour'"),
            ("score-threshold=2", "does not take '2'"),
            ("score-threshold=high", "does not take 'high'"),
            ("max-explanations=-1", "does not take '-1'"),
            ("select=nobody", "does not take 'nobody'"),
            ("name=x", "cannot be set here"),
            ("stats=x", "cannot be set here"),
            ("model-file=x", "the option --model"),
            ("on-error=passthrough", "an input whose frames fail fails"),
            ("select=missing", "ssdcrp explain --missing"),
        ] {
            let error = settings(&["--set", set]).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn nothing_is_drawn_where_no_picture_is_kept() {
        let draws = |arguments: &[&str]| {
            let element = settings(arguments).unwrap().for_run().unwrap();
            DRAWN.map(|name| element.property::<bool>(name))
        };
        assert_eq!(draws(&[]), [false; 3]);
        for kept in ["--video", "--evidence"] {
            assert_eq!(draws(&[kept]), [true; 3], "{kept}");
        }
    }
}
