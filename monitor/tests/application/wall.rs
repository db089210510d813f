//! The page with more cameras than a browser opens connections to one computer.

use super::browser::Browser;
use super::cameras::{NetworkCamera, steady};
use super::page::is_clean;
use super::running::{start_with, until};

/// Two more than the six connections that browsers open.
const FILMS: usize = 8;

/// Waits until each film has shown several pictures from now on.
fn all_move(browser: &mut Browser) {
    browser.look("void (window.seen = {})");
    let moved = "(() => {
            const small = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            for (const figure of document.querySelectorAll('figure[data-name^=film]')) {
                small.drawImage(figure.querySelector('canvas'), 0, 0, 64, 48);
                const pixels = small.getImageData(0, 0, 64, 48).data.join();
                (window.seen[figure.dataset.name] ??= new Set()).add(pixels);
            }
            const seen = Object.values(window.seen);
            return seen.length === FILMS && seen.every((pictures) => pictures.size >= 4);
        })()";
    browser.wait_for(&moved.replace("FILMS", &FILMS.to_string()));
}

#[test]
fn eight_cameras_move_while_the_list_goes_on_and_a_click_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    // Always the same picture, with a dog to click on.
    let gate = NetworkCamera::start(0);
    let films: String = (1..=FILMS).map(|n| steady(&format!("film{n}"))).collect();
    let source = gate.source();
    let monitor = start_with(
        folder.path(),
        &format!(
            "[page]\naddress = \"127.0.0.1:0\"\n[defaults]\ndetect-interval = 2\n\
             [[camera]]\nname = \"gate\"\nsource = \"{source}\"\n{films}"
        ),
    );
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.go(&format!("http://{}/", monitor.address));
    all_move(&mut browser);
    browser.wait_for("document.querySelectorAll('#events li').length > 0");
    browser.wait_for("document.getElementById('state').textContent === ''");

    let dog = until("the dog", || {
        let objects = monitor.camera("gate")["sight"]["objects"].clone();
        let objects = objects.as_array().cloned().unwrap_or_default();
        let mut dogs = objects.into_iter().filter(|seen| seen["label"] == "dog");
        dogs.next().map(|dog| dog["object"].clone())
    });
    browser.click(&format!(
        "figure[data-name=gate] .object[data-object=\"{dog}\"]"
    ));
    browser.wait_for(
        "document.querySelector('figure[data-name=gate] .answer').textContent.includes('dog')",
    );
    all_move(&mut browser);

    let films = browser.asked.iter().filter(|url| url.contains("/stream"));
    let films: Vec<_> = films.filter(|url| !url.ends_with("/point")).collect();
    let all = format!("http://{}/streams", monitor.address);
    assert_eq!(films, [&all], "one connection for all of them");
    is_clean(&browser, &monitor);
}

#[test]
fn pictures_come_again_after_the_monitor_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let configuration =
        |address: &str| format!("[page]\naddress = \"{address}\"\n{}", steady("film1"));
    let monitor = start_with(folder.path(), &configuration("127.0.0.1:0"));
    let address = monitor.address.clone();
    let mut browser = Browser::start();
    browser.go(&format!("http://{address}/"));
    let moves = "(() => { const at = document.querySelector('figure[data-name=film1] canvas'); return at !== null && at.width === 768; })()";
    browser.wait_for(moves);
    drop(monitor);
    browser.wait_for(
        "document.getElementById('state').textContent === 'The monitor does not answer.'",
    );
    // Another size says that it is a new picture.
    browser.look("void (document.querySelector('figure[data-name=film1] canvas').width = 1)");
    let _again = start_with(folder.path(), &configuration(&address));
    browser.wait_for(moves);
}
