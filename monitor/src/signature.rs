//! Signatures by the Standard Webhooks, <https://www.standardwebhooks.com>: a secret and a message in, what its receiver can hold it against out.

use std::fmt;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// How many bytes a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that sender and receiver share.
#[derive(Clone)]
pub struct SigningKey {
    key: hmac::Key,
    bytes: Vec<u8>,
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Of a secret as it is written: bytes in base 64, with `whsec_` before them or not.
    ///
    /// # Errors
    /// It is none.
    pub fn new(secret: &str) -> Result<Self> {
        let words = "the secret is 24 to 64 random bytes in base 64, with 'whsec_' before them or not: openssl rand -base64 32";
        let digits = secret.strip_prefix("whsec_").unwrap_or(secret);
        let bytes = STANDARD.decode(digits).ok().context(words)?;
        ensure!(LENGTHS.contains(&bytes.len()), words);
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            bytes,
        })
    }

    /// The header `webhook-signature` of a message with this identifier, which is sent at this time (seconds since 1970).
    pub fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let tag = hmac::sign(&self.key, signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example that the tests of the standard's own libraries have.
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        for secret in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let key = SigningKey::new(secret).unwrap();
            let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
            let signature = key.sign(id, 1_614_265_330, r#"{"test": 2432232314}"#);
            assert_eq!(signature, expected);
        }
        for secret in ["", "short", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"] {
            let error = SigningKey::new(secret).unwrap_err().to_string();
            assert!(error.contains("openssl"), "{error}");
        }
    }
}
