//! Mouse and keyboard: what the user does in the video's window, as GStreamer's navigation events tell it.
//!
//! In: an event from downstream. Out: a [`Gesture`], and for those that change the question, the settings changed.

use gst_video::{NavigationEvent, NavigationModifierType};

use ::ssdcrp::crp::{Contrast, Edge, TargetOutput};
use ::ssdcrp::detect::manifest::Offset;

use super::settings::Settings;
use super::written::Choice;

/// Keys that, held during a press, ask why nothing is found there.
const ASKS_WHY_NOT: NavigationModifierType =
    NavigationModifierType::SHIFT_MASK.union(NavigationModifierType::CONTROL_MASK);

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gesture {
    /// A press with the first button, in pixels of the frame: explain what is there.
    Press([f32; 2]),
    /// The same with Shift or Control held: explain why nothing is found there.
    PressMissing([f32; 2]),
    /// Escape: explain what the properties select.
    Release,
    /// `t`: ask of the next kind of output.
    NextKind,
    /// `n`: ask of the next output of the same kind.
    NextOutput,
    /// `c`: contrast it with the next.
    NextContrast,
}

impl Gesture {
    /// `None` for everything that means nothing here.
    pub fn of(event: &gst::Event) -> Option<Self> {
        match NavigationEvent::parse(event).ok()? {
            NavigationEvent::MouseButtonPress {
                button: 1,
                x,
                y,
                modifier_state,
            } => {
                let place = [x as f32, y as f32];
                Some(match modifier_state.intersects(ASKS_WHY_NOT) {
                    true => Self::PressMissing(place),
                    false => Self::Press(place),
                })
            }
            NavigationEvent::KeyPress { key, .. } => match key.as_str() {
                "Escape" => Some(Self::Release),
                "t" | "T" => Some(Self::NextKind),
                "n" | "N" => Some(Self::NextOutput),
                "c" | "C" => Some(Self::NextContrast),
                _ => None,
            },
            _ => None,
        }
    }
}

const OFFSETS: [Offset; 4] = [Offset::Cx, Offset::Cy, Offset::W, Offset::H];

/// From the class to the box's offsets, its edges, and back to the class, with the contrast that was asked for there.
pub fn next_kind(settings: &mut Settings) {
    let target = match settings.target.value() {
        Choice::Auto | Choice::Named(TargetOutput::Class(_)) => {
            let question = (
                settings.target.value().clone(),
                settings.contrast.value().clone(),
            );
            settings.class_question = Some(question);
            TargetOutput::Offset(OFFSETS[0], None)
        }
        Choice::Named(TargetOutput::Offset(..)) => TargetOutput::Edge(Edge::ALL[0], None),
        Choice::Named(TargetOutput::Edge(..) | TargetOutput::Objectness) => {
            let (target, contrast) =
                (settings.class_question.take()).unwrap_or((Choice::Auto, Choice::Auto));
            settings.target.put(target);
            settings.contrast.put(contrast);
            return;
        }
    };
    settings.target.put(Choice::Named(target));
    // A contrast between classes does not go with a box.
    settings.contrast.put(Choice::Auto);
}

/// The next offset or edge, in the direction that the network predicts; of a class there is no next.
pub fn next_output(settings: &mut Settings) {
    let target = match settings.target.value() {
        Choice::Named(TargetOutput::Offset(offset, _)) => {
            TargetOutput::Offset(after(&OFFSETS, offset), None)
        }
        Choice::Named(TargetOutput::Edge(edge, _)) => {
            TargetOutput::Edge(after(&Edge::ALL, edge), None)
        }
        Choice::Auto | Choice::Named(TargetOutput::Class(_) | TargetOutput::Objectness) => return,
    };
    settings.target.put(Choice::Named(target));
}

/// The next contrast that goes with what is asked, beginning with one that `auto` is not; an edge has no other.
pub fn next_contrast(settings: &mut Settings) {
    let all: &[Contrast] = match settings.target.value() {
        Choice::Auto | Choice::Named(TargetOutput::Class(_)) => &[
            Contrast::Softmax,
            Contrast::RunnerUp,
            Contrast::None,
            Contrast::Mean,
        ],
        Choice::Named(TargetOutput::Offset(..) | TargetOutput::Objectness) => {
            &[Contrast::Mean, Contrast::None]
        }
        Choice::Named(TargetOutput::Edge(..)) => return,
    };
    let now = settings.contrast.value().named();
    let next = (now.and_then(|now| all.iter().position(|other| other == now)))
        .map_or(0, |index| (index + 1) % all.len());
    if let Some(next) = all.get(next) {
        settings.contrast.put(Choice::Named(next.clone()));
    }
}

fn after<T: Copy + PartialEq>(all: &[T; 4], one: &T) -> T {
    let index = all.iter().position(|other| other == one).unwrap_or(3);
    all[(index + 1) % all.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(settings: &Settings) -> [String; 2] {
        [
            settings.target.value().to_string(),
            settings.contrast.value().to_string(),
        ]
    }

    #[test]
    fn kinds_go_round_and_the_class_keeps_its_question() {
        let mut settings = Settings::default();
        settings.target.set("class:horse").unwrap();
        settings.contrast.set("runner-up").unwrap();
        next_output(&mut settings);
        assert_eq!(asked(&settings), ["class:horse", "runner-up"]);
        next_kind(&mut settings);
        assert_eq!(asked(&settings), ["offset:cx", "auto"]);
        let mut seen = Vec::new();
        for _ in 0..4 {
            next_output(&mut settings);
            seen.push(settings.target.value().to_string());
        }
        assert_eq!(seen, ["offset:cy", "offset:w", "offset:h", "offset:cx"]);
        next_kind(&mut settings);
        assert_eq!(asked(&settings), ["edge:left", "auto"]);
        next_output(&mut settings);
        assert_eq!(asked(&settings), ["edge:right", "auto"]);
        next_kind(&mut settings);
        assert_eq!(asked(&settings), ["class:horse", "runner-up"]);
    }

    #[test]
    fn contrasts_go_round_as_far_as_they_go_with_the_target() {
        let round = |target: &str, contrast: &str| {
            let mut settings = Settings::default();
            settings.target.set(target).unwrap();
            settings.contrast.set(contrast).unwrap();
            let next = |_| {
                next_contrast(&mut settings);
                let [now, contrast] = asked(&settings);
                assert_eq!(now, target);
                contrast
            };
            (0..5).map(next).collect::<Vec<_>>().join(" ")
        };
        let all = "softmax runner-up none mean softmax";
        assert_eq!(round("auto", "auto"), all);
        assert_eq!(round("class:dog", "class:horse"), all);
        assert_eq!(round("offset:w", "auto"), "mean none mean none mean");
        assert_eq!(round("edge:left", "auto"), "auto auto auto auto auto");
    }

    #[test]
    fn from_a_box_that_was_set_keys_lead_to_the_predicted_class() {
        let mut settings = Settings::default();
        settings.target.set("edge:top+").unwrap();
        next_kind(&mut settings);
        assert_eq!(asked(&settings), ["auto", "auto"]);
    }

    #[test]
    fn gestures_are_told_from_other_events() {
        gst::init().unwrap();
        let gesture = |event: NavigationEvent| Gesture::of(&event.build());
        let press = |button| gesture(NavigationEvent::new_mouse_button_press(button, 3.0, 4.0));
        assert_eq!(press(1), Some(Gesture::Press([3.0, 4.0])));
        assert_eq!(press(3), None);
        for (held, asks) in [
            (NavigationModifierType::SHIFT_MASK, true),
            (NavigationModifierType::CONTROL_MASK, true),
            // Caps lock, as many keyboards have it on.
            (NavigationModifierType::LOCK_MASK, false),
        ] {
            let press = NavigationEvent::mouse_button_press_builder(1, 3.0, 4.0);
            let expected = match asks {
                true => Gesture::PressMissing([3.0, 4.0]),
                false => Gesture::Press([3.0, 4.0]),
            };
            let event = press.modifier_state(held).build();
            assert_eq!(Gesture::of(&event), Some(expected));
        }
        assert_eq!(
            gesture(NavigationEvent::new_mouse_button_release(1, 3.0, 4.0)),
            None
        );
        assert_eq!(
            gesture(NavigationEvent::new_key_press("Escape")),
            Some(Gesture::Release)
        );
        assert_eq!(
            gesture(NavigationEvent::new_key_press("t")),
            Some(Gesture::NextKind)
        );
        assert_eq!(
            gesture(NavigationEvent::new_key_press("N")),
            Some(Gesture::NextOutput)
        );
        assert_eq!(
            gesture(NavigationEvent::new_key_press("c")),
            Some(Gesture::NextContrast)
        );
        assert_eq!(gesture(NavigationEvent::new_key_press("x")), None);
        assert_eq!(gesture(NavigationEvent::new_key_release("t")), None);
        assert_eq!(Gesture::of(&gst::event::Eos::new()), None);
    }
}
