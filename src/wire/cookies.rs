//! The cookies of one session (cwmp.md H12): kept as they come, sent back as `name=value`,
//! dropped with the session.

use cookie::Cookie;
use url::Url;

/// Cookies kept at once; further ones are ignored.
const MAX_COOKIES: usize = 64;
/// Bytes of one `Set-Cookie` value; a longer one is ignored.
const MAX_COOKIE_BYTES: usize = 4096;
/// Bytes of all names and values together; a cookie that goes beyond is ignored.
const MAX_TOTAL_BYTES: usize = 16 * 1024;

/// A session's cookies.
#[derive(Debug, Default)]
pub struct CookieJar {
    kept: Vec<Kept>,
}

struct Kept {
    name: String,
    value: String,
    /// The domain whose hosts get it, or the one host.
    domain: String,
    /// Hosts below the domain get it too.
    subdomains: bool,
    path: String,
    secure: bool,
}

/// Session cookies are as good as a password, so their values stay out of debug output.
impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl CookieJar {
    /// Takes a `Set-Cookie` value of a response from `url`. A cookie of the same name, place and
    /// path is replaced, or removed by `Max-Age=0`; what can't be read is ignored.
    pub fn store(&mut self, url: &Url, set_cookie: &str) {
        let Some(host) = url.host_str() else { return };
        if set_cookie.len() > MAX_COOKIE_BYTES || set_cookie.contains(|c: char| c.is_control()) {
            return;
        }
        let Ok(cookie) = Cookie::parse(set_cookie) else {
            return;
        };
        // A domain that the sender isn't part of is ignored, not obeyed.
        let domain = cookie
            .domain()
            .map(|domain| domain.trim_start_matches('.'))
            .filter(|domain| is_within(host, domain));
        let new = Kept {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            domain: domain.unwrap_or(host).to_ascii_lowercase(),
            subdomains: domain.is_some(),
            path: cookie
                .path()
                .filter(|path| path.starts_with('/'))
                .unwrap_or("/")
                .to_owned(),
            secure: cookie.secure().unwrap_or(false),
        };
        self.kept
            .retain(|old| old.name != new.name || old.domain != new.domain || old.path != new.path);
        let removed = cookie.max_age().is_some_and(|age| !age.is_positive());
        let total: usize = self.kept.iter().map(Kept::size).sum();
        if !removed && self.kept.len() < MAX_COOKIES && total + new.size() <= MAX_TOTAL_BYTES {
            self.kept.push(new);
        }
    }

    /// The value of `Cookie` for a request to `url`; `None` when none belongs there.
    pub fn header(&self, url: &Url) -> Option<String> {
        let pairs: Vec<String> = self
            .kept
            .iter()
            .filter(|kept| kept.belongs_to(url))
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Kept {
    fn size(&self) -> usize {
        self.name.len() + self.value.len()
    }

    fn belongs_to(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let here = if self.subdomains {
            is_within(host, &self.domain)
        } else {
            host.eq_ignore_ascii_case(&self.domain)
        };
        here && (!self.secure || url.scheme() == "https") && path_matches(url.path(), &self.path)
    }
}

/// Whether a host is a domain or lies below it.
fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host == domain
        || (!domain.is_empty()
            && host
                .strip_suffix(&domain)
                .is_some_and(|front| front.ends_with('.')))
}

/// Whether a request path is a cookie's path or lies below it (RFC 6265 section 5.1.4).
fn path_matches(request: &str, cookie: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn jar(set_cookies: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        for set_cookie in set_cookies {
            jar.store(&url("http://acs.example.net/cwmp"), set_cookie);
        }
        jar
    }

    fn sent(jar: &CookieJar, to: &str) -> Option<String> {
        jar.header(&url(to))
    }

    #[test]
    fn cookies_come_back_as_name_and_value_only() {
        let long = "x".repeat(400);
        let jar = jar(&[
            "session=0a1b2c; Path=/; HttpOnly; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
            &format!("big={long}"),
        ]);
        assert_eq!(
            sent(&jar, "http://acs.example.net/cwmp"),
            Some(format!("session=0a1b2c; big={long}"))
        );
    }

    #[test]
    fn a_later_value_replaces_and_max_age_0_removes() {
        let jar = jar(&["a=1", "b=1", "a=2", "b=; Max-Age=0"]);
        assert_eq!(sent(&jar, "http://acs.example.net/"), Some("a=2".into()));
    }

    #[test]
    fn the_path_decides_and_a_name_prefix_is_no_path() {
        let jar = jar(&["a=1; Path=/other", "b=1; Path=/cwmp"]);
        assert_eq!(
            sent(&jar, "http://acs.example.net/cwmp/x"),
            Some("b=1".into())
        );
        assert_eq!(
            sent(&jar, "http://acs.example.net/other"),
            Some("a=1".into())
        );
        assert_eq!(sent(&jar, "http://acs.example.net/others"), None);
    }

    #[test]
    fn secure_cookies_stay_off_plain_http() {
        let jar = jar(&["a=1; Secure"]);
        assert_eq!(sent(&jar, "http://acs.example.net/"), None);
        assert_eq!(sent(&jar, "https://acs.example.net/"), Some("a=1".into()));
    }

    #[test]
    fn another_host_gets_nothing_unless_the_domain_covers_it() {
        let jar = jar(&[
            "own=1",
            "shared=1; Domain=.Example.NET",
            "foreign=1; Domain=example.org",
        ]);
        assert_eq!(
            sent(&jar, "http://node2.example.net/"),
            Some("shared=1".into())
        );
        assert_eq!(sent(&jar, "http://example.org/"), None);
        assert_eq!(sent(&jar, "http://badexample.net/"), None);
    }

    #[test]
    fn too_many_and_too_large_ones_are_ignored() {
        let mut jar = jar(&[&format!("huge={}", "x".repeat(5000)), "no-value", "=x"]);
        assert_eq!(sent(&jar, "http://acs.example.net/"), None);
        for number in 0..200 {
            jar.store(
                &url("http://acs.example.net/"),
                &format!("c{number}={}", "x".repeat(1000)),
            );
        }
        let header = sent(&jar, "http://acs.example.net/").unwrap();
        assert!(
            header.len() < MAX_TOTAL_BYTES + 4 * MAX_COOKIES,
            "{}",
            header.len()
        );
        assert!(header.starts_with("c0="));
    }

    proptest::proptest! {
        /// The law of `tests/fuzz/fuzz_targets/cookies.rs`.
        #[test]
        fn whatever_is_set_comes_back_as_one_bounded_line(
            lines in proptest::collection::vec(
                "[a-z]{0,3}=[\\x00-\\xff]{0,90}(; (Path|Domain|Max-Age|Secure)=?.{0,9}){0,3}",
                0..20,
            ),
        ) {
            let here = url("https://acs.example.net/path");
            let mut jar = CookieJar::default();
            for line in &lines {
                jar.store(&here, line);
            }
            let header = jar.header(&here).unwrap_or_default();
            assert!(header.len() < MAX_TOTAL_BYTES + 4 * MAX_COOKIES);
            assert!(!header.contains(|c: char| c.is_control()), "{header:?}");
        }
    }
}
