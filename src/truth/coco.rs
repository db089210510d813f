//! COCO's annotations: one JSON file with images, categories, and boxes as x, y, width, height in pixels.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::entries::{Entries, Entry};
use crate::error::Result;
use crate::error::annotations::{Context, ensure};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: f32,
    height: f32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    bbox: [f32; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

pub(super) fn parse(text: &str) -> Result<Entries> {
    let file: File = serde_json::from_str(text)
        .context("it is no COCO file with images, annotations and categories")?;
    let images: BTreeMap<u64, &Image> = file.images.iter().map(|image| (image.id, image)).collect();
    let names: BTreeMap<u64, &str> = file
        .categories
        .iter()
        .map(|category| (category.id, category.name.as_str()))
        .collect();
    let mut boxes = Vec::new();
    for annotation in &file.annotations {
        let image = images.get(&annotation.image_id).with_context(|| {
            format!(
                "an annotation is of image {}, which is not there",
                annotation.image_id
            )
        })?;
        let label = names.get(&annotation.category_id).with_context(|| {
            format!(
                "an annotation is of category {}, which is not there",
                annotation.category_id
            )
        })?;
        ensure!(
            [image.width, image.height]
                .iter()
                .all(|side| *side > 0.0 && side.is_finite()),
            "{} is {} by {} pixels",
            image.file_name,
            image.width,
            image.height
        );
        let [x, y, width, height] = annotation.bbox;
        let edges = [
            x / image.width,
            y / image.height,
            (x + width) / image.width,
            (y + height) / image.height,
        ];
        let ignored = annotation.iscrowd != 0;
        boxes.push(Entry::new(&image.file_name, label, edges, ignored)?);
    }
    Ok(Entries {
        pictures: file
            .images
            .into_iter()
            .map(|image| image.file_name)
            .collect(),
        boxes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    const FILE: &str = r#"{
        "info": {"year": 2017},
        "images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}, {"id": 8, "file_name": "b.jpg", "width": 1, "height": 1}],
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 18, "bbox": [20, 10.0, 100, 50], "area": 5000, "iscrowd": 1}]
    }"#;

    #[test]
    fn boxes_become_shares_of_their_picture() {
        let entries = parse(FILE).unwrap();
        assert_eq!(entries.pictures, ["a.jpg", "b.jpg"]);
        assert_eq!(
            entries.boxes,
            [Entry {
                picture: "a.jpg".to_owned(),
                label: "dog".to_owned(),
                rect: Rect::new(0.1, 0.1, 0.6, 0.6),
                ignored: true
            }]
        );
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        for (from, to, reason) in [
            ("\"image_id\": 7", "\"image_id\": 9", "image 9"),
            ("\"category_id\": 18", "\"category_id\": 1", "category 1"),
            ("\"width\": 200", "\"width\": 0", "0 by 100"),
            ("\"width\": 200", "\"width\": 1e39", "number out of range"),
            (
                "[20, 10.0, 100",
                "[3e38, 10.0, 3e38",
                "a box of 'dog' in a.jpg has an edge",
            ),
            ("\"bbox\": [20,", "\"bbox\": [", "no COCO file"),
            ("\"images\"", "\"pictures\"", "no COCO file"),
        ] {
            let error = format!("{:#}", parse(&FILE.replace(from, to)).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
