//! From the `[control]` of a base pack to the means of its vendor.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use super::control::{ControlAction, HttpBody, HttpStep, Means, MeansRule, MeansWay, WebLogin};
use super::error::{PackError, PackProblem};
use super::models::ModelPatterns;
use super::section::{Section, Text};
use super::vendor_file::unknown_word;
use crate::native::NativeKey;

/// Most means of one vendor.
const MAX_MEANS: usize = 64;
/// Most requests of one means.
const MAX_STEPS: usize = 8;
/// What every request may name.
const LOGIN_NAMES: [&str; 2] = ["user", "password"];

/// Reads the means and the login. `resync` and `reboot` name the SIP event that comes first for all
/// phones; `[[control.means]]` adds others, in order.
pub(super) fn read_control(top: &Section<'_>) -> Result<(Vec<MeansRule>, WebLogin), PackError> {
    let control = top.required("[control]", top.section("control", "[control]")?)?;
    let mut rules = Vec::new();
    for (key, action) in [
        ("resync", ControlAction::Resync),
        ("reboot", ControlAction::Reboot),
    ] {
        if let Some(event) = control.text(key)? {
            rules.push(MeansRule {
                means: Arc::new(notify(event.value.into_owned(), action)),
                models: ModelPatterns::default(),
                versions: Vec::new(),
                is_likely: false,
            });
        }
    }
    for section in control.sections("means", "[[control.means]]")? {
        rules.push(read_means(&section)?);
        section.finish()?;
    }
    if rules.len() > MAX_MEANS {
        let problem = PackProblem::TooMany {
            what: "means in [control]",
            seen: rules.len(),
            max: MAX_MEANS,
        };
        return Err(control.error(&control.span, problem));
    }
    let mut names = BTreeSet::new();
    for rule in &rules {
        if !names.insert((rule.means.action, rule.means.name.as_str())) {
            let seen = rule.means.name.clone();
            return Err(control.error(&control.span, PackProblem::SameMeans { seen }));
        }
    }
    for (key, action) in [
        ("resync", ControlAction::Resync),
        ("reboot", ControlAction::Reboot),
    ] {
        let has_one = rules.iter().any(|rule| rule.means.action == action);
        control.required(key, has_one.then_some(()))?;
    }
    let login = read_login(&control)?;
    control.finish()?;
    Ok((rules, login))
}

fn notify(event: String, action: ControlAction) -> Means {
    Means {
        name: format!("notify {event}"),
        action,
        way: MeansWay::Notify { event, body: None },
    }
}

fn read_login(control: &Section<'_>) -> Result<WebLogin, PackError> {
    let Some(section) = control.section("login", "[control.login]")? else {
        return Ok(WebLogin::default());
    };
    let key = |name| {
        let text = section.text(name)?;
        Ok(text.map(|text| NativeKey::new(&text.value)))
    };
    let user = section.text("user")?.map(|text| text.value.into_owned());
    let login = WebLogin {
        user: user.unwrap_or_default(),
        user_key: key("user_key")?,
        password_key: key("password_key")?,
        port_key: key("port_key")?,
    };
    section.finish()?;
    Ok(login)
}

fn read_means(section: &Section<'_>) -> Result<MeansRule, PackError> {
    let does = section.required("does", section.text("does")?)?;
    let action = match does.value.as_ref() {
        "resync" => ControlAction::Resync,
        "reboot" => ControlAction::Reboot,
        "factory-reset" => ControlAction::FactoryReset,
        _ => {
            let allowed = ["resync", "reboot", "factory-reset"].map(str::to_owned);
            return Err(unknown_word(section, &does, "action", allowed.to_vec()));
        }
    };
    let sip = section.text("sip")?;
    let steps = section.sections("http", "a request of `http`")?;
    let name = section.text("name")?.map(|text| text.value.into_owned());
    let means = match (sip, steps.as_slice()) {
        (Some(event), []) => {
            let body = read_sip_body(section)?;
            let mut means = notify(event.value.into_owned(), action);
            means.name = name.unwrap_or(means.name);
            if let MeansWay::Notify { body: of_means, .. } = &mut means.way {
                *of_means = body;
            }
            means
        }
        (None, [_, ..]) => Means {
            name: section.required("name", name)?,
            action,
            way: MeansWay::Http(read_steps(section, steps)?),
        },
        _ => {
            let problem = PackProblem::OneWay;
            return Err(section.error(&section.span, problem));
        }
    };
    Ok(MeansRule {
        means: Arc::new(means),
        models: ModelPatterns::read(section)?,
        versions: read_versions(section)?,
        is_likely: read_likely(section)?,
    })
}

fn read_sip_body(section: &Section<'_>) -> Result<Option<(String, String)>, PackError> {
    let content_type = section.text("content_type")?;
    let body = section.text("body")?;
    match (content_type, body) {
        (None, None) => Ok(None),
        (content_type, body) => {
            let content_type = section.required("content_type", content_type)?;
            let body = section.required("body", body)?;
            Ok(Some((
                content_type.value.into_owned(),
                body.value.into_owned(),
            )))
        }
    }
}

fn read_likely(section: &Section<'_>) -> Result<bool, PackError> {
    let Some(confidence) = section.text("confidence")? else {
        return Ok(false);
    };
    match confidence.value.as_ref() {
        "sure" => Ok(false),
        "likely" => Ok(true),
        _ => {
            let allowed = ["sure", "likely"].map(str::to_owned).to_vec();
            Err(unknown_word(section, &confidence, "confidence", allowed))
        }
    }
}

fn read_versions(section: &Section<'_>) -> Result<Vec<Regex>, PackError> {
    let texts = section.texts("versions")?.unwrap_or_default();
    texts
        .iter()
        .map(|text| {
            Regex::new(&text.value)
                .map_err(|error| section.error(&text.span, PackProblem::Pattern(error.to_string())))
        })
        .collect()
}

fn read_steps(
    section: &Section<'_>,
    sections: Vec<Section<'_>>,
) -> Result<Vec<HttpStep>, PackError> {
    if sections.len() > MAX_STEPS {
        let problem = PackProblem::TooMany {
            what: "requests of one means",
            seen: sections.len(),
            max: MAX_STEPS,
        };
        return Err(section.error(&section.span, problem));
    }
    let mut known: Vec<String> = LOGIN_NAMES.map(str::to_owned).to_vec();
    let mut steps = Vec::new();
    for section in sections {
        let step = read_step(&section, &known)?;
        known.extend(step.take.iter().map(|(name, _)| name.clone()));
        steps.push(step);
        section.finish()?;
    }
    Ok(steps)
}

fn read_step(section: &Section<'_>, known: &[String]) -> Result<HttpStep, PackError> {
    let request = section.required("request", section.text("request")?)?;
    let template = |text: &Text<'_>, reason: String| {
        let text_of = text.value.clone().into_owned();
        let problem = PackProblem::Template {
            text: text_of,
            reason,
        };
        section.error(&text.span, problem)
    };
    let (method, target) = match request.value.split_once(' ') {
        Some(("GET", target)) => ("GET", target),
        Some(("POST", target)) => ("POST", target),
        _ => {
            let reason = "a request is `GET /path` or `POST /path`".to_owned();
            return Err(template(&request, reason));
        }
    };
    let is_plain = target.bytes().all(|byte| byte.is_ascii_graphic());
    if !target.starts_with('/') || !is_plain {
        let reason = "the path begins with `/` and has neither blanks nor letters beyond ASCII";
        return Err(template(&request, reason.to_owned()));
    }
    let check = |text: &Text<'_>| match unknown_name(&text.value, known) {
        Some(name) => {
            let known = known.join(", ");
            let reason = format!("nothing is called `{{{name}}}` here; there are: {known}");
            Err(template(text, reason))
        }
        None => Ok(()),
    };
    check(&request)?;
    let form = section.pairs("form")?;
    let json = section.text("json")?;
    for (_, value) in &form {
        check(value)?;
    }
    let body = match (form.is_empty(), json) {
        (true, None) => HttpBody::None,
        (false, None) => HttpBody::Form(
            form.into_iter()
                .map(|(name, value)| (name.value.into_owned(), value.value.into_owned()))
                .collect(),
        ),
        (true, Some(json)) => {
            check(&json)?;
            HttpBody::Json(json.value.into_owned())
        }
        (false, Some(json)) => {
            let reason = "a request has a form or a JSON text, not both".to_owned();
            return Err(template(&json, reason));
        }
    };
    let mut take = Vec::new();
    for (name, pointer) in section.pairs("take")? {
        if !pointer.value.starts_with('/') {
            let reason = "the place of a value in JSON begins with `/`".to_owned();
            return Err(template(&pointer, reason));
        }
        take.push((name.value.into_owned(), pointer.value.into_owned()));
    }
    Ok(HttpStep {
        method,
        target: target.to_owned(),
        body,
        take,
    })
}

/// A name in braces that nothing stands for. Braces around anything but a word are JSON's own.
fn unknown_name<'t>(text: &'t str, known: &[String]) -> Option<&'t str> {
    let mut parts = text.split('{');
    parts.next();
    parts
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        .find(|name| !known.iter().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{PackError, Packs};

    const HEAD: &str = "[pack]\nvendor = \"made-up\"\nmanufacturer = \"Made Up\"\nversion = 1\n\
        [identity]\n[layers]\nmerge = true\n";

    fn packs(control: &str) -> Result<Packs, PackError> {
        let text = format!("{HEAD}{control}");
        Packs::with_overrides([("made-up.toml".to_owned(), text)])
    }

    fn names(
        packs: &Packs,
        model: Option<&str>,
        version: Option<&str>,
        likely: bool,
    ) -> Vec<String> {
        let pack = packs.by_vendor("made-up").unwrap();
        let means = pack.means(ControlAction::Reboot, model, version, likely);
        means.map(|means| means.name.clone()).collect()
    }

    #[test]
    fn means_are_for_models_and_versions_and_for_who_wants_the_likely_ones() {
        let packs = packs(
            "[control]\nresync = \"check-sync\"\n\
             [[control.means]]\ndoes = \"reboot\"\nsip = \"a\"\nmodels = ['^X']\n\
             [[control.means]]\ndoes = \"reboot\"\nsip = \"b\"\nversions = ['^2\\.']\n\
             [[control.means]]\ndoes = \"reboot\"\nsip = \"c\"\nconfidence = \"likely\"\n\
             [[control.means]]\ndoes = \"reboot\"\nname = \"d\"\n\
             [[control.means.http]]\nrequest = \"POST /\"\njson = '{\"a\":{\"b\":\"{password}\"}}'\n\
             take = { sid = \"/sid\" }\n\
             [[control.means.http]]\nrequest = \"GET /x?{sid}\"\n",
        )
        .unwrap();
        assert_eq!(names(&packs, None, None, false), ["d"]);
        assert_eq!(
            names(&packs, Some("x1"), Some("2.0"), true),
            ["notify a", "notify b", "notify c", "d"]
        );
        assert_eq!(names(&packs, Some("Y"), Some("1.2.0"), false), ["d"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let both = "[control]\nresync = \"a\"\nreboot = \"b\"\n";
        for (means, problem) in [
            (
                "does = \"explode\"\nsip = \"c\"\n",
                "`explode` is no action",
            ),
            ("does = \"reboot\"\n", "either `sip` or `http`"),
            (
                "does = \"reboot\"\nsip = \"b\"\n",
                "two means that do the same",
            ),
            (
                "does = \"reboot\"\nsip = \"c\"\nbody = \"x\"\n",
                "needs `content_type`",
            ),
            (
                "does = \"reboot\"\nsip = \"c\"\nconfidence = \"guess\"\n",
                "`guess` is no confidence",
            ),
            (
                "does = \"reboot\"\n[[control.means.http]]\nrequest = \"GET /\"\n",
                "needs `name`",
            ),
            (
                "does = \"reboot\"\nname = \"x\"\n[[control.means.http]]\nrequest = \"PUT /\"\n",
                "`GET /path` or `POST /path`",
            ),
            (
                "does = \"reboot\"\nname = \"x\"\n[[control.means.http]]\n\
                 request = \"GET http://elsewhere/\"\n",
                "begins with `/`",
            ),
            (
                "does = \"reboot\"\nname = \"x\"\n[[control.means.http]]\nrequest = \"GET /{sid}\"\n",
                "nothing is called `{sid}`",
            ),
            (
                "does = \"reboot\"\nsip = \"c\"\nevery = 3\n",
                "`every` has no meaning",
            ),
        ] {
            let text = format!("{both}[[control.means]]\n{means}");
            let error = packs(&text).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
            assert!(error.line > 7, "{error}");
        }
        let error = packs("[control]\nresync = \"a\"\n").unwrap_err();
        assert!(error.to_string().contains("needs `reboot`"), "{error}");
    }
}
