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

mod source;

use std::fmt::Write as _;

use source::{SOURCES, Source, blank, house, names, numbered, words};

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
    let Some(own) = floor(&source.module) else {
        return vec![Breach {
            line: 1,
            text: format!(
                "module `{}` has no floor: give it one in FLOORS of tests/architecture and in \
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
