//! The check of a URL that a tenant gave.

use url::{Host, Url};

use super::address::{ForbiddenAddress, Reach};

/// Checks that `url` is one that Punchcard may call: https, no credentials, and, where its host is
/// an address, a public one. With `allow_private` (development, or an operator's own network) plain
/// http, `localhost` and private addresses are let in.
///
/// The `url` crate has already turned every spelling of an IPv4 address (decimal, octal,
/// hexadecimal, short, percent-encoded, full-width, with a trailing dot) into the address, as the
/// WHATWG URL standard asks. A name is not resolved here; [`super::GuardedResolver`] judges it when
/// it is dialled.
///
/// # Errors
/// [`UrlError`] with what is wrong.
pub fn check_url(url: &Url, allow_private: bool) -> Result<(), UrlError> {
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => return Err(UrlError::Plain),
        other => return Err(UrlError::Scheme(other.chars().take(20).collect())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    match url.host() {
        None => Err(UrlError::NoHost),
        Some(Host::Ipv4(address)) => Ok(Reach::admit(address.into(), allow_private)?),
        Some(Host::Ipv6(address)) => Ok(Reach::admit(address.into(), allow_private)?),
        Some(Host::Domain(name)) => Ok(admit_name(name, allow_private)?),
    }
}

/// RFC 6761: `localhost` and every name under it mean this host, whatever a resolver says.
fn admit_name(name: &str, allow_private: bool) -> Result<(), ForbiddenAddress> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    if is_local && !allow_private {
        return Err(ForbiddenAddress {
            host: name,
            why: "this host (RFC 6761)",
        });
    }
    Ok(())
}

/// Why a URL is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// http where https is required.
    #[error("plain http is not allowed: use https")]
    Plain,
    /// Neither http nor https.
    #[error("`{0}` is not a scheme that is called: use https")]
    Scheme(String),
    /// It names a user or a password.
    #[error("a URL with a user name or password in it is not called: calls are signed instead")]
    Credentials,
    /// It has no host.
    #[error("it names no host")]
    NoHost,
    /// Its host is an address that is not called.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenAddress),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, allow_private: bool) -> Result<(), UrlError> {
        check_url(&Url::parse(text).unwrap(), allow_private)
    }

    #[test]
    fn every_spelling_of_a_forbidden_host_is_refused() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "0x7f.1",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "0",
            "0x0",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00::1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "a.b.localhost.",
            "169.254.169.254",
            "0xA9FEA9FE",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.43518",
            "10.0.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            let refused = check(&format!("https://{host}/hook"), false);
            assert!(
                matches!(refused, Err(UrlError::Forbidden(_))),
                "{host}: {refused:?}"
            );
        }
    }

    #[test]
    fn names_and_public_addresses_pass() {
        for host in [
            "api.onehour.example",
            "8.8.8.8",
            "[2606:4700::1111]",
            "localhost.example",
        ] {
            assert_eq!(check(&format!("https://{host}:8443/hook"), false), Ok(()));
        }
    }

    #[test]
    fn only_https_without_credentials_is_called() {
        assert_eq!(check("http://a.example/", false), Err(UrlError::Plain));
        assert_eq!(check("http://a.example/", true), Ok(()));
        assert_eq!(
            check("https://u@a.example/", true),
            Err(UrlError::Credentials)
        );
        assert_eq!(
            check("https://:p@a.example/", true),
            Err(UrlError::Credentials)
        );
        for text in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "data:,x",
        ] {
            assert!(
                matches!(check(text, true), Err(UrlError::Scheme(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn development_lets_this_host_in_but_not_metadata_services() {
        assert_eq!(check("http://localhost:3000/", true), Ok(()));
        assert_eq!(check("http://127.0.0.1:3000/", true), Ok(()));
        assert!(check("http://169.254.169.254/latest/meta-data", true).is_err());
    }

    #[test]
    fn mutants_that_pass_are_https_without_credentials() {
        crate::fuzz::run_text("outbound-url", |text| {
            if let Ok(url) = Url::parse(text)
                && check_url(&url, false).is_ok()
            {
                assert_eq!(
                    (url.scheme(), url.username(), url.password()),
                    ("https", "", None)
                );
            }
        });
    }
}
