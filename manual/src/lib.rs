//! A program's declared options in; its man pages, and its completions for bash, zsh and fish out.
//!
//! Each program of this project calls [`write_if_asked`] before it reads its arguments. `PROGRAM --write-manual FOLDER` then writes the files below FOLDER, which
//! stands for `PREFIX/share`: man and the shells look there. So the files are always those of the program that is installed. `make install` calls it, and so may
//! everybody whose program came another way: `ssdcrp --write-manual ~/.local/share`.

#![forbid(unsafe_code)]

mod bash;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// Stands for itself alone: not among the declared options, and so on no page.
const OPTION: &str = "--write-manual";

/// Columns of a terminal, and what escapes of a line may add.
const TERMINAL: usize = 90;

/// Where bash looks below `PREFIX/share`.
const BASH: &str = "bash-completion/completions";

/// Where each of the other shells looks, and what stands before and behind the program's name.
const COMPLETIONS: [(Shell, &str, &str, &str); 2] = [
    (Shell::Zsh, "zsh/site-functions", "_", ""),
    (Shell::Fish, "fish/vendor_completions.d", "", ".fish"),
];

/// The status of wrong usage, which is clap's.
const WRONG_USAGE: u8 = 2;

/// Writes pages and completions of `program` if the arguments of this process begin with `--write-manual`, and says with which status to end then.
pub fn write_if_asked(
    program: &'static str,
    command: impl FnOnce() -> Command,
) -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (said, status) = match asked_folder(program, &arguments)? {
        Err(usage) => (usage, ExitCode::from(WRONG_USAGE)),
        Ok(folder) => match write(program, command(), &folder) {
            Ok(()) => return Some(ExitCode::SUCCESS),
            Err(error) => (
                format!("cannot write manual pages to {}: {error}", folder.display()),
                ExitCode::FAILURE,
            ),
        },
    };
    // Without a standard error there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{program}: {said}");
    Some(status)
}

/// The folder of `--write-manual FOLDER` or `--write-manual=FOLDER`, or in words that one is needed; `None` where the arguments begin with something else.
fn asked_folder(program: &str, arguments: &[OsString]) -> Option<Result<PathBuf, String>> {
    let (first, rest) = arguments.split_first()?;
    let behind = first.as_encoded_bytes().strip_prefix(OPTION.as_bytes())?;
    let joined = match behind {
        [] => None,
        [b'=', folder @ ..] => Some(OsStr::from_bytes(folder)),
        // Another option.
        _ => return None,
    };
    let mut named = joined
        .into_iter()
        .chain(rest.iter().map(OsString::as_os_str));
    Some(match (named.next(), named.next()) {
        (Some(folder), None) if !folder.is_empty() => Ok(folder.into()),
        _ => Err(format!(
            "the pages need a folder: {program} {OPTION} FOLDER, such as ~/.local/share"
        )),
    })
}

/// Writes `man/man1/PROGRAM.1`, a page `PROGRAM-VERB.1` for each verb, and a file for each shell.
///
/// A verb that does not answer `--help` itself stands for another program, which has that page.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write(program: &'static str, command: Command, share: &Path) -> io::Result<()> {
    let mut command = command.display_name(program).disable_help_subcommand(true);
    command.build();
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    write_page(program, &command, &pages)?;
    for verb in command.get_subcommands() {
        if !verb.is_hide_set() && !verb.is_disable_help_flag_set() {
            write_page(&format!("{program}-{}", verb.get_name()), verb, &pages)?;
        }
    }
    // Completions go by the program's own name, also where it is called by another one's verb.
    let mut command = command.name(program);
    let for_bash = bash::script(program, &command);
    write_completion(share, (BASH, "", ""), program, for_bash.as_bytes())?;
    // These shells offer either what is known or files.
    command = command.mut_subcommands(|verb| {
        verb.mut_args(
            |arg| match arg.is_positional() && !arg.get_possible_values().is_empty() {
                true => arg.value_parser(clap::value_parser!(PathBuf)),
                false => arg,
            },
        )
    });
    for (shell, folder, before, behind) in COMPLETIONS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, program, &mut text);
        write_completion(share, (folder, before, behind), program, &text)?;
    }
    Ok(())
}

/// Writes a completion into a folder below `share`, called by the program with what stands before and behind its name.
fn write_completion(
    share: &Path,
    (folder, before, behind): (&str, &str, &str),
    program: &str,
    text: &[u8],
) -> io::Result<()> {
    let folder = share.join(folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{before}{program}{behind}")), text)
}

fn write_page(name: &str, command: &Command, folder: &Path) -> io::Result<()> {
    let version = command.get_version().unwrap_or_default();
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(format!("ssdcrp {version}"))
        .manual("ssdcrp");
    let mut text = Vec::new();
    page.render(&mut text)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    let text = with_usage(&lines_kept(&text), command);
    fs::write(folder.join(format!("{name}.1")), text)
}

/// The page with the lines of what stands behind the options as they are: they are examples and columns. Only lines that are longer than a terminal's are paragraphs.
fn lines_kept(page: &str) -> String {
    let Some((before, behind)) = page.split_once(".SH EXTRA\n") else {
        return page.to_owned();
    };
    let end = behind.find("\n.SH ").map_or(behind.len(), |end| end + 1);
    let (notes, rest) = behind.split_at(end);
    let mut kept = format!("{before}.SH NOTES\n.in 2n\n.nf\n");
    for line in notes.lines() {
        if line.chars().count() > TERMINAL {
            kept += &format!(".fi\n{line}\n.nf\n");
        } else {
            kept += &format!("{line}\n");
        }
    }
    kept + ".fi\n" + rest
}

/// What the lines of a synopsis cannot show.
const WHERE_OPTIONS_STAND: &str =
    "Options on this page may stand before or after the verb. Options of a verb stand after it.";

/// The page of a program with verbs, whose synopsis is a line for each: together they show where verbs, inputs and options stand.
fn with_usage(page: &str, command: &Command) -> String {
    let usages: Vec<String> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| usage(&mut verb.clone()))
        .collect();
    let (Some((before, behind)), false) = (page.split_once(".SH SYNOPSIS\n"), usages.is_empty())
    else {
        return page.to_owned();
    };
    let rest = behind.find(".SH ").map_or("", |end| &behind[end..]);
    let own = usage(&mut command.clone());
    let lines: String = ([own].iter().chain(&usages))
        .map(|usage| format!("{}\n", usage.replace('-', r"\-")))
        .collect();
    format!("{before}.SH SYNOPSIS\n.nf\n{lines}.fi\n.PP\n{WHERE_OPTIONS_STAND}\n{rest}")
}

/// "tool dig [OPTIONS] <PLACE>".
fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let words = usage.trim_start_matches("Usage:").split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn example() -> Command {
        let depth = Arg::new("depth").long("how-deep").help("How deep");
        Command::new("tool")
            .version("1.2")
            .subcommand(Command::new("dig").about("Digs").arg(depth))
            .subcommand(Command::new("fill").disable_help_flag(true))
    }

    #[test]
    fn the_option_wants_one_folder() {
        let folder = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            asked_folder("tool", &words)
        };
        let share = || Some(Ok(PathBuf::from("a/share")));
        let usage = "the pages need a folder: tool --write-manual FOLDER, such as ~/.local/share";
        assert_eq!(folder(&["--write-manual", "a/share"]), share());
        assert_eq!(folder(&["--write-manual=a/share"]), share());
        for wrong in [
            &["--write-manual"][..],
            &["--write-manual", ""],
            &["--write-manual="],
            &["--write-manual", "a", "b"],
            &["--write-manual=a", "b"],
        ] {
            assert_eq!(folder(wrong), Some(Err(usage.to_owned())), "{wrong:?}");
        }
        for other in [
            &[][..],
            &["dig"],
            &["dig", "--write-manual", "a"],
            &["--write-manuals"],
        ] {
            assert_eq!(folder(other), None, "{other:?}");
        }
    }

    #[test]
    fn each_verb_of_its_own_has_a_page() {
        let share = tempfile::tempdir().unwrap();
        write("tool", example(), share.path()).unwrap();
        let pages = share.path().join("man/man1");
        let page = fs::read_to_string(pages.join("tool-dig.1")).unwrap();
        assert!(
            page.contains("How deep") && page.contains(r"\-\-how\-deep"),
            "{page}"
        );
        let mut names: Vec<_> = (fs::read_dir(&pages).unwrap())
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["tool-dig.1", "tool.1"]);
    }

    #[test]
    fn the_synopsis_shows_how_verbs_and_options_go_together() {
        let share = tempfile::tempdir().unwrap();
        write("tool", example(), share.path()).unwrap();
        let page = |name: &str| fs::read_to_string(share.path().join("man/man1").join(name));
        let expected = ".SH SYNOPSIS\n.nf\ntool [COMMAND]\ntool dig [OPTIONS]\ntool fill\n.fi\n";
        let page_of_tool = page("tool.1").unwrap();
        assert!(page_of_tool.contains(expected), "{page_of_tool}");
        let sentence = format!(".PP\n{WHERE_OPTIONS_STAND}\n.SH ");
        assert!(page_of_tool.contains(&sentence), "{page_of_tool}");
        assert!(!page("tool-dig.1").unwrap().contains("tool fill"));
    }

    #[test]
    fn columns_behind_the_options_stay_columns() {
        let words = "word ".repeat(30);
        let notes = format!("Columns:\n  a     first\n  bb    second\n\n{words}");
        let share = tempfile::tempdir().unwrap();
        let command = Command::new("tool").version("1.2").after_help(notes);
        write("tool", command, share.path()).unwrap();
        let page = fs::read_to_string(share.path().join("man/man1/tool.1")).unwrap();
        let expected = format!(
            ".SH NOTES\n.in 2n\n.nf\nColumns:\n  a     first\n  bb    second\n\n.fi\n{words}\n.nf\n.fi\n.SH VERSION\n"
        );
        assert!(page.contains(&expected), "{page}");
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(write("tool", example(), file.path()).is_err());
    }
}
