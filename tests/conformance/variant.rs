//! What the whole list runs with: the template of the data model, and http or https.

use std::cell::Cell;

/// The variants that run unless [`CHOICE`] says otherwise: each template and each scheme once.
const USUAL: [Variant; 2] = [
    Variant::new(Template::Device1, false),
    Variant::new(Template::Device2, true),
];
/// All of them.
const ALL: [Variant; 4] = [
    USUAL[0],
    USUAL[1],
    Variant::new(Template::Device1, true),
    Variant::new(Template::Device2, false),
];
/// Environment variable with the variants to run: names with commas between, or `all`.
const CHOICE: &str = "CONFORMANCE_VARIANTS";

/// The data model that the gateway shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Template {
    Device1,
    Device2,
}

/// One way to run the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    pub(crate) template: Template,
    /// Whether the ACS is behind TLS.
    pub(crate) https: bool,
}

thread_local! {
    static CURRENT: Cell<Variant> = const { Cell::new(USUAL[0]) };
}

impl Template {
    /// As `acs.template` of the settings has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device1 => "device1",
            Self::Device2 => "device2",
        }
    }
}

impl Variant {
    const fn new(template: Template, https: bool) -> Self {
        Self { template, https }
    }

    /// Those that shall run.
    pub(crate) fn chosen() -> Vec<Self> {
        let Ok(choice) = std::env::var(CHOICE) else {
            return USUAL.to_vec();
        };
        if choice == "all" {
            return ALL.to_vec();
        }
        let find = |name: &str| {
            ALL.into_iter()
                .find(|variant| variant.name() == name.trim())
                .unwrap_or_else(|| {
                    panic!("{CHOICE}: {name:?} is none of {:?}", ALL.map(Self::name))
                })
        };
        choice.split(',').map(find).collect()
    }

    /// That of the check which this thread runs.
    pub(crate) fn current() -> Self {
        CURRENT.get()
    }

    /// Makes it the one of this thread.
    pub(crate) fn enter(self) {
        CURRENT.set(self);
    }

    /// `device1-http`
    pub(crate) fn name(self) -> &'static str {
        match (self.template, self.https) {
            (Template::Device1, false) => "device1-http",
            (Template::Device1, true) => "device1-https",
            (Template::Device2, false) => "device2-http",
            (Template::Device2, true) => "device2-https",
        }
    }

    /// The second number of its loopback addresses, so that variants can run at once.
    pub(crate) fn network(self) -> u8 {
        match (self.template, self.https) {
            (Template::Device1, false) => 1,
            (Template::Device2, true) => 2,
            (Template::Device1, true) => 3,
            (Template::Device2, false) => 4,
        }
    }
}
