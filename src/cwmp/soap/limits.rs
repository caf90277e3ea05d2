//! Every limit on what an ACS may send, in one place.

/// Longest body in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Deepest nesting of elements. CWMP itself needs seven.
pub const MAX_DEPTH: usize = 64;

/// Most attributes on one tag, namespace declarations included.
pub const MAX_ATTRIBUTES: usize = 64;

/// Most declarations of a CWMP namespace that are looked at.
pub(super) const MAX_PREFIXES: usize = 8;

/// Most elements in one message: enough for 30,000 parameters in one SetParameterValues.
pub const MAX_ELEMENTS: usize = 100_000;

/// Longest CommandKey and ParameterKey in characters (cwmp.md M1).
pub(super) const MAX_KEY: usize = 32;

/// Longest parameter name, path, URL, user name, password and file name in characters
/// (cwmp.md M1, M90).
pub(super) const MAX_NAME: usize = 256;

/// Longest FileType, method name and AccessList entry in characters (cwmp.md M10, M90, A1).
pub(super) const MAX_SHORT_NAME: usize = 64;

/// Characters that are kept of a fault's text, which goes to the log.
pub(super) const MAX_FAULT_TEXT: usize = 256;
