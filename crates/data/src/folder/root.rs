//! The directory of a data set, and the files in it that are named by lists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{self, Component, Path, PathBuf};

use super::listing::Listing;
use super::names::{counts, extensions};
use super::{FolderOptions, Pair};
use crate::error::shown;
use crate::text::{numbered, text_lines};
use crate::{DataError, Message, Setting};

/// Most bytes of a list of pictures.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// The directory that no link may lead out of, unless it is allowed to.
#[derive(Clone, Debug)]
pub struct Root {
    pub dir: PathBuf,
    /// What the names of masks have behind those of their pictures, if that was said.
    pub mask_suffix: Option<String>,
    canonical: PathBuf,
    follow_links: bool,
}

impl Root {
    /// The directory `dir`, which must be there.
    pub fn new(dir: &Path, options: &FolderOptions) -> Result<Self, DataError> {
        // Of a directory that cannot be read, everything would seem to be missing.
        fs::read_dir(dir).map_err(DataError::read(dir))?;
        let canonical = dir.canonicalize().map_err(DataError::read(dir))?;
        let (mask_suffix, follow_links) = (options.mask_suffix.clone(), options.follow_links);
        Ok(Self { dir: dir.to_owned(), mask_suffix, canonical, follow_links })
    }

    /// Whether an entry of a directory counts as a picture or a mask, see
    /// [`is_picture_file`](super::is_picture_file).
    pub fn is_picture(&self, path: &Path) -> bool {
        // Another link is not followed only to find out.
        counts(path, |path| self.check_inside(path).is_ok())
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where a file is in this directory, for messages and for the configuration of a run.
    pub fn relative(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.dir).unwrap_or(path);
        let parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
        parts.collect::<Vec<_>>().join("/")
    }

    /// Refuses a file that is none, or that a link makes one of another directory.
    pub fn check_inside(&self, path: &Path) -> Result<(), DataError> {
        let canonical = path.canonicalize().map_err(DataError::read(path))?;
        self.link_out(&canonical).map_or(Ok(()), |found| {
            Err(DataError::advised(path, format!("a file inside {}", shown(&self.dir)), found))
        })
    }

    /// What is wrong with a file that is really `canonical`, if it may not be there.
    fn link_out(&self, canonical: &Path) -> Option<Message> {
        let allowed = self.follow_links || canonical.starts_with(&self.canonical);
        let link = || {
            let link = Message::from(format!("a link to {}; ", shown(canonical)));
            link.and(Setting::on("data.folder.follow_links")).and(" allows it")
        };
        (!allowed).then(link)
    }

    /// The pairs that the lines of a list name; `read` makes a pair of a line. Lines with faults are
    /// skipped, and each names its line.
    pub fn listed(
        &self,
        list: &Path,
        read: impl Fn(&str, &Path) -> Result<Pair, DataError>,
    ) -> Result<Listing, DataError> {
        self.check_inside(list)?;
        let mut listing = Listing::default();
        let mut lines: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (number, line) in text_lines(list, MAX_LIST_BYTES)? {
            let at = numbered(list, number);
            let pair = read(&line, &at).and_then(|pair| {
                match lines.insert(pair.picture.clone(), number) {
                    None => Ok(pair),
                    Some(first) => {
                        let found = format!("{} again, as in line {first}", shown(&pair.picture));
                        Err(DataError::unfit(&at, "each picture once", found))
                    }
                }
            });
            match pair {
                Ok(pair) => listing.pairs.push(pair),
                Err(fault) => listing.faults.push(fault),
            }
        }
        if listing.pairs.is_empty() && listing.faults.is_empty() {
            listing.faults.push(DataError::unfit(list, "lines with pictures", "none"));
        }
        Ok(listing)
    }

    /// Refuses a suffix of masks beside a list that names each of them.
    pub fn check_no_suffix(&self, list: &Path) -> Result<(), DataError> {
        self.mask_suffix.as_ref().map_or(Ok(()), |suffix| {
            let expected = format!("none, since {} names each mask", shown(list));
            Err(DataError::setting("data.folder.mask_suffix", expected, suffix))
        })
    }

    /// The file inside `dir` that a line of a list names, which must be there; `at` is the line.
    pub fn file(&self, dir: &Path, name: &str, at: &Path) -> Result<PathBuf, DataError> {
        let expected = format!("the path of a file inside {}", shown(dir));
        let refuse = |found: Message| DataError::advised(at, expected.as_str(), found);
        let path = self.inward(dir, name);
        let path = path.ok_or_else(|| refuse(format!("{name:?}, which is outside").into()))?;
        let canonical =
            path.canonicalize().map_err(|error| refuse(format!("{name:?}: {error}").into()))?;
        match self.link_out(&canonical) {
            None => Ok(path),
            Some(found) => Err(refuse(Message::from(format!("{name:?}, ")).and(found))),
        }
    }

    /// Where a name leads that does not lead out of the directory.
    fn inward(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        let slashes = name.replace('\\', "/");
        // Where names may have backslashes, one that is there is meant.
        let as_it_is = is_inward(Path::new(name)) && dir.join(name).exists();
        let path = Path::new(if as_it_is { name } else { &slashes });
        if path.is_absolute() {
            return self.of_absolute(path).map(|inside| self.dir.join(inside));
        }
        is_inward(path).then(|| dir.join(path))
    }

    /// The part of an absolute path that is behind this directory, if it is in it.
    fn of_absolute(&self, path: &Path) -> Option<PathBuf> {
        let here = path::absolute(&self.dir).ok();
        let behind = |root: &Path| path.strip_prefix(root).ok().map(Path::to_owned);
        let named = here.iter().chain([&self.canonical]).find_map(|root| behind(root));
        // Or it comes here by another way. The file itself may be a link, which is looked at later.
        let by_links = || {
            let parent = path.parent()?.canonicalize().ok()?;
            let file = parent.join(path.file_name()?);
            file.strip_prefix(&self.canonical).ok().map(Path::to_owned)
        };
        named.filter(|inside| is_inward(inside)).or_else(by_links)
    }

    /// The picture in `dir` of this stem, whatever its extension.
    pub fn picture(&self, dir: &Path, stem: &str, at: &Path) -> Result<PathBuf, DataError> {
        let slashes = stem.replace('\\', "/");
        let names = [stem, &slashes].into_iter().flat_map(|stem| {
            let small = extensions().map(str::to_owned);
            let all = small.chain(extensions().map(str::to_ascii_uppercase));
            all.map(move |extension| format!("{stem}.{extension}"))
        });
        let there = names.into_iter().find(|name| dir.join(name).exists());
        self.file(dir, &there.unwrap_or_else(|| format!("{stem}.jpg")), at)
    }

    /// The mask in `dir` of the picture of this stem.
    pub fn mask(&self, dir: &Path, stem: &str, at: &Path) -> Result<PathBuf, DataError> {
        let suffix = self.mask_suffix.as_deref().unwrap_or_default();
        self.file(dir, &format!("{stem}{suffix}.png"), at)
    }
}

/// Whether a path goes down alone.
fn is_inward(path: &Path) -> bool {
    let down = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    path.components().all(down) && path != Path::new("")
}
