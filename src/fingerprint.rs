//! Tells contents apart without keeping them: bytes in, a number out that is the same on every machine and in every version of this program.

/// The hash FNV-1a, which needs no more than to tell things apart.
pub fn fingerprint(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let bytes = bytes.into_iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The same in hexadecimal, as files hold it.
pub fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    format!("{:016x}", fingerprint(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv_1a() {
        // The published values of FNV-1a with 64 bits.
        assert_eq!(fingerprint([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(*b"a"), "af63dc4c8601ec8c");
        assert_eq!(hash(*b"foobar"), "85944171f73967e8");
    }
}
