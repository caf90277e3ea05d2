//! The grammar that challenges and answers share: schemes with `name=value` parameters
//! (RFC 9110 section 11).

/// Sections read from one header value; more are ignored.
const MAX_SECTIONS: usize = 16;
/// Parameters read from one section; more are ignored.
const MAX_PARAMETERS: usize = 32;
const BLANKS: [char; 2] = [' ', '\t'];

/// One scheme with its parameters.
#[derive(Debug)]
pub(super) struct Section {
    /// `Digest`, as written.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Section {
    /// A parameter's value without its quotes; names match in any case, the first one counts.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a header value. Whatever doesn't fit the grammar is passed over.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            let mut characters = rest.chars();
            if characters.next().is_none() {
                return found;
            }
            rest = characters.as_str();
            continue;
        }
        let after = after.trim_start_matches(BLANKS);
        if let Some(written) = after.strip_prefix('=') {
            let (value, left) = parameter_value(written.trim_start_matches(BLANKS));
            if let Some(section) = found.last_mut()
                && section.parameters.len() < MAX_PARAMETERS
            {
                section.parameters.push((word.to_owned(), value));
            }
            rest = left;
        } else {
            if found.len() == MAX_SECTIONS {
                return found;
            }
            found.push(Section {
                scheme: word.to_owned(),
                parameters: Vec::new(),
            });
            rest = after;
        }
    }
}

/// Writes a quoted-string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            // A line end inside would end the header.
            control if control.is_control() => out.push(' '),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// The token that the text begins with, possibly empty, and what follows.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(inside) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c == ',' || BLANKS.contains(&c))
            .unwrap_or(text.len());
        let (value, left) = text.split_at(end);
        return (value.to_owned(), left);
    };
    let mut value = String::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            plain => value.push(plain),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_case_and_escapes_are_read_as_the_grammar_has_them() {
        let found = sections(r#"  digest REALM = "a \"b\" \\ c" ,nonce=  "n,1", stale=TRUE"#);
        let [section] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(section.scheme, "digest");
        assert_eq!(section.value("realm"), Some(r#"a "b" \ c"#));
        assert_eq!(section.value("Nonce"), Some("n,1"));
        assert_eq!(section.value("stale"), Some("TRUE"));
    }

    #[test]
    fn several_schemes_may_share_one_line() {
        let found = sections(r#"Negotiate, Basic realm="x", Digest realm="y", nonce="z""#);
        let schemes: Vec<&str> = found.iter().map(|s| s.scheme.as_str()).collect();
        assert_eq!(schemes, ["Negotiate", "Basic", "Digest"]);
        assert_eq!(found[2].value("nonce"), Some("z"));
    }

    #[test]
    fn rubbish_neither_panics_nor_hangs() {
        for text in [
            "",
            ",,,",
            "=",
            "Digest realm=\"é",
            "Digest realm=\"\\",
            "Digest réalm=\"x\", nonce=ü",
            "\u{0}\u{7f}é;;;\"\"\"",
            "Digest =\"x\"=\"y\"",
        ] {
            sections(text);
        }
    }

    #[test]
    fn quoting_survives_reading() {
        let text = r#"a"b\c é"#;
        let header = format!("Digest realm={}", quoted(text));
        assert_eq!(sections(&header)[0].value("realm"), Some(text));
        assert_eq!(quoted("a\r\nX: y"), "\"a  X: y\"");
    }
}
