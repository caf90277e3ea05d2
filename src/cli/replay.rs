//! `trestle verify --replay`

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use tokio::task::JoinSet;
use url::Url;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use super::upstream::list;
use crate::admin::{MAX_QUESTIONS, WouldAnswerRequest};
use crate::device::TreePath;
use crate::gateway::{WouldAnswer, WouldAsk};
use crate::phone::{
    BytesThere, LogLineError, MAX_LINE, OldAnswer, OldServer, OldServerError, Patience, Question,
    Replay, ReplayReport,
};
use crate::wire::ContentHash;

/// A packed log begins so.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// Files that are fetched from the old server at once.
const FETCHES: usize = 8;
/// Failures in a row after which the old server is not asked any more.
const MAX_FAILURES: u32 = 3;

/// Where the bytes of the log's files are.
pub(super) enum Bytes {
    /// Only lengths are compared.
    Nowhere,
    /// In the old server's folder.
    Tree(PathBuf),
    /// At the old server.
    Upstream(Url),
}

impl Bytes {
    /// The command line allows one of the two.
    pub(super) fn choose(tree: Option<PathBuf>, upstream: Option<Url>) -> Self {
        match (tree, upstream) {
            (_, Some(url)) => Self::Upstream(url),
            (Some(tree), None) => Self::Tree(tree),
            (None, None) => Self::Nowhere,
        }
    }
}

pub(super) async fn run(
    logs: &[PathBuf],
    bytes: Bytes,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let mut replay = Replay::default();
    for log in logs {
        replay.begin_file(&log.display().to_string());
        read_log(log, &mut replay)
            .map_err(|error| CommandError::new(format!("can't read {}: {error}", log.display())))?;
    }
    let answers = access.would_answer(replay.questions()).await?;
    let bytes_there = match bytes {
        Bytes::Nowhere => HashMap::new(),
        Bytes::Tree(tree) => in_tree(&tree, &replay.files_there())?,
        Bytes::Upstream(url) => at_upstream(url, replay.files_there(), place).await?,
    };
    let report = replay.judge(&answers, &bytes_there);
    if format == Format::Json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    let malformed = usize::try_from(report.summary.malformed).unwrap_or(usize::MAX);
    Ok(Ending::from_count(
        report.findings.len().saturating_add(malformed),
    ))
}

impl Access {
    /// What these requests would get now.
    async fn would_answer(
        &self,
        questions: Vec<WouldAsk>,
    ) -> Result<HashMap<WouldAsk, WouldAnswer>, CommandError> {
        let bar = Bar::new("asking");
        let total = questions.len() as u64;
        let mut answers = HashMap::with_capacity(questions.len());
        match self {
            Self::Here(gateway) => {
                for question in questions {
                    let answer = gateway.would_answer(&question)?;
                    answers.insert(question, answer);
                    bar.set(answers.len() as u64, total);
                }
            }
            Self::There(client) => {
                for part in questions.chunks(MAX_QUESTIONS) {
                    let request = WouldAnswerRequest {
                        requests: part.to_vec(),
                    };
                    let part_answers = client.would_answer(&request).await?;
                    answers.extend(request.requests.into_iter().zip(part_answers));
                    bar.set(answers.len() as u64, total);
                }
            }
        }
        Ok(answers)
    }
}

/// Reads a log line by line: its size does not matter.
fn read_log(log: &Path, replay: &mut Replay) -> std::io::Result<()> {
    let file = File::open(log)?;
    let total = file.metadata()?.len();
    let mut plain = BufReader::with_capacity(1 << 16, file);
    let bar = Bar::new("reading");
    if plain.fill_buf()?.starts_with(GZIP) {
        read_lines(
            &mut BufReader::new(MultiGzDecoder::new(plain)),
            replay,
            |_| {},
        )
    } else {
        read_lines(&mut plain, replay, |done| bar.set(done, total))
    }
}

fn read_lines(
    reader: &mut impl BufRead,
    replay: &mut Replay,
    progress: impl Fn(u64),
) -> std::io::Result<()> {
    let mut line = Vec::new();
    let mut done = 0;
    for number in 1_u64.. {
        line.clear();
        let limit = MAX_LINE as u64 + 2;
        let mut read = reader.by_ref().take(limit).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            break;
        }
        if line.ends_with(b"\n") || read < limit {
            let content = line.trim_ascii_end();
            if !content.is_empty() {
                replay.add_line(number, &String::from_utf8_lossy(content));
            }
        } else {
            read += reader.skip_until(b'\n')? as u64;
            let length = usize::try_from(read).unwrap_or(usize::MAX);
            replay.add_malformed(number, &LogLineError::TooLong { length });
        }
        done += read;
        if number % 4096 == 0 {
            progress(done);
        }
    }
    Ok(())
}

/// The hashes of the files in the old server's folder.
fn in_tree(tree: &Path, files: &[WouldAsk]) -> Result<HashMap<String, BytesThere>, CommandError> {
    if !tree.is_dir() {
        return Err(CommandError::new(format!(
            "{} is no folder",
            tree.display()
        )));
    }
    let mut found = HashMap::new();
    for WouldAsk { path, .. } in files {
        // A TreePath leads nowhere but below the folder.
        let Ok(inside) = path.parse::<TreePath>() else {
            continue;
        };
        let bytes = std::fs::read(tree.join(inside.as_str()));
        let there = bytes.map_or(BytesThere::Unknown, |bytes| {
            BytesThere::File(ContentHash::of(&bytes))
        });
        found.insert(path.clone(), there);
    }
    Ok(found)
}

/// The hashes of what the old server gives now.
async fn at_upstream(
    url: Url,
    files: Vec<WouldAsk>,
    place: &Place,
) -> Result<HashMap<String, BytesThere>, CommandError> {
    let server = OldServer::new(&place.settings()?.phones.upstream_at(url))?;
    // One of those who asked for a path is enough.
    let files: BTreeMap<String, Option<String>> = files
        .into_iter()
        .map(|asked| (asked.path, asked.user_agent))
        .collect();
    let bar = Bar::new("fetching");
    let total = files.len() as u64;
    let mut found = HashMap::new();
    let mut failures = 0;
    let mut running = JoinSet::new();
    let mut files = files.into_iter();
    loop {
        while running.len() < FETCHES
            && let Some((path, user_agent)) = files.next()
        {
            let server = server.clone();
            running.spawn(async move {
                let question = Question {
                    user_agent,
                    ..Question::of_path(&path)
                };
                (path, server.ask(&question, Patience::LONG).await)
            });
        }
        let Some(ended) = running.join_next().await else {
            return Ok(found);
        };
        let (path, answer) = ended?;
        failures = if answer.as_ref().is_err_and(OldServerError::is_outage) {
            failures + 1
        } else {
            0
        };
        let there = match answer {
            Ok(OldAnswer::File { body, .. }) => BytesThere::File(ContentHash::of(&body)),
            Ok(OldAnswer::Challenge(_) | OldAnswer::Nothing(_)) => BytesThere::Unknown,
            Err(error) if failures >= MAX_FAILURES => return Err(error.into()),
            Err(error) => {
                eprintln!("not compared: {path}: {error}");
                BytesThere::Unknown
            }
        };
        found.insert(path, there);
        bar.set(found.len() as u64, total);
    }
}

fn print(report: &ReplayReport) {
    let summary = &report.summary;
    output::line(&format!(
        "{}, {}: {} with the same answer, {} with another one, {} that the \
         old server itself answered otherwise later, {} not compared; bytes of {} compared",
        output::count(summary.lines, "line"),
        output::count(summary.distinct, "different request"),
        summary.same,
        summary.different,
        summary.changed_there,
        summary.not_compared,
        output::count(summary.bytes_compared, "file")
    ));
    if let Some((place, why)) = &summary.first_malformed {
        output::line(&format!(
            "no lines of a log: {}; the first is {place}: {why}",
            summary.malformed
        ));
    }
    if summary.left_out > 0 {
        output::line(&format!(
            "left out for too many different requests: {}",
            output::count(summary.left_out, "line")
        ));
    }
    output::line(&format!(
        "{}, {} of them not known here",
        output::count(summary.phones, "phone"),
        summary.unknown_phones
    ));
    if !report.findings.is_empty() {
        output::line("");
    }
    output::first_of(&report.findings, report.findings.len() as u64);
    let unknown: Vec<_> = report.phones.iter().filter(|one| !one.is_known).collect();
    list("phones that are not known here", &unknown, |phone| {
        format!(
            "{}: {}, {} of them served there ({}:{})",
            phone.mac,
            output::count(phone.requests, "request"),
            phone.served_there,
            phone.file,
            phone.line
        )
    });
    list(
        "asked for in vain, there and here",
        &report.neither_had,
        |had| {
            format!(
                "{}: {} ({}:{})",
                had.path,
                output::count(had.requests, "request"),
                had.file,
                had.line
            )
        },
    );
}
