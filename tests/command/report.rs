//! `ssdcrp report` writes one page that stands by itself.

use std::path::Path;

use serde_json::json;

use crate::{fail, photo, run, succeed};

/// The page about `inputs`, without the checks, which take most of the time.
pub fn page(folder: &Path, inputs: &[&str], more: &[&str]) -> String {
    checked_page(folder, inputs, &[more, &["--no-check"]].concat())
}

/// The page about `inputs`, with checks unless `more` says otherwise.
fn checked_page(folder: &Path, inputs: &[&str], more: &[&str]) -> String {
    let file = folder.join("report.html");
    let arguments = [&["report"], inputs, &["-o", file.to_str().unwrap()], more].concat();
    let said = succeed(&arguments);
    assert!(said.contains("written: "), "{said}");
    std::fs::read_to_string(file).unwrap()
}

/// The page about `inputs`, of which so much is left out that could not count.
pub fn page_without(folder: &Path, inputs: &[&str], more: &[&str], left_out: usize) -> String {
    let file = folder.join("report.html");
    let written = ["-o", file.to_str().unwrap(), "--no-check"];
    let arguments = [&["report"], inputs, &written, more].concat();
    let output = run(&arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaint}");
    assert_eq!(
        complaint.matches("left out: ").count(),
        left_out,
        "{complaint}"
    );
    std::fs::read_to_string(file).unwrap()
}

/// The page about `inputs`, of which some cannot be used, which is told in so many lines though nothing else is to be said; `last` is what stands last.
pub fn page_despite(folder: &Path, inputs: &[&str], lines: usize, last: &str) -> String {
    let file = folder.join("report.html");
    let written = ["-o", file.to_str().unwrap(), "--no-check", "-q"];
    let arguments = [&["report"], inputs, &written].concat();
    let output = run(&arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(output.stdout.is_empty());
    assert_eq!(complaint.lines().count(), lines + 1, "{complaint}");
    let words = complaint.lines().last().unwrap();
    assert_eq!(words, format!("ssdcrp: {last}"));
    std::fs::read_to_string(file).unwrap()
}

/// What stands between each `before` and the next `after`.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap())
        .collect()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one page, made once, is looked at from all sides"
)]
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
        assert!(tiles.iter().any(asks), "{question} in {id}");
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

/// What is on person.jpg and horses.jpg, as corners: the horse that is taken for a sheep, the one that is taken for a cow, and a foal that is not there.
const THERE: [(&str, &str, [f64; 4]); 7] = [
    ("person.jpg", "person", [189.0, 101.0, 274.0, 383.0]),
    ("person.jpg", "horse", [401.0, 136.0, 600.0, 339.0]),
    ("person.jpg", "dog", [62.0, 265.0, 204.0, 347.0]),
    ("horses.jpg", "horse", [2.0, 194.0, 345.0, 409.0]),
    ("horses.jpg", "horse", [228.0, 180.0, 430.0, 354.0]),
    ("horses.jpg", "horse", [433.0, 210.0, 591.0, 348.0]),
    ("horses.jpg", "foal", [700.0, 400.0, 760.0, 500.0]),
];
const SIZES: [(&str, [u32; 2]); 2] = [("person.jpg", [640, 424]), ("horses.jpg", [773, 512])];

pub fn coco(file: &Path) {
    let labels = ["person", "horse", "dog", "foal"];
    let images: Vec<_> = SIZES
        .iter()
        .enumerate()
        .map(|(id, (name, [width, height]))| {
            json!({"id": id, "file_name": name, "width": width, "height": height})
        })
        .collect();
    let annotations: Vec<_> = THERE
        .iter()
        .map(|(name, label, [x0, y0, x1, y1])| {
            let image = SIZES.iter().position(|(known, _)| known == name);
            let category = labels.iter().position(|known| known == label);
            json!({"image_id": image, "category_id": category, "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0})
        })
        .collect();
    let categories: Vec<_> = labels
        .iter()
        .enumerate()
        .map(|(id, name)| json!({"id": id, "name": name}))
        .collect();
    let all = json!({"images": images, "annotations": annotations, "categories": categories});
    std::fs::write(file, all.to_string()).unwrap();
}

fn voc(folder: &Path) {
    for (name, [width, height]) in SIZES {
        let objects: String = THERE
            .iter()
            .filter(|(picture, ..)| *picture == name)
            .map(|(_, label, [x0, y0, x1, y1])| {
                let first = [x0 + 1.0, y0 + 1.0];
                format!(
                    "<object><name>{label}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>",
                    first[0], first[1]
                )
            })
            .collect();
        let text = format!(
            "<annotation><filename>{name}</filename><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"
        );
        std::fs::write(folder.join(name).with_extension("xml"), text).unwrap();
    }
}

#[test]
fn errors_are_sorted_and_confused_classes_get_a_map_whichever_form_the_annotations_have() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instances.json");
    coco(&file);
    let xml = folder.path().join("xml");
    std::fs::create_dir(&xml).unwrap();
    voc(&xml);
    let photos = ["person.jpg", "horses.jpg"].map(photo);
    let inputs = photos.each_ref().map(String::as_str);
    let [of_coco, of_voc] = [&file, &xml].map(|truth| {
        // The foal is no class of the model, which the terminal says, too.
        let more = ["--truth", truth.to_str().unwrap()];
        page_without(folder.path(), &inputs, &more, 1)
    });
    assert_eq!(of_coco, of_voc);

    let part = between(&of_coco, "id=\"truth\"", "</section>")[0];
    assert!(
        part.contains("the model does not know them: foal (1)"),
        "{part:.900}"
    );
    let counts: Vec<&str> = between(
        between(part, "class=\"kinds\"", "</table>")[0],
        "<td>",
        "</td>",
    );
    // Correct: person, dog, two horses and the third one's second class; wrong: sheep and cow; the wide box is a duplicate.
    assert_eq!(counts, ["5", "2", "0", "0", "1", "0", "0", "0"]);
    let pairs = between(part, "<figcaption><strong>", "</strong>");
    assert_eq!(pairs, ["sheep rather than horse", "cow rather than horse"]);
    // The row of horses: as horse, sheep, cow. In COCO's order: person, dog, horse, sheep, cow, not at all.
    let rows = between(part, "<tr><th scope=\"row\">horse</th>", "</tr>");
    let cells: Vec<&str> = between(rows[0], "<td class=\"", "</td>");
    assert_eq!(
        cells,
        [
            "zero\">0",
            "zero\">0",
            "right\">3",
            "wrong\">1",
            "wrong\">1",
            "zero\">0"
        ]
    );

    let cards = between(&of_coco, "<article", "</article>");
    for (id, verdict, words) in [
        ("photo-0-box-1436", "wrong class", "in truth: horse"),
        // A horse with it.
        ("photo-1-box-608", "correct, wrong class", "in truth: horse"),
        (
            "photo-1-box-1406",
            "duplicate",
            "a better detection has this object",
        ),
    ] {
        let place = cards
            .iter()
            .position(|card| card.contains(&format!("id=\"{id}\"")))
            .unwrap();
        assert!(place < 3, "errors come first");
        assert!(cards[place].contains(&format!("data-verdict=\"{verdict}\"")));
        assert!(cards[place].contains(words), "{words}");
    }
}

#[test]
fn what_a_card_shows_at_once_is_checked_with_the_picture_that_was_fed() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["person.jpg", "eagle.jpg", "dog.jpg"].map(photo);
    let inputs = inputs.each_ref().map(String::as_str);
    let checked = checked_page(folder.path(), &inputs, &["--what-if", "horse"]);
    let tiles = between(&checked, "<figure class=\"tile", "</figure>");
    let checks: Vec<&str> = (tiles.iter().copied())
        .filter(|tile| tile.contains("class=\"check\""))
        .collect();
    let (mut passed, mut measured) = (0, 0);
    for tile in &checks {
        let [heat, fed] = between(tile, "src=\"data:", ";")[..] else {
            panic!("{tile:.300}")
        };
        assert_eq!([heat, fed], ["image/png", "image/jpeg"]);
        let classes = tile.split('"').next().unwrap();
        let doubtful = classes.ends_with(" doubtful");
        let words = between(tile, "<p>", "<br>")[0];
        let begins = match doubtful {
            true => ["no better than chance: ", "no check: nothing speaks for it"],
            false => ["checked: without the red, ", "checked: without the red, "],
        };
        assert!(begins.iter().any(|b| words.starts_with(b)), "{words}");
        assert!(between(tile, "class=\"note\">asked quantity ", "<")[0].contains(", by chance "));
        passed += usize::from(!doubtful);
        measured += usize::from(!words.starts_with("no check"));
    }
    // Offsets and edges are folded up: eight tiles of each card, and the photo itself.
    let cards = between(&checked, "<article", "</article>");
    assert_eq!(checks.len(), tiles.len() - 9 * cards.len());
    let said = format!("{passed} of {measured} maps do better than chance");
    assert!(checked.contains(&said), "{said}");
    assert!(2 * passed > checks.len(), "{said}");
    // Where nothing else looks wrong, those whose first map failed come first.
    let quiet = cards.iter().filter(|card| card.contains("data-kinds=\"\""));
    let failed: Vec<bool> = quiet
        .map(|card| card.contains("data-check=\"failed\""))
        .collect();
    assert!(failed.is_sorted_by(|a, b| a >= b), "{failed:?}");
    assert!(failed.len() > 2);

    let unchecked = page(folder.path(), &inputs[1..2], &[]);
    assert!(!unchecked.contains("class=\"check\"") && !unchecked.contains("by chance"));
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
    assert!(
        page.contains("no event: score 1.00, the next class is ")
            && !page.contains("nothing looks wrong")
    );
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
    let strangers = tempfile::tempdir().unwrap();
    let strangers = strangers.path().join("a.json");
    coco(&strangers);
    let strangers = strangers.to_str().unwrap();
    let dog = photo("dog.jpg");
    for (arguments, reason) in [
        (
            &["report", empty, "-o", out][..],
            "there is no photo (JPEG or PNG) or video in ",
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
        (
            &["report", &dog, "-o", out, "--truth", strangers],
            "of none of these photos",
        ),
        (
            &["report", &dog, "-o", out, "--truth", &dog],
            "neither .json (COCO) nor .xml",
        ),
    ] {
        let line = fail(arguments);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
    assert!(!Path::new(out).exists());
    assert_eq!(run(&["report", &dog]).status.code(), Some(2));
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.jpg");
    std::fs::write(&broken, "no picture").unwrap();
    let broken = broken.to_str().unwrap();
    let page = page_despite(
        folder.path(),
        &[broken, &photo("eagle.jpg")],
        1,
        "1 of 2 pictures could not be used",
    );
    assert_eq!(between(&page, "<article", "</article>").len(), 1);
    let left_out = between(&page, "left out: ", "</li>");
    assert_eq!(left_out.len(), 1);
    assert!(left_out[0].contains("broken.jpg"), "{}", left_out[0]);
    // Nothing at all is an error.
    let output = folder.path().join("none.html");
    let error = fail(&["report", broken, "-o", output.to_str().unwrap()]);
    assert!(error.contains("broken.jpg") && !output.exists(), "{error}");
    assert!(!folder.path().join("none.html.partial").exists());
}

#[test]
fn pictures_of_other_formats_in_a_folder_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::write(photos.join("a.heic"), "").unwrap();
    std::fs::write(photos.join("notes.txt"), "").unwrap();
    let named = photos.to_str().unwrap();
    let output = folder.path().join("none.html");
    let error = fail(&["report", named, "-o", output.to_str().unwrap()]);
    assert!(
        error.contains("there is no photo (JPEG or PNG)")
            && error.contains("a.heic is neither JPEG nor PNG"),
        "{error}"
    );
    std::fs::copy(photo("eagle.jpg"), photos.join("eagle.jpg")).unwrap();
    std::fs::write(photos.join("b.WebP"), "").unwrap();
    let page = page_without(folder.path(), &[named], &[], 1);
    let left_out = between(&page, "left out: ", "</li>").concat();
    assert!(
        left_out.contains("2 pictures in") && left_out.contains("a.heic the first"),
        "{left_out}"
    );
    assert!(!left_out.contains("notes.txt"), "{left_out}");
}

#[test]
fn what_was_missed_is_explained_by_what_came_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    // A yellow kite before the trees, which is overlooked, and a large one that is found.
    let annotation = |bbox: [f64; 4]| json!({"image_id": 1, "category_id": 1, "bbox": bbox});
    let text = json!({
        "images": [{"id": 1, "file_name": "kite.jpg", "width": 1352, "height": 900}],
        "categories": [{"id": 1, "name": "kite"}],
        "annotations": [
            annotation([300.0, 374.0, 28.0, 32.0]),
            annotation([599.0, 73.0, 79.0, 80.0]),
        ],
    });
    std::fs::write(&truth, text.to_string()).unwrap();
    let photo = photo("kite.jpg");
    let more = ["--truth", truth.to_str().unwrap()];
    let page = page(folder.path(), &[&photo], &more);
    let part = between(&page, "id=\"truth\"", "</section>")[0];
    assert!(part.contains("1 missed object<"), "{part:.400}");
    let missed = between(part, "<details open>", "</details>")[0];
    assert!(missed.contains("class=\"box nearest\"") && missed.contains("class=\"box truth\""));
    assert!(missed.contains("data:image/png"), "the map");
    for words in [
        "kite rather than the other classes",
        "no kite found: score 0.0",
        " logits to the threshold 0.5",
    ] {
        assert!(missed.contains(words), "{words} in {missed:.900}");
    }
}
