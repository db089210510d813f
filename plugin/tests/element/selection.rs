//! Which detections are explained: by properties, and by mouse and keyboard.

use gst::prelude::*;
use gst_video::NavigationEvent;

use super::support::*;

/// An element that records `clip`, a photo.
fn bench(settings: &[(&str, &str)], clip: &Clip) -> Bench {
    Bench::new(&[&[("mode", "every-frame")], settings].concat(), clip)
}

/// The labels of the detections that a frame shows an explanation of, those that are explained best first.
fn explained(bench: &mut Bench, clip: &Clip) -> Vec<String> {
    let out = bench.push(clip.frame());
    let regions = regions(&out);
    let reports = bench.reports();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let told: Vec<String> = (explanations(&reports[0]).iter())
        .map(|explanation| {
            let object: u64 = explanation.get("object").unwrap();
            let region = regions.iter().find(|region| region.object() == object);
            let region = region.unwrap_or_else(|| panic!("no object {object} in {regions:?}"));
            assert_eq!(
                region.explanation.as_ref(),
                Some(explanation),
                "meta and message say the same"
            );
            region.label.clone()
        })
        .collect();
    let attached = regions.iter().filter(|region| region.explanation.is_some());
    assert_eq!(attached.count(), told.len());
    told
}

fn set(bench: &Bench, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        bench.element.set_property_from_str(name, value);
    }
}

#[test]
fn what_is_selected_is_explained_and_that_changes_while_playing() {
    let clip = photo("dog");
    let mut bench = bench(&[], &clip);
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);
    set(&bench, &[("select", "all")]);
    assert_eq!(
        explained(&mut bench, &clip),
        ["bicycle", "dog", "car", "cat"]
    );
    set(&bench, &[("max-explanations", "2")]);
    assert_eq!(explained(&mut bench, &clip), ["bicycle", "dog"]);
    set(&bench, &[("select", "label"), ("select-label", "car, dog")]);
    assert_eq!(explained(&mut bench, &clip), ["dog", "car"]);
    set(&bench, &[("select-label", "sheep")]);
    assert_eq!(explained(&mut bench, &clip), [""; 0]);
    // The car, and a wheel of the bicycle with nothing else around it.
    set(
        &bench,
        &[
            ("select", "point"),
            ("select-x", "580"),
            ("select-y", "130"),
        ],
    );
    assert_eq!(explained(&mut bench, &clip), ["car"]);
    set(&bench, &[("select-x", "480"), ("select-y", "330")]);
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);
    set(&bench, &[("select-x", "5"), ("select-y", "5")]);
    assert_eq!(explained(&mut bench, &clip), [""; 0]);
    set(&bench, &[("select", "best")]);
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);
}

#[test]
fn several_heatmaps_are_each_in_their_own_place() {
    let clip = photo("dog");
    let drawn = |settings: &[(&str, &str)]| {
        let lines = [("draw-boxes", "false"), ("draw-labels", "false")];
        let mut bench = bench(&[&lines, settings].concat(), &clip);
        let out = bench.push(clip.frame());
        difference(&clip.frame(), &out, &clip.info)
    };
    let car = (470..690, 85..170);
    let wheel = (400..560, 250..410);
    let heat = |change: &[u32],
                (columns, rows): &(std::ops::Range<usize>, std::ops::Range<usize>)| {
        let row = |y: usize| &change[y * 768..][columns.clone()];
        rows.clone().flat_map(row).sum::<u32>()
    };
    let both = drawn(&[("select", "label"), ("select-label", "car,bicycle")]);
    let bicycle = drawn(&[("select", "best")]);
    assert!(heat(&both, &car) > 10 * heat(&bicycle, &car));
    assert!(heat(&both, &wheel) > heat(&bicycle, &wheel) / 2);
    let sky = (0..768, 0..60);
    assert_eq!(heat(&both, &sky), 0, "nothing is explained there");
}

#[test]
fn tiles_show_each_explanation_apart_and_leave_the_rest_of_the_picture_alone() {
    let clip = photo("dog");
    let drawn = |settings: &[(&str, &str)]| {
        let tiles = [("layout", "tiles"), ("select", "all")];
        let mut bench = bench(&[&tiles, settings].concat(), &clip);
        difference(&clip.frame(), &bench.push(clip.frame()), &clip.info)
    };
    let lines = [("draw-boxes", "false"), ("draw-labels", "false")];
    let changed = |change: &[u32], columns: std::ops::Range<usize>| {
        let inside =
            |&(index, &change): &(usize, &u32)| columns.contains(&(index % 768)) && change > 0;
        change.iter().enumerate().filter(inside).count()
    };
    let one = drawn(&[&lines[..], &[("max-explanations", "1")]].concat());
    let three = drawn(&[&lines[..], &[("max-explanations", "3")]].concat());
    // A tile takes less than a quarter of either side. One at the upper right would hide the car, at the upper left it hides
    // nothing; three would hide the bicycle there.
    let thirds = |change| [0..192, 192..576, 576..768].map(|columns| changed(change, columns));
    let (one, three) = (thirds(&one), thirds(&three));
    assert!(one[0] > 15_000 && one[1..] == [0, 0], "{one:?}");
    assert!(three[2] > 2 * one[0] && three[..2] == [0, 0], "{three:?}");
    let off = drawn(&[&lines[..], &[("draw-heatmap", "false")]].concat());
    assert_eq!(changed(&off, 0..768), 0);
}

#[test]
fn of_two_names_for_one_box_the_better_one_is_drawn() {
    let clip = photo("person");
    let drawn = |label: &str| {
        let settings = [
            ("select", "label"),
            ("select-label", label),
            ("score-threshold", "0.15"),
            ("draw-boxes", "false"),
        ];
        let mut bench = bench(&settings, &clip);
        (
            bench.push(clip.frame()),
            explanations(&bench.reports()[0]).len(),
        )
    };
    let (sheep, one) = drawn("sheep");
    let (both, two) = drawn("sheep,horse");
    assert_eq!((one, two), (1, 2), "both are told");
    // A batch of two rounds otherwise than one alone.
    let apart = difference(&sheep, &both, &clip.info);
    assert!(
        apart.iter().all(|&apart| apart <= 6),
        "{:?}",
        apart.iter().max()
    );
}

#[test]
fn what_is_not_expected_is_explained_first_and_marked() {
    let clip = photo("person");
    let settings = [("expected-classes", "person,dog,horse"), ("select", "all")];
    let mut bench = bench(&settings, &clip);
    let out = bench.push(clip.frame());
    for region in regions(&out) {
        let unexpected = region.detection.get::<bool>("unexpected").unwrap();
        assert_eq!(unexpected, region.label == "sheep", "{}", region.label);
    }
    bench.reports();
    let order = explained(&mut bench, &clip);
    assert_eq!(order[0], "sheep", "{order:?}");
    assert!(order.len() > 2);
    set(&bench, &[("select", "best")]);
    assert_eq!(explained(&mut bench, &clip), ["sheep"]);
    set(&bench, &[("expected-classes", "")]);
    assert_eq!(explained(&mut bench, &clip), ["person"]);
}

#[test]
fn a_press_picks_what_is_under_it_and_a_second_one_or_escape_lets_go() {
    let clip = photo("dog");
    let mut bench = bench(&[], &clip);
    let press = |x, y| NavigationEvent::new_mouse_button_press(1, x, y);
    let on_the_car = press(580.0, 130.0);
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);
    user(&mut bench, &on_the_car);
    assert_eq!(explained(&mut bench, &clip), ["car"]);
    assert_eq!(explained(&mut bench, &clip), ["car"], "it stays");
    user(&mut bench, &press(5.0, 5.0));
    assert_eq!(explained(&mut bench, &clip), ["car"], "nothing was there");
    user(&mut bench, &press(200.0, 480.0));
    assert_eq!(explained(&mut bench, &clip), ["dog"]);
    user(&mut bench, &press(200.0, 480.0));
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);

    user(&mut bench, &on_the_car);
    assert_eq!(explained(&mut bench, &clip), ["car"]);
    user(&mut bench, &NavigationEvent::new_key_press("Escape"));
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);

    user(
        &mut bench,
        &NavigationEvent::new_mouse_button_press(3, 580.0, 130.0),
    );
    assert_eq!(
        explained(&mut bench, &clip),
        ["bicycle"],
        "the other button"
    );
}

#[test]
fn what_was_picked_is_let_go_when_it_is_gone() {
    let clip = photo("dog");
    let mut bench = bench(&[("select", "label"), ("select-label", "dog")], &clip);
    explained(&mut bench, &clip);
    user(
        &mut bench,
        &NavigationEvent::new_mouse_button_press(1, 580.0, 130.0),
    );
    assert_eq!(explained(&mut bench, &clip), ["car"]);
    // With this threshold the dog is still there, and the car is not.
    set(&bench, &[("score-threshold", "0.86")]);
    for frame in 0.. {
        assert!(frame < 10, "the car is waited for");
        if explained(&mut bench, &clip) == ["dog"] {
            break;
        }
    }
    set(&bench, &[("score-threshold", "0.5")]);
    assert_eq!(explained(&mut bench, &clip), ["dog"]);
}

#[test]
fn keys_turn_the_question_from_the_class_to_the_box_and_back() {
    let clip = photo("dog");
    let mut bench = bench(&[("contrast", "runner-up")], &clip);
    let target = |bench: &mut Bench| {
        bench.push(clip.frame());
        let explanation = explanations(&bench.reports()[0]).remove(0);
        explanation.get::<String>("target").unwrap()
    };
    assert_eq!(target(&mut bench), "class:bicycle");
    let key = |name| NavigationEvent::new_key_press(name);
    user(&mut bench, &key("t"));
    assert_eq!(bench.element.property::<String>("target"), "offset:cx");
    assert!(target(&mut bench).starts_with("offset:cx"));
    user(&mut bench, &key("n"));
    assert!(target(&mut bench).starts_with("offset:cy"));
    user(&mut bench, &key("t"));
    assert!(target(&mut bench).starts_with("edge:left"));
    user(&mut bench, &key("t"));
    assert_eq!(target(&mut bench), "class:bicycle");
    assert_eq!(bench.element.property::<String>("contrast"), "runner-up");
}

#[test]
fn a_key_turns_the_contrast() {
    let clip = photo("dog");
    let mut bench = bench(&[], &clip);
    let mut told = || {
        bench.push(clip.frame());
        let explanation = explanations(&bench.reports()[0]).remove(0);
        user(&mut bench, &NavigationEvent::new_key_press("c"));
        explanation.get::<String>("contrast").unwrap()
    };
    let contrasts: Vec<String> = (0..5).map(|_| told()).collect();
    assert_eq!(contrasts[1], "softmax");
    assert!(contrasts[2].starts_with("class:"), "{contrasts:?}");
    assert_eq!(contrasts[3..], ["none", "mean"]);
}

#[test]
fn an_explanation_stays_with_its_object_until_another_is_clearly_better() {
    let clip = footage();
    let mut bench = bench(&[], &clip);
    let (mut before, mut not_the_best) = (None, 0);
    for frame in &clip.frames {
        let found = regions(&bench.push(frame.clone()));
        let now = found.iter().position(|region| region.explanation.is_some());
        let now = &found[now.expect("there are persons in each frame")];
        let kept = found.iter().find(|region| Some(region.object()) == before);
        if let Some(kept) = kept.filter(|kept| kept.object() != now.object()) {
            assert!(
                now.confidence() > kept.confidence() + 0.1,
                "{kept:?} {now:?}"
            );
        }
        not_the_best += usize::from(now.object() != found[0].object());
        before = Some(now.object());
    }
    assert!(not_the_best > 0, "the best is another person now and then");
}

/// What is told of what is missing in the next frame.
fn why_not(bench: &mut Bench, clip: &Clip) -> Option<gst::Structure> {
    bench.push(clip.frame());
    let messages = bench.messages().into_iter();
    let mut structures = messages.filter_map(|message| Some(message.structure()?.to_owned()));
    structures.find(|structure| structure.name() == "ssdcrp-missing")
}

#[test]
fn a_press_with_shift_asks_why_nothing_is_there() {
    let clip = photo("dog");
    let mut bench = bench(&[("target", "class:horse")], &clip);
    assert_eq!(why_not(&mut bench, &clip), None);
    let dog = NavigationEvent::mouse_button_press_builder(1, 220.0, 380.0);
    let held = gst_video::NavigationModifierType::SHIFT_MASK;
    bench
        .harness
        .push_upstream_event(dog.modifier_state(held).build());
    let told = why_not(&mut bench, &clip).expect("an answer");
    let text = |name: &str| told.get::<String>(name).unwrap();
    assert_eq!(
        (text("label"), text("cause")),
        ("horse".into(), "other class".into())
    );
    assert_eq!(
        (text("target"), text("contrast")),
        ("class:horse".into(), "class:dog".into())
    );
    assert!(
        text("reason").starts_with("no horse found: dog 0."),
        "{told}"
    );
    assert_eq!(told.get::<f64>("missing-x").unwrap().round(), 220.0);
    assert!(told.get::<f64>("missed-by-logits").unwrap() > 1.0, "{told}");
    assert!(!told.get::<bool>("found").unwrap());
    // A plain press and Escape are as they were.
    let press = NavigationEvent::new_mouse_button_press(1, 580.0, 130.0);
    user(&mut bench, &press);
    assert_eq!(explained(&mut bench, &clip), ["car"]);
    let dog = NavigationEvent::mouse_button_press_builder(1, 220.0, 380.0);
    let held = gst_video::NavigationModifierType::CONTROL_MASK;
    bench
        .harness
        .push_upstream_event(dog.modifier_state(held).build());
    assert!(why_not(&mut bench, &clip).is_some());
    user(&mut bench, &NavigationEvent::new_key_press("Escape"));
    assert_eq!(explained(&mut bench, &clip), ["bicycle"]);
}

#[test]
fn a_program_asks_by_properties_and_the_nearest_box_is_drawn() {
    let clip = photo("dog");
    let place = [
        ("select", "missing"),
        ("select-x", "220"),
        ("select-y", "380"),
    ];
    let mut asked = bench(&place, &clip);
    let out = asked.push(clip.frame());
    assert!(
        regions(&out)
            .iter()
            .all(|region| region.explanation.is_none())
    );
    let change = difference(&clip.frame(), &out, &clip.info);
    // Without a class it is the likeliest one that is not detected there.
    let told = why_not(&mut asked, &clip).expect("an answer");
    assert_ne!(told.get::<String>("label").unwrap(), "dog");
    let mut plain = bench(&[("select", "label"), ("select-label", "sheep")], &clip);
    let plain = difference(&clip.frame(), &plain.push(clip.frame()), &clip.info);
    let drawn = |change: &[u32]| change.iter().filter(|&&change| change > 0).count();
    assert!(
        drawn(&change) > drawn(&plain) + 10_000,
        "the heatmap and the words"
    );
    // The dog was found.
    set(&asked, &[("target", "class:dog")]);
    let told = why_not(&mut asked, &clip).expect("an answer");
    assert!(told.get::<bool>("found").unwrap(), "{told}");
    assert!(
        told.get::<String>("reason")
            .unwrap()
            .ends_with(" was found there")
    );
}

/// The user does something in the window, which must be heard upstream too.
fn user(bench: &mut Bench, event: &NavigationEvent) {
    while bench.harness.try_pull_upstream_event().is_some() {}
    bench.harness.push_upstream_event(event.clone().build());
    let mut upstream = std::iter::from_fn(|| bench.harness.try_pull_upstream_event());
    assert!(
        upstream.any(|event| event.type_() == gst::EventType::Navigation),
        "the event did not go on"
    );
}
