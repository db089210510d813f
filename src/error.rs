//! What can go wrong: one [`Error`], whose [`ErrorKind`] says what a caller can do about it.
//!
//! In: words, and what another library says. Out: an error that says in one line what was tried, what was found and often what to do. Every file names
//! the area whose kind its errors have, `use crate::error::model::{bail, ensure}` say; words that are added on the way up leave the kind as it is.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{self, Debug, Display, Formatter};

/// What a function of this crate gives that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of another library, or of whoever calls this one.
type Foreign = Box<dyn StdError + Send + Sync>;

/// What an [`Error`] is about: who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder cannot be read or written; [`Error::io`] says why.
    Io,
    /// An ONNX file is damaged, is no network that is understood, or has an operator that relevance cannot pass: export it differently, or take another.
    Model,
    /// A manifest is wrong, or does not fit its network: the text has the field and often the line.
    Manifest,
    /// ONNX Runtime is not there, cannot be loaded or is too old: the text says where it was looked for, and how to get it. Or its execution provider does not start.
    RuntimeUnavailable,
    /// ONNX Runtime refused a network or failed while it ran one.
    Runtime,
    /// What the caller asked for does not exist or does not fit the model: a target, contrast, composite, rule, colour map, event or number.
    Argument,
    /// A picture cannot be used, or has another size than it must have.
    Picture,
    /// Annotations are not understood.
    Annotations,
    /// Evidence of events cannot be kept or read.
    Evidence,
    /// The work was ended by its [`CancelToken`](crate::runtime::CancelToken).
    Cancelled,
    /// A fault of this library.
    Internal,
    /// None of these: what a caller's own code gave, where this library called it.
    Other,
}

/// What went wrong. `{}` is the outermost words alone, `{:#}` all in one line: "what was tried: what was found: why".
pub struct Error {
    kind: ErrorKind,
    what: What,
}

enum What {
    /// This library's own words.
    Said(Box<dyn Words>),
    /// Another's error as it is.
    Given(Foreign),
    /// Words about an error that came from below.
    About(Box<dyn Words>, Foreign),
}

/// What an error can say: text, or a type that becomes text and that can be asked for again, as a manifest's field.
pub(crate) trait Words: Any + Debug + Display + Send + Sync {}

impl<T: Any + Debug + Display + Send + Sync> Words for T {}

impl Error {
    /// An error of a caller's own, for code that this library calls.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::given(ErrorKind::Other, error.into())
    }

    /// What it is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the system said, where it was the system that refused.
    pub fn io(&self) -> Option<&std::io::Error> {
        self.find(|error| error.downcast_ref(), |_| None)
    }

    /// Work that was ended by its [`CancelToken`](crate::runtime::CancelToken).
    pub(crate) fn cancelled() -> Self {
        Self::said(ErrorKind::Cancelled, "cancelled")
    }

    /// Another's error that this library should have kept from happening.
    pub(crate) fn internal(error: impl Into<Foreign>) -> Self {
        Self::given(ErrorKind::Internal, error.into())
    }

    pub(crate) fn said(kind: ErrorKind, words: impl Words) -> Self {
        let what = What::Said(Box::new(words));
        Self { kind, what }
    }

    /// Another's error as it is; of `kind`, unless it says more.
    pub(crate) fn given(kind: ErrorKind, error: Foreign) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(error) => Self {
                kind: kind_of(&*error).unwrap_or(kind),
                what: What::Given(error),
            },
        }
    }

    /// The error with words before it; of `kind`, unless it says more.
    pub(crate) fn about(kind: ErrorKind, words: impl Words, error: Foreign) -> Self {
        Self {
            kind: kind_of(&*error).unwrap_or(kind),
            what: What::About(Box::new(words), error),
        }
    }

    /// The error with words before it.
    pub(crate) fn context(self, words: impl Words) -> Self {
        Self::about(self.kind, words, Box::new(self))
    }

    /// The outermost words that are a `T`.
    pub(crate) fn words<T: Any>(&self) -> Option<&T> {
        fn is<T: Any>(words: &dyn Words) -> Option<&T> {
            let words: &dyn Any = words;
            words.downcast_ref()
        }
        self.find(|_| None, is)
    }

    /// Looks from the outermost words inwards, at another's errors and at this library's words.
    fn find<'a, T>(
        &'a self,
        other: impl Fn(&'a (dyn StdError + 'static)) -> Option<&'a T>,
        own: impl Fn(&'a dyn Words) -> Option<&'a T>,
    ) -> Option<&'a T> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = next {
            let found = match error.downcast_ref::<Self>().map(|error| &error.what) {
                Some(What::Said(words) | What::About(words, _)) => own(&**words),
                Some(What::Given(error)) => other(&**error),
                None => other(error),
            };
            if found.is_some() {
                return found;
            }
            next = error.source();
        }
        None
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::given(ErrorKind::Io, error.into())
    }
}

impl From<fmt::Error> for Error {
    fn from(error: fmt::Error) -> Self {
        Self::internal(error)
    }
}

/// The kind that an error from below has of itself.
fn kind_of(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    match error.downcast_ref::<Error>() {
        Some(own) => Some(own.kind),
        None => error.is::<std::io::Error>().then_some(ErrorKind::Io),
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match &self.what {
            What::Said(words) | What::About(words, _) => write!(f, "{words}")?,
            What::Given(error) => write!(f, "{error}")?,
        }
        if f.alternate() {
            let mut next = self.source();
            while let Some(cause) = next {
                write!(f, ": {cause}")?;
                next = cause.source();
            }
        }
        Ok(())
    }
}

/// The kind and all in one line, for this is what a `main` that fails with it prints.
impl Debug for Error {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{:?}: {self:#}", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.what {
            What::Said(_) => None,
            What::Given(error) => error.source(),
            What::About(_, error) => Some(&**error),
        }
    }
}

/// A text in one line: its lines without the blank ones, joined with "; ". What is within a line, such as a file's name, stays as it is.
pub fn in_one_line(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// A text of no more than so many characters, about: a longer one loses its middle.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let half = longest / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(length - half).collect();
    format!("{start} … {end}")
}

/// For each area the macros `error!`, `bail!` and `ensure!`, which make errors of its kind, and the trait `Context`, which adds words to errors from
/// below and makes an error of a value that is not there.
macro_rules! areas {
    ($dollar:tt $($(#[$doc:meta])* $area:ident $kind:ident;)+) => { $(
        $(#[$doc])*
        #[allow(unused_imports, unused_macros, dead_code, reason = "not every area needs all of them")]
        pub(crate) mod $area {
            use std::error::Error as StdError;

            use $crate::error::{Error, ErrorKind, Result, Words};

            macro_rules! error {
                ($dollar($dollar words:tt)+) => {
                    $crate::error::Error::said(
                        $crate::error::ErrorKind::$kind,
                        format!($dollar($dollar words)+),
                    )
                };
            }

            macro_rules! bail {
                ($dollar($dollar words:tt)+) => {
                    return Err($crate::error::Error::said(
                        $crate::error::ErrorKind::$kind,
                        format!($dollar($dollar words)+),
                    ))
                };
            }

            macro_rules! ensure {
                ($dollar holds:expr, $dollar($dollar words:tt)+) => {
                    // In two steps, for what does not hold may be a comparison with what is no number.
                    let holds: bool = $dollar holds;
                    if !holds {
                        return Err($crate::error::Error::said(
                            $crate::error::ErrorKind::$kind,
                            format!($dollar($dollar words)+),
                        ));
                    }
                };
            }

            pub(crate) use {bail, ensure, error};

            pub(crate) trait Context<T> {
                /// Puts words before an error, or in place of nothing.
                fn context(self, words: impl Words) -> Result<T>;

                /// As [`Context::context`], with words that are made where they are needed.
                fn with_context<W: Words>(self, words: impl FnOnce() -> W) -> Result<T>;
            }

            impl<T, E: StdError + Send + Sync + 'static> Context<T> for Result<T, E> {
                fn context(self, words: impl Words) -> Result<T> {
                    self.with_context(|| words)
                }

                fn with_context<W: Words>(self, words: impl FnOnce() -> W) -> Result<T> {
                    self.map_err(|error| Error::about(ErrorKind::$kind, words(), Box::new(error)))
                }
            }

            impl<T> Context<T> for Option<T> {
                fn context(self, words: impl Words) -> Result<T> {
                    self.with_context(|| words)
                }

                fn with_context<W: Words>(self, words: impl FnOnce() -> W) -> Result<T> {
                    self.ok_or_else(|| Error::said(ErrorKind::$kind, words()))
                }
            }
        }
    )+ };
}

areas! { $
    /// Errors of [`ErrorKind::Model`].
    model Model;
    /// Errors of [`ErrorKind::Manifest`].
    manifest Manifest;
    /// Errors of [`ErrorKind::Runtime`].
    runtime Runtime;
    /// Errors of [`ErrorKind::Argument`].
    argument Argument;
    /// Errors of [`ErrorKind::Picture`].
    picture Picture;
    /// Errors of [`ErrorKind::Annotations`].
    annotations Annotations;
    /// Errors of [`ErrorKind::Evidence`].
    evidence Evidence;
    /// Errors of [`ErrorKind::Internal`].
    internal Internal;
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn missing() -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, "not there")
    }

    #[test]
    fn words_come_before_causes_and_keep_the_kind() {
        use model::Context;

        let error = Err::<(), _>(argument::error!("no class {}", 7)).context("cannot explain");
        let error = error.unwrap_err().context("a.jpg");
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert_eq!(error.to_string(), "a.jpg");
        assert_eq!(format!("{error:#}"), "a.jpg: cannot explain: no class 7");
        assert_eq!(
            format!("{error:?}"),
            "Argument: a.jpg: cannot explain: no class 7"
        );
        assert!(error.io().is_none());
    }

    #[test]
    fn what_the_system_said_is_found_again() {
        use model::Context;

        let error = Err::<(), _>(missing()).context("cannot open model a.onnx");
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(format!("{error:#}"), "cannot open model a.onnx: not there");
        for error in [error.context("b"), Error::other(missing())] {
            let io = error.io().map(io::Error::kind);
            assert_eq!(io, Some(io::ErrorKind::NotFound), "{error:?}");
        }
    }

    #[test]
    fn anothers_error_of_another_kind_gets_the_areas() {
        use manifest::Context;

        let error = "x".parse::<u8>().context("max_overlap").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Manifest);
        let words = format!("{error:#}");
        assert_eq!(words, "max_overlap: invalid digit found in string");
        let absent = None::<()>.context(7_u8).unwrap_err();
        assert_eq!(absent.words::<u8>(), Some(&7));
    }

    #[test]
    fn an_own_error_that_comes_back_is_itself() {
        let error = Error::other(model::error!("it is a GIF").context("a.onnx"));
        assert_eq!(format!("{error:?}"), "Model: a.onnx: it is a GIF");
    }
}
