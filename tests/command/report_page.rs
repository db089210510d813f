//! The report's page in a browser, as wide as phones, tablets and desks are.

use std::path::Path;

use serde_json::json;

use crate::browser::Browser;
use crate::photo;
use crate::report::{coco, page_without};

const WIDTHS: [u32; 5] = [320, 390, 500, 768, 1280];

/// Numbers that a line ends in the middle of, by the text around them.
const BROKEN_NUMBERS: &str = "(() => {
  const broken = [];
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const found of node.data.matchAll(/[+−-]?\\d+(?:[.,]\\d+)*/g)) {
      const range = document.createRange();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const tops = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
      const isAcross = getComputedStyle(node.parentElement).writingMode !== 'horizontal-tb';
      if (tops.size > 1 && !isAcross) broken.push(`${found[0]} in ${node.data.trim()}`);
    }
  }
  return broken;
})()";

/// What reaches beyond the right edge of the window and is not in a part that scrolls by itself.
const BEYOND: &str = "(() => {
  const beyond = [];
  for (const element of document.body.querySelectorAll('*')) {
    const right = element.getBoundingClientRect().right;
    const isClipped = element.closest('.scroll, .view, svg');
    if (right > window.innerWidth + 1 && !isClipped) {
      beyond.push(`${element.tagName} ${element.className}: ${right}`);
    }
  }
  return beyond.slice(0, 5);
})()";

/// Where the filter by class does not show the cards on which a class is written, or not as many as it says.
const WRONGLY_FILTERED: &str = "(() => {
  const wrong = [];
  const chosen = document.getElementById('class');
  for (const { value, text } of [...chosen.options].filter((option) => option.value)) {
    chosen.value = value;
    chosen.dispatchEvent(new Event('change'));
    let count = 0;
    for (const card of document.querySelectorAll('article.card')) {
      const also = [...card.textContent.matchAll(/also detected as (.+?) \\d/g)].map((found) => found[1]);
      const has = [card.querySelector('h2').firstChild.data.trim(), ...also].includes(value);
      if (has === card.hidden) wrong.push(`${value}: ${card.id}`);
      count += has;
    }
    if (text !== `${value} (${count})`) wrong.push(text);
  }
  return wrong;
})()";

/// A page with annotations and a missed object, with everything open.
fn opened(folder: &Path, more: &[&str]) -> Browser {
    let truth = folder.join("instances.json");
    coco(&truth);
    let text = std::fs::read_to_string(&truth).unwrap();
    let mut truth_value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let missed =
        json!({"image_id": 1, "category_id": 2, "bbox": [10.0, 10.0, 60.0, 40.0], "iscrowd": 0});
    truth_value["annotations"]
        .as_array_mut()
        .unwrap()
        .push(missed);
    std::fs::write(&truth, truth_value.to_string()).unwrap();
    let photos = ["person.jpg", "horses.jpg"].map(photo);
    let inputs = photos.each_ref().map(String::as_str);
    let truth = ["--truth", truth.to_str().unwrap(), "--explain", "2"];
    page_without(folder, &inputs, &[&truth, more].concat(), 1);
    let mut browser = Browser::start();
    browser.go(&format!("file://{}/report.html", folder.display()));
    // What is out of view has no size else.
    browser.look(
        "(() => { for (const card of document.querySelectorAll('.card')) card.style.contentVisibility = 'visible';
          for (const part of document.querySelectorAll('details')) part.open = true; return true; })()",
    );
    browser
}

#[test]
fn no_number_breaks_and_nothing_scrolls_sideways_at_any_width() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = opened(folder.path(), &[]);
    for width in WIDTHS {
        browser.resize(width, 800);
        let scrolled = browser.look("document.documentElement.scrollWidth - window.innerWidth");
        let beyond = browser.look(BEYOND);
        let file = format!("report-{width}.png");
        browser.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(file));
        assert!(
            scrolled.as_f64().unwrap() <= 0.0,
            "{width}: {scrolled} {beyond}"
        );
        assert_eq!(beyond, json!([]), "{width}");
        let broken = browser.look(BROKEN_NUMBERS);
        assert_eq!(broken, json!([]), "{width}");
    }
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn filters_show_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = opened(folder.path(), &[]);
    let all = browser.look("document.querySelectorAll('article.card').length");
    let shown = "document.querySelectorAll('article.card:not([hidden])').length";
    assert_eq!(browser.look(shown), all);
    browser.look(
        "(() => { const chosen = document.getElementById('verdict'); chosen.value = 'wrong class';
          chosen.dispatchEvent(new Event('change')); return true; })()",
    );
    assert_eq!(browser.look(shown), 2);
    let words = browser.look("document.getElementById('shown').textContent");
    assert_eq!(words, format!("2 of {all} shown"));
}

#[test]
fn a_card_is_found_by_each_class_that_was_detected_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = opened(folder.path(), &[]);
    let several = "[...document.querySelectorAll('article.card')].filter((card) => card.textContent.includes('also detected as')).length";
    assert!(browser.look(several).as_u64().unwrap() > 0);
    let wrong = browser.look(WRONGLY_FILTERED);
    assert_eq!(wrong, json!([]));
}
