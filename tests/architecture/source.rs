//! The sources as the rules see them: what is code, what is test code, which module uses which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One file below `src`.
pub(crate) struct Source {
    /// Below `src`, with `/`.
    pub(crate) path: String,
    /// The module at the top of the crate that it belongs to.
    pub(crate) module: String,
    /// Its own module path: `src/a/b.rs` and `src/a/b/mod.rs` are both two deep.
    depth: usize,
    /// Comments and the insides of strings blanked out; every line where it was.
    pub(crate) code: String,
    /// Comments only.
    pub(crate) code_with_strings: String,
    /// Lines of test code.
    test_lines: BTreeSet<usize>,
}

/// A path into another module, or into the own one by its full name.
pub(crate) struct Use {
    pub(crate) line: usize,
    pub(crate) module: String,
}

pub(crate) static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(sources);

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let read: Vec<(String, String)> = paths
        .iter()
        .map(|path| {
            let below = path.strip_prefix(&root).unwrap().to_str().unwrap();
            (below.replace('\\', "/"), fs::read_to_string(path).unwrap())
        })
        .collect();
    let sources: Vec<Source> = house(&read);
    assert!(sources.len() > 100, "too few files read to trust this test");
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The files inside the modules; `main.rs` and `lib.rs` stand above the house.
pub(crate) fn house(files: &[(String, String)]) -> Vec<Source> {
    let mut sources: Vec<Source> = files
        .iter()
        .filter(|(path, _)| path.contains('/'))
        .map(|(path, text)| Source::read(path, text))
        .collect();
    let test_modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let own = module_folder(&source.path);
        if test_modules
            .iter()
            .any(|test| own == *test || own.starts_with(&format!("{test}/")))
        {
            source.test_lines = (1..=source.code.lines().count()).collect();
        }
    }
    sources
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a/b`.
fn module_folder(path: &str) -> &str {
    path.strip_suffix("/mod.rs")
        .or_else(|| path.strip_suffix(".rs"))
        .unwrap()
}

impl Source {
    fn read(path: &str, text: &str) -> Self {
        let code = blank(text, true);
        Self {
            path: path.to_owned(),
            module: path.split(['/', '.']).next().unwrap().to_owned(),
            depth: module_folder(path).split('/').count(),
            test_lines: test_blocks(&code),
            code_with_strings: blank(text, false),
            code,
        }
    }

    pub(crate) fn lines_outside_tests<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (usize, &'a str)> {
        numbered(text).filter(|(line, _)| !self.test_lines.contains(line))
    }

    /// Modules in other files that are declared for tests only.
    fn test_modules(&self) -> Vec<String> {
        let lines: Vec<&str> = self.code.lines().map(str::trim).collect();
        lines
            .windows(2)
            .filter_map(|pair| {
                let [attribute, declaration] = pair else {
                    return None;
                };
                let is_for_tests =
                    attribute.starts_with("#[cfg(") && words(attribute).any(|word| word == "test");
                let name = declaration.strip_suffix(';')?.split("mod ").nth(1)?;
                is_for_tests.then(|| format!("{}/{name}", module_folder(&self.path)))
            })
            .collect()
    }

    /// Every `crate::module`, `crate::{module, …}`, and `super::…::module` that goes up to the top.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            let modules = leading_names(&self.code[at + "crate::".len()..]);
            self.add(&mut uses, at, modules);
        }
        let mut rest = 0;
        while let Some(found) = self.code[rest..].find("super::") {
            let at = rest + found;
            rest = at;
            let mut supers = 0;
            while self.code[rest..].starts_with("super::") {
                supers += 1;
                rest += "super::".len();
            }
            if supers == self.depth + inline_modules_around(&self.code, at) {
                let modules = leading_names(&self.code[rest..]);
                self.add(&mut uses, at, modules);
            }
        }
        uses
    }

    fn add(&self, uses: &mut Vec<Use>, at: usize, modules: Vec<String>) {
        let line = self.code[..at].matches('\n').count() + 1;
        uses.extend(modules.into_iter().map(|module| Use { line, module }));
    }
}

/// The first name of a path, or of each path in braces.
fn leading_names(text: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|&c| is_word(c)).collect() };
    let Some(group) = text.trim_start().strip_prefix('{') else {
        return vec![name(text)];
    };
    let mut names = vec![name(group.trim_start())];
    let mut depth = 0_usize;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// How many `mod name { … }` the place stands in.
fn inline_modules_around(code: &str, at: usize) -> usize {
    let mut open: Vec<bool> = Vec::new();
    for (place, character) in code[..at].char_indices() {
        match character {
            '{' => {
                let before = code[..place].trim_end();
                let head = before.rsplit([';', '{', '}', ']']).next().unwrap_or("");
                open.push(words(head).rev().nth(1) == Some("mod"));
            }
            '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.into_iter().filter(|&is_module| is_module).count()
}

/// The lines of every item behind an attribute such as `#[cfg(test)]`.
fn test_blocks(code: &str) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for (at, _) in code.match_indices("#[cfg(") {
        let Some(end) = code[at..].find(']').map(|end| at + end + 1) else {
            continue;
        };
        if !words(&code[at..end]).any(|word| word == "test") {
            continue;
        }
        let Some(stop) = end_of_item(&code[end..]).map(|stop| end + stop) else {
            continue;
        };
        let first = code[..at].matches('\n').count() + 1;
        let last = code[..stop].matches('\n').count() + 1;
        lines.extend(first..=last);
    }
    lines
}

/// Where the item ends that the text begins with: at its semicolon or its closing brace.
fn end_of_item(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            ';' if depth == 0 => return Some(at),
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

pub(crate) fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|character| !is_word(character))
        .filter(|word| !word.is_empty())
}

/// Whether the name stands in the text as whole words.
pub(crate) fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word)
    })
}

/// Blanks out comments and, if wanted, what strings hold. Line ends stay.
pub(crate) fn blank(text: &str, strings_too: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, hidden) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with("/*") {
            (block_comment(rest), true)
        } else if let Some(length) = string(rest, out.chars().next_back()) {
            (length, strings_too)
        } else if let Some(length) = character(rest) {
            (length, strings_too)
        } else {
            (first.len_utf8(), false)
        };
        let (piece, after) = rest.split_at(length);
        if hidden {
            out.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the string literal that the text begins with, prefix and quotes included.
fn string(text: &str, before: Option<char>) -> Option<usize> {
    let prefix = if before.is_some_and(is_word) {
        0
    } else {
        ["br", "cr", "r", "b", "c", ""]
            .iter()
            .find(|prefix| {
                text.strip_prefix(**prefix).is_some_and(|after| {
                    let quote = after.trim_start_matches('#');
                    quote.starts_with('"') && (quote.len() == after.len() || prefix.ends_with('r'))
                })
            })?
            .len()
    };
    let body = &text[prefix..];
    if text[..prefix].ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let inside = prefix + hashes + 1;
        let end = text[inside..].find(&close)?;
        return Some(inside + end + close.len());
    }
    let mut characters = body.char_indices();
    if characters.next()?.1 != '"' {
        return None;
    }
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '"' => return Some(prefix + at + 1),
            _ => {}
        }
    }
    None
}

/// Length of the character literal that the text begins with; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let length = if inside.starts_with('\\') {
        2 + inside[2..].find('\'')?
    } else {
        inside.chars().next()?.len_utf8()
    };
    inside[length..].starts_with('\'').then_some(length + 2)
}
