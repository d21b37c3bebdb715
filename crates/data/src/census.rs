//! A look at all of a directory: what is in it, and everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;

use crate::error::tall;
use crate::folder::{Named, Source};
use crate::survey::{self, Good, Survey};
use crate::{
    DataError, Dataset, Folder, FolderOptions, Histogram, Layout, Message, Sample, Setting,
};

/// What is in a directory.
///
/// ```
/// # use mirrorgrad_data::{Census, FolderOptions, Layout, Mask, Picture, to_png};
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
/// assert_eq!((census.splits[0].pictures, census.splits[0].faulty), (2, 1));
/// let fault = census.faults[0].to_string();
/// assert!(fault.contains("b.png: expected labels below 2"), "{fault}");
/// assert_eq!(census.examples(24)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
pub struct Census {
    /// How it is laid out.
    pub layout: Layout,
    /// What spoke for this layout, if nobody asked for it.
    pub detected_by: Option<&'static str>,
    /// The names of the classes: where nothing names them, the numbers of the values that occur, or none where
    /// these are many.
    pub classes: Vec<String>,
    /// The label that is left out.
    pub ignore_index: Option<u8>,
    /// Its splits.
    #[serde(rename = "parts")]
    pub splits: Vec<SplitCensus>,
    /// All that would keep a run from starting or going on, a line each.
    pub faults: Vec<Message>,
    /// What is no fault, but worth knowing before a run.
    pub notes: Vec<Message>,
    /// How many of the faults are of what was asked for: the first ones.
    #[serde(skip)]
    settings: usize,
    /// What faults that differ by file and place alone have in common, one for each fault.
    #[serde(skip)]
    kinds: Vec<String>,
    #[serde(skip)]
    surveys: Vec<(&'static str, Folder, Survey)>,
}

/// What is in a split.
///
/// ```
/// # use mirrorgrad_data::{Census, FolderOptions, Mask, Picture, to_png};
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
/// let part = &census.splits[0];
/// assert_eq!((part.name, part.pictures, part.faulty), ("all", 1, 0));
/// assert_eq!(part.histogram.shares(), [0.75, 0.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
pub struct SplitCensus {
    /// `train`, `val` or `test`, or `all` of an undivided directory.
    pub name: &'static str,
    /// Pictures with a mask.
    pub pictures: usize,
    /// Those of them that cannot be used.
    pub faulty: usize,
    /// How many pictures without fault have which size, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// The labels of samples without fault, in the size that pictures are brought to, or else of their files.
    pub histogram: Histogram,
}

/// How many pictures have a size.
///
/// ```
/// # use mirrorgrad_data::{Census, FolderOptions, Mask, Picture, SizeCount, to_png};
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
/// assert_eq!(census.splits[0].sizes, [often, once]);
/// let note = census.notes[0].to_string();
/// assert!(note.starts_with("2 sizes, from 1 high, 2 wide to 1 high, 3 wide"), "{note}");
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
        let (mut faults, mut named) = (Vec::new(), true);
        if let Err(fault) = source.name(options) {
            faults.push(Fault::of(&source.with_layout(fault)));
            named = source.name_by_values(options)? != Named::ByNothing;
        }
        let sections = source.sections(options).or_else(|fault| {
            // What a share cannot be taken out of can be looked at all the same.
            let undivided = FolderOptions { validation_split: None, ..options.clone() };
            let sections = source.sections(&undivided)?;
            faults.push(Fault::of(&fault));
            Ok::<_, DataError>(sections)
        })?;
        let all = sections.iter().map(|(_, listing)| listing.pairs.len()).sum();
        let settings = faults.len();
        let (mut splits, mut surveys) = (Vec::new(), Vec::new());
        let mut notes = source.notes(sections.iter().map(|(_, listing)| listing));
        let mut known = Known::default();
        for (name, listing) in sections {
            faults.extend(listing.faults.iter().map(Fault::of));
            let folder = Folder::of(source.clone(), listing.pairs);
            let seen = || seen(all);
            let survey = Survey::of(&folder, source.ignore_index, options.size, &seen);
            let of_samples = survey.samples.iter().flat_map(|sample| &sample.faults);
            faults.extend(of_samples.map(Fault::of));
            notes.extend(known.again(name, &survey));
            splits.push(split(name, &survey));
            surveys.push((name, folder, survey));
        }
        notes.extend(assumed(&source, &splits));
        notes.extend(survey::notes_of_files(surveys.iter().map(|(.., survey)| survey)));
        notes.extend(size_note(&splits, options));
        if !named {
            splits.iter_mut().for_each(|split| split.histogram = Histogram::new(0));
            source.classes = Vec::new();
        }
        notes.extend(splits.iter().flat_map(|split| absent(split, &source.classes)));
        Ok(Self {
            layout: source.layout,
            detected_by: source.sign,
            classes: source.classes.clone(),
            ignore_index: source.ignore_index,
            splits,
            faults: faults.iter().map(|fault| fault.message.clone()).collect(),
            notes,
            settings,
            kinds: faults.into_iter().map(|fault| fault.kind).collect(),
            surveys,
        })
    }

    /// Adds a fault that was found elsewhere; faults of one `kind` are told once.
    pub fn add_fault(&mut self, fault: Message, kind: String) {
        self.faults.push(fault);
        self.kinds.push(kind);
    }

    /// What was found of the samples of a part, by the part's name.
    pub fn survey(&self, split: &str) -> Option<&Survey> {
        self.surveys.iter().find(|(name, ..)| *name == split).map(|(.., survey)| survey)
    }

    /// The part that a run trains on; of an undivided directory, all of it.
    pub fn trained(&self) -> Option<&SplitCensus> {
        self.splits.iter().find(|split| split.is_trained_on()).or(self.splits.first())
    }

    /// The faults of what was asked for, which stand before those of files.
    pub fn of_settings(&self) -> &[Message] {
        &self.faults[..self.settings]
    }

    /// The faults of files and of the run, those that differ by nothing but file and place together: the first
    /// of each kind, and how many there are of it.
    pub fn of_files(&self) -> Vec<(&Message, usize)> {
        let mut found: Vec<(&Message, usize)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (message, kind) in self.faults.iter().zip(&self.kinds).skip(self.settings) {
            let place = *places.entry(kind).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, count)) => *count += 1,
                None => found.push((message, 1)),
            }
        }
        found
    }

    /// Up to `most` samples without fault, from all over the directory.
    ///
    /// # Errors
    /// If a file has changed since.
    pub fn examples(&self, most: usize) -> Result<Vec<Sample>, DataError> {
        let good = self.surveys.iter().flat_map(|(_, folder, survey)| {
            let good =
                survey.samples.iter().enumerate().filter(|(_, looked)| looked.good.is_some());
            good.map(move |(index, _)| (folder, index))
        });
        let good: Vec<_> = good.collect();
        let count = most.min(good.len());
        let chosen = (0..count).map(|i| good[i * good.len() / count]);
        chosen.map(|(folder, index)| folder.sample(index)).collect()
    }
}

/// What is wrong, and what it has in common with others of its kind.
struct Fault {
    message: Message,
    kind: String,
}

impl Fault {
    fn of(fault: &DataError) -> Self {
        Self { message: fault.message(), kind: fault.kind() }
    }
}

/// The pictures of the parts so far, each by its pixels: its part and its name.
#[derive(Default)]
struct Known(HashMap<blake3::Hash, (&'static str, String)>);

impl Known {
    /// Adds the pictures of a part, and says whether any is in another part already.
    fn again(&mut self, split: &'static str, survey: &Survey) -> Option<Message> {
        let (mut count, mut first) = (0, None);
        for Good { name: picture, hash, .. } in survey.good() {
            let (other, known) = self.0.entry(*hash).or_insert_with(|| (split, picture.clone()));
            if *other != split {
                count += 1;
                first.get_or_insert_with(|| format!("{picture}, which is {known}"));
            }
        }
        let (first, s) = (first?, if count == 1 { "" } else { "s" });
        Some(
            format!("{split} shares {count} picture{s} with another split, such as {first}").into(),
        )
    }
}

fn split(name: &'static str, survey: &Survey) -> SplitCensus {
    let mut sizes: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    survey.good().for_each(|sample| *sizes.entry(sample.size).or_default() += 1);
    let sizes = sizes.into_iter();
    let mut sizes: Vec<_> =
        sizes.map(|([height, width], pictures)| SizeCount { height, width, pictures }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.pictures));
    let (pictures, good) = (survey.samples.len(), survey.good().count());
    SplitCensus { name, pictures, faulty: pictures - good, sizes, histogram: survey.histogram() }
}

impl SplitCensus {
    /// Whether a run trains on it: on all of what is not divided, or some of it.
    pub fn is_trained_on(&self) -> bool {
        matches!(self.name, "train" | "all")
    }
}

fn size_note(splits: &[SplitCensus], options: &FolderOptions) -> Option<Message> {
    let mut sizes: Vec<_> = splits
        .iter()
        .flat_map(|split| &split.sizes)
        .map(|size| [size.height, size.width])
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    let (&[least, .., most], None) = (sizes.as_slice(), options.size) else { return None };
    let (count, least, most) = (sizes.len(), tall(least), tall(most));
    let sizes = format!("{count} sizes, from {least} to {most}: a batch needs one size, so ");
    let one = Message::from(sizes).ask([Setting::size("data.folder.size")]).and(", or ");
    Some(one.and(Setting::size("data.augment.crop")).and(" to train on crops of that size"))
}

/// The names of a layout where nobody gave others and most of them never occur.
fn assumed(source: &Source, splits: &[SplitCensus]) -> Option<Message> {
    let never = |&label: &usize| splits.iter().all(|split| split.histogram.pixels[label] == 0);
    let (classes, layout) = (source.classes.len(), source.layout.name());
    let absent = (0..classes).filter(never).count();
    let is_suspect = source.assumed && absent < classes && 2 * absent > classes;
    is_suspect.then(|| {
        format!(
            "the {classes} class names of layout {layout} are assumed, but {absent} of these classes never \
             occur: if your classes are others, name them in classes.txt, one per line"
        )
        .into()
    })
}

/// The classes that a part has nothing of, if it has any.
fn absent(split: &SplitCensus, classes: &[String]) -> Option<Message> {
    let counts = classes.iter().zip(&split.histogram.pixels);
    let absent: Vec<_> = counts.filter(|(_, pixels)| **pixels == 0).collect();
    if absent.is_empty() || absent.len() == classes.len() {
        return None;
    }
    let absent: Vec<_> = absent.into_iter().map(|(class, _)| class.as_str()).collect();
    Some(format!("no pixel of {} in {}", absent.join(", "), split.name).into())
}
