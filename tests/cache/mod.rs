//! What `make test` has downloaded.

use std::path::PathBuf;

/// A file in the cache folder, e.g. `photos/dog.jpg`.
pub fn cached(file: &str) -> PathBuf {
    let folder = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = folder("SSDCRP_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("ssdcrp")))
        .or_else(|| Some(folder("HOME")?.join(".cache/ssdcrp")))
        .expect("a home folder");
    let path = cache.join(file);
    assert!(
        path.is_file(),
        "{} is missing: 'make test' puts it there",
        path.display()
    );
    path
}
