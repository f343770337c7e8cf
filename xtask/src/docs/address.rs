//! Where the site is published: the one place is `documentation` in Cargo.toml. The wheel and the NuGet
//! package take it from there. While it is not set nothing tells an address.

use crate::repo;
use anyhow::{ensure, Context, Result};

/// The address in Cargo.toml, if one is set.
pub(crate) fn of_project() -> Result<Option<String>> {
    let manifest: toml::Table = repo::read("Cargo.toml")?.parse().context("Cargo.toml")?;
    let address = manifest.get("package").and_then(|package| package.get("documentation"));
    address.map(|value| checked(value.as_str().context("documentation is no text")?)).transpose()
}

/// With a slash at its end.
pub(super) fn checked(address: &str) -> Result<String> {
    let host = address.strip_prefix("https://").unwrap_or_default();
    ensure!(
        !host.is_empty() && !host.starts_with('/'),
        "{address:?} is no address that begins with https://"
    );
    Ok(format!("{}/", address.trim_end_matches('/')))
}

/// The path of an address; that of a server's root where there is none.
pub(crate) fn path(address: Option<&str>) -> &str {
    let host = address.and_then(|address| address.strip_prefix("https://")).unwrap_or("/");
    host.find('/').map_or("/", |at| &host[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(checked("https://a.b/c").unwrap(), "https://a.b/c/");
        assert!(checked("http://a.b").is_err() && checked("https:///").is_err());
        assert_eq!((path(Some("https://a.b/c/")), path(Some("https://a.b/")), path(None)), ("/c/", "/", "/"));
    }
}
