//! `ssdcrp report` writes one page that stands by itself.

use std::path::Path;

use crate::{fail, photo, run, succeed};

/// The page about `inputs`.
fn page(folder: &Path, inputs: &[&str], more: &[&str]) -> String {
    let file = folder.join("report.html");
    let arguments = [&["report"], inputs, &["-o", file.to_str().unwrap()], more].concat();
    let said = succeed(&arguments);
    assert!(said.contains("written: "), "{said}");
    std::fs::read_to_string(file).unwrap()
}

/// What stands between each `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap())
        .collect()
}

#[test]
fn the_page_shows_the_known_errors_with_the_right_questions() {
    let folder = tempfile::tempdir().unwrap();
    let photos = ["person.jpg", "horses.jpg", "giraffe.jpg"].map(photo);
    let inputs = photos.each_ref().map(String::as_str);
    let page = page(
        folder.path(),
        &inputs,
        &[
            "--what-if",
            "horse",
            "--expected-classes",
            "person,dog,horse,zebra,giraffe",
        ],
    );
    // Nothing comes from elsewhere.
    for source in between(&page, "src=\"", "\"")
        .into_iter()
        .chain(between(&page, "url(", ")"))
    {
        assert!(
            source.starts_with("data:image/"),
            "{}",
            &source[..source.len().min(80)]
        );
    }
    assert!(!page.contains("http") && !page.contains("<link"));

    let cards = between(&page, "<article", "</article>");
    let card = |id: &str| {
        let found = cards
            .iter()
            .position(|card| card.contains(&format!("id=\"{id}\"")));
        found.unwrap_or_else(|| panic!("{id}"))
    };
    for (id, kinds, doubt, question) in [
        (
            "photo-0-box-1436",
            "ambiguous-class unexpected-class",
            "sheep, or horse?",
            "sheep rather than horse",
        ),
        (
            "photo-1-box-608",
            "ambiguous-class unexpected-class",
            "cow, or horse?",
            "cow rather than horse",
        ),
        (
            "photo-1-box-1406",
            "merge",
            "one box of horse over two objects",
            "box wider",
        ),
        (
            "photo-2-box-1763",
            "ambiguous-class fragment",
            "two boxes on one zebra",
            "left edge further left",
        ),
    ] {
        let card = cards[card(id)];
        assert!(card.contains(&format!("data-kinds=\"{kinds}\"")), "{id}");
        for words in [doubt, question] {
            assert!(card.contains(words), "{words} in {id}");
        }
        let tiles = between(card, "<figcaption>", "</figcaption>");
        let asks = |tile: &&str| tile.contains("class=\"ask\"") && tile.contains(question);
        assert!(tiles.iter().any(|tile| asks(tile)), "{question} in {id}");
        // The photo, one to three maps of the class, four offsets, four edges, two charts.
        assert!((12..=16).contains(&tiles.len()), "{id}: {}", tiles.len());
        for words in [
            "times the size",
            "% of the picture",
            "ΣR/Σ|R| = ",
            "edge further",
        ] {
            assert!(card.contains(words), "{words} in {id}");
        }
    }
    // The what-if is not asked of what is a horse already.
    let asked = |id: &str| cards[card(id)].contains("horse rather than the other classes");
    assert!(asked("photo-0-box-1436") && cards[card("photo-0-box-1436")].contains("What if?"));
    assert!(!cards[card("photo-1-box-1400")].contains("What if?"));
    // What looks wrong comes first: the sure horse and the person do not.
    let last_doubtful = [
        "photo-0-box-1436",
        "photo-1-box-608",
        "photo-1-box-1406",
        "photo-2-box-1763",
    ]
    .map(card);
    assert_eq!(last_doubtful.into_iter().max(), Some(3));
    assert_eq!(cards.len(), 10);
}

#[test]
fn a_folder_is_reported_whole_and_names_cannot_break_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::copy(photo("eagle.jpg"), photos.join("a <script>\"&amp; b.JPG")).unwrap();
    std::fs::copy(photo("scream.jpg"), photos.join("b.jpeg")).unwrap();
    std::fs::write(photos.join("notes.txt"), "no picture").unwrap();
    let page = page(folder.path(), &[photos.to_str().unwrap()], &[]);
    assert!(
        page.contains("2 photos, 1 object; 0 look wrong"),
        "{page:.3000}"
    );
    assert!(page.contains("nothing looks wrong"));
    assert!(page.contains("a &#60;script&#62;&#34;&#38;amp; b.JPG"));
    assert_eq!(page.matches("<script>").count(), 1);
}

#[test]
fn a_page_about_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path(), &[&photo("scream.jpg")], &[]);
    assert!(page.contains("Nothing was detected"));
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let out = folder.path().join("report.html");
    let out = out.to_str().unwrap();
    let dog = photo("dog.jpg");
    for (arguments, reason) in [
        (
            &["report", empty, "-o", out][..],
            "there is no JPEG or PNG in ",
        ),
        (
            &["report", "/nowhere/a.jpg", "-o", out],
            "cannot open /nowhere/a.jpg",
        ),
        (&["report", &dog, "-o", &dog], "that is the photo itself"),
        (&["report", &dog, "-o", "-"], "cannot write to '-'"),
        (
            &["report", &dog, "-o", out, "--what-if", "bycicle"],
            "did you mean \"bicycle\"?",
        ),
        (
            &[
                "report",
                &dog,
                "-o",
                out,
                "--expected-classes",
                "dogs and cats",
            ],
            "there is no class",
        ),
        (
            &["report", &dog, "-o", out, "--composite", "gradcam"],
            "there is no composite 'gradcam'",
        ),
    ] {
        let line = fail(arguments);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    assert!(!Path::new(out).exists());
    assert_eq!(run(&["report", &dog]).status.code(), Some(2));
}
