//! Whose fault an error is: one of a file fails that file, one of the computer would fail every other file, too.

use std::fmt::{self, Display, Formatter};

use gst::prelude::*;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The file's that is being read.
    File,
    /// Results cannot be written, or something else is wrong that has nothing to do with the file.
    Computer,
    /// The networks fail: perhaps at this file's frames alone, perhaps at all.
    Networks,
}

/// An error that is not simply the file's.
#[derive(Debug)]
struct BlamedError {
    blame: Blame,
    error: anyhow::Error,
}

impl Display for BlamedError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        // All in one, for it has no source of its own.
        write!(f, "{:#}", self.error)
    }
}

impl std::error::Error for BlamedError {}

/// Whose fault an error is.
pub fn of(error: &anyhow::Error) -> Blame {
    let blamed: Option<&BlamedError> = error.downcast_ref();
    blamed.map_or(Blame::File, |blamed| blamed.blame)
}

/// The same error, which is somebody's fault.
pub fn on(blame: Blame, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    BlamedError { blame, error }.into()
}

/// The same of an error that an element of a pipeline posted; `reader` has the elements that read and decode the file.
pub fn on_element(
    source: Option<&gst::Object>,
    reader: Option<&gst::Object>,
    error: gst::glib::Error,
) -> anyhow::Error {
    let is_reader = source
        .zip(reader)
        .is_some_and(|(source, reader)| source == reader || source.has_as_ancestor(reader));
    let is_explainer = source
        .and_then(|source| source.downcast_ref::<gst::Element>()?.factory())
        .is_some_and(|factory| factory.name() == "ssdcrp");
    let blame = match (is_reader, is_explainer) {
        (true, _) => Blame::File,
        (_, true) if error.is::<gst::StreamError>() => Blame::Networks,
        (_, true) => Blame::Computer,
        _ if is_of_writing(&error) => Blame::Computer,
        _ => Blame::File,
    };
    on(blame, error)
}

/// Whether something cannot be written.
pub fn is_of_writing(error: &gst::glib::Error) -> bool {
    use gst::ResourceError::{NoSpaceLeft, OpenReadWrite, OpenWrite, Sync, Write};
    let kind = error.kind::<gst::ResourceError>();
    kind.is_some_and(|kind| matches!(kind, NoSpaceLeft | OpenReadWrite | OpenWrite | Sync | Write))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T: gst::glib::error::ErrorDomain>(kind: T) -> gst::glib::Error {
        gst::glib::Error::new(kind, "words")
    }

    #[test]
    fn an_error_is_the_files_unless_somebody_else_is_named() {
        assert_eq!(of(&anyhow::anyhow!("no video")), Blame::File);
        let full = on(
            Blame::Computer,
            anyhow::anyhow!("full").context("cannot write"),
        );
        assert_eq!(of(&full), Blame::Computer);
        assert_eq!(format!("{full:#}"), "cannot write: full");
        assert_eq!(of(&full.context("a.mp4")), Blame::Computer);
    }

    #[test]
    fn who_posts_an_error_and_which_says_whose_fault_it_is() {
        use gst::{ResourceError, StreamError};
        gst::init().unwrap();
        gstssdcrp::register_static().unwrap();
        let make = |name: &str| gst::ElementFactory::make(name).build().unwrap();
        let reader = gst::Bin::new();
        let (decoder, sink, explainer) = (make("identity"), make("filesink"), make("ssdcrp"));
        reader.add(&decoder).unwrap();
        let blame = |element: &gst::Element, error| {
            let element = element.upcast_ref::<gst::Object>();
            of(&on_element(Some(element), Some(reader.upcast_ref()), error))
        };
        for (element, error, expected) in [
            (&decoder, error(StreamError::Decode), Blame::File),
            (&decoder, error(ResourceError::Read), Blame::File),
            (&sink, error(ResourceError::NoSpaceLeft), Blame::Computer),
            (&sink, error(StreamError::Format), Blame::File),
            (&explainer, error(ResourceError::OpenWrite), Blame::Computer),
            (&explainer, error(StreamError::Failed), Blame::Networks),
        ] {
            assert_eq!(blame(element, error), expected, "{element:?}");
        }
    }
}
