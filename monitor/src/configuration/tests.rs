//! Files as people write them, and what they are told about mistakes.

use std::path::Path;

use super::*;
use ssdcrp::detect::Model;
use ssdcrp::stream::monitor::EventThresholds;

const FILE: &str = "/etc/ssdcrp/monitor.toml";

fn parse(text: &str) -> Result<Configuration> {
    Configuration::parse(Path::new(FILE), text)
}

/// What is wrong with a text, in one line.
fn refused(text: &str) -> String {
    let error = format!("{:#}", parse(text).unwrap_err());
    assert!(!error.contains('\n'), "{error}");
    error
}

const CAMERA: &str = "[[camera]]\nname = \"gate\"\nsource = \"rtsp://gate/\"\n";

#[test]
fn a_camera_has_what_the_defaults_say_and_its_own_goes_first() {
    let text = "
        [networks]
        threads = 3
        [evidence]
        folder = \"/var/lib/ssdcrp\"
        budget = 1000
        [defaults]
        model = \"models/a.onnx\"
        composite = \"crp\"
        score-threshold = 0.4
        expected-classes = [\"person\"]
        detect-interval = 0.5
        [defaults.events]
        kinds = [\"merge\", \"unexpected-class\"]
        merge = 0.7
        [[camera]]
        name = \"gate\"
        source = \"rtsp://gate/\"
        [[camera]]
        name = \"yard\"
        source = \"films/yard.mp4\"
        repeat = true
        composite = \"crp-features\"
        score-threshold = 0.6
        expected-classes = []
        zones = [{ kind = \"alarm\", corners = [[0, 0.5], [1, 0.5], [0.5, 1]] }]
        masks = [[[0, 0], [1, 0], [0.5, 0.2]]]
        events = { merge = 0.8 }
    ";
    let found = parse(text).unwrap();
    let [gate, yard] = &found.cameras[..] else {
        panic!("{found:?}")
    };
    assert_eq!(found.networks.threads, 3);
    let model = Some(PathBuf::from("/etc/ssdcrp/models/a.onnx"));
    assert_eq!(
        (&gate.connection.model, &yard.connection.model),
        (&model, &model)
    );
    assert_eq!(gate.connection.composite, Some("crp".parse().unwrap()));
    assert_eq!(
        yard.connection.composite,
        Some("crp-features".parse().unwrap())
    );
    assert_eq!(
        yard.connection.address.to_string(),
        "/etc/ssdcrp/films/yard.mp4"
    );
    let kept = yard.connection.evidence.as_ref().unwrap();
    assert_eq!(kept.folder, Path::new("/var/lib/ssdcrp/yard"));
    assert_eq!((kept.limits.bytes, kept.limits.per_minute), (1000, 30));

    let model = Model::built_in().unwrap();
    let of = |plan: &CameraPlan| plan.looks.of_model(&model).unwrap();
    let (gate, yard) = (of(gate), of(yard));
    assert_eq!(
        (gate.shown.thresholds.score, yard.shown.thresholds.score),
        (0.4, 0.6)
    );
    assert_eq!(gate.detect_interval, Duration::from_millis(500));
    let person = model.manifest.labels.find("person").unwrap();
    let events = |looks: &StreamLooks| looks.shown.events.clone().unwrap();
    let expected = EventThresholds {
        ambiguous_class: None,
        class_flicker: None,
        expected_classes: Some([person].into()),
        box_jitter: None,
        fragment: None,
        merge: Some(0.7),
        low_confidence: None,
        ..EventThresholds::default()
    };
    assert_eq!(events(&gate), expected);
    assert_eq!(
        (events(&yard).merge, events(&yard).expected_classes),
        (Some(0.8), None)
    );
    assert!(yard.shown.zones.alarm.len() == 1 && yard.masks.len() == 1);
    assert!(gate.shown.display.heatmap && !gate.unseen.display.heatmap);
}

#[test]
fn the_login_of_the_defaults_is_for_addresses_that_need_one() {
    let folder = tempfile::tempdir().unwrap();
    let password = |name: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("password of {name}\n")).unwrap();
        format!("password-file = \"{}\"", file.display())
    };
    let defaults = format!("[defaults]\nuser = \"all\"\n{}\n", password("all"));
    let login = |camera: &str| {
        let text = format!("{defaults}[[camera]]\nname = \"gate\"\n{camera}");
        match &parse(&text).unwrap().cameras[0].connection.address {
            Address::Uri { login, .. } => login.clone().map(|login| (login.user, login.password)),
            Address::Device(_) => None,
        }
    };
    let of = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    let all = of("all", "password of all");
    assert_eq!(login("source = \"rtsp://gate/\""), all);
    // Its own goes first, wherever it stands.
    let own = login("source = \"rtsp://admin:swordfish@gate/\"");
    assert_eq!(own, of("admin", "swordfish"));
    let own = format!("source = \"rtsp://gate/\"\n{}", password("gate"));
    assert_eq!(login(&own), of("all", "password of gate"));
    for source in ["srt://gate:9000", "/dev/video0", "film.mp4"] {
        assert_eq!(login(&format!("source = \"{source}\"")), None, "{source}");
    }
    let text = "[[camera]]\nname = \"gate\"\nsource = \"srt://gate:1\"\nuser = \"a\"";
    assert!(
        refused(text).contains("not for srt"),
        "its own is a mistake"
    );
}

#[test]
fn a_proxy_may_ask_for_the_password_and_a_token_has_letters_of_forms() {
    let text = "[page]\nhosts = [\"Cameras.example\"]\ntoken = \"none\"\n";
    let page = parse(&format!("{text}{CAMERA}")).unwrap().page.unwrap();
    assert_eq!(
        (page.token, page.hosts),
        (None, vec!["cameras.example".to_owned()])
    );
    for (page, reason) in [
        (
            "hosts = [\"cameras.example\"]",
            "token = \"none\" where the proxy",
        ),
        (
            "address = \"0.0.0.0:80\"\ntoken = \"none\"",
            "other computers reach 0.0.0.0:80",
        ),
        (
            "token = \"none\"\ntoken-file = \"token\"",
            "give one of them",
        ),
        // No browser's request would ever fit.
        (
            "hosts = [\"cameras.example:8443\"]",
            "as \"cameras.example\"",
        ),
        ("hosts = [\"https://cameras.example\"]", "without https://"),
        ("hosts = [\"cameras.example.\"]", "a dot at the end"),
        ("hosts = [\"cameras.example/\"]", "names alone"),
    ] {
        let error = refused(&format!("[page]\n{page}\n{CAMERA}"));
        assert!(error.contains(reason), "{error}");
    }
    assert!(checked_token("0123456789abc-._".to_owned()).is_ok());
    // Browsers write it as %7E.
    assert!(checked_token("0123456789abcde~".to_owned()).is_err());
}

#[test]
fn what_says_nothing_is_as_without_a_file() {
    let found = parse(CAMERA).unwrap();
    let looks = found.cameras[0]
        .looks
        .of_model(&Model::built_in().unwrap())
        .unwrap();
    assert_eq!(looks.shown.events, Some(EventThresholds::default()));
    assert!(found.page.is_none() && looks.masks.is_empty());
    let none = parse(&format!("{CAMERA}events = {{ kinds = [] }}")).unwrap();
    let looks = none.cameras[0]
        .looks
        .of_model(&Model::built_in().unwrap())
        .unwrap();
    assert_eq!(looks.shown.events, None);
}

/// What is wrong with a text is told with this line, and for this reason; a text without a camera gets one.
fn assert_told(text: &str, line: usize, reason: &str) {
    let text = match text.contains("[[camera]]") {
        true => text.to_owned(),
        false => format!("{text}\n{CAMERA}"),
    };
    let error = refused(&text);
    let place = format!("{FILE}:{line}: ");
    assert!(
        error.starts_with(&place) && error.contains(reason),
        "{text}: {error}"
    );
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_do() {
    for (text, line, reason) in [
        (
            "\n\nwhat = 1",
            3,
            "unknown field `what`, expected one of `page`",
        ),
        (
            "[[camera]]\nname = \"a b\"\nsource = \"x\"",
            2,
            "letters (a to z)",
        ),
        ("[[camera]]\nname = \"a\"", 1, "needs a source"),
        ("\n[[camera]]\nsource = \"a\"", 2, "needs a name"),
        ("[defaults]\nname = \"a\"", 1, "one camera"),
        (
            "[[camera]]\nname = \"a\"\nsource = \"x\"\nmodell = \"y\"",
            4,
            "unknown field `modell`",
        ),
        ("[defaults]\ncomposite = \"crpp\"", 2, "crpp"),
        ("[defaults]\nscore-threshold = 2", 2, "a share, 0 to 1"),
        ("[defaults]\ndetect-interval = -1", 2, "seconds, 0 or more"),
        (
            "[defaults]\n\nmasks = [[[0, 0], [1, 0]]]",
            3,
            "three corners",
        ),
        (
            "[defaults]\nmasks = [[[0, 0, 0], [1, 0], [1, 1]]]",
            2,
            "a corner is [x, y]",
        ),
        (
            "[defaults]\nzones = [{ kind = \"alarms\", corners = [[0, 0], [1, 0], [1, 1]] }]",
            2,
            "`alarm`",
        ),
        (
            "[defaults.events]\nkinds = [\"merges\"]",
            2,
            "merge, low-confidence exist",
        ),
        ("[networks]\nexecution-provider = \"gpu\"", 2, "cuda"),
        ("[page]\naddress = \"0.0.0.0:80\"", 1, "token-file"),
        ("[page]\ntoken = \"letters\"", 1, "token-file"),
        ("[page]\ntoken-file = \"/no/such/file\"", 1, "/no/such/file"),
        (
            "[[camera]]\nname = \"a\"\nsource = \"rtsp://a:b/c@d/\"",
            1,
            "%2F",
        ),
        (
            "[[camera]]\nname = \"a\"\nsource = \"rtsp://${NO_SUCH_ONE}@d/\"",
            3,
            "NO_SUCH_ONE",
        ),
        (
            "[mqtt]\naddress = \"mqtt://b\"\npassword = \"${NO_SUCH_ONE}\"",
            3,
            "NO_SUCH_ONE",
        ),
        (
            "[page]\n\ntoken-file = \"${NO_SUCH_ONE}/token\"",
            3,
            "NO_SUCH_ONE",
        ),
        ("a = [", 3, "missing comma between array elements"),
    ] {
        assert_told(text, line, reason);
    }
    assert!(refused("").contains("there is no camera"));
    let twice = format!("{CAMERA}{}", CAMERA.replace("gate", "GATE"));
    assert!(refused(&twice).contains(":4: two cameras are called 'GATE'"));
    let missing = Configuration::read(Path::new("/no/such/monitor.toml")).unwrap_err();
    assert!(format!("{missing:#}").contains("cannot read /no/such/monitor.toml"));
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    for (text, line, reason) in [
        ("[defaults]\ndetect-interval = 100000", 2, "a day at most"),
        ("[page]\naddress = \"8080\"", 2, "as 127.0.0.1:8080"),
        ("[defaults.events]\nbox-jitter = nan", 2, "a share, 0 to 1"),
        (
            "[defaults.events]\nbox-jitter = 1e300",
            2,
            "a share, 0 to 1",
        ),
        (
            "[evidence]\nfolder = \"a\\u0000b\"",
            2,
            "no character U+0000",
        ),
        (
            "[[camera]]\nname = \"a\"\nsource = \"rtsp://a\\u0000b\"",
            1,
            "no character U+0000",
        ),
        ("[mqtt]\naddress = \"mqtt://::1\"", 2, "mqtt://host"),
    ] {
        assert_told(text, line, reason);
    }
    let broker = parse(&format!("[mqtt]\naddress = \"mqtt://[::1]:18\"\n{CAMERA}"));
    assert_eq!(broker.unwrap().mqtt.unwrap().place(), "[::1]:18");
}

#[test]
fn a_class_that_the_model_does_not_have_is_told_with_its_line() {
    let text = format!("{CAMERA}expected-classes = [\"persn\"]");
    let found = parse(&text).unwrap();
    let error = found.cameras[0].looks.of_model(&Model::built_in().unwrap());
    let error = format!("{:#}", error.unwrap_err());
    assert!(
        error.starts_with(&format!("{FILE}:4: ")) && error.contains("\"person\""),
        "{error}"
    );
}

#[test]
fn no_mistake_tells_a_password() {
    let text = format!(
        "{CAMERA}[[camera]]\nname = \"yard\"\nsource = \"rtsp://viewer:hunter2hunter2@yard/\"\nuser = 5"
    );
    let error = refused(&text);
    assert!(!error.contains("hunter2"), "{error}");
    for key in [
        "[page]\ntoken",
        "[mqtt]\npassword",
        "[webhook]\nsecret",
        "[frigate]\ntoken",
    ] {
        let error = refused(&format!("{key} = 1234567890123456\n{CAMERA}"));
        assert!(error.starts_with(&format!("{FILE}:2: ")), "{error}");
        assert!(
            !error.contains("1234") && error.contains("in quotes"),
            "{error}"
        );
    }
    let text = "[[camera]]\nname = \"yard\"\nsource = \"rtsp://viewer:swordfish@yard/\"";
    let found = format!("{:?}", parse(text).unwrap());
    assert!(
        found.contains("rtsp://yard/") && !found.contains("swordfish"),
        "{found}"
    );
}

#[test]
fn frigate_is_explained_without_cameras_and_not_without_a_broker() {
    let with = |frigate: &str| format!("[mqtt]\naddress = \"mqtt://broker\"\n[frigate]\n{frigate}");
    let found = parse(&with(
        "url = \"http://nvr:5000/base/\"\nlabels = [\"person\"]\nfolder = \"kept\"\nmodel = \"a.onnx\"",
    ));
    let found = found.unwrap();
    let plan = found.frigate.unwrap();
    assert!(found.cameras.is_empty());
    assert_eq!((plan.server.port, plan.base.as_str()), (5000, "/base"));
    assert_eq!(plan.events_topic(), "frigate/events");
    let pictures = plan.pictures.clone().unwrap();
    assert_eq!(pictures.folder, PathBuf::from("/etc/ssdcrp/kept"));
    assert_eq!((pictures.bytes, pictures.files), (1 << 30, 20_000));
    assert_eq!(plan.model, Some(PathBuf::from("/etc/ssdcrp/a.onnx")));
    assert!(plan.wants("gate", "person") && !plan.wants("gate", "car"));
    let one = parse(&with("url = \"http://nvr\"\ncameras = [\"gate\"]")).unwrap();
    let one = one.frigate.unwrap();
    assert!(one.wants("gate", "car") && !one.wants("yard", "car"));

    for (frigate, reason) in [
        ("url = \"ftp://nvr\"", "http://host/path"),
        (
            "url = \"http://user:swordfish@nvr\"",
            "without user and password",
        ),
        ("url = \"http://nvr/?x=1\"", "'?'"),
        ("url = \"http://nvr:99999/\"", "1 to 65535"),
        ("url = \"http://nvr:0/\"", "1 to 65535"),
        ("url = \"http://[::1]:/\"", "1 to 65535"),
        ("url = \"http://nvr\"\ntoken = \"letters\"", "token-file"),
        ("url = \"http://nvr\"\nbudget = 5", "folder"),
        ("url = \"http://nvr\"\nfiles = 5", "folder"),
        (
            "url = \"http://nvr\"\nfolder = \"x\"\nfiles = 1",
            "an answer has 2",
        ),
        ("url = \"http://nvr\"\ntimeout = 0", "in no time"),
    ] {
        let error = refused(&with(frigate));
        assert!(
            error.starts_with(&format!("{FILE}:3: "))
                && error.contains(reason)
                && !error.contains("swordfish"),
            "{frigate}: {error}"
        );
    }
    let error = refused("[frigate]\nurl = \"http://nvr\"");
    assert!(
        error.starts_with(&format!("{FILE}:1: ")) && error.contains("[mqtt]"),
        "{error}"
    );
}
