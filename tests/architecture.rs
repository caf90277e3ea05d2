//! Holds the house up (`ARCHITECTURE.md`): reads every source file and fails, with file and line,
//! where one breaks a rule of the house.
//!
//! Test code inside `src` follows the rules on dependencies too; the rules on vendors' names and
//! on I/O leave it alone, as a test may name a phone and read a corpus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The floors from top to bottom. A module may use those on lower floors: none above it, and none
/// beside it.
const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["app"],
    &["sim"],
    &["phone", "acs", "admin"],
    &["gateway"],
    &["store"],
    &["device"],
    &["mapping", "cwmp"],
    &["native", "datamodel"],
    &["wire"],
];

/// Who may use the simulators, besides themselves and what is outside `src`.
const USERS_OF_SIM: &[&str] = &["cli/demo/", "cli/bench/"];

const VENDORS: &[&str] = &[
    "grandstream",
    "htek",
    "hanlong",
    "aastra",
    "mitel",
    "akuvox",
    "sangoma",
];

/// Where a vendor's name may stand in code: the vendors' file syntax, the talk with phones, the
/// list of the packs that the program carries, the phones on the demo's stage, and made-up fleets.
const PLACES_OF_VENDORS: &[&str] = &[
    "native/",
    "phone/",
    "mapping/embedded.rs",
    "cli/demo/",
    "sim/fleet/",
];

/// Modules that take bytes and time as arguments and return decisions.
const WITHOUT_IO: &[&str] = &["wire", "native", "datamodel", "mapping", "cwmp", "device"];

/// What such a module can't do without being noticed.
const IO: &[&str] = &[
    "tokio",
    "tokio_util",
    "hyper",
    "actix_web",
    "sled",
    "getrandom",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
];

#[test]
fn a_module_uses_only_floors_below_its_own() {
    hold(a_use_goes_down, &SOURCES);
}

#[test]
fn the_simulators_are_used_by_demo_and_bench_only() {
    hold(sim_is_left_alone, &SOURCES);
}

#[test]
fn a_vendor_is_named_only_where_vendors_are_known() {
    hold(no_vendor_is_named, &SOURCES);
}

#[test]
fn a_mod_file_declares_and_holds_no_logic() {
    hold(a_mod_file_only_declares, &SOURCES);
}

#[test]
fn the_lower_floors_do_no_io() {
    hold(no_io_below_the_store, &SOURCES);
}

// The rules

fn a_use_goes_down(source: &Source) -> Vec<Breach> {
    let Some(own) = source.floor() else {
        return vec![Breach {
            line: 1,
            text: format!(
                "module `{}` has no floor: give it one in FLOORS of tests/architecture.rs and in \
                 ARCHITECTURE.md",
                source.module
            ),
        }];
    };
    source
        .uses()
        .into_iter()
        .filter(|used| used.module != source.module)
        .filter_map(|used| {
            let text = match floor(&used.module) {
                Some(theirs) if theirs > own => return None,
                Some(theirs) if theirs == own => format!(
                    "`{}` uses `{}` on the same floor; what both need belongs on a lower one",
                    source.module, used.module
                ),
                Some(_) => format!(
                    "`{}` uses `{}` on a floor above; a lower floor never knows an upper one",
                    source.module, used.module
                ),
                None => format!("`{}` is no module with a floor", used.module),
            };
            Some(Breach {
                line: used.line,
                text,
            })
        })
        .collect()
}

fn sim_is_left_alone(source: &Source) -> Vec<Breach> {
    if source.module == "sim"
        || USERS_OF_SIM
            .iter()
            .any(|user| source.path.starts_with(user))
    {
        return Vec::new();
    }
    source
        .uses()
        .into_iter()
        .filter(|used| used.module == "sim")
        .map(|used| Breach {
            line: used.line,
            text: "the simulators are for `cli/demo`, `cli/bench`, `tests` and `benches`"
                .to_owned(),
        })
        .collect()
}

fn no_vendor_is_named(source: &Source) -> Vec<Breach> {
    if PLACES_OF_VENDORS
        .iter()
        .any(|place| source.path.starts_with(place))
    {
        return Vec::new();
    }
    source
        .lines_outside_tests(&source.code_with_strings)
        .filter_map(|(line, text)| {
            let text = text.to_ascii_lowercase();
            let vendor = VENDORS.iter().find(|vendor| text.contains(**vendor))?;
            Some(Breach {
                line,
                text: format!(
                    "`{vendor}` is named; what is particular to a vendor belongs to `mappings/*.toml`"
                ),
            })
        })
        .collect()
}

fn a_mod_file_only_declares(source: &Source) -> Vec<Breach> {
    if !source.path.ends_with("mod.rs") {
        return Vec::new();
    }
    numbered(&source.code)
        .filter(|(_, text)| words(text).any(|word| matches!(word, "fn" | "impl" | "macro_rules")))
        .map(|(line, _)| Breach {
            line,
            text: "a `mod.rs` declares and re-exports; put this into a file of its own".to_owned(),
        })
        .collect()
}

fn no_io_below_the_store(source: &Source) -> Vec<Breach> {
    if !WITHOUT_IO.contains(&source.module.as_str()) {
        return Vec::new();
    }
    source
        .lines_outside_tests(&source.code)
        .filter_map(|(line, text)| {
            let found = IO.iter().find(|name| names(text, name))?;
            Some(Breach {
                line,
                text: format!(
                    "`{found}` in `{}`, which does no I/O and reads no clock: take bytes, time and \
                     randomness as arguments",
                    source.module
                ),
            })
        })
        .collect()
}

struct Breach {
    line: usize,
    text: String,
}

fn hold(rule: fn(&Source) -> Vec<Breach>, sources: &[Source]) {
    let mut report = String::new();
    for source in sources {
        for breach in rule(source) {
            let _ = writeln!(
                report,
                "src/{}:{}: {}",
                source.path, breach.line, breach.text
            );
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

// Reading the sources

/// One file below `src`.
struct Source {
    /// Below `src`, with `/`.
    path: String,
    /// The module at the top of the crate that it belongs to.
    module: String,
    /// Its own module path: `src/a/b.rs` and `src/a/b/mod.rs` are both two deep.
    depth: usize,
    /// Comments and the insides of strings blanked out; every line where it was.
    code: String,
    /// Comments only.
    code_with_strings: String,
    /// Lines of test code.
    test_lines: BTreeSet<usize>,
}

/// A path into another module, or into the own one by its full name.
struct Use {
    line: usize,
    module: String,
}

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(sources);

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
fn house(files: &[(String, String)]) -> Vec<Source> {
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

    fn floor(&self) -> Option<usize> {
        floor(&self.module)
    }

    fn lines_outside_tests<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
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
    fn uses(&self) -> Vec<Use> {
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

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|character| !is_word(character))
        .filter(|word| !word.is_empty())
}

/// Whether the name stands in the text as whole words.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word)
    })
}

/// Blanks out comments and, if wanted, what strings hold. Line ends stay.
fn blank(text: &str, strings_too: bool) -> String {
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

/// The rules at work: each on a small house with something wrong in it.
mod broken {
    use super::*;

    fn breaches(rule: fn(&Source) -> Vec<Breach>, files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        house(&files)
            .iter()
            .flat_map(|source| {
                rule(source)
                    .into_iter()
                    .map(|breach| format!("{}:{}", source.path, breach.line))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn a_use_that_goes_up_is_found_in_every_way_of_writing_it() {
        let text = "//! crate::cli in a comment\n\
                    use crate::wire::Secret;\n\
                    use crate::{gateway::Gateway, wire::{Secret, sip}, store};\n\
                    const TEXT: &str = \"crate::cli\";\n\
                    fn run() { crate::app::start(); }\n\
                    use super::super::acs::Driver;\n\
                    mod tests { use super::super::inner; use super::super::super::admin::Key; }\n";
        let found = breaches(a_use_goes_down, &[("device/cpe.rs", text)]);
        let lines = [3, 3, 5, 6, 7].map(|line| format!("device/cpe.rs:{line}"));
        assert_eq!(found, lines);
    }

    #[test]
    fn a_use_that_goes_sideways_is_found_even_in_test_code() {
        let text = "#[cfg(test)]\nmod tests {\n    use crate::acs::Driver;\n}\n";
        let found = breaches(a_use_goes_down, &[("phone/files.rs", text)]);
        assert_eq!(found, ["phone/files.rs:3"]);
    }

    #[test]
    fn a_new_module_needs_a_floor() {
        let found = breaches(a_use_goes_down, &[("utils/mod.rs", "mod text;\n")]);
        assert_eq!(found, ["utils/mod.rs:1"]);
    }

    #[test]
    fn only_the_demo_plays_with_the_simulators() {
        let text = "use crate::sim::SimPhone;\n";
        let files = [("cli/demo/stage.rs", text), ("cli/serve.rs", text)];
        assert_eq!(breaches(sim_is_left_alone, &files), ["cli/serve.rs:1"]);
    }

    #[test]
    fn a_vendor_in_code_is_found_and_one_in_a_comment_or_test_is_not() {
        let text = "// Aastra has it so.\n\
                    const A: &str = \"aastra\";\n\
                    #[cfg(test)]\nmod tests { const B: &str = \"htek\"; }\n";
        let files = [
            ("gateway/import.rs", text),
            ("native/key.rs", text),
            ("mapping/mod.rs", "#[cfg(test)]\nmod laws;\n"),
            ("mapping/laws.rs", text),
        ];
        assert_eq!(
            breaches(no_vendor_is_named, &files),
            ["gateway/import.rs:2"]
        );
    }

    #[test]
    fn logic_in_a_mod_file_is_found() {
        let text = "mod a;\npub use a::A;\nfn run() {}\n";
        let files = [("acs/mod.rs", text), ("acs/a.rs", text)];
        assert_eq!(breaches(a_mod_file_only_declares, &files), ["acs/mod.rs:3"]);
    }

    #[test]
    fn io_below_the_store_is_found() {
        let text = "use std::net::Ipv4Addr;\nuse tokio::net::TcpStream;\n\
                    fn f(now: Instant) { let later = Instant::now(); }\n";
        let files = [("wire/sip/message.rs", text), ("acs/session.rs", text)];
        let found = breaches(no_io_below_the_store, &files);
        assert_eq!(found, ["wire/sip/message.rs:2", "wire/sip/message.rs:3"]);
    }

    #[test]
    fn strings_comments_and_characters_are_told_apart() {
        let text = "let a = \"// no \\\" comment\"; /* one /* in */ one */ let b = '\"'; \
                    let c: &'static str = r#\"\"x\"\"#; // end";
        let code = blank(text, true);
        let words: Vec<&str> = words(&code).collect();
        assert_eq!(words, ["let", "a", "let", "b", "let", "c", "static", "str"]);
    }
}
