//! Pascal VOC's annotations: an XML file a picture, boxes as first and last pixel, counted from 1.

use roxmltree::{Document, Node};

use super::entries::{Entries, Entry};
use crate::error::Result;
use crate::error::annotations::{Context, ensure};

/// `stem` is the file's name without its ending: the picture's too, where the file does not say it.
pub(super) fn parse(text: &str, stem: &str) -> Result<Entries> {
    let document = Document::parse(text).context("it is no XML")?;
    let root = document.root_element();
    ensure!(
        root.has_tag_name("annotation"),
        "it is no annotation of Pascal VOC: it begins with <{}>",
        root.tag_name().name()
    );
    let picture = child(root, "filename")
        .and_then(|name| name.text())
        .unwrap_or(stem)
        .trim()
        .to_owned();
    let size = child(root, "size").context("there is no <size>")?;
    let (width, height) = (number(size, "width")?, number(size, "height")?);
    ensure!(
        width > 0.0 && height > 0.0,
        "its picture is {width} by {height} pixels"
    );
    let objects = root.children().filter(|node| node.has_tag_name("object"));
    let boxes = objects
        .map(|object| {
            let label = child(object, "name")
                .and_then(|name| name.text())
                .context("an <object> has no <name>")?;
            let rect = child(object, "bndbox").context("an <object> has no <bndbox>")?;
            let difficult = child(object, "difficult").and_then(|node| node.text());
            let edges = [
                (number(rect, "xmin")? - 1.0) / width,
                (number(rect, "ymin")? - 1.0) / height,
                number(rect, "xmax")? / width,
                number(rect, "ymax")? / height,
            ];
            let ignored = difficult.is_some_and(|text| text.trim() == "1");
            Entry::new(&picture, label, edges, ignored)
        })
        .collect::<Result<_>>()?;
    Ok(Entries {
        pictures: vec![picture],
        boxes,
    })
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn number(node: Node, name: &str) -> Result<f32> {
    let text = child(node, name).and_then(|child| child.text());
    let number = text.and_then(|text| text.trim().parse().ok());
    number
        .filter(|number: &f32| number.is_finite())
        .with_context(|| format!("<{}> has no number <{name}>", node.tag_name().name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "<annotation><filename>a.jpg</filename><size><width>200</width><height>100</height><depth>3</depth></size>
        <object><name>dog</name><difficult>0</difficult><bndbox><xmin>21</xmin><ymin>11</ymin><xmax>120</xmax><ymax>60</ymax></bndbox>
        <part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>
        <object><name>cat</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>200</xmax><ymax>100</ymax></bndbox></object></annotation>";

    #[test]
    fn first_and_last_pixels_become_edges() {
        let entries = parse(FILE, "b").unwrap();
        assert_eq!(entries.pictures, ["a.jpg"]);
        let [dog, cat] = &entries.boxes[..] else {
            panic!("{entries:?}")
        };
        assert_eq!((dog.label.as_str(), dog.ignored), ("dog", false));
        assert_eq!(dog.rect.edges(), [0.1, 0.1, 0.6, 0.6]);
        assert_eq!(
            (cat.rect.edges(), cat.ignored),
            ([0.0, 0.0, 1.0, 1.0], true)
        );
        let unnamed = FILE.replace("<filename>a.jpg</filename>", "");
        assert_eq!(parse(&unnamed, "b").unwrap().pictures, ["b"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, reason) in [
            ("<xmax>120</xmax>", "", "<bndbox> has no number <xmax>"),
            (
                "<width>200",
                "<width>1e-38",
                "a box of 'dog' in a.jpg has an edge",
            ),
            ("<width>200", "<width>wide", "<size> has no number <width>"),
            ("<height>100", "<height>0", "200 by 0"),
            ("<name>dog</name>", "", "no <name>"),
            ("annotation", "data", "begins with <data>"),
            ("</annotation>", "", "it is no XML"),
        ] {
            let error = format!("{:#}", parse(&FILE.replace(from, to), "b").unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
