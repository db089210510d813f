//! The form that asks for the token: the page that was asked for in, the form out; what was filled in in, the token and the page out.

use askama::Template;
use percent_encoding::percent_decode_str;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// Where it leads.
    to: &'a str,
    /// Whether something else than the token was filled in.
    is_wrong: bool,
}

/// What was filled in.
#[derive(Debug, Default, PartialEq)]
pub struct LoginForm {
    /// A token has no letter that is written otherwise there.
    pub token: String,
    /// The page that was asked for: no other than this server's, whatever the form says.
    pub to: String,
}

/// The form.
///
/// # Errors
/// None that is known: filling the template in memory does not fail.
pub fn html(to: &str, is_wrong: bool) -> Result<String, askama::Error> {
    LoginPage { to, is_wrong }.render()
}

/// Whether a page is asked for, by a link in a mail say, and not a part of one.
pub fn is_page(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let event = path.strip_prefix("/event/");
    path == "/" || event.is_some_and(|id| !id.is_empty() && id.chars().all(is_plain))
}

impl LoginForm {
    /// As browsers send it: `token=…&to=%2Fevent%2F5f-gate-1`.
    pub fn parse(form: &str) -> Self {
        let mut read = Self {
            to: "/".to_owned(),
            ..Self::default()
        };
        for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "token" => read.token = value.to_owned(),
                "to" => {
                    let to = percent_decode_str(value).decode_utf8_lossy().into_owned();
                    if is_page(&to) {
                        read.to = to;
                    }
                }
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_the_page_that_was_asked_for_and_nowhere_else() {
        let parsed = |to: &str| LoginForm::parse(&format!("token=0123&to={to}"));
        for (to, leads) in [
            ("%2Fevent%2F5f-gate-1", "/event/5f-gate-1"),
            ("%2F", "/"),
            ("", "/"),
            ("%2F%2Fevil.example", "/"),
            ("https%3A%2F%2Fevil.example", "/"),
            ("%2Fevent%2F%2Fevil", "/"),
            ("%2Fevent%2F1%0d%0aSet-Cookie%3Aa", "/"),
            ("%2Fstream%2Fgate", "/"),
        ] {
            let form = parsed(to);
            assert_eq!((&*form.token, &*form.to), ("0123", leads), "{to}");
        }
        assert_eq!(LoginForm::parse("token").token, "");
    }

    #[test]
    fn what_was_asked_for_and_that_it_was_wrong_stand_in_the_form() {
        let page = html("/event/5f-gate-1", false).unwrap();
        assert!(page.contains("value=\"/event/5f-gate-1\"") && !page.contains("not the token"));
        assert!(html("/", true).unwrap().contains("not the token"));
        assert!(!html("\"><script>", true).unwrap().contains("<script>"));
    }
}
