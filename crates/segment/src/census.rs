//! A look at all of a directory: what is in it, and everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::error::{shown, tall};
use crate::folder::{Pair, Source};
use crate::{
    DataError, FolderOptions, Histogram, Layout, Part, Picture, Sample, class_weights, read_picture,
};

/// Labels of masks whose classes nobody has named.
const UNNAMED: usize = 256;

/// What is in a directory.
///
/// ```
/// # use mirrorgrad_segment::{Census, FolderOptions, Layout, Mask, Picture, plots::to_png};
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # std::fs::write(at("classes.txt"), "ground\ncar\n")?;
/// # for (stem, label) in [("a", 1), ("b", 7)] {
/// #     let picture = Picture { width: 2, height: 1, rgb: vec![9; 6] };
/// #     std::fs::write(at(&format!("images/{stem}.png")), to_png(&picture)?)?;
/// #     let mask = Mask { width: 2, height: 1, labels: vec![0, label] };
/// #     mask.write_grey(&at(&format!("masks/{stem}.png")))?;
/// # }
/// // Two classes and two pictures, but a pixel of the second one's mask is labelled 7.
/// let census = Census::take(dir.path(), &FolderOptions::default(), &|_| ())?;
/// assert_eq!((census.layout, census.classes.len()), (Layout::Folders, 2));
/// assert_eq!((census.parts[0].pictures, census.parts[0].faulty), (2, 1));
/// assert!(census.faults[0].contains("b.png: expected labels below 2"), "{:?}", census.faults);
/// assert_eq!(census.examples(24)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
pub struct Census {
    /// How it is laid out.
    pub layout: Layout,
    /// What spoke for this layout, if nobody asked for it.
    pub detected_by: Option<&'static str>,
    /// The names of the classes; the labels that occur, where nothing names them.
    pub classes: Vec<String>,
    /// The label that is left out.
    pub ignore_index: Option<u8>,
    /// Its parts.
    pub parts: Vec<PartCensus>,
    /// What [`class_weights`] makes of the part to train on.
    pub class_weights: Vec<f64>,
    /// All that would keep a run from starting or going on, a line each.
    pub faults: Vec<String>,
    /// What is no fault, but worth knowing before a run.
    pub notes: Vec<String>,
    #[serde(skip)]
    source: Source,
    /// Those without a fault.
    #[serde(skip)]
    pairs: Vec<Pair>,
}

/// What is in a part.
///
/// ```
/// # use mirrorgrad_segment::{Census, FolderOptions, Mask, Picture, plots::to_png};
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # std::fs::write(at("classes.txt"), "ground\ncar\n")?;
/// # let picture = Picture { width: 4, height: 1, rgb: vec![9; 12] };
/// # std::fs::write(at("images/a.png"), to_png(&picture)?)?;
/// let mask = Mask { width: 4, height: 1, labels: vec![0, 0, 0, 1] };
/// mask.write_grey(&dir.path().join("masks/a.png"))?;
/// // The only picture of a directory that is not divided.
/// let census = Census::take(dir.path(), &FolderOptions::default(), &|_| ())?;
/// let part = &census.parts[0];
/// assert_eq!((part.name, part.pictures, part.faulty), ("all", 1, 0));
/// assert_eq!(part.histogram.shares(), [0.75, 0.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
pub struct PartCensus {
    /// `train`, `val` or `test`, or `all` of an undivided directory.
    pub name: &'static str,
    /// Pictures with a mask.
    pub pictures: usize,
    /// Those of them that cannot be used.
    pub faulty: usize,
    /// How many pictures have which size, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// The labels of masks without fault, in the size of their files.
    pub histogram: Histogram,
}

/// How many pictures have a size.
///
/// ```
/// # use mirrorgrad_segment::{Census, FolderOptions, Mask, Picture, SizeCount, plots::to_png};
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # std::fs::write(at("classes.txt"), "ground\n")?;
/// # for (stem, width) in [("a", 3), ("b", 2), ("c", 3)] {
/// #     let picture = Picture { width, height: 1, rgb: vec![9; 3 * width] };
/// #     std::fs::write(at(&format!("images/{stem}.png")), to_png(&picture)?)?;
/// #     let mask = Mask { width, height: 1, labels: vec![0; width] };
/// #     mask.write_grey(&at(&format!("masks/{stem}.png")))?;
/// # }
/// // Of three pictures, two are 3 wide and one is 2 wide.
/// let census = Census::take(dir.path(), &FolderOptions::default(), &|_| ())?;
/// let often = SizeCount { height: 1, width: 3, pictures: 2 };
/// let once = SizeCount { height: 1, width: 2, pictures: 1 };
/// assert_eq!(census.parts[0].sizes, [often, once]);
/// assert!(census.notes[0].starts_with("2 sizes, from 1 high, 2 wide to 1 high, 3 wide"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// How many.
    pub pictures: usize,
}

/// What one pair is found to be.
struct Looked {
    size: Option<[usize; 2]>,
    /// What tells the picture from others.
    hash: Option<blake3::Hash>,
    histogram: Option<Histogram>,
    faults: Vec<DataError>,
}

impl Census {
    /// Reads every picture and mask that `dir` has; `seen` is called after each pair with how many
    /// there are.
    ///
    /// # Errors
    /// If the directory cannot be read, or has no layout that is known. Everything else is among the
    /// [`faults`](Self::faults).
    pub fn take(
        dir: &Path,
        options: &FolderOptions,
        seen: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, DataError> {
        let mut source = Source::unnamed(dir, options)?;
        let mut faults = Vec::new();
        if let Err(fault) = source.name(options) {
            faults.push(source.told(fault).to_string());
        }
        let named = !source.classes.is_empty();
        let classes = if named { source.classes.len() } else { UNNAMED };
        let sections = source.sections(options)?;
        let divided = match (source.pairs(Part::Train, options), options.validation_split) {
            (Err(fault @ DataError::Option { .. }), Some(_)) => {
                faults.push(fault.to_string());
                true
            }
            (Err(DataError::Option { .. }), None) => false,
            _ => true,
        };
        let all = sections.iter().map(|(_, listing)| listing.pairs.len()).sum();
        let (mut parts, mut pairs) = (Vec::new(), Vec::new());
        let mut notes = source.notes(sections.iter().map(|(_, listing)| listing));
        let mut known = Known::default();
        for (name, listing) in sections {
            faults.extend(listing.faults.iter().map(DataError::to_string));
            let looked = listing.pairs.par_iter().map(|pair| {
                let looked = look(&source, pair, classes);
                seen(all);
                looked
            });
            let looked: Vec<Looked> = looked.collect();
            for (pair, looked) in listing.pairs.iter().zip(&looked) {
                faults.extend(looked.faults.iter().map(DataError::to_string));
                if looked.faults.is_empty() {
                    pairs.push(pair.clone());
                }
            }
            notes.extend(known.again(name, &listing.pairs, &looked));
            parts.push(part(name, &looked, classes));
        }
        let names = if named { source.classes.clone() } else { numbers(&mut parts) };
        notes.extend(assumed(&source, &parts));
        notes.extend(size_note(&parts, options));
        notes.extend(parts.iter().flat_map(|part| absent(part, &names)));
        if !divided {
            notes.push("no part to validate on: a run takes --val-split SHARE".to_owned());
        }
        Ok(Self {
            layout: source.layout,
            detected_by: source.sign,
            class_weights: parts.first().map_or(Vec::new(), |part| class_weights(&part.histogram)),
            classes: names,
            ignore_index: source.ignore_index,
            parts,
            faults,
            notes,
            source,
            pairs,
        })
    }

    /// Up to `most` samples without fault, from all over the directory.
    ///
    /// # Errors
    /// If a file has changed since.
    pub fn examples(&self, most: usize) -> Result<Vec<Sample>, DataError> {
        let count = most.min(self.pairs.len());
        let chosen = (0..count).map(|i| &self.pairs[i * self.pairs.len() / count]);
        chosen.map(|pair| self.source.read(pair)).collect()
    }
}

/// Reads a pair, past the first fault.
fn look(source: &Source, pair: &Pair, classes: usize) -> Looked {
    let (picture, mask) = (read_picture(&pair.picture), source.mask(pair));
    let size = picture.as_ref().ok().map(Picture::size);
    let hash = picture.as_ref().ok().map(|picture| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(picture.width as u64).to_le_bytes());
        hasher.update(&picture.rgb).finalize()
    });
    let mut faults = Vec::new();
    let histogram = mask.map(|mask| {
        let mut histogram = Histogram::new(classes);
        histogram.add(&mask, source.ignore_index);
        (mask.size(), histogram)
    });
    match (&histogram, size) {
        (Ok((of_mask, _)), Some(size)) => {
            faults.extend(Source::check_sizes(pair, size, *of_mask).err());
        }
        _ => faults.extend(picture.err()),
    }
    let histogram = histogram.map(|(_, histogram)| histogram).map_err(|fault| faults.push(fault));
    Looked { size, hash, histogram: histogram.ok().filter(|_| faults.is_empty()), faults }
}

/// The pictures of the parts so far, each by its pixels: its part and its name.
#[derive(Default)]
struct Known(HashMap<blake3::Hash, (&'static str, String)>);

impl Known {
    /// Adds the pictures of a part, and says whether any is in another part already.
    fn again(&mut self, part: &'static str, pairs: &[Pair], looked: &[Looked]) -> Option<String> {
        let (mut count, mut first) = (0, None);
        for (pair, looked) in pairs.iter().zip(looked) {
            let Some(hash) = looked.hash else { continue };
            let picture = shown(&pair.picture);
            let (other, known) = self.0.entry(hash).or_insert_with(|| (part, picture.clone()));
            if *other != part {
                count += 1;
                first.get_or_insert_with(|| format!("{picture} is {known}"));
            }
        }
        let first = first?;
        Some(format!("{count} of the pictures of {part} are in another part too, as {first}"))
    }
}

fn part(name: &'static str, looked: &[Looked], classes: usize) -> PartCensus {
    let mut sizes: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    looked
        .iter()
        .filter_map(|looked| looked.size)
        .for_each(|size| *sizes.entry(size).or_default() += 1);
    let sizes = sizes.into_iter();
    let mut sizes: Vec<_> =
        sizes.map(|([height, width], pictures)| SizeCount { height, width, pictures }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.pictures));
    let mut histogram = Histogram::new(classes);
    let counted = looked.iter().filter_map(|looked| looked.histogram.as_ref());
    counted.for_each(|one| histogram.merge(one));
    let faulty = looked.iter().filter(|looked| !looked.faults.is_empty()).count();
    PartCensus { name, pictures: looked.len(), faulty, sizes, histogram }
}

/// The labels that occur, by their numbers; counts of those beyond are dropped.
fn numbers(parts: &mut [PartCensus]) -> Vec<String> {
    let end = |part: &PartCensus| part.histogram.pixels.iter().rposition(|&n| n > 0);
    let classes = parts.iter().filter_map(end).max().map_or(0, |last| last + 1);
    for Histogram { pixels, masks, around, .. } in parts.iter_mut().map(|part| &mut part.histogram)
    {
        [pixels, masks, around].into_iter().for_each(|counts| counts.truncate(classes));
    }
    (0..classes).map(|label| label.to_string()).collect()
}

fn size_note(parts: &[PartCensus], options: &FolderOptions) -> Option<String> {
    let mut sizes: Vec<_> =
        parts.iter().flat_map(|part| &part.sizes).map(|size| [size.height, size.width]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let (&[least, .., most], None) = (sizes.as_slice(), options.size) else { return None };
    Some(format!(
        "{} sizes, from {} to {}: a batch needs one, so pass --size HxW, or --crop HxW to train on \
         parts of that size",
        sizes.len(),
        tall(least),
        tall(most)
    ))
}

/// The names of a layout where nobody gave others and most of them never occur.
fn assumed(source: &Source, parts: &[PartCensus]) -> Option<String> {
    let never = |&label: &usize| parts.iter().all(|part| part.histogram.pixels[label] == 0);
    let (classes, layout) = (source.classes.len(), source.layout.name());
    let absent = (0..classes).filter(never).count();
    let told = source.assumed && absent < classes && 2 * absent > classes;
    told.then(|| {
        format!(
            "the {classes} names of layout {layout} are assumed, and {absent} of them never occur: if the \
             classes are others, name them in classes.txt, one a line"
        )
    })
}

/// The classes that a part has nothing of.
fn absent(part: &PartCensus, classes: &[String]) -> Option<String> {
    let counts = classes.iter().zip(&part.histogram.pixels);
    let absent: Vec<_> = counts.filter(|(_, pixels)| **pixels == 0).collect();
    if absent.is_empty() || absent.len() == classes.len() {
        return None;
    }
    let absent: Vec<_> = absent.into_iter().map(|(class, _)| class.as_str()).collect();
    Some(format!("no pixel of {} in {}", absent.join(", "), part.name))
}
