//! Connections to a broker of MQTT, whoever makes them: what the configuration says in, options of the protocol out, and in words why a connection has failed.

use std::error::Error;
use std::future::pending;
use std::time::{Duration, Instant};

use rumqttc::{
    ConnectReturnCode, ConnectionError, MqttOptions, StateError, TlsConfiguration, Transport,
    mqttbytes,
};

use tokio::time::sleep_until;

use crate::configuration::MqttPlan;
use crate::queue::LONGEST_LINE;
use crate::tls;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a broker may take to answer, in seconds.
pub const ANSWER_SECONDS: u64 = 15;
/// Of what is sent and of what comes; what is too long for it would be sent again and again.
const LONGEST_PACKET: usize = 1 << 20;
/// Of a packet besides its text: the topic and the protocol's own.
const HEAD: usize = 1024;
const _: () = assert!(LONGEST_LINE as usize + HEAD <= LONGEST_PACKET);

/// Of a client that the broker knows by this name, and forgets when it goes; it connects to `host`, the configured one or an address of it.
pub fn options(plan: &MqttPlan, client_id: &str, host: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, host, plan.port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_clean_session(true);
    options.set_max_packet_size(LONGEST_PACKET, LONGEST_PACKET);
    if let Some(login) = &plan.login {
        options.set_credentials(&login.user, &login.password);
    }
    if let Some(tls) = &plan.tls {
        let configuration = TlsConfiguration::Rustls(tls.client.clone());
        options.set_transport(Transport::tls_with_config(configuration));
    }
    options
}

/// Ends when an answer that the broker owes since then has not come for `patience`; never where it owes none.
pub async fn overdue(since: Option<Instant>, patience: Duration) {
    match since {
        Some(since) => sleep_until((since + patience).into()).await,
        None => pending().await,
    }
}

/// What people are told of it.
pub fn reason(error: &ConnectionError) -> String {
    use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
    match error {
        ConnectionError::ConnectionRefused(BadUserNamePassword | NotAuthorized) => {
            "the broker refuses user and password".to_owned()
        }
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses: {code:?}"),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("no answer for {ANSWER_SECONDS} s")
        }
        ConnectionError::MqttState(StateError::Unsolicited(number)) => {
            format!(
                "the broker confirms message {number}, which it was not sent or has confirmed already"
            )
        }
        // A server of HTTP begins its answer with 'H', which stands for a confirmation.
        ConnectionError::NotConnAck(_) => no_broker("something else came before the greeting"),
        error => match innermost(error).downcast_ref() {
            // Its bytes stand between the two messages, so the connection is over.
            Some(mqttbytes::Error::PayloadSizeLimitExceeded(bytes)) => format!(
                "the broker sends a message of {bytes} bytes, more than {LONGEST_PACKET}; if it keeps that one, remove it: mosquitto_pub -r -n -t TOPIC"
            ),
            Some(mqttbytes::Error::Io(_)) | None => tls::in_words(&innermost(error).to_string()),
            Some(error) => no_broker(&error.to_string().to_lowercase()),
        },
    }
}

fn no_broker(reason: &str) -> String {
    format!("what answers there does not speak MQTT 3.1.1 ({reason}): is the port the broker's?")
}

/// What began it: "Connection reset by peer", without what that means for whoever read.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}

#[cfg(test)]
mod tests {
    use rumqttc::{Packet, PubAck};

    use super::*;

    #[test]
    fn another_server_than_a_broker_is_told_as_such() {
        let confirmation = Packet::PubAck(PubAck::new(7));
        for error in [
            ConnectionError::NotConnAck(confirmation),
            ConnectionError::MqttState(StateError::Deserialization(
                mqttbytes::Error::InvalidPacketType(0),
            )),
        ] {
            let words = reason(&error);
            assert!(words.contains("is the port the broker's?"), "{words}");
        }
    }

    #[test]
    fn who_gets_a_message_that_is_too_long_hears_what_to_do() {
        let long = mqttbytes::Error::PayloadSizeLimitExceeded(2_000_000);
        let words = reason(&ConnectionError::MqttState(StateError::Deserialization(
            long,
        )));
        assert!(
            words.contains("2000000 bytes") && words.contains("-r -n"),
            "{words}"
        );
    }
}
