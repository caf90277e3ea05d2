//! The conformance list: which ids there are, their levels and groups, and how checks register.

use crate::variant::{Template, Variant};

/// Highest id.
pub(crate) const LAST_ID: u16 = 212;

/// Ids of each group, the last of them.
const GROUPS: [(u16, &str); 19] = [
    (12, "invariants"),
    (32, "session"),
    (50, "HTTP"),
    (72, "Inform and events"),
    (84, "retry and period"),
    (87, "methods"),
    (102, "SetParameterValues"),
    (109, "GetParameterValues"),
    (119, "GetParameterNames"),
    (126, "attributes"),
    (134, "objects"),
    (139, "reboot and reset"),
    (156, "transfers"),
    (169, "connection request"),
    (177, "UDP, STUN, XMPP"),
    (187, "notification"),
    (194, "security"),
    (203, "proxier and fleet"),
    (212, "ACS personalities"),
];

/// Ids whose rule is likely, or where the standard leaves room.
const SHOULD: [u16; 36] = [
    18, 24, 38, 44, 49, 50, 57, 63, 69, 71, 72, 84, 92, 93, 98, 101, 102, 106, 109, 126, 129, 133,
    136, 139, 150, 154, 155, 156, 160, 163, 164, 177, 187, 190, 198, 208,
];

/// Ids of our own design.
const DESIGN: [u16; 6] = [22, 47, 80, 200, 203, 210];

/// Ids that make sense with the Device:2 template only.
const DEVICE2_ONLY: [u16; 10] = [68, 69, 76, 77, 156, 169, 184, 187, 196, 202];

/// Ids that no check covers on purpose, each with its reason.
const NOT_BUILT: [(u16, &str); 4] = [
    (66, "no diagnostics: the phones offer none to the gateway"),
    (133, "AliasBasedAddressing is always false"),
    (177, "no XMPP"),
    (
        190,
        "the system's clock is not ours to set back: a unit test of acs/trust.rs has one as argument",
    ),
];

/// How binding an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Must,
    Should,
    Design,
}

/// One check, as its file registers it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
    only: Option<Template>,
    /// Whether its outcome is the same in every variant, so that it runs in one.
    pub(crate) is_for_all: bool,
    pub(crate) is_slow: bool,
}

/// Lists checks: `checks![c013_first, c068_other: device2, c080_long: once slow]`. A check that is in
/// no list is dead code, and the compiler says so.
macro_rules! checks {
    ($($name:ident $(: $($only:ident)+)?),* $(,)?) => {
        &[$($crate::catalogue::Check::new(stringify!($name), $name)$($(.$only())+)?),*]
    };
}
pub(crate) use checks;

impl Level {
    /// As the list writes it.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::Must => "M",
            Self::Should => "S",
            Self::Design => "D",
        }
    }
}

impl Check {
    /// A check for every variant. Its name begins with its id: `c013_`.
    pub(crate) const fn new(name: &'static str, run: fn()) -> Self {
        Self {
            name,
            run,
            only: None,
            is_for_all: false,
            is_slow: false,
        }
    }

    /// With the Device:1 template only.
    #[allow(dead_code, reason = "for lists of checks, whether one needs it or not")]
    pub(crate) const fn device1(self) -> Self {
        self.with_only(Template::Device1)
    }

    /// With the Device:2 template only.
    #[allow(dead_code, reason = "for lists of checks, whether one needs it or not")]
    pub(crate) const fn device2(self) -> Self {
        self.with_only(Template::Device2)
    }

    /// In the first variant only, for all: neither the template nor the scheme matters, and it is
    /// too much work to do it twice.
    pub(crate) const fn once(self) -> Self {
        Self {
            is_for_all: true,
            ..self
        }
    }

    /// Behind `--ignored`: it takes longer than a run may.
    #[allow(dead_code, reason = "for lists of checks, whether one needs it or not")]
    pub(crate) const fn slow(self) -> Self {
        Self {
            is_slow: true,
            ..self
        }
    }

    const fn with_only(self, template: Template) -> Self {
        Self {
            only: Some(template),
            ..self
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u16 {
        let digits = self.name.strip_prefix('c').and_then(|name| name.get(..3));
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("the name of {} does not begin with an id", self.name))
    }

    /// Whether it belongs to a variant.
    pub(crate) fn is_for(&self, variant: Variant) -> bool {
        self.only
            .is_none_or(|template| template == variant.template)
            && applies(self.id(), variant)
    }
}

/// The level of an id.
pub(crate) fn level(id: u16) -> Level {
    if SHOULD.contains(&id) {
        Level::Should
    } else if DESIGN.contains(&id) {
        Level::Design
    } else {
        Level::Must
    }
}

/// The group of an id.
pub(crate) fn group(id: u16) -> &'static str {
    let found = GROUPS.iter().find(|(last, _)| id <= *last);
    found.map_or("", |(_, name)| name)
}

/// Whether an id makes sense in a variant.
pub(crate) fn applies(id: u16, variant: Variant) -> bool {
    variant.template == Template::Device2 || !DEVICE2_ONLY.contains(&id)
}

/// Why an id has no check on purpose.
pub(crate) fn why_not_built(id: u16) -> Option<&'static str> {
    let found = NOT_BUILT.iter().find(|(number, _)| *number == id);
    found.map(|(_, reason)| *reason)
}
