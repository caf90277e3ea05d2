//! Settings as XML elements (grandstream.md 1.2 and 1.3, htek.md 1.1 and 1.2).
//!
//! A setting is `<P271 …>1</P271>` anywhere, whatever its attributes and the `version` of its
//! parents; and in `config` also `<item name="a.b">v</item>`, `<part name="b">v</part>` in
//! `<item name="a">`, and an element of any other name that holds text and no elements. One file
//! may hold all of them. Files in the field are not well-formed, and phones take them: raw `&` and
//! `<` in values, end tags of another name, comments inside comments. So the file is read token by
//! token, and what does not fit is told and kept.

use std::borrow::Cow;

use super::xml_element::{CONTAINER, ITEM, MAC, PART, Spelling, element_name, removed};
use super::xml_place;
use super::xml_text::{escape, escape_attribute, resolve};
use super::xml_token::{Token, Tokens, is_name, trimmed};
use super::{Dialect, xml_read};
use crate::native::charset;
use crate::native::edit::{EditError, Splice};
use crate::native::key::is_p_code;
use crate::native::lines::text_start;
use crate::native::parsed::{Entry, Parsed, Shape, Span};

pub(super) fn read(bytes: &[u8]) -> Parsed {
    xml_read::read(bytes)
}

/// The value that element content stands for.
pub(super) fn value(written: Cow<'_, str>) -> Cow<'_, str> {
    resolve(written)
}

pub(super) fn replace(bytes: &[u8], entry: &Entry, value: &str) -> Result<Splice, EditError> {
    let written = escape(value)?;
    let text = match entry.shape {
        Shape::Written => written,
        Shape::EmptyElement => {
            let name = charset::decode(element_name(bytes, entry));
            format!(">{written}</{name}>")
        }
    };
    Ok(Splice {
        span: entry.value,
        text,
    })
}

/// The change that adds a setting, in the form of its key: a P-code, a dotted name as item or
/// part, any other as an element of that name. A dotted name is an element too in a file that has
/// named elements and no items (htek.md 1.2 knows `LEDStatus.…`).
pub(super) fn insert(
    bytes: &[u8],
    parsed: &Parsed,
    name: &str,
    value: &str,
) -> Result<Splice, EditError> {
    let refused = || EditError::key(name, Dialect::PCodeXml);
    let written = escape(value)?;
    let place = xml_place::find(bytes, parsed, name)?;
    let element = match place.spelling {
        Spelling::PCode | Spelling::Named => {
            let is_element = is_name(name.as_bytes())
                && ![CONTAINER, MAC, ITEM, PART].contains(&name.as_bytes());
            if !is_element {
                return Err(refused());
            }
            format!("<{name}>{written}</{name}>")
        }
        Spelling::Item | Spelling::Part => {
            let whole = !name.split('.').any(str::is_empty);
            let own = name.get(place.named_by_item..).filter(|_| whole);
            let own = own.and_then(escape_attribute).ok_or_else(refused)?;
            let element = if place.spelling == Spelling::Item {
                "item"
            } else {
                "part"
            };
            format!("<{element} name=\"{own}\">{written}</{element}>")
        }
    };
    Ok(place.take(bytes, &element))
}

pub(super) fn extent(bytes: &[u8], entry: &Entry) -> Span {
    xml_place::extent(bytes, removed(bytes, entry))
}

/// The root element of a file: its first tag, before which there are only comments and
/// declarations. A P-code is no root.
pub(in crate::native) fn root(content: &[u8]) -> Option<&str> {
    for (range, token) in Tokens::from(content, text_start(content)) {
        match token {
            Token::Start { name, .. } if !is_p_code(name) => return std::str::from_utf8(name).ok(),
            Token::Comment(_)
            | Token::Instruction(_)
            | Token::DocumentType
            | Token::Declaration => {}
            Token::Text if trimmed(content, range.clone()).is_empty() => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Dialect, Document, NativeKey};

    fn given(text: &str) -> Document {
        Document::parse(Dialect::PCodeXml, text)
    }

    fn config(inside: &str) -> String {
        format!("<gs_provision><config>{inside}</config></gs_provision>")
    }

    /// Settings as `key=value`, then problems.
    fn read(text: &str) -> String {
        let document = given(text);
        let settings = document
            .settings()
            .map(|setting| format!("{}={}", setting.key, setting.value));
        let problems = document.problems().iter().map(ToString::to_string);
        settings.chain(problems).collect::<Vec<_>>().join("; ")
    }

    #[track_caller]
    fn set(inside: &str, key: &str, value: &str, expected: &str) {
        let mut document = given(&config(inside));
        document.set(&NativeKey::new(key), value).unwrap();
        let after = String::from_utf8_lossy(document.bytes()).into_owned();
        assert_eq!(after, config(expected));
    }

    #[test]
    fn a_sound_file_reads_without_problems() {
        let document = given(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<!-- vendor -->\r\n\
             <hl_provision version=\"1\">\r\n<mac para=\"Mac\">00:1F:C1:00:00:01</mac>\r\n\
             <config version=\"2\">\r\n\t<P35 para=\"a > b\"> 201 </P35>\r\n\t<P36/>\r\n\
             \t<item name=\"x\"><part name=\"y\">z</part><part name='w'/></item>\r\n\
             \t<item v='1' name='A.b&amp;c'>1</item><item name=\"d\" />\r\n\
             <Account1_SipUserId>5</Account1_SipUserId></config>\r\n</hl_provision>\r\n",
        );
        assert_eq!(document.problems(), []);
        assert_eq!(document.root(), Some("hl_provision"));
        let mac = document.declared_mac().unwrap().unwrap();
        assert_eq!(mac.to_string(), "001fc1000001");
        let found: Vec<_> = document
            .settings()
            .map(|s| (s.key.as_str(), s.value.into_owned(), s.line, s.column))
            .collect();
        let expected = [
            ("P35", "201", 6, 2),
            ("P36", "", 7, 2),
            ("x.y", "z", 8, 17),
            ("x.w", "", 8, 40),
            ("a.b&c", "1", 9, 2),
            ("d", "", 9, 39),
            ("account1_sipuserid", "5", 10, 1),
        ]
        .map(|(key, value, line, column)| (key, value.to_owned(), line, column));
        assert_eq!(found, expected);
    }

    #[test]
    fn other_elements_are_no_settings() {
        for inside in [
            "<mac>000b82000000</mac>",
            "<a><b>c</b></a>",
            "<a>\n<!-- x --><b/></a>",
            "</config><Account1_SipUserId>5</Account1_SipUserId><item name=\"a\">1</item><config>",
            "<config></config>",
        ] {
            assert_eq!(read(&config(inside)), "", "{inside}");
        }
    }

    #[test]
    fn every_way_of_spelling_finds_its_setting_without_regard_to_case() {
        let document = given(&config(
            "<item name=\"Account.1.Enable\">Yes</item>\
             <item name=\"Codec\"><part name=\"Choice.1\">PCMU</part></item>\
             <TR069_AcsUrl>http://acs</TR069_AcsUrl>\
             <item name=\"account.1.enable\">No</item>",
        ));
        for (key, value) in [
            ("account.1.ENABLE", "No"),
            ("codec.choice.1", "PCMU"),
            ("tr069_acsurl", "http://acs"),
        ] {
            let setting = document.setting(&NativeKey::new(key)).unwrap();
            assert_eq!(setting.value, value);
        }
    }

    #[test]
    fn what_is_not_well_formed_is_read_all_the_same() {
        insta::assert_snapshot!(
            [
                "<P2383>0</2383><P1>a</P1>",
                "<P1>p&w<1>%41</P1><P2>R &copy; S</P2>",
                "<P1>Bob <bob@host></P1><P2>x <b>y</b></P2><P3>a</P3></P3>",
                "<P1>a<P2>b",
                "<!-- a <!-- b --> c --><P1>a</P1><P2>&#0;</P2>",
                "<!-- <P1>a</P1> --><P2>b<!-- c --></P2> loose",
            ]
            .map(|inside| read(&config(inside)))
            .join("\n"),
            @r"
        P2383=0; P1=a; element `P2383` ends with `</2383>`
        P1=p&w<1>%41; P2=R &copy; S; bare `&`: `&amp;` is wanted; bare `<`: `&lt;` is wanted; entity is not defined: it is read as text
        P1=Bob <bob@host>; P2=x <b>y</b>; P3=a; bare `<`: `&lt;` is wanted; tag inside a value: it is read as text; tag inside a value: it is read as text; `</P3>` ends no element
        P1=a; P2=b; element `P1` has no end tag; element `P2` has no end tag
        P1=a; P2=&#0;; comment begins inside a comment: both end at the first `-->`; text outside of elements; `&#0;` is no character: it is read as text
        P2=b; text outside of elements
        "
        );
        assert_eq!(read("<P1>a</P1>"), "P1=a; the file has no root element");
        assert_eq!(
            read("<r><!-- open <P1>a</P1>"),
            "comment, character data or DTD is not closed: the rest of the file is not read; \
             element `r` has no end tag"
        );
    }

    #[test]
    fn an_unknown_encoding_is_told() {
        assert_eq!(
            read("<?xml encoding='windows-1251'?><r/>"),
            "encoding `windows-1251` is not decoded: text beyond ASCII may be shown wrongly"
        );
        assert_eq!(
            read("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r/>"),
            ""
        );
    }

    #[test]
    fn only_the_value_changes() {
        set(
            "<P1 para=\"x\"> a </P1>",
            "P1",
            "b & c",
            "<P1 para=\"x\"> b &amp; c </P1>",
        );
        set(
            "<P967 para=\"x\" />",
            "P967",
            "v",
            "<P967 para=\"x\">v</P967>",
        );
        set("<P967></P967>", "P967", "v", "<P967>v</P967>");
        set("<P2383>0</2383>", "P2383", "1", "<P2383>1</2383>");
        set("<P1>a<!-- c --></P1>", "P1", "b", "<P1>b<!-- c --></P1>");
        set("<P1>p&w<1></P1>", "P1", "\"q\"", "<P1>\"q\"</P1>");
        set("<P1>a</P1>", "P1", "b\nc", "<P1>b&#10;c</P1>");
        set("<P1>a</P1>", "P1", "", "<P1></P1>");
        set("<P1>&copy;</P1>", "P1", "&copy;", "<P1>&copy;</P1>");
    }

    #[test]
    fn only_the_value_changes_whatever_the_spelling() {
        set(
            "<item  name='a.b' >  x <!-- y --></item>",
            "A.B",
            "1 < 2",
            "<item  name='a.b' >  1 &lt; 2 <!-- y --></item>",
        );
        set(
            "<item name=\"a\">\n <part name=\"b\">1</part>\n <part name=\"c\"/>\n</item>",
            "a.c",
            "2",
            "<item name=\"a\">\n <part name=\"b\">1</part>\n <part name=\"c\">2</part>\n</item>",
        );
        set(
            "<item name=\"a\" /><item name=\"b\"/>",
            "a",
            "2",
            "<item name=\"a\">2</item><item name=\"b\"/>",
        );
        set(
            "<Account1_SipUserId para=\"x\"/>",
            "account1_sipuserid",
            "201",
            "<Account1_SipUserId para=\"x\">201</Account1_SipUserId>",
        );
        set(
            "<Name>Bob <b>bob</b></Name><P1>a</P1>",
            "name",
            "Bob",
            "<Name>Bob</Name><P1>a</P1>",
        );
        set("<Name></Name>", "Name", "\u{fc}", "<Name>\u{fc}</Name>");
        set(
            "<item name=\"R&amp;D &copy;\">a</item>",
            "r&d &copy;",
            "b",
            "<item name=\"R&amp;D &copy;\">b</item>",
        );
    }

    #[test]
    fn what_xml_cannot_carry_is_refused() {
        let dialect = Dialect::PCodeXml;
        let file = config("<item name=\"a.b\">1</item>\n<Name>x</Name><P1>a</P1>");
        for key in [
            "sip line1 port",
            "a\u{1}.b",
            "a\nb.c",
            "a..b",
            "a.",
            ".",
            "",
            "1a",
            "a>b",
            "config",
            "mac",
            "item",
            "part",
        ] {
            let mut document = given(&file);
            let refused = document.set(&NativeKey::new(key), "v");
            let key = NativeKey::new(key);
            assert_eq!(refused, Err(EditError::Key { key, dialect }));
            assert_eq!(document.bytes(), file.as_bytes());
        }
        for key in ["a.b", "a.c", "name", "P1", "P2"] {
            let mut document = given(&file);
            let refused = document.set(&NativeKey::new(key), "a\u{7}b");
            let character = '\u{7}';
            assert_eq!(refused, Err(EditError::Character { character, dialect }));
            assert_eq!(document.bytes(), file.as_bytes());
        }
    }

    #[test]
    fn a_root_is_found_behind_comments_only() {
        assert_eq!(
            root(b"\xef\xbb\xbf \n<!-- a --><?xml?><!DOCTYPE r><r x='1'>"),
            Some("r")
        );
        for other in ["", "text<r>", "<P1>a</P1>", "<!-- <r>"] {
            assert_eq!(root(other.as_bytes()), None, "{other}");
        }
    }
}
