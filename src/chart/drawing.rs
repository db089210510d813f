//! Drawings as SVG: lines, dots, areas and words in pixels in, an element's text out.

use std::fmt::Display;

/// What is drawn so far.
#[derive(Clone, Debug)]
pub struct Drawing {
    svg: String,
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its first character.
    Start,
    /// Its middle.
    Middle,
    /// Its last character.
    End,
}

/// What something is drawn with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Paint<'a> {
    /// A colour, as CSS writes it.
    Colour(&'a str),
    /// A line of a colour, so many pixels thick, with dashes and gaps of so many pixels ("4 3"; "" is whole).
    Line(&'a str, f64, &'a str),
    /// As the page's style says for this class.
    Class(&'a str),
}

impl Drawing {
    /// An empty file of so many pixels, white.
    pub fn new(width: f64, height: f64) -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        Self { svg }
    }

    /// An empty one for a page, which stretches it; `label` is read to whoever cannot see it.
    pub fn inline(width: f64, height: f64, label: &str) -> Self {
        let svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
            escaped(label)
        );
        Self { svg }
    }

    /// A straight line from one point to another.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: &str, thickness: f64) {
        let ([x1, y1], [x2, y2]) = (from, to);
        self.push(format_args!(
            "<line x1=\"{x1:.1}\" x2=\"{x2:.1}\" y1=\"{y1:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{thickness}\"/>"
        ));
    }

    /// Straight lines from point to point.
    pub fn path(&mut self, points: &[[f64; 2]], paint: Paint) {
        let points: Vec<String> = points
            .iter()
            .map(|[x, y]| format!("{x:.1},{y:.1}"))
            .collect();
        self.push(format_args!(
            "<polyline points=\"{}\"{}/>",
            points.join(" "),
            paint.attributes()
        ));
    }

    /// A filled circle.
    pub fn dot(&mut self, [x, y]: [f64; 2], radius: f64, colour: &str) {
        self.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"
        ));
    }

    /// A filled rectangle between two opposite corners.
    pub fn area(&mut self, from: [f64; 2], to: [f64; 2], paint: Paint) {
        let [x, y] = [from[0].min(to[0]), from[1].min(to[1])];
        let [width, height] = [(to[0] - from[0]).abs(), (to[1] - from[1]).abs()];
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"{}/>",
            paint.attributes()
        ));
    }

    /// Words on a base line at `place`.
    pub fn text(&mut self, place: [f64; 2], anchor: Anchor, size: f64, text: &str) {
        self.words(place, anchor, size, text, "");
    }

    /// Words that stand out.
    pub fn title(&mut self, place: [f64; 2], text: &str) {
        self.words(place, Anchor::Start, 12.0, text, " font-weight=\"bold\"");
    }

    /// Words that are read from below, ending at `place`.
    pub fn upright(&mut self, [x, y]: [f64; 2], size: f64, text: &str) {
        let turn = format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"");
        self.words([x, y], Anchor::End, size, text, &turn);
    }

    fn words(&mut self, [x, y]: [f64; 2], anchor: Anchor, size: f64, text: &str, more: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\"{more}>{}</text>",
            escaped(text)
        ));
    }

    fn push(&mut self, element: impl Display) {
        self.svg += &format!("{element}\n");
    }

    /// The element's text.
    pub fn finish(mut self) -> String {
        self.svg += "</svg>\n";
        self.svg
    }
}

impl Paint<'_> {
    fn attributes(self) -> String {
        match self {
            Self::Colour(colour) => format!(" fill=\"{colour}\""),
            Self::Line(colour, thickness, dashes) => format!(
                " fill=\"none\" stroke=\"{colour}\" stroke-width=\"{thickness}\" stroke-dasharray=\"{dashes}\""
            ),
            Self::Class(class) => format!(" class=\"{class}\""),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_break_the_drawing() {
        let mut drawing = Drawing::new(100.0, 50.0);
        drawing.text([10.0, 20.0], Anchor::End, 10.0, "a<b & c");
        let svg = drawing.finish();
        assert!(svg.contains("text-anchor=\"end\" font-size=\"10\">a&lt;b &amp; c</text>\n</svg>"));
    }

    #[test]
    fn an_area_has_no_negative_side() {
        let mut drawing = Drawing::new(100.0, 50.0);
        drawing.area([30.0, 40.0], [10.0, 5.0], Paint::Colour("red"));
        let rect = "x=\"10.0\" y=\"5.0\" width=\"20.0\" height=\"35.0\" fill=\"red\"";
        assert!(drawing.finish().contains(rect));
    }

    #[test]
    fn a_page_styles_its_own_drawings() {
        let mut drawing = Drawing::inline(10.0, 5.0, "a \"b\"");
        drawing.path(&[[0.0, 1.0], [2.0, 3.0]], Paint::Class("mean"));
        assert_eq!(
            drawing.finish(),
            "<svg viewBox=\"0 0 10 5\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"a &quot;b&quot;\">\
             <polyline points=\"0.0,1.0 2.0,3.0\" class=\"mean\"/>\n</svg>\n"
        );
    }
}
