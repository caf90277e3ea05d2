//! The text of a phone's file with holes for what is the phone's own.

/// A text that is cut at its holes once and filled in often.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
    length: usize,
}

#[derive(Debug)]
enum Part {
    Text(&'static str),
    /// The name of a value.
    Hole(&'static str),
}

impl Template {
    /// Cuts a text at every `{{name}}`.
    pub(super) fn new(text: &'static str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, (name, after))) = rest
            .split_once("{{")
            .and_then(|(before, hole)| Some((before, hole.split_once("}}")?)))
        {
            parts.push(Part::Text(before));
            parts.push(Part::Hole(name));
            rest = after;
        }
        parts.push(Part::Text(rest));
        Self {
            parts,
            length: text.len(),
        }
    }

    /// The text with `value` giving what each hole holds.
    pub(super) fn fill(&self, mut value: impl FnMut(&str, &mut String)) -> String {
        let mut text = String::with_capacity(self.length);
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Hole(name) => value(name, &mut text),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_the_rest_stays() {
        let template = Template::new("a {{one}}{{two}} { x }\n");
        let filled = template.fill(|name, text| text.push_str(&name.to_uppercase()));
        assert_eq!(filled, "a ONETWO { x }\n");
    }
}
