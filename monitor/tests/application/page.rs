//! The page as a person has it, in a browser: the list of events, an event's page, and objects that are clicked on.

use std::path::Path;
use std::time::Duration;

use image::RgbImage;
use serde_json::json;

use ssdcrp::stream::evidence::{EventRecord, Limits, Marks, Pictures, Store};

use super::browser::{Browser, SHIFT};
use super::cache::cached;
use super::cameras::{NetworkCamera, steady};
use super::running::{Monitor, start_with, until};

/// What an earlier run has kept: so many events, the first of which somebody wants to be HTML.
const KEPT: u64 = 60;
const EVIL: &str =
    "<img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script>";

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn keep_events(folder: &Path) {
    let limits = Limits {
        bytes: 1 << 30,
        per_minute: 1000,
    };
    let mut store = Store::open(folder, limits).unwrap();
    let picture = |red: u8| png(&RgbImage::from_pixel(80, 60, image::Rgb([red, 90, 90])));
    for number in 1..=KEPT {
        let (words, label, kind) = match number % 2 {
            _ if number == 1 => (EVIL, EVIL, "merge"),
            0 => ("sheep, or horse?", "sheep", "ambiguous-class"),
            _ => ("one box of person over two objects", "person", "merge"),
        };
        let event: EventRecord = serde_json::from_value(json!({
            "kind": kind, "words": words, "severity": 0.5, "class": 20, "default-box": 9, "target": "class:20",
            "event-id": format!("5f-gate-{number}"), "label": label, "confidence": 0.75, "number": number,
            "x": 20, "y": 15, "width": 40, "height": 30, "frame-width": 80, "frame-height": 60,
            "explanation": {"words": words, "effect": 2.0, "effect-of-chance": 0.5, "checked": true,
                "check": "checked: without the red, sheep 0.92 → 0.31, horse first"},
        }))
        .unwrap();
        let pictures = Pictures {
            frame: picture(90),
            annotated: picture(120),
            heatmap: Some(picture(200)),
            fed: Some(picture(30)),
        };
        let recorded = format!("2026-01-01T00:{:02}:00Z", number - 1);
        (store.keep(Duration::ZERO, recorded, event, &pictures)).unwrap();
    }
}

/// A camera of which nothing new is told, with what an earlier run has kept.
fn start(folder: &Path) -> Monitor {
    let footage = cached("footage/vtest.avi").display().to_string();
    let file = folder.join("monitor.toml");
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[evidence]\nfolder = \"evidence\"\n[[camera]]\nname = \"gate\"\nsource = \"{footage}\"\n\
         repeat = true\ndetect-interval = 1\nevents = {{ kinds = [] }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Monitor::command();
    Monitor::start(command.arg("--config").arg(&file))
}

/// Nothing was asked for elsewhere, and neither scripts nor the policy complain.
pub fn is_clean(browser: &Browser, monitor: &Monitor) {
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    let own = format!("http://{}/", monitor.address);
    let foreign = browser.asked.iter().filter(|url| !url.starts_with(&own));
    // A browser draws the sign in a field for a date from a picture of its own.
    let is_own = |url: &str| url == "about:blank" || url.starts_with("data:");
    let foreign: Vec<_> = foreign.filter(|url| !is_own(url)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn the_list_is_filtered_and_leads_to_an_event_that_is_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence").join("gate");
    keep_events(&evidence);
    let monitor = start(folder.path());
    let mut browser = Browser::start();
    let address = monitor.address.clone();
    browser.go(&format!("http://{address}/"));

    // The newest first, in parts.
    browser.wait_for("document.querySelectorAll('#events li').length === 50");
    browser.wait_for("document.getElementById('found').textContent === '60 events'");
    let first = browser.look("document.querySelector('#events a').href");
    assert!(
        first.as_str().unwrap().contains("/event/5f-gate-60"),
        "{first}"
    );
    browser.click("#older");
    browser.wait_for("document.querySelectorAll('#events li').length === 10");
    // What somebody wanted to be HTML is text.
    let last = browser.look("document.querySelector('#events li:last-child a').textContent");
    assert_eq!(last, EVIL);
    browser.click("#newest");
    browser.wait_for("document.querySelectorAll('#events li').length === 50");
    filter(&mut browser);

    // An event's page keeps them too: neighbours are those of the list.
    browser.go(&format!("http://{address}/?kind=ambiguous-class"));
    browser.wait_for("document.getElementById('found').textContent === '30 events like that'");
    browser.click("#events li:nth-child(2) a");
    browser.wait_for(
        "location.pathname === '/event/5f-gate-58' && document.getElementById('heat')?.complete",
    );
    look_at_event(&mut browser);
    label(&mut browser, &evidence);

    // Neighbours in time by key.
    browser.press("ArrowLeft", 0);
    browser.wait_for(
        "location.pathname === '/event/5f-gate-56' && document.readyState === 'complete'",
    );
    browser.press("ArrowRight", 0);
    browser.wait_for(
        "location.pathname === '/event/5f-gate-58' && document.readyState === 'complete'",
    );
    is_clean(&browser, &monitor);

    // An event that wants to be HTML has a page like every other.
    browser.go(&format!("http://{address}/event/5f-gate-1"));
    assert_eq!(
        browser.look("document.querySelector('h1').textContent"),
        EVIL
    );
    assert_eq!(
        browser.look("document.querySelector('dd').textContent"),
        format!("{EVIL} 0.75")
    );
    assert_ne!(browser.look("document.title"), "evil");

    // All of it is there after a restart.
    monitor.signal("TERM");
    assert!(monitor.wait().status.success());
    let monitor = start(folder.path());
    let told = until("the label", || {
        let told = monitor.get("/events?mark=not").text();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        (told["found"] == 1).then_some(told)
    });
    assert_eq!(told["events"][0]["id"], "5f-gate-58");
}

/// Filters are kept in the address.
fn filter(browser: &mut Browser) {
    // What an explanation is worth has the words too, but no question mark.
    browser.write("#filter [name=words]", "HORSE? sheep");
    browser.wait_for("document.getElementById('found').textContent === '30 events like that'");
    let asked = browser.look("location.search");
    assert_eq!(asked, "?words=HORSE%3F+sheep");
    browser.look("(() => { const f = document.getElementById('filter'); f.elements.from.value = new Date('2026-01-01T00:50:00Z').toLocaleString('sv').slice(0, 16).replace(' ', 'T'); f.dispatchEvent(new Event('input')); })()");
    browser.wait_for("document.getElementById('found').textContent === '5 events like that'");
    browser.look("(() => { const f = document.getElementById('filter'); f.elements.class.value = 'person'; f.dispatchEvent(new Event('input')); })()");
    browser.wait_for("document.getElementById('found').textContent === 'Nothing like that.'");
    browser.click("#filter button");
    browser.wait_for("document.getElementById('found').textContent === '60 events'");
}

/// Its words, its slider, and what the network was fed.
fn look_at_event(browser: &mut Browser) {
    let text = browser.look("document.body.innerText");
    let text = text.as_str().unwrap();
    assert!(
        text.contains("without the red, sheep 0.92 → 0.31, horse first"),
        "{text}"
    );
    let rect = browser.look("document.querySelector('rect').getAttribute('width')");
    assert_eq!(rect, "0.5");

    // The slider, by mouse and keyboard.
    let opacities = "[document.getElementById('frame').style.opacity, document.getElementById('heat').style.opacity]";
    browser.click("#blend");
    browser.look("document.getElementById('blend').focus()");
    for _ in 0..10 {
        browser.press("ArrowRight", 0);
    }
    let blended = browser.look(opacities);
    assert_eq!(blended[1], "1");
    let frame: f64 = blended[0].as_str().unwrap().parse().unwrap();
    assert!((frame - 0.8).abs() < 0.05, "{frame}");
    assert_eq!(browser.look("location.pathname"), "/event/5f-gate-58");

    // What the network was fed, by one click.
    browser.click("#what-if");
    browser.wait_for("!document.getElementById('fed').hidden && document.getElementById('fed').naturalWidth === 80");
    browser.click("#what-if");
}

/// A label by mouse, taken back and given again by key.
fn label(browser: &mut Browser, evidence: &Path) {
    browser.click("#marks [data-mark=worth]");
    browser.wait_for("document.getElementById('said').textContent === 'Kept for the report.'");
    let marks = || Marks::read(evidence).unwrap();
    let recorded = "2026-01-01T00:57:00Z";
    assert_eq!(marks().of(58, recorded).unwrap().words(), "worth a look");
    browser.look("document.activeElement.blur()");
    browser.press("w", 0);
    browser.wait_for("document.getElementById('said').textContent === 'Taken back.'");
    assert_eq!(marks().of(58, recorded), None);
    browser.press("n", 0);
    browser.wait_for(
        "document.querySelector('#marks [data-mark=not]').getAttribute('aria-pressed') === 'true'",
    );
    assert_eq!(
        marks().of(58, recorded).unwrap().words(),
        "not worth a look"
    );
}

#[test]
fn a_mark_that_is_given_twice_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence").join("gate");
    keep_events(&evidence);
    let monitor = start(folder.path());
    let is_kept = |id: &str| monitor.get(&format!("/event/{id}")).status == 200;
    until("the event", || is_kept("5f-gate-58").then_some(()));
    let mark = |mark: &str| {
        let body = format!("{{\"mark\":{mark}}}");
        let length = body.len();
        let request = format!(
            "POST /event/5f-gate-58/mark HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        assert_eq!(monitor.send(request.as_bytes(), |_| false).status, 204);
        let lines = std::fs::read_to_string(evidence.join("marks.jsonl"));
        lines.map_or(0, |lines| lines.lines().count())
    };
    let marks = [
        "null",
        "\"worth\"",
        "\"worth\"",
        "\"not\"",
        "\"not\"",
        "null",
        "null",
    ];
    assert_eq!(marks.map(mark), [0, 1, 1, 2, 2, 3, 3]);
    let marks = Marks::read(&evidence).unwrap();
    assert_eq!(marks.of(58, "2026-01-01T00:57:00Z"), None);
}

#[test]
fn it_says_why_nothing_gets_through() {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[queue]\nfolder = \"queue\"\n[mqtt]\naddress = \"mqtt://127.0.0.1:{port}\"\n{}",
        steady("gate")
    );
    let monitor = start_with(folder.path(), &text);
    let mut browser = Browser::start();
    browser.go(&format!("http://{}/", monitor.address));
    let told = format!("mqtt: 127.0.0.1:{port}: Connection refused");
    browser.wait_for(&format!(
        "document.getElementById('state').textContent.includes('{told}')"
    ));
    is_clean(&browser, &monitor);
    // Where nothing is sent any more, nothing is wrong with it.
    let (before, camera) = text.split_once("[mqtt]").unwrap();
    let (_, camera) = camera.split_once("[[camera]]").unwrap();
    let file = folder.path().join("monitor.toml");
    std::fs::write(file, format!("{before}[[camera]]{camera}")).unwrap();
    monitor.signal("HUP");
    browser.wait_for("document.getElementById('state').textContent === ''");
}

#[test]
fn it_fits_every_window_in_light_and_dark() {
    let folder = tempfile::tempdir().unwrap();
    keep_events(&folder.path().join("evidence").join("gate"));
    let monitor = start(folder.path());
    let mut browser = Browser::start();
    let mut papers = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for path in ["", "event/5f-gate-1", "event/5f-gate-58"] {
            browser.go(&format!("http://{}/{path}", monitor.address));
            if path.is_empty() {
                browser.wait_for("document.querySelectorAll('#events li').length === 50 && document.querySelector('.object') !== null");
                papers.push(browser.look("getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).color"));
            }
            for width in [320, 390, 768, 1280] {
                browser.resize(width, 800);
                let wide = browser.look("document.documentElement.scrollWidth");
                assert!(
                    wide.as_u64().unwrap() <= u64::from(width),
                    "{path} at {width}: {wide}"
                );
            }
        }
    }
    assert_ne!(papers[0], papers[1]);
    is_clean(&browser, &monitor);
}

/// A click with Shift.
fn ask_in_the_corner(browser: &mut Browser) {
    let corner = browser.look("(() => { const at = document.querySelector('.screen').getBoundingClientRect(); return [at.x + 12, at.y + 12]; })()");
    browser.click_at(
        [0, 1].map(|axis: usize| corner[axis].as_f64().unwrap()),
        SHIFT,
    );
}

#[test]
fn an_object_is_explained_when_it_is_clicked_on_and_a_place_where_none_is() {
    let folder = tempfile::tempdir().unwrap();
    // Always the same picture: a dog, a bicycle and a car.
    let gate = NetworkCamera::start(0);
    let file = folder.path().join("monitor.toml");
    let source = gate.source();
    let text = format!(
        "[page]\naddress = \"127.0.0.1:0\"\n[[camera]]\nname = \"gate\"\nsource = \"{source}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Monitor::command();
    let monitor = Monitor::start(command.arg("--config").arg(&file));
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.go(&format!("http://{}/", monitor.address));
    let sight = || monitor.camera("gate")["sight"].clone();
    let dog = until("the dog", || {
        let objects = sight()["objects"].clone();
        let objects = objects.as_array().cloned().unwrap_or_default();
        objects
            .into_iter()
            .find(|seen| seen["label"] == "dog" && seen["score"].as_f64() > Some(0.5))
    });
    let selector = format!(".object[data-object=\"{}\"]", dog["object"]);
    let answered = |browser: &mut Browser, words: &str| {
        let words = words.to_owned();
        browser.wait_for(&format!(
            "document.querySelector('.answer').textContent.includes({words:?})"
        ));
    };

    let nothing_is_picked = || {
        until("nothing is picked", || {
            sight()["picked"].is_null().then_some(())
        });
    };

    // By mouse: what is clicked on is explained, and let go by another click.
    browser.click(&selector);
    answered(&mut browser, "dog");
    assert_eq!(sight()["picked"], dog["object"]);
    assert_eq!(sight()["answer"]["object"], dog["object"]);
    let pressed = format!("document.querySelector({selector:?}).ariaPressed === 'true'");
    browser.wait_for(&pressed);
    browser.click(&selector);
    nothing_is_picked();

    // With Shift: why is nothing found in the corner?
    ask_in_the_corner(&mut browser);
    answered(&mut browser, "no ");
    let missing = sight()["missing"][0].as_f64().unwrap();
    assert!(missing < 0.1, "{missing}");
    browser.look("document.querySelector('.screen').focus()");
    browser.press("Escape", 0);
    until("nothing is asked", || {
        sight()["missing"].is_null().then_some(())
    });

    // By keyboard: from the picture to the objects in it.
    let is_dog = format!("document.activeElement.matches({selector:?})");
    for _ in 0..20 {
        browser.press("Tab", 0);
        if browser.look(&is_dog) == true {
            break;
        }
    }
    assert_eq!(browser.look(&is_dog), true);
    browser.press("Enter", 0);
    answered(&mut browser, "dog");
    browser.press("Escape", 0);
    nothing_is_picked();
    // The pointer, moved by arrows, asks too.
    browser.look("document.querySelector('.screen').focus()");
    for _ in 0..9 {
        browser.press("ArrowUp", 0);
    }
    browser.press("Enter", SHIFT);
    let missing = until("the place", || sight()["missing"].as_array().cloned());
    assert!(missing[1].as_f64() < Some(0.2), "{missing:?}");

    // What the model looks at is plotted.
    browser.press("Escape", 0);
    browser.go(&format!("http://{}/", monitor.address));
    browser.wait_for("document.querySelectorAll('#drift polyline').length >= 2");
    is_clean(&browser, &monitor);

    // Where nobody looks, nothing is pointed at.
    browser.click(&selector);
    until("the dog is picked", || {
        (sight()["picked"] == dog["object"]).then_some(())
    });
    drop(browser);
    nothing_is_picked();
}
