//! The HTTP of one session or one file transfer, without I/O: which request goes out next, and
//! whether its response is for the session or for HTTP itself (a challenge, a redirect).

use url::Url;

use crate::wire::cookies::CookieJar;
use crate::wire::digest::{BodyPieces, Challenge, ClientState, Credentials};

/// Redirects that one request may follow (cwmp.md H14).
const MAX_REDIRECTS: u8 = 5;

/// What the exchange is for; it decides method and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Session,
    Download,
    Upload,
}

/// URL, cookies, authentication and redirects of one session (cwmp.md H3, H6, H7, H12–H19).
#[derive(Debug)]
pub struct Exchange {
    purpose: Purpose,
    url: Url,
    credentials: Option<Credentials>,
    cookies: CookieJar,
    authentication: Option<ClientState>,
    /// Whether a challenge to the request under way has been answered already.
    answered: bool,
    /// Redirects that the request under way has followed.
    redirects: u8,
    /// A file is wanted only in another state than the one with this entity tag.
    if_none_match: Option<String>,
}

/// A request to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST`, `GET` or `PUT`.
    pub method: &'static str,
    /// Where to.
    pub url: Url,
    /// Headers beside `Host` and the length of a body that isn't empty.
    pub headers: Vec<(&'static str, String)>,
}

/// Header values stay out of it: they may hold credentials.
impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        formatter
            .debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &names)
            .finish()
    }
}

/// What a response means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answers the request: its status and body are for the session.
    Reply,
    /// Ask again with the same body.
    Repeat {
        /// On another connection, because the place is another one or the server closes this one.
        new_connection: bool,
    },
    /// The exchange is over.
    Fail(ExchangeFailure),
}

/// Why HTTP failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeFailure {
    /// 401 without a challenge that can be answered.
    #[error("401 without a Digest (MD5, SHA-256) or Basic challenge")]
    NoUsableChallenge,
    /// A challenge came, and no credentials are there for this server.
    #[error("401 from {host}, for which no credentials are set")]
    NoCredentials {
        /// Who asks.
        host: String,
    },
    /// 401 in spite of an answer to the challenge.
    #[error("401 again: the user name or the password is wrong")]
    CredentialsRefused,
    /// A redirect whose Location is missing or not an http or https URL.
    #[error("redirect {status} without a usable Location")]
    NoLocation {
        /// The status code.
        status: u16,
    },
    /// The chain of redirects is too long.
    #[error("more than {MAX_REDIRECTS} redirects in a row")]
    TooManyRedirects,
}

impl Exchange {
    /// The exchange of one CWMP session. Nothing of an earlier session goes into it (cwmp.md N13).
    pub fn new(url: Url, credentials: Credentials) -> Self {
        Self::for_purpose(Purpose::Session, url, credentials)
    }

    /// Fetches a file by GET (cwmp.md M96).
    pub fn download(url: Url, credentials: Credentials) -> Self {
        Self::for_purpose(Purpose::Download, url, credentials)
    }

    /// The same, but only if the file is not in the state with this entity tag (RFC 9110 13.1.2).
    pub fn unless(mut self, entity_tag: Option<String>) -> Self {
        self.if_none_match = entity_tag;
        self
    }

    /// Sends a file by PUT (cwmp.md M110).
    pub fn upload(url: Url, credentials: Credentials) -> Self {
        Self::for_purpose(Purpose::Upload, url, credentials)
    }

    fn for_purpose(purpose: Purpose, url: Url, credentials: Credentials) -> Self {
        let known = !credentials.username.is_empty() || !credentials.password.is_empty();
        Self {
            purpose,
            url,
            credentials: known.then_some(credentials),
            cookies: CookieJar::default(),
            authentication: None,
            answered: false,
            redirects: 0,
            if_none_match: None,
        }
    }

    /// Where the next request goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The request to send now, for the first time or again. Without a body it is the empty POST.
    /// `cnonce` is made of hex digits and new for each connection (cwmp.md H16).
    pub fn request(&mut self, body: Option<&dyn BodyPieces>, cnonce: &str) -> HttpRequest {
        let method = match self.purpose {
            Purpose::Session => "POST",
            Purpose::Download => "GET",
            Purpose::Upload => "PUT",
        };
        let mut headers = Vec::new();
        match (self.purpose, body) {
            (Purpose::Session, Some(_)) => {
                headers.push(("Content-Type", "text/xml; charset=\"utf-8\"".to_owned()));
                headers.push(("SOAPAction", String::new()));
            }
            (Purpose::Upload, Some(_)) => {
                headers.push(("Content-Type", "application/octet-stream".to_owned()));
            }
            (Purpose::Session | Purpose::Upload, None) => {
                headers.push(("Content-Length", "0".to_owned()));
            }
            (Purpose::Download, _) => {
                if let Some(tag) = &self.if_none_match {
                    headers.push(("If-None-Match", tag.clone()));
                }
            }
        }
        if let Some(cookies) = self.cookies.header(&self.url) {
            headers.push(("Cookie", cookies));
        }
        if let (Some(state), Some(credentials)) = (&mut self.authentication, &self.credentials) {
            let target = match self.url.query() {
                Some(query) => format!("{}?{query}", self.url.path()),
                None => self.url.path().to_owned(),
            };
            let body = body.unwrap_or(&"");
            headers.push((
                "Authorization",
                state.answer(method, &target, body, credentials, cnonce),
            ));
        }
        HttpRequest {
            method,
            url: self.url.clone(),
            headers,
        }
    }

    /// Judges the response to the last request. Header names may have any case.
    pub fn on_response(&mut self, status: u16, headers: &[(String, String)]) -> Verdict {
        for set_cookie in values(headers, "set-cookie") {
            self.cookies.store(&self.url, set_cookie);
        }
        let closes = values(headers, "connection")
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"));
        let repeat = match status {
            401 => self.challenged(headers).map(|()| closes),
            301 | 302 | 307 | 308 => self
                .redirected(status, headers)
                .map(|elsewhere| elsewhere || closes),
            _ => {
                self.answered = false;
                self.redirects = 0;
                return Verdict::Reply;
            }
        };
        match repeat {
            Ok(new_connection) => Verdict::Repeat { new_connection },
            Err(failure) => Verdict::Fail(failure),
        }
    }

    /// Takes a challenge up; a request gets one answer (cwmp.md H17).
    fn challenged(&mut self, headers: &[(String, String)]) -> Result<(), ExchangeFailure> {
        if self.answered {
            return Err(ExchangeFailure::CredentialsRefused);
        }
        if self.credentials.is_none() {
            return Err(ExchangeFailure::NoCredentials {
                host: self.url.host_str().unwrap_or_default().to_owned(),
            });
        }
        let challenges = Challenge::parse_all(values(headers, "www-authenticate"));
        let challenge =
            Challenge::strongest(challenges).ok_or(ExchangeFailure::NoUsableChallenge)?;
        self.authentication = Some(ClientState::new(challenge));
        self.answered = true;
        Ok(())
    }

    /// Follows a redirect for the rest of the session; true when it leads to another server.
    fn redirected(
        &mut self,
        status: u16,
        headers: &[(String, String)],
    ) -> Result<bool, ExchangeFailure> {
        let target = values(headers, "location")
            .next()
            .and_then(|location| self.url.join(location).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .ok_or(ExchangeFailure::NoLocation { status })?;
        if self.redirects == MAX_REDIRECTS {
            return Err(ExchangeFailure::TooManyRedirects);
        }
        self.redirects += 1;
        let elsewhere = target.origin() != self.url.origin();
        if elsewhere {
            // Another server has to ask for itself; a nonce means nothing to it.
            self.authentication = None;
            self.answered = false;
            // A session's credentials go where the ACS sends it (cwmp.md H14); those of a file
            // server are for the host that the ACS named, and not in clear if it said https.
            let is_opened = self.url.scheme() == "https" && target.scheme() == "http";
            let is_another = is_opened || target.host() != self.url.host();
            if self.purpose != Purpose::Session && is_another {
                self.credentials = None;
            }
        }
        self.url = target;
        Ok(elsewhere)
    }
}

fn values<'a>(
    headers: &'a [(String, String)],
    name: &'a str,
) -> impl Iterator<Item = &'a str> + 'a {
    headers
        .iter()
        .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Secret;

    const SAME: Verdict = Verdict::Repeat {
        new_connection: false,
    };
    const OTHER: Verdict = Verdict::Repeat {
        new_connection: true,
    };

    fn exchange(url: &str) -> Exchange {
        let credentials = Credentials {
            username: "cpe".into(),
            password: Secret::new("pw"),
        };
        Exchange::new(Url::parse(url).unwrap(), credentials)
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
        request
            .headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    fn digest(nonce: &str) -> Vec<(String, String)> {
        let challenge = format!("Digest realm=\"acs\", qop=\"auth\", nonce=\"{nonce}\"");
        headers(&[("WWW-Authenticate", &challenge)])
    }

    fn redirect(location: &str) -> Vec<(String, String)> {
        headers(&[("location", location)])
    }

    #[test]
    fn c008_headers_of_a_post_with_and_without_a_body() {
        let mut exchange = exchange("http://acs/cwmp");
        let full = exchange.request(Some(b"<x/>"), "c");
        assert_eq!(
            header(&full, "Content-Type"),
            Some("text/xml; charset=\"utf-8\"")
        );
        assert_eq!(header(&full, "SOAPAction"), Some(""));
        assert_eq!(header(&full, "Authorization"), None);
        let empty = exchange.request(None, "c");
        assert_eq!(
            empty.headers,
            [("Content-Length", "0".to_owned())],
            "nothing else"
        );
    }

    #[test]
    fn c033_c034_a_challenge_is_answered_and_the_count_rises() {
        let mut exchange = exchange("http://acs/cwmp?x=1");
        exchange.request(Some(b"inform"), "c");
        assert_eq!(exchange.on_response(401, &digest("n1")), SAME);
        let counts: Vec<String> = (0..3)
            .map(|_| {
                let request = exchange.request(Some(b"inform"), "c");
                assert_eq!(exchange.on_response(200, &[]), Verdict::Reply);
                let value = header(&request, "Authorization").unwrap().to_owned();
                assert!(value.contains("uri=\"/cwmp?x=1\", "), "{value}");
                assert!(value.contains("nonce=\"n1\""), "{value}");
                value.split("nc=").nth(1).unwrap()[..8].to_owned()
            })
            .collect();
        assert_eq!(counts, ["00000001", "00000002", "00000003"]);
    }

    #[test]
    fn c035_a_new_nonce_in_the_middle_is_answered_once() {
        let mut exchange = exchange("http://acs/");
        assert_eq!(exchange.on_response(401, &digest("n1")), SAME);
        assert_eq!(exchange.on_response(200, &[]), Verdict::Reply);
        assert_eq!(exchange.on_response(401, &digest("n2")), SAME);
        let request = exchange.request(None, "c");
        let value = header(&request, "Authorization").unwrap();
        assert!(value.contains("nonce=\"n2\"") && value.contains("nc=00000001"));
        assert_eq!(
            exchange.on_response(401, &digest("n3")),
            Verdict::Fail(ExchangeFailure::CredentialsRefused)
        );
    }

    #[test]
    fn c036_a_second_401_ends_it() {
        let mut exchange = exchange("http://acs/");
        assert_eq!(exchange.on_response(401, &digest("n1")), SAME);
        assert_eq!(
            exchange.on_response(401, &digest("n2")),
            Verdict::Fail(ExchangeFailure::CredentialsRefused)
        );
    }

    #[test]
    fn a_401_that_cannot_be_answered_ends_it() {
        let mut exchange = exchange("http://acs/");
        assert_eq!(
            exchange.on_response(401, &[]),
            Verdict::Fail(ExchangeFailure::NoUsableChallenge)
        );
        let mut nobody = Exchange::new(Url::parse("http://acs/").unwrap(), Credentials::default());
        assert!(matches!(
            nobody.on_response(401, &digest("n")),
            Verdict::Fail(ExchangeFailure::NoCredentials { .. })
        ));
    }

    #[test]
    fn c040_connection_close_asks_for_a_new_connection() {
        let mut exchange = exchange("http://acs/");
        let mut response = digest("n1");
        response.extend(headers(&[("connection", "foo, Close")]));
        assert_eq!(exchange.on_response(401, &response), OTHER);
    }

    #[test]
    fn c041_a_redirect_holds_for_the_rest_of_the_session() {
        for status in [301, 302, 307, 308] {
            let mut exchange = exchange("http://acs/cwmp");
            exchange.on_response(401, &digest("n1"));
            assert_eq!(
                exchange.on_response(status, &redirect("https://other:8443/x")),
                OTHER
            );
            let request = exchange.request(Some(b"inform"), "c");
            assert_eq!(request.url.as_str(), "https://other:8443/x");
            assert_eq!(header(&request, "Authorization"), None, "not asked yet");
            assert_eq!(exchange.on_response(401, &digest("n2")), SAME);
            assert_eq!(exchange.on_response(200, &[]), Verdict::Reply);
            assert_eq!(
                exchange.request(None, "c").url.as_str(),
                "https://other:8443/x"
            );
        }
    }

    #[test]
    fn a_relative_redirect_stays_on_the_connection_and_keeps_the_nonce() {
        let mut exchange = exchange("http://acs/a/b");
        exchange.on_response(401, &digest("n1"));
        assert_eq!(exchange.on_response(302, &redirect("c?d")), SAME);
        let request = exchange.request(Some(b"x"), "c");
        assert_eq!(request.url.as_str(), "http://acs/a/c?d");
        assert!(
            header(&request, "Authorization")
                .unwrap()
                .contains("uri=\"/a/c?d\"")
        );
    }

    #[test]
    fn c042_five_redirects_are_followed_and_the_sixth_is_not() {
        let mut exchange = exchange("http://acs/0");
        for round in 0..2 {
            for _ in 0..5 {
                assert_eq!(exchange.on_response(302, &redirect("/next")), SAME);
            }
            if round == 0 {
                assert_eq!(exchange.on_response(200, &[]), Verdict::Reply);
            }
        }
        assert_eq!(
            exchange.on_response(302, &redirect("/next")),
            Verdict::Fail(ExchangeFailure::TooManyRedirects)
        );
    }

    #[test]
    fn c045_other_redirects_go_to_the_session_and_a_missing_location_fails() {
        let mut exchange = exchange("http://acs/");
        assert_eq!(exchange.on_response(303, &redirect("/x")), Verdict::Reply);
        for location in [vec![], redirect("ftp://acs/"), redirect("http://")] {
            assert_eq!(
                exchange.on_response(302, &location),
                Verdict::Fail(ExchangeFailure::NoLocation { status: 302 })
            );
        }
    }

    #[test]
    fn c050_cookies_of_every_response_come_back() {
        let mut exchange = exchange("http://acs/cwmp");
        let mut response = digest("n1");
        response.extend(headers(&[
            ("Set-Cookie", "a=1"),
            ("set-cookie", "b=2; Path=/other"),
        ]));
        exchange.on_response(401, &response);
        exchange.on_response(200, &headers(&[("Set-Cookie", "a=3")]));
        assert_eq!(header(&exchange.request(None, "c"), "Cookie"), Some("a=3"));
    }

    #[test]
    fn a_file_servers_password_does_not_follow_a_redirect_to_another_host() {
        let credentials = Credentials {
            username: "files".into(),
            password: Secret::new("pw"),
        };
        let url = Url::parse("http://files/x").unwrap();
        let mut exchange = Exchange::download(url, credentials);
        assert_eq!(exchange.request(None, "c").headers, []);
        assert_eq!(
            exchange.on_response(302, &redirect("https://files/x")),
            OTHER
        );
        assert_eq!(exchange.on_response(401, &digest("n")), SAME);
        assert_eq!(
            exchange.on_response(302, &redirect("https://else/x")),
            OTHER
        );
        assert!(matches!(
            exchange.on_response(401, &digest("n")),
            Verdict::Fail(ExchangeFailure::NoCredentials { .. })
        ));
    }

    #[test]
    fn a_file_servers_password_is_not_shown_in_clear_after_https() {
        let credentials = Credentials {
            username: "files".into(),
            password: Secret::new("pw"),
        };
        let url = Url::parse("https://files/x").unwrap();
        let mut exchange = Exchange::upload(url, credentials);
        assert_eq!(
            exchange.on_response(307, &redirect("http://files/x")),
            OTHER
        );
        assert!(matches!(
            exchange.on_response(401, &headers(&[("WWW-Authenticate", "Basic realm=\"x\"")])),
            Verdict::Fail(ExchangeFailure::NoCredentials { .. })
        ));
    }

    #[test]
    fn debug_output_shows_no_credentials() {
        let mut exchange = exchange("http://acs/");
        exchange.on_response(401, &headers(&[("WWW-Authenticate", "Basic realm=\"x\"")]));
        let request = exchange.request(None, "c");
        assert_eq!(header(&request, "Authorization"), Some("Basic Y3BlOnB3"));
        assert!(!format!("{request:?} {exchange:?}").contains("Y3BlOnB3"));
    }
}
