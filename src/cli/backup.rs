//! `trestle store backup` and `trestle store restore`

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use crate::store::{self, BackupSummary, verify_backup};

/// Written aside, on disk and read through before it has its name: no half backup is ever taken for
/// one.
pub(super) async fn backup(
    target: &Path,
    contents: bool,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let mut aside = target.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let written = write(&access, contents, &aside).await;
    let summary = match written.and_then(|()| proved(&aside)) {
        Ok(summary) => summary,
        Err(error) => {
            // Nothing is there, or nothing of use.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
    };
    let size = put_in_place(&aside, target).map_err(|error| file_error(target, &error))?;
    match format {
        Format::Json => output::json(&summary)?,
        Format::Text => {
            output::line(&format!(
                "{}, in {} ({})",
                extent(&summary),
                target.display(),
                HumanBytes(size)
            ));
            print_left_out(&summary);
        }
    }
    Ok(Ending::from_count(summary.left_out.len()))
}

/// The backup's size, once its name is on disk.
fn put_in_place(aside: &Path, target: &Path) -> io::Result<u64> {
    fs::rename(aside, target)?;
    let folder = target.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(fs::metadata(target)?.len())
}

async fn write(access: &Access, contents: bool, path: &Path) -> Result<(), CommandError> {
    let problem = |error: io::Error| file_error(path, &error);
    // Passwords of phones are in it.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(problem)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let bar = Bar::of_bytes("writing");
    match access {
        Access::Here(gateway) => {
            let gateway = gateway.clone();
            let writing = tokio::task::spawn_blocking(move || {
                let mut counted = Counted {
                    inner: out,
                    done: 0,
                    seen: &|done| bar.set(done, 0),
                };
                gateway.write_backup(contents, &mut counted)?;
                Ok::<_, CommandError>(counted.inner)
            });
            out = writing.await??;
        }
        Access::There(client) => {
            let mut stream = client.backup(contents).await?;
            let mut done = 0;
            while let Some(piece) = stream.next().await? {
                out.write_all(&piece).map_err(problem)?;
                done += piece.len() as u64;
                bar.set(done, 0);
            }
        }
    }
    let file = out
        .into_inner()
        .map_err(|error| problem(error.into_error()))?;
    file.sync_all().map_err(problem)
}

fn proved(path: &Path) -> Result<BackupSummary, CommandError> {
    let input = File::open(path).map_err(|error| file_error(path, &error))?;
    Ok(verify_backup(with_bar(input, "reading it back"))?)
}

pub(super) fn restore(path: &Path, place: &Place, format: Format) -> Result<Ending, CommandError> {
    let settings = place.settings()?;
    let dir = &settings.store.path;
    let input = File::open(path).map_err(|error| file_error(path, &error))?;
    let input = with_bar(input, "restoring");
    let summary = store::restore(input, dir, &settings.store.options())
        .map_err(|error| CommandError::new(format!("{}: {error}", path.display())))?;
    match format {
        Format::Json => output::json(&summary)?,
        Format::Text => {
            output::line(&format!("{}, are in {}", extent(&summary), dir.display()));
            if !summary.header.contents {
                output::line(
                    "the backup was taken without large contents: import the tree again, and add \
                     firmware again",
                );
            }
            print_left_out(&summary);
        }
    }
    Ok(Ending::from_count(summary.left_out.len()))
}

/// How much a backup holds, and of when.
fn extent(summary: &BackupSummary) -> String {
    format!(
        "{} and {}, as of {}",
        output::count(summary.records, "record"),
        output::count(summary.contents, "large content"),
        summary.header.created
    )
}

fn print_left_out(summary: &BackupSummary) {
    if !summary.left_out.is_empty() {
        output::line("damaged, and not in the backup:");
    }
    for left_out in &summary.left_out {
        output::line(&format!("  {}", left_out.what));
    }
}

fn file_error(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("can't use {}: {error}", path.display()))
}

/// A file whose reading a bar shows.
fn with_bar(file: File, what: &'static str) -> impl Read {
    let total = file.metadata().map_or(0, |facts| facts.len());
    let bar = Bar::new(what);
    Counted {
        inner: file,
        done: 0,
        seen: move |done| bar.set(done, total),
    }
}

/// Counts what goes through.
struct Counted<T, F> {
    inner: T,
    done: u64,
    seen: F,
}

impl<T: Read, F: Fn(u64)> Read for Counted<T, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.done += read as u64;
        (self.seen)(self.done);
        Ok(read)
    }
}

impl<T: io::Write, F: Fn(u64)> io::Write for Counted<T, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.done += written as u64;
        (self.seen)(self.done);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
