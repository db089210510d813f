//! What is answered: a request in, the page, its parts, events, their pictures, a film, numbers or a refusal out. Every answer has the headers that keep a browser from doing more with it than it is for.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;

use super::access::Access;
use super::change::Change;
use super::event_page;
use super::film::{self, Film};
use super::login::{self, LoginForm};
use super::query::ListQuery;
use super::wall::{self, Wall};
use crate::event_log::EventFilter;
use crate::outlets::Outlets;
use crate::redact::say;
use crate::screen::CameraState;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const ICON: &str = include_str!("icon.svg");
const SCRIPTS: [(&str, &str); 7] = [
    ("/page.js", include_str!("page.js")),
    ("/parts.js", include_str!("parts.js")),
    ("/films.js", include_str!("films.js")),
    ("/wall.js", include_str!("wall.js")),
    ("/list.js", include_str!("list.js")),
    ("/drift.js", include_str!("drift.js")),
    ("/event.js", include_str!("event.js")),
];

/// Where the pictures of all cameras are.
const ALL_STREAMS: &str = "/streams";

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><title>ssdcrp monitor</title><link rel=\"stylesheet\" href=\"/page.css\"><p>There is no such page. <a href=\"/\">The monitor's page</a></p></html>";

const NOT_MEANT: &str =
    "this page is not asked for by that name: name it in hosts of [page], or use an address";

/// Of a form with a token, or a change.
const FORM_BYTES: usize = 1024;
const FORM_TIME: Duration = Duration::from_secs(5);

const HEADERS: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// What an answer sends: a text at once, or pictures for as long as somebody looks.
type Content = Either<Full<Bytes>, Either<Film, Wall>>;
type Answer = Response<Content>;

/// What answers.
pub struct Answering {
    access: RwLock<Arc<Access>>,
    outlets: Arc<Outlets>,
}

impl Answering {
    pub fn new(access: Access, outlets: Arc<Outlets>) -> Self {
        Self {
            access: RwLock::new(Arc::new(access)),
            outlets,
        }
    }

    /// From now on these may see the page.
    pub fn allow(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    fn access(&self) -> Arc<Access> {
        let access = self.access.read().unwrap_or_else(PoisonError::into_inner);
        access.clone()
    }

    /// Answers a request. `begins` is called once it is whole, with whether it asks for a film, and says whether there is room for one more.
    ///
    /// # Errors
    /// None.
    pub async fn answer<B>(
        &self,
        request: Request<B>,
        begins: impl Fn(bool) -> bool,
    ) -> Result<Answer, Infallible>
    where
        B: Body<Data: Send, Error: std::error::Error + Send + Sync + 'static> + Send,
    {
        let path = request.uri().path();
        let is_film = path == ALL_STREAMS || path.starts_with("/stream/");
        let mut answer = if !self.access().is_meant(&request) {
            refusal(StatusCode::FORBIDDEN, NOT_MEANT)
        } else if request.uri().path() == "/login" && request.method() == Method::POST {
            let form = tokio::time::timeout(FORM_TIME, form(request.into_body())).await;
            match begins(false) {
                true => self.login(form.ok().flatten().as_deref()),
                false => busy(),
            }
        } else if request.method() == Method::POST && Change::is_at(request.uri().path()) {
            self.changed(request, begins).await
        } else if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "GET is what is answered");
            set(answer.headers_mut(), ALLOW.as_str(), "GET, HEAD");
            answer
        } else if !request.body().is_end_stream() {
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "no body is expected")
        } else if !begins(is_film) {
            busy()
        } else {
            self.get(&request).await
        };
        for (name, value) in HEADERS {
            set(answer.headers_mut(), name, value);
        }
        Ok(answer)
    }

    /// Does what a request wishes, where that is this page's wish.
    async fn changed<B>(&self, request: Request<B>, begins: impl Fn(bool) -> bool) -> Answer
    where
        B: Body<Data: Send, Error: std::error::Error + Send + Sync + 'static> + Send,
    {
        let access = self.access();
        if !access.is_allowed(request.headers()) {
            return without_token();
        }
        if !access.is_from_here(request.headers()) {
            let words = "only this page may ask for that, as application/json";
            return refusal(StatusCode::FORBIDDEN, words);
        }
        let path = request.uri().path().to_owned();
        let body = tokio::time::timeout(FORM_TIME, form(request.into_body())).await;
        let body = body.ok().flatten();
        if !begins(false) {
            return busy();
        }
        match body.and_then(|body| Change::parse(&path, &body)) {
            None => refusal(StatusCode::BAD_REQUEST, "that is no wish"),
            Some(change) => self.change(change).await,
        }
    }

    async fn change(&self, change: Change) -> Answer {
        let board = &self.outlets.board;
        match change {
            Change::Point { camera, pointing } => match board.screen(&camera) {
                None => gone(),
                Some(screen) if screen.state() != CameraState::Playing => {
                    refusal(StatusCode::CONFLICT, "the camera gives no pictures")
                }
                Some(screen) if screen.point(pointing) => refusal(StatusCode::NO_CONTENT, ""),
                Some(_) => busy(),
            },
            Change::Mark { id, mark } => {
                let Some(found) = board.log.find(&id, &EventFilter::default()) else {
                    return gone();
                };
                let Some(kept) = found.event.evidence else {
                    return refusal(StatusCode::CONFLICT, "no evidence of it is kept");
                };
                if found.event.mark == mark {
                    return refusal(StatusCode::NO_CONTENT, "");
                }
                let said = tokio::task::spawn_blocking(move || kept.say(mark)).await;
                match said {
                    Ok(Ok(())) => {
                        board.log.complete(&id, |event| event.mark = mark);
                        refusal(StatusCode::NO_CONTENT, "")
                    }
                    Ok(Err(error)) => {
                        say(format_args!("{error:#}"));
                        refusal(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be written")
                    }
                    Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be written"),
                }
            }
        }
    }

    async fn get<B>(&self, request: &Request<B>) -> Answer {
        // Without a secret, and needed by the form that asks for the token.
        match request.uri().path() {
            "/page.css" => return found(STYLE, "text/css; charset=utf-8"),
            "/icon.svg" => return found(ICON, "image/svg+xml"),
            _ => {}
        }
        let path = request.uri().path();
        if !self.access().is_allowed(request.headers()) {
            // Links to events come from elsewhere, by mail say.
            return match login::is_page(path) {
                true => form_for_token(StatusCode::UNAUTHORIZED, path, false),
                false => without_token(),
            };
        }
        let board = &self.outlets.board;
        if let Some((_, script)) = SCRIPTS.into_iter().find(|(name, _)| *name == path) {
            return found(script, "text/javascript; charset=utf-8");
        }
        if let Some(event) = path.strip_prefix("/event/") {
            return self.event(event, request.uri().query()).await;
        }
        match path {
            "/" => found(PAGE, HTML),
            "/events" => self.events(request.uri().query()),
            ALL_STREAMS => {
                let body = Either::Right(Either::Right(Wall::of(board.follow_screens())));
                of_type(StatusCode::OK, wall::CONTENT_TYPE, body)
            }
            "/drift" => found(self.outlets.drift.json().to_string(), JSON),
            "/metrics" => match self.outlets.metrics.text(board) {
                Ok(text) => found(text, "text/plain; version=0.0.4; charset=utf-8"),
                Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "no numbers"),
            },
            _ => match path
                .strip_prefix("/stream/")
                .and_then(|name| board.screen(name))
            {
                Some(screen) => {
                    let body = Either::Right(Either::Left(Film::of(screen.watch())));
                    of_type(StatusCode::OK, film::CONTENT_TYPE, body)
                }
                None => not_found(),
            },
        }
    }

    /// Cameras, events that fit a query, and outlets that nothing gets through.
    fn events(&self, query: Option<&str>) -> Answer {
        let board = &self.outlets.board;
        let query = ListQuery::parse(query);
        let list = (board.log).list(&query.filter, query.before.as_deref(), query.most);
        match serde_json::to_value(list) {
            Ok(mut told) => {
                told["cameras"] = board.cameras();
                told["outlets"] = json!(self.outlets.metrics.deliveries.faults());
                found(told.to_string(), JSON)
            }
            Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "no events"),
        }
    }

    /// `ID`, an event's page, or `ID/frame.png`, one of its pictures.
    async fn event(&self, place: &str, query: Option<&str>) -> Answer {
        let (id, picture) = match place.split_once('/') {
            Some((id, picture)) => (id, Some(picture)),
            None => (place, None),
        };
        let filter = ListQuery::parse(query).filter;
        let Some(event) = self.outlets.board.log.find(id, &filter) else {
            return not_found();
        };
        let Some(picture) = picture else {
            return match event_page::html(event, query) {
                Ok(page) => found(page, HTML),
                Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "no page"),
            };
        };
        let what = picture.strip_suffix(".png").map(str::to_owned);
        let Some((kept, what)) = event.event.evidence.zip(what) else {
            return not_found();
        };
        // The disk may take its time.
        let read = tokio::task::spawn_blocking(move || kept.picture(&what));
        match read.await {
            Ok(Ok(png)) => found(png, "image/png"),
            _ => not_found(),
        }
    }

    /// Lets in who has filled in the token, to the page that was asked for.
    fn login(&self, form: Option<&str>) -> Answer {
        let LoginForm { token, to } = LoginForm::parse(form.unwrap_or_default());
        let access = self.access();
        if !access.is_token(&token) {
            return form_for_token(StatusCode::FORBIDDEN, &to, true);
        }
        let mut answer = refusal(StatusCode::SEE_OTHER, "");
        let name = &access.cookie;
        let cookie = format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/");
        set(answer.headers_mut(), SET_COOKIE.as_str(), &cookie);
        set(answer.headers_mut(), LOCATION.as_str(), &to);
        answer
    }
}

/// A body that is short enough.
async fn form<B>(body: B) -> Option<String>
where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync + 'static> + Send,
{
    let body = std::pin::pin!(Limited::new(body, FORM_BYTES));
    let bytes = body.collect().await.ok()?.to_bytes();
    String::from_utf8(bytes.to_vec()).ok()
}

fn form_for_token(status: StatusCode, to: &str, is_wrong: bool) -> Answer {
    match login::html(to, is_wrong) {
        Ok(page) => of_type(status, HTML, Either::Left(page.into())),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "no page"),
    }
}

fn without_token() -> Answer {
    let mut answer = refusal(StatusCode::UNAUTHORIZED, "the token is missing");
    set(answer.headers_mut(), WWW_AUTHENTICATE.as_str(), "Bearer");
    answer
}

fn not_found() -> Answer {
    of_type(StatusCode::NOT_FOUND, HTML, Either::Left(NO_PAGE.into()))
}

/// Of what a wish is for.
fn gone() -> Answer {
    refusal(StatusCode::NOT_FOUND, "there is no such camera or event")
}

fn busy() -> Answer {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "too many ask at a time")
}

fn refusal(status: StatusCode, words: &'static str) -> Answer {
    of_type(status, TEXT, Either::Left(words.into()))
}

fn found(text: impl Into<Bytes>, kind: &'static str) -> Answer {
    of_type(StatusCode::OK, kind, Either::Left(Full::new(text.into())))
}

fn of_type(status: StatusCode, kind: &'static str, body: Content) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    set(answer.headers_mut(), CONTENT_TYPE.as_str(), kind);
    answer
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
