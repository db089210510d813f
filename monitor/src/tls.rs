//! Encrypted connections to brokers and servers: files with certificates in, what a client needs to trust and to be trusted out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use ssdcrp::limits::{self, FileKind};

/// Whom a client trusts, and who it is itself.
#[derive(Clone)]
pub struct TlsPlan {
    pub client: Arc<ClientConfig>,
    /// What the files hold, so that new certificates are noticed.
    files: Vec<Vec<u8>>,
}

impl PartialEq for TlsPlan {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl fmt::Debug for TlsPlan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TLS with {} files", self.files.len())
    }
}

impl TlsPlan {
    /// Trusts who signed with a certificate of the file `authorities`, or whom the system trusts where there is none; shows itself with a certificate and its key, where they are given.
    ///
    /// # Errors
    /// A file is not there, or holds something else; the system trusts nobody.
    pub fn new(authorities: Option<&Path>, own: Option<(&Path, &Path)>) -> Result<Self> {
        let mut files = Vec::new();
        let mut trusted = RootCertStore::empty();
        match authorities {
            Some(file) => {
                let bytes = read(file)?;
                for certificate in certificates(file, &bytes)? {
                    let added = trusted.add(certificate);
                    added.with_context(|| format!("no authority: {}", file.display()))?;
                }
                files.push(bytes);
            }
            None => {
                let of_system = rustls_native_certs::load_native_certs();
                trusted.add_parsable_certificates(of_system.certs);
                ensure!(
                    !trusted.is_empty(),
                    "this system trusts nobody: install ca-certificates, or name a ca-file"
                );
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted);
        let client = match own {
            Some((certificate, key)) => {
                let (chain, secret) = (read(certificate)?, read(key)?);
                let words = || format!("{} has no private key (PEM)", key.display());
                let private = PrivateKeyDer::from_pem_slice(&secret).ok();
                let private = private.with_context(words)?;
                let chain_read = certificates(certificate, &chain)?;
                let client = client.with_client_auth_cert(chain_read, private);
                let client = client.with_context(|| {
                    let (certificate, key) = (certificate.display(), key.display());
                    format!("{certificate} and {key} do not belong together")
                })?;
                files.extend([chain, secret]);
                client
            }
            None => client.with_no_client_auth(),
        };
        Ok(Self {
            client: Arc::new(client),
            files,
        })
    }
}

/// What people are told of an encrypted connection that failed: the library's words, unless they are a name of its code.
pub fn in_words(error: &str) -> String {
    match error.contains("CaUsedAsEndEntity") {
        true => "the server shows the certificate of an authority as its own: give it one that this authority has signed".to_owned(),
        false => error.to_owned(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let words = || format!("cannot read {}", file.display());
    limits::read(file, FileKind::Manifest).with_context(words)
}

fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => bail!("{} has no certificate (PEM)", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn words_are_none_of_a_library_s_code() {
        let words = in_words("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))");
        assert!(words.contains("certificate of an authority as its own"));
        assert_eq!(in_words("it has expired"), "it has expired");
    }

    #[test]
    fn files_that_are_no_certificates_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, "no certificate").unwrap();
        let refused = |authorities: Option<&Path>, own: Option<(&Path, &Path)>| {
            format!("{:#}", TlsPlan::new(authorities, own).unwrap_err())
        };
        assert!(refused(Some(&file), None).contains("ca.pem has no certificate"));
        let missing = folder.path().join("no.pem");
        assert!(refused(Some(&missing), None).contains("cannot read"));
        let device = refused(Some(Path::new("/dev/zero")), None);
        assert!(device.contains("not a file"), "{device}");
    }
}
