//! What a server answers to names that can't exist. One that has a page for everything says 200 to
//! all of them, and that page is no file of any phone.

use std::time::Duration;

use bytes::Bytes;
use similar::TextDiff;

/// Most bytes of a page that are compared.
const MAX_COMPARED: usize = 32 * 1024;
/// Pages that are alike to this degree are one page, with a clock or a token in it.
const ALIKE: f32 = 0.85;
/// How long a comparison may take; then it is a rough one.
const DEADLINE: Duration = Duration::from_millis(200);
/// Where a page begins, after white space and a byte order mark.
const HEAD: usize = 1024;

/// Answers of status 200 to names that can't exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatchAll {
    pages: Vec<Page>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    /// What was asked for to get it.
    name: String,
    body: Bytes,
}

/// How a body looks beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Like none of them.
    None,
    /// The server's page for everything.
    Page,
    /// Not a page, and the same for any name.
    Content,
}

impl CatchAll {
    /// Adds what came for a name that can't exist.
    pub fn add(&mut self, name: &str, body: Bytes) {
        self.pages.push(Page {
            name: name.to_owned(),
            body,
        });
    }

    /// Whether the server has a page for everything.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// How the body that came for a path looks beside the answers to impossible names.
    pub fn likeness(&self, path: &str, body: &Bytes) -> Likeness {
        let is_page = is_page(body);
        let is_like = |page: &Page| {
            if body == &page.body {
                return true;
            }
            let ours = without_name(body, path);
            let theirs = without_name(&page.body, &page.name);
            ours == theirs || is_page && are_alike(&ours, &theirs)
        };
        match self.pages.iter().any(is_like) {
            true if is_page => Likeness::Page,
            true => Likeness::Content,
            false => Likeness::None,
        }
    }
}

/// Whether a body is a web page.
pub(super) fn is_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    if body.first() != Some(&b'<') {
        return false;
    }
    let head = body.get(..HEAD).unwrap_or(body).to_ascii_lowercase();
    [&b"<html"[..], b"<!doctype html"]
        .iter()
        .any(|mark| memchr::memmem::find(&head, mark).is_some())
}

/// A body as text, without the name that was asked for: many pages show it. A MAC address may be
/// shown in either case.
fn without_name(body: &[u8], path: &str) -> String {
    let body = body.get(..MAX_COMPARED).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let digits = stem.strip_prefix("cfg").unwrap_or(stem);
    let mut text = text.replace(path, "").replace(name, "");
    if digits.len() >= 12 {
        text = text.replace(&digits.to_ascii_lowercase(), "");
        text = text.replace(&digits.to_ascii_uppercase(), "");
    }
    text
}

fn are_alike(ours: &str, theirs: &str) -> bool {
    let mut differ = TextDiff::configure();
    differ.timeout(DEADLINE);
    differ.diff_words(ours, theirs).ratio() >= ALIKE
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/catch_all.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_answers_can_be_compared() {
        let page = "<html>\nNo /x1.cfg here.\n</html>";
        let name = "cfg000b82a1b2c3.xml";
        let pieces = [
            "",
            "/",
            "x1.cfg",
            name,
            page,
            "\u{feff}<!doctype HTML",
            "P1=2\n",
            "\u{fffd}",
        ];
        for first in pieces {
            for second in pieces {
                for bodies in [
                    [page, page],
                    [first, second],
                    ["", first],
                    [name, "000B82A1B2C3"],
                ] {
                    let bytes = [first, second, bodies[0], bodies[1]].join("\0");
                    law::holds(bytes.as_bytes());
                }
            }
        }
        law::holds(b"");
    }

    const INDEX: &str = "<!DOCTYPE html>\n<html><head><title>Phones</title></head><body>\
        <p>Welcome to the portal of our phones. Log in with your name and password.</p>";

    fn page(text: &str) -> Bytes {
        Bytes::from(format!("{INDEX}<p>{text}</p></body></html>\n"))
    }

    fn catch_all() -> CatchAll {
        let mut catch_all = CatchAll::default();
        catch_all.add("x1.cfg", page("asked for /x1.cfg at 12:00:01 token 81237"));
        catch_all
    }

    #[test]
    fn a_page_with_the_name_and_a_clock_in_it_is_the_same_page() {
        let body = page("asked for /cfg000b82a1b2c3.xml at 12:07:45 token 90817");
        let likeness = catch_all().likeness("cfg000b82a1b2c3.xml", &body);
        assert_eq!(likeness, Likeness::Page);
    }

    #[test]
    fn another_page_and_settings_are_not() {
        let help = Bytes::from_static(
            b"<html><body><h1>Ring tones</h1><p>How to put a ring tone on a phone, step by step, \
              with pictures of every menu on the way there.</p></body></html>",
        );
        assert_eq!(catch_all().likeness("help.html", &help), Likeness::None);
        let settings = Bytes::from_static(b"<?xml version=\"1.0\"?><gs_provision></gs_provision>");
        assert_eq!(catch_all().likeness("cfg.xml", &settings), Likeness::None);
        assert!(!is_page(&settings));
    }

    #[test]
    fn settings_that_any_address_gets_are_told() {
        let mut catch_all = CatchAll::default();
        let made = |mac: &str| Bytes::from(format!("# {mac}\nP271 = 0\n"));
        catch_all.add("cfg02000000abcd.xml", made("02000000abcd"));
        let likeness = |body| catch_all.likeness("cfg000B82A1B2C3.xml", &body);
        assert_eq!(likeness(made("000b82a1b2c3")), Likeness::Content);
        let own = Bytes::from_static(b"# 000b82a1b2c3\nP271 = 1\nP35 = 2170\n");
        assert_eq!(likeness(own), Likeness::None);
    }

    #[test]
    fn pages_are_told_by_how_they_begin() {
        for text in [
            "<html>",
            "\u{feff}\r\n <!DOCTYPE HTML PUBLIC \"x\">",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html>",
            "<!-- made by hand -->\n<HTML lang=\"en\">",
        ] {
            assert!(is_page(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "sip line1 display name: <html>",
            "<settings/>",
            "P1=<html>",
        ] {
            assert!(!is_page(text.as_bytes()), "{text}");
        }
    }
}
