//! How Home Assistant finds the cameras by itself: a camera's name in, the messages of its MQTT discovery out (<https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>).
//!
//! Each camera is a device with three entities: a binary sensor, whether its pictures come; an event, what looked wrong last; and a sensor, what was explained last. All of them are
//! unavailable while the monitor is away.

use serde_json::{Value, json};

use ssdcrp::stream::monitor::EventKind;

use super::topics::Topics;

/// Topics below `prefix`, and what they say of a camera.
pub fn messages(prefix: &str, topics: &Topics, camera: &str) -> Vec<(String, String)> {
    let id = topics.word(camera);
    let monitor = json!({
        "topic": topics.monitor(),
        "value_template": "{{ value_json.state }}",
    });
    let pictures = json!({
        "topic": topics.state(camera),
        "value_template": "{{ 'online' if value_json.availability == 'online' else 'offline' }}",
    });
    let version = env!("CARGO_PKG_VERSION");
    let common = json!({
        "device": {
            "identifiers": [id],
            "name": camera,
            "manufacturer": "ssdcrp",
            "model": "ssdcrp-monitor",
            "sw_version": version,
        },
        "origin": { "name": "ssdcrp-monitor", "sw_version": version },
        "qos": 1,
    });
    let online = json!({
        "name": "Online",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topics.state(camera),
        "value_template": "{{ 'ON' if value_json.availability == 'online' else 'OFF' }}",
        "json_attributes_topic": topics.state(camera),
        "availability": [monitor],
    });
    let kinds = EventKind::ALL.map(|kind| kind.to_string());
    let event = json!({
        "name": "Event",
        "icon": "mdi:eye-off-outline",
        "event_types": kinds,
        "state_topic": topics.events(camera),
        "value_template": "{{ dict(value_json, event_type=value_json.kind) | tojson }}",
        "availability": [monitor, pictures],
        "availability_mode": "all",
    });
    let explanation = json!({
        "name": "Explanation",
        "icon": "mdi:comment-question-outline",
        "state_topic": topics.answers(camera),
        // Longer states are refused.
        "value_template": "{{ value_json.answer[:255] }}",
        "json_attributes_topic": topics.answers(camera),
        "availability": [monitor, pictures],
        "availability_mode": "all",
    });
    let entities = [
        ("binary_sensor", "online", online),
        ("event", "event", event),
        ("sensor", "explanation", explanation),
    ];
    let message = |(component, entity, own): (&str, &str, Value)| {
        let id = format!("{id}_{entity}");
        let mut config = common.clone();
        if let (Some(config), Value::Object(own)) = (config.as_object_mut(), own) {
            config.insert("unique_id".to_owned(), json!(id));
            config.extend(own);
        }
        (
            format!("{prefix}/{component}/{id}/config"),
            config.to_string(),
        )
    };
    entities.map(message).into()
}
