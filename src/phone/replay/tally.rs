//! The requests of logs, each once, and what would become of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::super::path::tree_path;
use super::access_log::{LogLineError, LoggedRequest};
use super::report::{
    BytesThere, LogPlace, NeitherHad, ReplayFinding, ReplayFindingKind, ReplayReport, ReplayedPhone,
};
use crate::gateway::{FoundFile, WouldAnswer, WouldAsk};
use crate::native::Mac;

/// Different requests that are kept; more are counted and left out.
const MAX_DISTINCT: usize = 1_000_000;

/// Requests of logs, each once, with its first line.
#[derive(Debug, Default)]
pub struct Replay {
    files: Vec<String>,
    requests: HashMap<Request, Seen>,
    texts: HashSet<Arc<str>>,
    report: ReplayReport,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Request {
    method: Arc<str>,
    path: Arc<str>,
    status: Option<u16>,
    bytes: Option<u64>,
    user_agent: Option<Arc<str>>,
}

/// Where a request stands in the logs.
#[derive(Debug, Clone, Copy)]
struct Seen {
    file: usize,
    line: u64,
    /// Number of its first and its last line over all logs.
    first: u64,
    last: u64,
    lines: u64,
}

/// How requests with one answer compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    NeitherHad,
    ChangedThere,
    NotCompared,
    Different(ReplayFindingKind),
}

impl Replay {
    /// The lines that follow are of this log. Logs are to be read from the oldest to the newest.
    pub fn begin_file(&mut self, name: &str) {
        self.files.push(name.to_owned());
    }

    /// Takes a line of the log, without its end; `number` counts from 1.
    pub fn add_line(&mut self, number: u64, line: &str) {
        match LoggedRequest::parse(line) {
            Ok(request) => self.add(number, &request),
            Err(error) => self.add_malformed(number, &error),
        }
    }

    /// Takes note of a line that can't be read.
    pub fn add_malformed(&mut self, number: u64, error: &LogLineError) {
        self.report.summary.lines += 1;
        self.report.summary.malformed += 1;
        if self.report.summary.first_malformed.is_none() {
            let place = self.place(self.files.len().saturating_sub(1), number);
            self.report.summary.first_malformed = Some((place, error.to_string()));
        }
    }

    fn add(&mut self, number: u64, logged: &LoggedRequest) {
        self.report.summary.lines += 1;
        let position = self.report.summary.lines;
        let path = path_of(logged).unwrap_or_default();
        let request = Request {
            method: self.text(&logged.method),
            path: self.text(&path),
            status: logged.status,
            bytes: logged.bytes,
            user_agent: logged.user_agent.as_deref().map(|text| self.text(text)),
        };
        if let Some(seen) = self.requests.get_mut(&request) {
            seen.last = position;
            seen.lines += 1;
        } else if self.requests.len() >= MAX_DISTINCT {
            self.report.summary.left_out += 1;
        } else {
            let seen = Seen {
                file: self.files.len().saturating_sub(1),
                line: number,
                first: position,
                last: position,
                lines: 1,
            };
            self.requests.insert(request, seen);
        }
    }

    /// The text, kept once.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        if self.requests.len() < MAX_DISTINCT {
            self.texts.insert(Arc::clone(&new));
        }
        new
    }

    fn place(&self, file: usize, line: u64) -> LogPlace {
        LogPlace {
            file: self.files.get(file).cloned().unwrap_or_default(),
            line,
        }
    }

    /// What has to be asked of the gateway.
    pub fn questions(&self) -> Vec<WouldAsk> {
        let asked: HashSet<WouldAsk> = self
            .requests
            .keys()
            .filter(|request| !request.path.is_empty())
            .map(Request::question)
            .collect();
        asked.into_iter().collect()
    }

    /// The paths that the old server gave as files when they were asked for last, with the
    /// User-Agent of one who asked: those whose bytes can be compared.
    pub fn files_there(&self) -> Vec<WouldAsk> {
        let latest = self.latest();
        let files = self.requests.iter().filter(|(request, seen)| {
            request.status == Some(200) && latest.get(&request.path) == Some(&seen.last)
        });
        files.map(|(request, _)| request.question()).collect()
    }

    /// Of each path, the last line that says what the server has under it.
    fn latest(&self) -> HashMap<Arc<str>, u64> {
        let mut latest = HashMap::new();
        for (request, seen) in &self.requests {
            if request.tells_what_is_there() {
                let last = latest.entry(Arc::clone(&request.path)).or_insert(seen.last);
                *last = (*last).max(seen.last);
            }
        }
        latest
    }

    /// What became of all requests, with the answers of the gateway, and of the old server where
    /// it was asked for its bytes.
    pub fn judge(
        mut self,
        answers: &HashMap<WouldAsk, WouldAnswer>,
        bytes_there: &HashMap<String, BytesThere>,
    ) -> ReplayReport {
        let latest = self.latest();
        let mut report = std::mem::take(&mut self.report);
        let mut requests: Vec<(&Request, &Seen)> = self.requests.iter().collect();
        requests.sort_by_key(|(_, seen)| seen.first);
        report.summary.distinct = requests.len() as u64;
        report.summary.bytes_compared = bytes_there
            .values()
            .filter(|there| matches!(there, BytesThere::File(_)))
            .count() as u64;
        let mut findings: BTreeMap<(&str, ReplayFindingKind), usize> = BTreeMap::new();
        let mut phones: BTreeMap<Mac, ReplayedPhone> = BTreeMap::new();
        let mut neither: BTreeMap<&str, NeitherHad> = BTreeMap::new();
        for (request, seen) in requests {
            let place = self.place(seen.file, seen.line);
            let answer = answers.get(&request.question());
            let file = answer.and_then(|answer| answer.file);
            let is_superseded = latest
                .get(&request.path)
                .is_some_and(|last| *last > seen.last);
            let there = bytes_there.get(&*request.path).copied();
            let verdict = match answer {
                Some(_) => request.verdict(file, is_superseded, there),
                None => Verdict::NotCompared,
            };
            let phone = answer.and_then(|answer| answer.phone);
            if let (Some(mac), Some(answer)) = (phone, answer) {
                let phone = phones.entry(mac).or_insert_with(|| ReplayedPhone {
                    mac,
                    requests: 0,
                    served_there: 0,
                    is_known: answer.is_known,
                    file: place.file.clone(),
                    line: place.line,
                });
                phone.requests += seen.lines;
                if matches!(request.status, Some(200 | 206 | 304)) {
                    phone.served_there += seen.lines;
                }
            }
            let summary = &mut report.summary;
            match verdict {
                Verdict::Same => summary.same += 1,
                Verdict::ChangedThere => summary.changed_there += 1,
                Verdict::NotCompared => summary.not_compared += 1,
                Verdict::NeitherHad => {
                    summary.same += 1;
                    if phone.is_some() {
                        let had = neither.entry(&request.path).or_insert_with(|| NeitherHad {
                            path: request.path.to_string(),
                            requests: 0,
                            file: place.file,
                            line: place.line,
                        });
                        had.requests += seen.lines;
                    }
                }
                Verdict::Different(kind) => {
                    summary.different += 1;
                    let known = findings.get(&(&*request.path, kind)).copied();
                    match known.and_then(|known| report.findings.get_mut(known)) {
                        Some(finding) => finding.lines += seen.lines,
                        None => {
                            findings.insert((&request.path, kind), report.findings.len());
                            let finding = request.finding(kind, place, seen.lines, file, phone);
                            report.findings.push(finding);
                        }
                    }
                }
            }
        }
        report.phones = phones.into_values().collect();
        report.summary.phones = report.phones.len() as u64;
        let unknown = report.phones.iter().filter(|phone| !phone.is_known);
        report.summary.unknown_phones = unknown.count() as u64;
        report.neither_had = neither.into_values().collect();
        report
    }
}

impl Request {
    fn question(&self) -> WouldAsk {
        WouldAsk {
            path: self.path.to_string(),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
        }
    }

    /// Whether the answer says what the server has under the path: a whole file, or none.
    fn tells_what_is_there(&self) -> bool {
        &*self.method == "GET"
            && matches!(self.status, Some(200 | 301..=303 | 307 | 308 | 404 | 410))
    }

    fn verdict(
        &self,
        file: Option<FoundFile>,
        is_superseded: bool,
        there: Option<BytesThere>,
    ) -> Verdict {
        use ReplayFindingKind::{Appeared, Bytes, Length, Missing, Redirected};
        let is_get = &*self.method == "GET";
        if self.path.is_empty() || !(is_get || matches!(&*self.method, "HEAD" | "RRQ")) {
            return Verdict::NotCompared;
        }
        let verdict = match (self.status, file) {
            // Whether the TFTP server had it is not in its log.
            (None, Some(_)) => Verdict::Same,
            (None, None) => Verdict::NotCompared,
            (Some(200 | 206 | 304), None) => Verdict::Different(Missing),
            (Some(200), Some(file)) if is_get && self.bytes.unwrap_or(0) != file.length => {
                Verdict::Different(Length)
            }
            (Some(200), Some(file)) if is_get => match there {
                Some(BytesThere::File(hash)) if hash != file.hash => Verdict::Different(Bytes),
                _ => Verdict::Same,
            },
            // A part of another file, or the word that it has not changed, can't be told from here.
            (Some(206), Some(file)) if self.bytes.unwrap_or(0) > file.length => {
                Verdict::Different(Length)
            }
            (Some(200 | 206 | 304), Some(_)) => Verdict::Same,
            (Some(301..=303 | 307 | 308), Some(_)) => Verdict::Same,
            (Some(301..=303 | 307 | 308), None) => Verdict::Different(Redirected),
            (Some(403 | 404 | 410), None) => Verdict::NeitherHad,
            (Some(403 | 404 | 410), Some(_)) => Verdict::Different(Appeared),
            _ => Verdict::NotCompared,
        };
        match verdict {
            Verdict::Different(_) if is_superseded => Verdict::ChangedThere,
            verdict => verdict,
        }
    }

    fn finding(
        &self,
        kind: ReplayFindingKind,
        place: LogPlace,
        lines: u64,
        found: Option<FoundFile>,
        phone: Option<Mac>,
    ) -> ReplayFinding {
        ReplayFinding {
            kind,
            file: place.file,
            line: place.line,
            lines,
            method: self.method.to_string(),
            path: self.path.to_string(),
            status: self.status,
            bytes: self.bytes,
            length_here: found.map(|file| file.length),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
            phone,
        }
    }
}

/// The path below the root of the tree, as the door for phones would read it.
fn path_of(logged: &LoggedRequest) -> Option<String> {
    let target = logged.target.as_str();
    if logged.status.is_none() {
        // A TFTP name is not encoded.
        let name = target.trim_start_matches('/').replace('%', "%25");
        return tree_path(&format!("/{name}"));
    }
    let after_host = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.get(rest.find('/')?..)?,
        _ => target,
    };
    let end = after_host.find(['?', '#']).unwrap_or(after_host.len());
    tree_path(after_host.get(..end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ContentHash;

    const PHONE: &str = "Phone 1.0";

    fn line(method: &str, target: &str, status: u16, bytes: u64) -> String {
        format!(
            "192.0.2.7 - - [-] \"{method} {target} HTTP/1.1\" {status} {bytes} \"-\" \"{PHONE}\""
        )
    }

    /// Plays lines against a gateway that has `own.cfg` with three bytes.
    fn play(lines: &[String], bytes_there: &[(&str, &[u8])]) -> ReplayReport {
        let mut replay = Replay::default();
        replay.begin_file("access.log");
        for (number, line) in (1..).zip(lines) {
            replay.add_line(number, line);
        }
        let mac: Mac = "000b82a1b2c3".parse().unwrap();
        let answers = replay.questions().into_iter().map(|asked| {
            let file = (asked.path == "own.cfg").then(|| FoundFile {
                length: 3,
                hash: ContentHash::of(b"P=1"),
            });
            let answer = WouldAnswer {
                file,
                phone: Some(mac),
                is_known: false,
            };
            (asked, answer)
        });
        let answers = answers.collect();
        let bytes_there = bytes_there.iter().map(|(path, bytes)| {
            let there = BytesThere::File(ContentHash::of(bytes));
            ((*path).to_owned(), there)
        });
        replay.judge(&answers, &bytes_there.collect())
    }

    fn kinds(report: &ReplayReport) -> Vec<ReplayFindingKind> {
        report.findings.iter().map(|one| one.kind).collect()
    }

    #[test]
    fn the_same_answers_are_no_findings() {
        let report = play(
            &[
                line("GET", "/own.cfg", 200, 3),
                line("GET", "/own.cfg", 200, 3),
                line("HEAD", "/own.cfg", 200, 0),
                line("GET", "http://old/own.cfg?x=1", 304, 0),
                line("GET", "/own.cfg", 206, 2),
                line("GET", "/none.cfg", 404, 153),
                line("GET", "/own.cfg", 502, 157),
                line("PUT", "/up.cfg", 201, 0),
                line("GET", "/../etc/passwd", 400, 0),
            ],
            &[("own.cfg", b"P=1")],
        );
        assert_eq!(report.findings, []);
        let summary = &report.summary;
        assert_eq!((summary.lines, summary.distinct), (9, 8));
        assert_eq!((summary.same, summary.not_compared), (5, 3));
        assert_eq!(report.neither_had[0].path, "none.cfg");
        assert_eq!(report.phones[0].requests, 8);
        assert_eq!(summary.unknown_phones, 1);
    }

    #[test]
    fn other_answers_are_found_with_their_first_line() {
        let report = play(
            &[
                line("GET", "/gone.cfg", 200, 3),
                line("GET", "/own.cfg", 200, 4),
                line("GET", "/moved.cfg", 302, 0),
                line("GET", "/gone.cfg", 206, 3),
            ],
            &[],
        );
        use ReplayFindingKind::{Length, Missing, Redirected};
        assert_eq!(kinds(&report), [Missing, Length, Redirected]);
        assert_eq!(report.findings[0].lines, 2);
        assert_eq!(
            report.findings[1].to_string(),
            "access.log:2: other length: GET own.cfg: there 200 with 4 bytes, here 3"
        );
    }

    #[test]
    fn what_the_old_server_changed_itself_is_not_held_against_us() {
        let report = play(
            &[
                line("GET", "/own.cfg", 404, 153),
                line("GET", "/own.cfg", 200, 4),
                line("GET", "/own.cfg", 200, 3),
            ],
            &[],
        );
        assert_eq!(report.findings, []);
        assert_eq!(report.summary.changed_there, 2);
        let report = play(
            &[
                line("GET", "/own.cfg", 200, 3),
                line("GET", "/own.cfg", 404, 153),
            ],
            &[],
        );
        assert_eq!(kinds(&report), [ReplayFindingKind::Appeared]);
    }

    #[test]
    fn other_bytes_of_the_same_length_are_found() {
        let report = play(&[line("GET", "/own.cfg", 200, 3)], &[("own.cfg", b"P=2")]);
        assert_eq!(kinds(&report), [ReplayFindingKind::Bytes]);
        assert_eq!(report.summary.bytes_compared, 1);
    }

    #[test]
    fn bad_lines_are_counted_and_the_first_is_named() {
        let lines = [
            line("GET", "/own.cfg", 200, 3),
            "half a li".to_owned(),
            "and more".to_owned(),
        ];
        let report = play(&lines, &[]);
        assert_eq!(report.summary.malformed, 2);
        let (place, why) = report.summary.first_malformed.unwrap();
        assert_eq!(place.to_string(), "access.log:2");
        assert!(why.contains("half a li"), "{why}");
    }
}
