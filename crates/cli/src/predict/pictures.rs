//! The pictures to predict, and what their masks are called.

use crate::{Failure, say};
use mirrorgrad_data::{is_picture_file, shown};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The pictures that are asked for; of a folder, those in it, in the order of their names.
pub fn all(asked: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut pictures = Vec::new();
    for path in asked {
        if path.is_dir() {
            pictures.extend(inside(path)?);
        } else {
            pictures.push(path.clone());
        }
    }
    Ok(pictures)
}

/// The pictures in a folder, as training counts them. Other files in it are counted.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::read(folder))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(Failure::read(folder)))
        .filter(|path| path.as_ref().map_or(true, |path| !path.is_dir()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    let (pictures, others): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| is_picture_file(path));
    if pictures.is_empty() {
        let found = others.len();
        return Err(Failure::new(format!(
            "{}: expected a folder with pictures, found none among {found} files",
            shown(folder)
        )));
    }
    if let Some(first) = others.first() {
        let count = others.len();
        let files = if count == 1 { "file" } else { "files" };
        say::aside(format!(
            "{}: {count} {files} skipped, since not pictures, such as {}",
            shown(folder),
            shown(first)
        ));
    }
    Ok(pictures)
}

/// The pictures by what their masks are called, without extension: their own names, and where several have one,
/// as many of the folders above them as tell them apart.
pub fn names(pictures: &[PathBuf]) -> Result<BTreeMap<PathBuf, &Path>, Failure> {
    let mut alike: BTreeMap<PathBuf, Vec<&Path>> = BTreeMap::new();
    for path in pictures {
        alike.entry(name(path, 1)?).or_default().push(path);
    }
    let mut names = BTreeMap::new();
    for (stem, paths) in alike {
        match paths[..] {
            [path] => drop(names.insert(stem, path)),
            _ => names.extend(distinct_names(&paths)?),
        }
    }
    Ok(names)
}

/// Names of pictures that are called alike, with the fewest folders that tell all of them apart.
fn distinct_names<'a>(paths: &[&'a Path]) -> Result<BTreeMap<PathBuf, &'a Path>, Failure> {
    let deepest = paths.iter().map(|path| path.components().count()).max().unwrap_or(1);
    let mut twice = None;
    for parts in 2..=deepest.max(2) {
        let mut names = BTreeMap::new();
        twice = None;
        for &path in paths {
            if let Some(other) = names.insert(name(path, parts)?, path) {
                twice = Some((path, other));
            }
        }
        if twice.is_none() {
            return Ok(names);
        }
    }
    let (path, other) = twice.expect("it was found in the last round");
    Err(Failure::new(format!(
        "{}: expected a name that differs from all others, found {}",
        shown(path),
        shown(other)
    )))
}

/// The last so many parts of a path, without its extension. Parts that only point elsewhere name nothing.
fn name(path: &Path, parts: usize) -> Result<PathBuf, Failure> {
    let stem = path
        .file_stem()
        .ok_or_else(|| Failure::new(format!("{}: expected a picture file", shown(path))))?;
    let folders = path.parent().into_iter().flat_map(Path::components);
    let folders: Vec<_> = folders.filter(|part| matches!(part, Component::Normal(_))).collect();
    let kept = folders.len() - folders.len().min(parts - 1);
    Ok(folders[kept..].iter().collect::<PathBuf>().join(stem))
}

/// Refuses to write over a picture that is to be read.
pub fn check_not_overwritten(out: &Path, pictures: &[PathBuf]) -> Result<(), Failure> {
    let Ok(out) = out.canonicalize() else { return Ok(()) };
    match pictures.iter().find(|picture| picture.canonicalize().is_ok_and(|path| path == out)) {
        None => Ok(()),
        Some(picture) => Err(Failure::new(format!(
            "--out: expected a folder where no picture is overwritten, found {}",
            shown(picture)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names, and the error's end.
    fn named(paths: &[&str]) -> Result<Vec<String>, String> {
        let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
        let names = names(&paths).map_err(|failure| failure.to_string())?;
        Ok(names.keys().map(|name| name.display().to_string()).collect())
    }

    #[test]
    fn pictures_that_are_called_alike_keep_as_many_folders_as_tell_them_apart() {
        let cases: [(&[&str], &[&str]); 5] = [
            (&["a/x.png", "b/y.png"], &["x", "y"]),
            (&["a/x.png", "b/x.jpg", "b/y.png"], &["a/x", "b/x", "y"]),
            (&["x.png", "/b/x.png"], &["b/x", "x"]),
            (&["1/a/x.png", "2/a/x.png", "2/b/x.png"], &["1/a/x", "2/a/x", "2/b/x"]),
            (&["../1/x.png", "./2/x.png"], &["1/x", "2/x"]),
        ];
        for (paths, names) in cases {
            assert_eq!(named(paths).unwrap(), names);
        }
        for paths in [["a/x.png", "a/x.jpg"], ["x.png", "../x.png"]] {
            let error = named(&paths).unwrap_err();
            assert!(
                error.contains("expected a name that differs from all others, found"),
                "{error}"
            );
        }
    }
}
