//! A run of `ssdcrp explain`: pictures in, one after another; their explanations as files, records and words out.

use anyhow::{Result, bail};
use ssdcrp::check::Checker;
use ssdcrp::crp::{Propagator, Target};
use ssdcrp::heatmap::{ColourMap, smoothed};
use ssdcrp::report::counted;

use super::super::default_box::DefaultBoxArgs;
use super::super::detected_photo::{DetectedPhoto, PhotoDetector};
use super::super::input_files::InputFiles;
use super::super::json::{self, MissingRecord};
use super::super::output::{self, TextBlocks};
use super::super::picture::PhotoOverlay;
use super::super::source_picture::SourcePicture;
use super::super::text;
use super::answer::ExplanationOutput;
use super::asking::{AskedTarget, AskedTargets, ExplainQuestion};
use super::explained_folder::ExplainedFolder;
use super::places::{self, ExplainPlaces};

/// What a run works with.
pub struct ExplainRun<'a> {
    pub show: ExplainShow,
    /// Whether several pictures may be meant.
    pub several: bool,
    pub default_box: &'a DefaultBoxArgs,
    pub question: ExplainQuestion,
    pub places: ExplainPlaces,
    /// What must not be replaced.
    pub read: InputFiles,
    pub explainer: Propagator,
    pub folder: Option<ExplainedFolder>,
    pub blocks: TextBlocks,
    pub counts: ExplainCounts,
}

/// How results are shown.
#[derive(Clone, Copy)]
pub struct ExplainShow {
    /// As JSON rather than in words.
    pub json: bool,
    /// With the logits of all classes.
    pub logits: bool,
    /// Whether each is checked.
    pub check: bool,
    /// The σ by which what is drawn is smoothed.
    pub smooth: f32,
    pub colours: ColourMap,
}

/// How many pictures there were.
#[derive(Default)]
pub struct ExplainCounts {
    explained: usize,
    /// By an earlier run.
    before: usize,
    /// Without anything to explain.
    nothing: usize,
}

impl ExplainRun<'_> {
    /// Explains a picture, unless that was done before.
    ///
    /// # Errors
    /// It cannot be read, what is asked is not there, or a file cannot be written.
    pub fn explain(
        &mut self,
        mut picture: SourcePicture,
        detector: &mut PhotoDetector,
    ) -> Result<()> {
        let known = match &self.folder {
            Some(folder) => folder.known(&mut picture)?,
            None => None,
        };
        if let Some(known) = known {
            self.counts.before += 1;
            return match self.show.json {
                true => output::print_json_text(&known),
                false => Ok(()),
            };
        }
        let mut detected = detector.look(picture)?;
        let asked = match self.question.of(&detected, self.default_box)? {
            AskedTargets::These(asked) => asked,
            AskedTargets::Nothing(why) if self.several => {
                return self.tell_nothing(&detected, &why);
            }
            AskedTargets::Nothing(why) => bail!(why),
        };
        let mut answers = self.answers(&mut detected, asked)?;
        self.write_files(&detected, &mut answers)?;
        self.counts.explained += 1;
        if self.show.json || self.folder.is_some() {
            let record = self.record(&detected, &answers)?;
            self.keep_or_print(&detected, &record)?;
        }
        match self.show.json {
            true => Ok(()),
            false => {
                let summary = self.summary(&detected, &answers)?;
                self.blocks.print(&summary)
            }
        }
    }

    /// A picture in which there is nothing to explain.
    fn tell_nothing(&mut self, detected: &DetectedPhoto, words: &str) -> Result<()> {
        self.counts.nothing += 1;
        let mut record = json::PhotoRecord::new(detected, self.show.logits)?;
        record.set_nothing(words);
        self.keep_or_print(detected, &record)?;
        match self.show.json {
            true => Ok(()),
            false => self.blocks.print(&format!("{words}\n")),
        }
    }

    /// Puts a record into the folder, if there is one, and prints it where JSON is asked for.
    fn keep_or_print(&self, detected: &DetectedPhoto, record: &json::PhotoRecord) -> Result<()> {
        match &self.folder {
            Some(folder) => {
                let text = folder.keep(&detected.source, record)?;
                match self.show.json {
                    true => output::print_json_text(&text),
                    false => Ok(()),
                }
            }
            None if self.show.json => output::print_json(record),
            None => Ok(()),
        }
    }

    /// All explanations of a picture, checked where that is wanted.
    fn answers(
        &mut self,
        detected: &mut DetectedPhoto,
        asked: Vec<AskedTarget>,
    ) -> Result<Vec<ExplanationOutput>> {
        let targets: Vec<Target> = asked.iter().map(|asked| asked.target.clone()).collect();
        let explanations = self.explainer.explain(&detected.forward, &targets)?;
        let mut answers = asked
            .into_iter()
            .zip(explanations)
            .map(|(asked, explanation)| ExplanationOutput::new(detected, asked, explanation))
            .collect::<Result<Vec<_>>>()?;
        if self.show.check {
            let DetectedPhoto {
                model,
                detector,
                forward,
                ..
            } = detected;
            let mut checker = Checker::new(model, detector, forward);
            for answer in &mut answers {
                let question = &answer.explanation.question;
                answer.check = Some(checker.check(question, &answer.map)?);
            }
        }
        Ok(answers)
    }

    /// Writes pictures and maps where they were asked for.
    fn write_files(
        &self,
        detected: &DetectedPhoto,
        answers: &mut [ExplanationOutput],
    ) -> Result<()> {
        let show = self.show;
        let several = self.question.may_have_several_answers();
        for (index, answer) in answers.iter_mut().enumerate() {
            let target = answer.explanation.question.target.clone();
            let file = |place| {
                let path = places::file_of(place, &detected.source, &target, index, several);
                self.read.check_kept(&path)?;
                Ok::<_, anyhow::Error>((places::name_of(place, &path)?, path))
            };
            if let Some(place) = &self.places.pictures {
                let (name, path) = file(place)?;
                let map = smoothed(answer.map.view(), show.smooth);
                let picture = PhotoOverlay {
                    map: &map,
                    explained: &answer.explained,
                    missing: answer.missing.as_ref(),
                    caption: &answer.caption(detected, self.explainer.composite(), show.colours),
                    colours: show.colours,
                    doubtful: answer.check.as_ref().is_some_and(|check| !check.passed()),
                };
                output::write_picture(&path, &picture.draw(detected)?)?;
                answer.files.push(name);
            }
            if let Some(place) = &self.places.maps {
                let (name, path) = file(place)?;
                output::write_map(&path, &answer.map)?;
                answer.files.push(name);
            }
        }
        Ok(())
    }

    fn record<'a>(
        &'a self,
        detected: &'a DetectedPhoto,
        answers: &'a [ExplanationOutput],
    ) -> Result<json::PhotoRecord<'a>> {
        let mut record = json::PhotoRecord::new(detected, self.show.logits)?;
        for answer in answers {
            let missing = answer.missing.as_ref();
            record.add(
                &answer.explanation,
                &self.explainer.composite().name,
                &answer.summary,
                answer.check.as_ref(),
                missing.map(|missing| MissingRecord::new(detected, missing)),
                &answer.files,
            );
            record.set_asked(detected, &answer.explained)?;
        }
        Ok(record)
    }

    fn summary(&self, detected: &DetectedPhoto, answers: &[ExplanationOutput]) -> Result<String> {
        let mut text = text::heading(detected);
        for answer in answers {
            let composite = self.explainer.composite();
            text += &answer.words(detected, composite, self.show.colours)?;
        }
        let written: Vec<&str> = (answers.iter())
            .flat_map(|answer| answer.files.iter().map(String::as_str))
            .collect();
        if !written.is_empty() {
            text += &format!("written: {}\n", written.join(", "));
        } else if !self.several {
            text += "no file was asked for: -o why.png draws it over the photo, --npy relevance.npy keeps the numbers\n";
        }
        Ok(text)
    }

    /// Says what there is in the folder.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn say_counts(&self) -> Result<()> {
        match self.counted().filter(|_| !self.show.json) {
            Some(words) => output::print(&format!("written: {words}\n")),
            None => Ok(()),
        }
    }

    /// Says how far a run came that Ctrl-C has ended, and how it goes on.
    pub fn say_interrupted(&self) {
        let words = self
            .counted()
            .unwrap_or_else(|| "nothing explained".to_owned());
        output::note(&format!(
            "interrupted: {words}; run the same command again for the others"
        ));
    }

    /// "out: 3 pictures explained, 2 before", with the folder's name; nothing without a folder, or as long as no picture is done.
    fn counted(&self) -> Option<String> {
        let folder = self.places.folder()?;
        let ExplainCounts {
            explained,
            before,
            nothing,
        } = &self.counts;
        if explained + before + nothing == 0 {
            return None;
        }
        let mut words = format!(
            "{}: {} explained",
            folder.display(),
            counted(explained, "picture")
        );
        if *before > 0 {
            words += &format!(", {before} before");
        }
        if *nothing > 0 {
            words += &format!(", {nothing} without anything to explain");
        }
        Some(words)
    }
}
