//! What `ssdcrp report` writes for machines, and how much of all it shows.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::report::{between, coco, page_without};
use crate::{photo, succeed};

/// The page about the two photos with annotations, the JSON, and the rows of the CSV by their columns.
fn written(folder: &Path, more: &[&str]) -> (String, Value, Vec<BTreeMap<String, String>>) {
    let truth = folder.join("instances.json");
    coco(&truth);
    let [json, csv] = ["report.json", "report.csv"].map(|name| folder.join(name));
    let photos = ["person.jpg", "horses.jpg"].map(photo);
    let inputs = photos.each_ref().map(String::as_str);
    let files = [&json, &csv, &truth].map(|path| path.to_str().unwrap());
    let files = ["--json", files[0], "--csv", files[1], "--truth", files[2]];
    let page = page_without(folder, &inputs, &[&files, more].concat(), 1);
    let text = std::fs::read_to_string(json).unwrap();
    crate::schema::assert_valid("report", &text);
    let mut rows = csv::Reader::from_path(csv).unwrap();
    let names = rows.headers().unwrap().clone();
    let named = |row: csv::StringRecord| {
        let fields = names.iter().zip(&row);
        fields
            .map(|(name, field)| (name.to_owned(), field.to_owned()))
            .collect()
    };
    let rows = rows.records().map(|row| named(row.unwrap())).collect();
    (page, serde_json::from_str(&text).unwrap(), rows)
}

fn cards(page: &str) -> Vec<&str> {
    between(page, "<article", "</article>")
}

#[test]
fn json_and_csv_have_every_object_in_the_order_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let (page, json, rows) = written(folder.path(), &[]);
    let items = json["items"].as_array().unwrap();
    let ids: Vec<&str> = cards(&page)
        .into_iter()
        .map(|card| between(card, "id=\"", "\"")[0])
        .collect();
    // A further class of an object has its card.
    let of_json: Vec<&str> = (items.iter())
        .filter(|item| item["item"] == "object")
        .map(|item| item["card"].as_str().unwrap())
        .collect();
    let of_csv: Vec<&str> = (rows.iter())
        .filter(|row| row["item"] == "object")
        .map(|row| row["card"].as_str())
        .collect();
    assert_eq!((&of_json, &of_csv), (&ids, &ids));
    assert_eq!(json["objects"], ids.len());
    assert_eq!(json["explained"], ids.len());
    assert_eq!(json["truth"]["unknown_labels"]["foal"], 1);
    assert_eq!(json["truth"]["verdicts"]["wrong class"], 2);
    let sheep = items
        .iter()
        .position(|item| item["label"] == "sheep")
        .unwrap();
    for (field, value) in [
        ("item", "object"),
        ("photo", "person.jpg"),
        ("verdict", "wrong class"),
        ("truth", "horse"),
        ("events", "ambiguous-class"),
        ("words", "sheep, or horse?"),
        ("runner_up", "horse"),
        ("default_box", "1436"),
        ("explained", "true"),
        ("checked", ""),
    ] {
        assert_eq!(rows[sheep][field], value, "{field}");
    }
    let sheep = &items[sheep];
    assert_eq!(sheep["file"], photo("person.jpg"));
    assert_eq!(sheep["events"][0]["kind"], "ambiguous-class");
    assert!(sheep["box"][0].as_f64().unwrap() > 380.0, "pixels: {sheep}");
}

#[test]
fn a_default_box_of_two_classes_has_both_verdicts_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let bare = ["--explain", "0"];
    let (page, json, rows) = written(folder.path(), &bare);
    let items = json["items"].as_array().unwrap();
    let further: Vec<&Value> = items.iter().filter(|it| it["item"] == "class").collect();
    let shown = |item: &Value| format!("{},{}", item["default_box"], item["label"]);
    assert!(further.iter().any(|it| shown(it) == "608,\"horse\""));
    for item in &further {
        let of_object = items
            .iter()
            .filter(|it| it["item"] == "object" && it["card"] == item["card"]);
        assert_eq!(of_object.count(), 1, "{item}");
        let score = format!("{:.2}", item["score"].as_f64().unwrap());
        let words = format!(
            "also detected as {} {score}",
            item["label"].as_str().unwrap()
        );
        assert!(page.contains(&words), "{words}");
    }
    let mut of_json: BTreeMap<String, u64> = BTreeMap::new();
    let mut of_csv = of_json.clone();
    for (item, row) in items.iter().zip(&rows) {
        let verdict = item["verdict"].as_str().unwrap().to_owned();
        *of_json.entry(verdict).or_default() += 1;
        *of_csv.entry(row["verdict"].clone()).or_default() += 1;
    }
    let truth = &json["truth"];
    let mut told: BTreeMap<String, u64> =
        serde_json::from_value(truth["verdicts"].clone()).unwrap();
    told.insert("missed".to_owned(), truth["missed"].as_u64().unwrap());
    for (verdict, count) in &told {
        let row = format!("<th scope=\"row\">{verdict}<br>");
        let row = between(&page, &row, "</tr>")[0];
        assert!(row.ends_with(&format!("<td>{count}</td>")), "{row}");
    }
    told.retain(|_, count| *count > 0);
    assert_eq!((&of_json, &of_csv), (&told, &told));
    // The errors are those of both.
    let (page, errors, _) = written(folder.path(), &[&bare[..], &["--errors-only"]].concat());
    told.retain(|verdict, _| !["correct", "ignored"].contains(&verdict.as_str()));
    let sum: u64 = told.values().sum();
    assert_eq!(errors["items"].as_array().unwrap().len() as u64, sum);
    assert!(page.contains(&format!("<title>{sum} errors on ")));
}

#[test]
fn only_errors_are_the_errors_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let (_, all, _) = written(folder.path(), &[]);
    let (page, json, rows) = written(folder.path(), &["--errors-only"]);
    let is_error = |item: &&Value| {
        !["correct", "ignored"]
            .map(Value::from)
            .contains(&item["verdict"])
    };
    let errors: Vec<&Value> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_error)
        .collect();
    assert_eq!(errors.len(), 3);
    let found: Vec<&Value> = json["items"].as_array().unwrap().iter().collect();
    let boxes = |items: &[&Value]| -> Vec<Value> {
        items
            .iter()
            .map(|item| item["default_box"].clone())
            .collect()
    };
    assert_eq!(boxes(&found), boxes(&errors));
    assert_eq!((cards(&page).len(), rows.len()), (3, 3));
    assert_eq!(
        (&json["objects"], &json["errors_only"]),
        (&all["objects"], &Value::from(true))
    );
    // Without annotations: what looks wrong.
    let file = folder.path().join("report.html");
    let [horses, eagle] = ["horses.jpg", "eagle.jpg"].map(photo);
    let written = ["-o", file.to_str().unwrap(), "--no-check", "--errors-only"];
    succeed(&[&["report", &horses, &eagle], &written[..]].concat());
    let page = std::fs::read_to_string(file).unwrap();
    let cards = cards(&page);
    assert!(!cards.is_empty());
    assert!(cards.iter().all(|card| !card.contains("data-kinds=\"\"")));
}

#[test]
fn the_page_shows_and_explains_no_more_than_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, _, _) = written(folder.path(), &[]);
    let (page, json, rows) = written(folder.path(), &["--most", "4", "--explain", "2"]);
    let shown = cards(&page);
    assert_eq!(shown.len(), 4);
    let is_explained = |card: &&str| card.contains("data:image/png");
    assert_eq!(
        shown.iter().map(is_explained).collect::<Vec<_>>(),
        [true, true, false, false]
    );
    assert!(shown[3].contains("Not explained: others look more wrong."));
    let objects = cards(&whole).len();
    assert!(page.contains(&format!("{} of {objects} objects", objects - 4)));
    let of_objects = rows.iter().filter(|row| row["item"] == "object");
    assert_eq!(of_objects.clone().count(), objects);
    assert_eq!(json["explained"], 2);
    let with_card = of_objects.filter(|row| !row["card"].is_empty());
    assert_eq!(with_card.count(), 4);
}

#[test]
fn a_large_page_has_its_pictures_in_a_folder_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    // Ten objects on two photos; eleven times that is more than one file holds.
    for name in ["horses.jpg", "giraffe.jpg"] {
        for copy in 0..16 {
            std::fs::copy(photo(name), photos.join(format!("{copy}-{name}"))).unwrap();
        }
    }
    let file = folder.path().join("a report.html");
    let inputs = photos.to_str().unwrap();
    let named = file.to_str().unwrap();
    let said = succeed(&[
        "report",
        inputs,
        "-o",
        named,
        "--no-check",
        "--explain",
        "1",
    ]);
    let pictures = folder.path().join("a report-files");
    assert!(
        said.contains(&format!("written: {named}, {}/", pictures.display())),
        "{said}"
    );
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(cards(&page).len() > 100 && !page.contains("data:"));
    let sources = between(&page, "src=\"", "\"");
    assert!(sources.len() > 100);
    for source in sources {
        let name = source.strip_prefix("./a%20report-files/").unwrap();
        assert!(pictures.join(name).is_file(), "{name}");
    }
    assert!(page.contains("loading=\"lazy\""));
    // They are no photos.
    let error = crate::fail(&["detect", &format!("{}/*", pictures.display())]);
    assert!(error.contains(" results of ssdcrp report, "), "{error}");
    // Nor are they photos where the page lies among those.
    let inside = photos.join("page.html");
    let inside = inside.to_str().unwrap();
    for _ in 0..2 {
        let said = succeed(&[
            "report",
            inputs,
            "-o",
            inside,
            "--no-check",
            "--explain",
            "0",
        ]);
        assert!(said.contains(" in 32 photos"), "{said}");
        assert!(photos.join("page-files").is_dir());
    }
    // A page that has its pictures itself leaves none of those behind.
    succeed(&["report", &photo("eagle.jpg"), "-o", named, "--no-check"]);
    assert!(!pictures.exists());
    // The unfinished report is no place for a result.
    let partial = format!("{named}.partial");
    let eagle = photo("eagle.jpg");
    let error = crate::fail(&["report", &eagle, "-o", named, "--json", &partial]);
    assert!(error.ends_with("name two files"), "{error}");
    // What lies there and is nobody's page's is not replaced.
    std::fs::create_dir(&pictures).unwrap();
    std::fs::write(pictures.join("holiday.jpg"), "").unwrap();
    let error = crate::fail(&["report", &photo("eagle.jpg"), "-o", named]);
    assert!(error.contains("holiday.jpg: name another page"), "{error}");
}
