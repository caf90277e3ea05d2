//! The figures of a run, and how they are printed.

use comfy_table::{Table, presets};
use serde::Serialize;

use super::command::Form;
use super::machine::Machine;
use crate::cli::exit::CommandError;
use crate::cli::output;

/// All that a run has to say.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) phones: u64,
    /// What a person must know to read the figures.
    pub(super) remarks: Vec<String>,
    pub(super) figures: Vec<Figure>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub(super) what: String,
    /// `None`: it could not be measured; the note says why.
    pub(super) measured: Option<Quantity>,
    /// The limit or peer, as measured in the same run.
    pub(super) beside: Option<Beside>,
    /// How the two compare; 1 is as good as the limit.
    pub(super) ratio: Option<f64>,
    pub(super) aim: &'static str,
    pub(super) note: String,
}

/// A limit or a peer.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    pub(super) what: &'static str,
    pub(super) measured: Quantity,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Quantity {
    pub(super) value: f64,
    pub(super) unit: Unit,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    Seconds,
    Bytes,
    PerSecond,
    Percent,
    Times,
}

impl Figure {
    /// A figure of its own.
    pub(super) fn new(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            measured: Some(Quantity { value, unit }),
            beside: None,
            ratio: None,
            aim: "",
            note: String::new(),
        }
    }

    /// One that could not be measured.
    pub(super) fn missing(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            measured: None,
            beside: None,
            ratio: None,
            aim: "",
            note: why.into(),
        }
    }

    /// With what should be reached.
    pub(super) fn aim(mut self, aim: &'static str) -> Self {
        self.aim = aim;
        self
    }

    /// With a remark.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// With a limit or peer in the same unit. The ratio is the share of its speed that is reached.
    pub(super) fn beside(mut self, what: &'static str, value: f64) -> Self {
        if let Some(own) = self.measured {
            let measured = Quantity { value, ..own };
            self.ratio = match own.unit {
                Unit::Seconds => share(value, own.value),
                _ => share(own.value, value),
            };
            self.beside = Some(Beside { what, measured });
        }
        self
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

impl Quantity {
    fn shown(self) -> String {
        let Self { value, unit } = self;
        match unit {
            Unit::Seconds if value < 0.001 => format!("{:.0} µs", value * 1e6),
            Unit::Seconds if value < 1.0 => format!("{:.1} ms", value * 1e3),
            Unit::Seconds => format!("{value:.1} s"),
            Unit::Bytes if value.abs() < 10_240.0 => format!("{value:.0} B"),
            Unit::Bytes if value.abs() < 10.0 * 1024.0 * 1024.0 => {
                format!("{:.0} KiB", value / 1024.0)
            }
            Unit::Bytes if value.abs() < 10.0 * 1024.0 * 1024.0 * 1024.0 => {
                format!("{:.0} MiB", value / 1024.0 / 1024.0)
            }
            Unit::Bytes => format!("{:.1} GiB", value / 1024.0 / 1024.0 / 1024.0),
            Unit::PerSecond => format!("{value:.0}/s"),
            Unit::Percent => format!("{value:.2} %"),
            Unit::Times => format!("{value:.2} ×"),
        }
    }
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, form: Form) -> Result<(), CommandError> {
        let preset = match form {
            Form::Json => return output::json(self),
            Form::Text => presets::NOTHING,
            Form::Markdown => presets::ASCII_MARKDOWN,
        };
        let mut table = Table::new();
        table.load_style(preset);
        table.set_header(["what", "measured", "limit or peer", "ratio", "aim", "note"]);
        for figure in &self.figures {
            let measured = figure
                .measured
                .map_or("not measured".to_owned(), Quantity::shown);
            let beside = figure.beside.as_ref().map_or(String::new(), |beside| {
                format!("{} {}", beside.what, beside.measured.shown())
            });
            let ratio = figure
                .ratio
                .map_or(String::new(), |ratio| format!("{ratio:.2}"));
            table.add_row([
                figure.what.as_str(),
                &measured,
                &beside,
                &ratio,
                figure.aim,
                &figure.note,
            ]);
        }
        output::line(&format!("{} phones. {}", self.phones, self.machine));
        for remark in &self.remarks {
            output::line(remark);
        }
        output::line("");
        output::line(&table.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_share_of_the_limits_speed_in_either_unit() {
        let rate = Figure::new("sessions", 30.0, Unit::PerSecond).beside("bare", 60.0);
        assert_eq!(rate.ratio, Some(0.5));
        let time = Figure::new("import", 4.0, Unit::Seconds).beside("raw", 2.0);
        assert_eq!(time.ratio, Some(0.5));
        let nothing = Figure::missing("import", "no disk").beside("raw", 2.0);
        assert_eq!(nothing.ratio, None);
    }

    #[test]
    fn quantities_are_shown_in_units_that_a_person_reads() {
        let shown = |value, unit| Quantity { value, unit }.shown();
        assert_eq!(shown(0.000_25, Unit::Seconds), "250 µs");
        assert_eq!(shown(0.25, Unit::Seconds), "250.0 ms");
        assert_eq!(shown(900.0, Unit::Bytes), "900 B");
        assert_eq!(shown(3_145_728.0, Unit::Bytes), "3072 KiB");
        assert_eq!(shown(1234.4, Unit::PerSecond), "1234/s");
    }
}
