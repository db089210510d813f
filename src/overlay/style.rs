//! Sizes and colours: the frame's size and a class id in, line widths, type sizes and colours out.

use super::canvas::PremultipliedColour;

/// Sizes in whole pixels for a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    /// Type, pixels to the em.
    pub type_size: f32,
    /// Line of a box.
    pub line: i64,
    /// Line of the explained box.
    pub heavy_line: i64,
    /// The dark or light edge that sets a line off from the picture.
    pub edge: i64,
    /// Bar in the box's colour before a label's text.
    pub bar: i64,
    /// Space between text and the rim of its plate, left and right.
    pub padding: i64,
    /// Space between the caption and the rim of the frame.
    pub margin: i64,
}

impl Style {
    /// Sizes follow the shorter side, with a floor below which type is not legible: 11 pixels to the em at 320x240, 27 at
    /// 1920x1080.
    pub fn for_frame(width: u32, height: u32) -> Style {
        let side = width.min(height) as f32;
        let at_least = |least: f32, divisor: f32| (side / divisor).round().max(least);
        Style {
            type_size: at_least(11.0, 40.0),
            line: at_least(1.0, 320.0) as i64,
            heavy_line: at_least(2.0, 160.0) as i64,
            edge: at_least(1.0, 720.0) as i64,
            bar: at_least(2.0, 180.0) as i64,
            padding: at_least(3.0, 110.0) as i64,
            margin: at_least(4.0, 72.0) as i64,
        }
    }
}

/// Plate behind text that has to be read over any picture.
pub(super) fn plate() -> PremultipliedColour {
    PremultipliedColour::new([14, 16, 20], 196)
}

/// Edge of a line that is to stand out from a bright picture.
pub(super) fn shade() -> PremultipliedColour {
    PremultipliedColour::new([0, 0, 0], 150)
}

pub(super) fn white() -> PremultipliedColour {
    PremultipliedColour::new([255, 255, 255], 255)
}

/// Black or white, whichever reads better on `colour`.
pub(super) fn text_on(colour: [u8; 3]) -> PremultipliedColour {
    // Equal contrast, (1.05 / (L + 0.05) = (L + 0.05) / 0.05) of WCAG 2, is at L = 0.179.
    if luminance(colour) > 0.179 {
        PremultipliedColour::new([10, 10, 12], 255)
    } else {
        white()
    }
}

/// Relative luminance, 0..1, of an sRGB colour (WCAG 2.1).
fn luminance(colour: [u8; 3]) -> f32 {
    let [r, g, b] = colour.map(|component| {
        let component = f32::from(component) / 255.0;
        if component <= 0.040_45 {
            component / 12.92
        } else {
            ((component + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Hues in degrees (HSV) that look about equally far apart. Red and blue, between the last and the first and around 225, belong
/// to the heatmap.
const HUES: [f32; 12] = [
    28.0, 40.0, 52.0, 66.0, 90.0, 130.0, 158.0, 176.0, 192.0, 274.0, 292.0, 312.0,
];

/// Saturation and value: vivid, pale, deep.
const TONES: [(f32, f32); 3] = [(0.85, 1.0), (0.55, 1.0), (0.7, 0.87)];

/// The colour of a class: always the same for an id, one of 36, different for any two ids less than 36 apart, bright enough for
/// a dark scene, and never the heatmap's red or blue.
pub fn class_colour(class: usize) -> [u8; 3] {
    let class = class % 36;
    // 11 has no divisor in common with 12: twelve ids in a row take every hue. Where they start, and how the tones
    // follow, sets COCO's persons (1) off from its vehicles (2 to 9) and animals (16 to 25), with which they are most often seen.
    let hue = HUES[(class * 11 + 6) % 12];
    let (saturation, value) = TONES[(class / 12 + class / 2 + 2) % 3];
    from_hsv(hue, saturation, value)
}

fn from_hsv(hue: f32, saturation: f32, value: f32) -> [u8; 3] {
    let component = |offset: f32| {
        let k = (offset + hue / 60.0) % 6.0;
        let share = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        (255.0 * share).round() as u8
    };
    [component(5.0), component(3.0), component(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatmap::ColourMap;

    fn distance(a: [u8; 3], b: [u8; 3]) -> f32 {
        let squares = a
            .iter()
            .zip(b)
            .map(|(&a, b)| f32::from(a.abs_diff(b)).powi(2));
        squares.sum::<f32>().sqrt()
    }

    #[test]
    fn classes_can_be_told_apart() {
        for a in 0..36 {
            for b in 0..a {
                let apart = distance(class_colour(a), class_colour(b));
                assert!(apart > 20.0, "{a}, {b}: {apart}");
            }
            assert_eq!(class_colour(a), class_colour(a + 36));
        }
        class_colour(usize::MAX);
        for class in (2..10).chain(16..26) {
            let apart = distance(class_colour(1), class_colour(class));
            assert!(apart > 70.0, "{class}: {apart}");
        }
    }

    #[test]
    fn class_colours_are_bright_and_not_those_of_the_heatmap() {
        for class in 0..36 {
            let colour = class_colour(class);
            assert!(luminance(colour) > 0.15, "{class}");
            assert!(
                distance(colour, ColourMap::RedBlue.positive()) > 90.0,
                "{class}"
            );
            assert!(
                distance(colour, ColourMap::RedBlue.negative()) > 90.0,
                "{class}"
            );
        }
    }

    #[test]
    fn hues_are_turned_into_colours() {
        assert_eq!(from_hsv(0.0, 1.0, 1.0), [255, 0, 0]);
        assert_eq!(from_hsv(60.0, 1.0, 0.8), [204, 204, 0]);
        assert_eq!(from_hsv(210.0, 0.5, 1.0), [128, 191, 255]);
    }

    #[test]
    fn text_reads_on_every_colour() {
        let contrast = |a: f32, b: f32| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for step in 0..512 {
            let colour = [step % 8, step / 8 % 8, step / 64].map(|level| (level * 36) as u8);
            let text = if text_on(colour) == white() {
                1.0
            } else {
                luminance([10, 10, 12])
            };
            assert!(contrast(text, luminance(colour)) >= 4.3, "{colour:?}");
        }
    }

    #[test]
    fn sizes_follow_the_frame() {
        let sizes = [(0, 0), (320, 240), (768, 576), (1920, 1080), (3840, 2160)]
            .map(|(width, height)| Style::for_frame(width, height));
        assert_eq!(
            sizes.map(|style| style.type_size),
            [11.0, 11.0, 14.0, 27.0, 54.0]
        );
        for style in sizes {
            assert!(style.heavy_line > style.line && style.line >= 1 && style.edge >= 1);
        }
        assert_eq!(Style::for_frame(1080, 1920), sizes[3]);
    }
}
