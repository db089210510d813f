//! Who may see the page: a request's headers in, yes or no out.
//!
//! By name a page on the internet may lead a browser to this computer, so names count that were said to be this computer's; addresses and `localhost` lead nowhere else. Where other computers reach
//! the page, everybody who asks must know the token.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request};

use crate::configuration::PagePlan;

/// What is asked of those who ask.
pub struct Access {
    /// The name of the cookie that has the token. Cookies know no port: without it in their name, two monitors on one computer would take each other's away.
    pub cookie: String,
    token: Option<String>,
    /// In small letters.
    hosts: Vec<String>,
    is_local: bool,
}

impl Access {
    /// Of a page that is served at this port.
    pub fn new(plan: &PagePlan, port: u16) -> Self {
        Self {
            cookie: format!("ssdcrp-token-{port}"),
            token: plan.token.clone(),
            hosts: plan.hosts.iter().map(|host| host.to_lowercase()).collect(),
            is_local: plan.address.ip().is_loopback(),
        }
    }

    /// Whether a request is meant for this computer: it names one host, in every place where it names one.
    pub fn is_meant<B>(&self, request: &Request<B>) -> bool {
        let named: Vec<_> = request.headers().get_all(HOST).iter().collect();
        let [named] = named[..] else { return false };
        let named = named
            .to_str()
            .ok()
            .and_then(|host| host.parse::<Authority>().ok());
        let is_own = |authority: &Authority| self.is_own(authority.host());
        named.as_ref().is_some_and(is_own) && request.uri().authority().is_none_or(is_own)
    }

    /// Whether a change is asked for by this page, or by a program that is no browser. A page from elsewhere can have a browser send forms here: these are no JSON, and say where they come from.
    pub fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_lowercase();
        let kind = headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
        let is_json = kind.split(';').next().map(str::trim) == Some("application/json");
        let host = headers.get(HOST).map(text).unwrap_or_default();
        let is_own = |origin: &HeaderValue| {
            let origin = text(origin);
            let schemes = ["http://", "https://"].into_iter();
            let mut named = schemes.filter_map(|scheme| origin.strip_prefix(scheme));
            named.next().is_some_and(|named| {
                // A proxy may have asked by another name than the browser did.
                let name = named.parse::<Authority>();
                let is_known = |name: Authority| self.hosts.iter().any(|host| host == name.host());
                named == host || name.is_ok_and(is_known)
            })
        };
        let mut sites = headers.get_all("sec-fetch-site").iter().map(text);
        is_json
            && headers.get_all(ORIGIN).iter().all(is_own)
            && sites.all(|site| site == "same-origin")
    }

    fn is_own(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
        match host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || !self.is_local,
            Err(_) => host == "localhost" || self.hosts.contains(&host),
        }
    }

    /// Whether a request has the token, where there is one: as `Authorization: Bearer TOKEN`, or in the cookie.
    pub fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let text = |value: &hyper::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let bearer = headers.get(AUTHORIZATION).and_then(text);
        let bearer = bearer.as_deref().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            (scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
        });
        let cookies: Vec<String> = headers.get_all(COOKIE).iter().filter_map(text).collect();
        let cookies = cookies.iter().flat_map(|cookies| cookies.split(';'));
        let mut given = cookies
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter_map(|(name, token)| (name == self.cookie).then_some(token))
            .chain(bearer);
        self.token.is_none() || given.any(|token| self.is_token(token))
    }

    /// Whether this is the token. Takes as long for a wrong one, wherever it is wrong.
    pub fn is_token(&self, given: &str) -> bool {
        let Some(token) = &self.token else {
            return false;
        };
        let differences = token.bytes().zip(given.bytes()).map(|(a, b)| a ^ b);
        token.len() == given.len() && differences.fold(0, |all, one| all | one) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(address: &str, token: Option<&str>) -> Access {
        let plan = PagePlan {
            address: address.parse().unwrap(),
            token: token.map(str::to_owned),
            hosts: vec!["Cameras.Example".to_owned()],
            may_wait: false,
        };
        Access::new(&plan, 8080)
    }

    fn request(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_names_this_computer_in_any_spelling_and_no_other() {
        let local = access("127.0.0.1:80", None);
        let open = access("0.0.0.0:80", None);
        for (host, here, there) in [
            ("localhost", true, true),
            ("LocalHost:8080", true, true),
            ("localhost.", true, true),
            ("127.0.0.1:8080", true, true),
            ("[::1]:8080", true, true),
            ("192.168.1.7", false, true),
            ("cameras.EXAMPLE:80", true, true),
            ("evil.example", false, false),
            ("localhost.evil.example", false, false),
            ("localhost@evil.example", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("", false, false),
            ("a b", false, false),
        ] {
            let request = request("/", &[("host", host)]);
            assert_eq!(local.is_meant(&request), here, "{host}");
            assert_eq!(open.is_meant(&request), there, "{host}");
        }
        assert!(!local.is_meant(&request("/", &[])));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert!(!local.is_meant(&request("/", &twice)));
        let absolute = |uri| local.is_meant(&request(uri, &[("host", "localhost")]));
        assert!(absolute("http://localhost/") && !absolute("http://evil.example/"));
    }

    #[test]
    fn changes_are_asked_for_by_the_page_itself() {
        let access = access("0.0.0.0:80", None);
        let json = ("content-type", "application/json");
        let from = |headers: &[(&'static str, &str)]| {
            let host = [("host", "localhost:8080")];
            let request = request("/", &[&host, headers].concat());
            access.is_from_here(request.headers())
        };
        for (headers, is_from_here) in [
            (&[json][..], true),
            (&[("content-type", "Application/JSON; charset=utf-8")], true),
            (&[], false),
            (&[("content-type", "text/plain")], false),
            (
                &[("content-type", "application/x-www-form-urlencoded")],
                false,
            ),
            (&[json, ("origin", "http://localhost:8080")], true),
            (&[json, ("origin", "http://LOCALHOST:8080")], true),
            (&[json, ("origin", "https://cameras.example")], true),
            (&[json, ("origin", "http://localhost:3000")], false),
            (&[json, ("origin", "http://evil.example")], false),
            (
                &[json, ("origin", "http://cameras.example.evil.example")],
                false,
            ),
            (&[json, ("origin", "null")], false),
            (&[json, ("origin", "localhost:8080")], false),
            (
                &[
                    json,
                    ("origin", "http://localhost:8080"),
                    ("origin", "null"),
                ],
                false,
            ),
            (&[json, ("sec-fetch-site", "same-origin")], true),
            (&[json, ("sec-fetch-site", "cross-site")], false),
            (&[json, ("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(from(headers), is_from_here, "{headers:?}");
        }
    }

    #[test]
    fn whoever_knows_the_token_is_let_in() {
        let access = access("0.0.0.0:80", Some("0123456789abcdef"));
        for (header, value, allowed) in [
            ("authorization", "Bearer 0123456789abcdef", true),
            ("authorization", "bearer 0123456789abcdef", true),
            ("authorization", "Basic 0123456789abcdef", false),
            ("authorization", "Bearer 0123456789abcdeg", false),
            ("authorization", "Bearer 0123456789abcdef0", false),
            ("authorization", "Bearer", false),
            ("cookie", "a=b; ssdcrp-token-8080=0123456789abcdef", true),
            ("cookie", "ssdcrp-token-8080=", false),
            // Of a monitor at another port.
            ("cookie", "ssdcrp-token-8081=0123456789abcdef", false),
            ("cookie", "other=0123456789abcdef", false),
            ("x-token", "0123456789abcdef", false),
        ] {
            let request = request("/", &[(header, value)]);
            assert_eq!(access.is_allowed(request.headers()), allowed, "{value}");
        }
        assert!(super::tests::access("127.0.0.1:80", None).is_allowed(&HeaderMap::new()));
    }
}
