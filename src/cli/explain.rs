//! `trestle explain`

use comfy_table::Table;
use serde::Serialize;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::explain_text::{self, print_phone};
use super::output;
use crate::app::load_packs;
use crate::mapping::{LensExplanation, Packs, Template, nearest};
use crate::native::Mac;

/// Narrowest and widest text.
const WIDTHS: (u16, u16) = (60, 120);
/// Width where there is no terminal.
const USUAL_WIDTH: u16 = 100;

/// Whose lenses are wanted.
pub(super) struct Scope {
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) mac: Option<Mac>,
}

/// A word, explained for every phone.
#[derive(Serialize)]
struct Explanation {
    lenses: Vec<LensExplanation>,
    /// What the word may have been meant for, if it means nothing.
    nearest: Vec<String>,
}

pub(super) async fn run(
    what: &str,
    scope: &Scope,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let width = Table::new().width().unwrap_or(USUAL_WIDTH);
    let width = usize::from(width.clamp(WIDTHS.0, WIDTHS.1));
    if let Some(mac) = scope.mac {
        let explanation = Access::open(place)?.explain(mac, what).await?;
        let is_known = !explanation.lenses.is_empty() || !explanation.others.is_empty();
        match format {
            Format::Json => output::json(&explanation)?,
            Format::Text => {
                explain_text::print_lenses(&explanation.lenses, width);
                print_phone(&explanation);
                if !is_known {
                    let who = format!("the lenses of {mac} ({})", explanation.vendor);
                    print_unknown(what, &who, &explanation.nearest);
                }
            }
        }
        return Ok(Ending::from_count(usize::from(!is_known)));
    }
    let packs = load_packs(place.settings()?.mappings.path.as_deref())?;
    let explanation = explain(&packs, what, scope)?;
    let is_known = !explanation.lenses.is_empty();
    match format {
        Format::Json => output::json(&explanation)?,
        Format::Text if is_known => explain_text::print_lenses(&explanation.lenses, width),
        Format::Text => {
            let who = match &scope.vendor {
                Some(vendor) => format!("the packs of {vendor}"),
                None => "any pack".to_owned(),
            };
            print_unknown(what, &who, &explanation.nearest);
        }
    }
    Ok(Ending::from_count(usize::from(!is_known)))
}

fn explain(packs: &Packs, what: &str, scope: &Scope) -> Result<Explanation, CommandError> {
    let chosen = match (&scope.vendor, &scope.model) {
        (Some(vendor), model) => {
            if packs.by_vendor(vendor).is_none() {
                let known: Vec<&str> = packs.iter().map(|pack| pack.vendor()).collect();
                return Err(CommandError::new(format!(
                    "there is no pack of `{vendor}`; known: {}",
                    known.join(", ")
                )));
            }
            match model {
                Some(model) => packs.for_phone(vendor, Some(model)).into_iter().collect(),
                None => {
                    let sets = packs.lens_sets();
                    sets.filter(|set| set.vendor() == vendor).cloned().collect()
                }
            }
        }
        (None, _) => packs.lens_sets().cloned().collect::<Vec<_>>(),
    };
    let mut lenses: Vec<LensExplanation> =
        chosen.iter().flat_map(|set| set.explain(what)).collect();
    if lenses.is_empty() {
        // A path of a data model that is a view of the lenses.
        let viewed = packs.clone().with_template(Template::Device2);
        let vendors = viewed.iter().map(|pack| pack.vendor());
        let vendors =
            vendors.filter(|vendor| scope.vendor.as_deref().is_none_or(|it| it == *vendor));
        let seen = vendors.filter_map(|vendor| viewed.for_phone(vendor, scope.model.as_deref()));
        lenses = seen.flat_map(|pack| pack.explain(what)).collect();
    }
    let nearest = if lenses.is_empty() {
        nearest(chosen.iter().map(AsRef::as_ref), what)
    } else {
        Vec::new()
    };
    Ok(Explanation { lenses, nearest })
}

fn print_unknown(what: &str, who: &str, nearest: &[String]) {
    output::line(&format!("`{what}` is no key, alias or path of {who}"));
    if !nearest.is_empty() {
        output::line("nearest:");
    }
    for word in nearest {
        output::line(&format!("    {word}"));
    }
}
