//! Certificates that are made for a test, by openssl.

use std::path::Path;
use std::process::Command;

/// An authority, and what it has signed: a certificate for `localhost`, and one for the monitor.
pub fn make_certificates(folder: &Path) {
    let script = "
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=authority of a test' -keyout ca.key -out ca.pem
        for name in localhost monitor; do
            openssl req -newkey rsa:2048 -nodes -subj \"/CN=$name\" -keyout $name.key -out $name.csr
            printf 'subjectAltName=DNS:%s\\n' $name >$name.ext
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.pem
        done";
    let made = Command::new("bash")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
