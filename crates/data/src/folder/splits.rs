//! Which pairs are to train, to validate and to test on.

use super::listing::Listing;
use super::section::Section;
use super::{FolderOptions, Pair, Source, Split, divide};
use crate::DataError;
use crate::error::shown;
use crate::split::Names;
use std::path::Path;

impl Source {
    /// Where a section is, if there is one.
    pub fn place(&self, section: Section) -> Option<String> {
        (self.layout.rules().place)(&self.root, section)
    }

    fn list(&self, section: Section, options: &FolderOptions) -> Result<Listing, DataError> {
        let listing = (self.layout.rules().list)(&self.root, section);
        listing
            .map(|listing| self.without_faults(listing, options))
            .map_err(|error| self.with_layout(error))
    }

    /// The sections there are, each with what is in it and what is wrong with it, not divided further, or why
    /// it cannot be listed.
    pub fn listings(&self, options: &FolderOptions) -> Vec<(Section, Result<Listing, DataError>)> {
        let all = [Section::Train, Section::Validation, Section::Undivided, Section::Test];
        let there = all.into_iter().filter(|&it| self.place(it).is_some());
        there.map(|section| (section, self.list(section, options))).collect()
    }

    /// The parts there are, each with what is in it and what is wrong with it.
    pub fn sections(
        &self,
        options: &FolderOptions,
    ) -> Result<Vec<(&'static str, Listing)>, DataError> {
        let mut sections = Vec::new();
        for (section, listing) in self.listings(options) {
            let mut listing = listing?;
            let divides = options
                .validation_split
                .filter(|_| Some(section) == self.undivided() && !listing.pairs.is_empty());
            let Some(share) = divides else {
                sections.push((section.name(), listing));
                continue;
            };
            self.check_share(share)?;
            self.check_pairs(&listing.pairs)?;
            let side = |split| divide(listing.pairs.clone(), split, share, options.seed);
            let (train, pairs) = (side(Split::Train), side(Split::Validation));
            listing.pairs = train;
            sections.push(("train", listing));
            sections.push(("val", Listing { pairs, ..Listing::default() }));
        }
        match sections.is_empty() {
            true => Err(self.with_layout(self.nothing("pictures and masks"))),
            false => Ok(sections),
        }
    }

    /// The section that a share to validate on can be taken out of.
    fn undivided(&self) -> Option<Section> {
        if self.place(Section::Validation).is_some() {
            return None;
        }
        [Section::Undivided, Section::Train].into_iter().find(|&it| self.place(it).is_some())
    }

    /// The pairs of a part.
    ///
    /// # Errors
    /// If there is no such part, or anything is wrong with it.
    pub fn pairs(&self, split: Split, options: &FolderOptions) -> Result<Vec<Pair>, DataError> {
        let list = |section| {
            let listing = self.list(section, options)?;
            listing.faultless().map_err(|error| self.with_layout(error))
        };
        if let Some(kept) = options.split.as_ref().and_then(|files| files.names(split)) {
            return kept.into_iter().map(|names| self.kept(names)).collect();
        }
        let (share, undivided) = (options.validation_split, self.undivided());
        let has = |section| self.place(section).is_some();
        match (split, share, undivided) {
            (Split::Test, ..) if has(Section::Test) => list(Section::Test),
            (Split::Test, ..) => Err(self.with_layout(self.nothing("a test split"))),
            (_, Some(_), None) if has(Section::Validation) => {
                let there = [Section::Train, Section::Validation].map(|it| self.place(it));
                let there = there.into_iter().flatten().collect::<Vec<_>>().join(" and ");
                let expected = format!("none, since {} has {there}", shown(&self.root.dir));
                Err(DataError::setting("data.folder.validation_split", expected, "one"))
            }
            (Split::All, None, _) | (Split::All, _, None) => {
                let there = [Section::Undivided, Section::Train, Section::Validation];
                let there: Vec<_> = there.into_iter().filter(|&it| has(it)).collect();
                if there.is_empty() {
                    return Err(self.with_layout(self.nothing("a training or validation split")));
                }
                Ok(there.into_iter().map(list).collect::<Result<Vec<_>, _>>()?.concat())
            }
            (_, Some(share), Some(section)) => {
                self.check_share(share)?;
                let pairs = list(section)?;
                if split == Split::All {
                    return Ok(pairs);
                }
                self.check_pairs(&pairs)?;
                Ok(divide(pairs, split, share, options.seed))
            }
            (Split::Train, ..) if has(Section::Train) => list(Section::Train),
            (Split::Validation, ..) if has(Section::Validation) => list(Section::Validation),
            (_, None, Some(_)) => Err(DataError::setting(
                "data.folder.validation_split",
                self.expected_share(),
                "none",
            )),
            (_, _, None) => Err(self.with_layout(self.nothing("a training split"))),
        }
    }

    /// A pair of the run's own split, which must still be there.
    fn kept(&self, names: &Names) -> Result<Pair, DataError> {
        let path = |name: &Path| {
            let path = self.root.dir.join(name);
            if !path.is_file() {
                let expected = "a picture or mask that the run's split.json names";
                return Err(DataError::unfit(&path, expected, "none"));
            }
            self.root.check_inside(&path).map(|()| path)
        };
        Ok(Pair { picture: path(&names.picture)?, mask: path(&names.mask)? })
    }

    fn nothing(&self, expected: &str) -> DataError {
        DataError::unfit(
            &self.root.dir,
            expected,
            format!("none for layout {}", self.layout.name()),
        )
    }

    fn expected_share(&self) -> String {
        let there = self.undivided().and_then(|section| self.place(section)).unwrap_or_default();
        let dir = shown(&self.root.dir);
        format!(
            "a share above 0 and below 1, since {dir} has only {there} for training and validation"
        )
    }

    fn check_share(&self, share: f64) -> Result<(), DataError> {
        if share > 0.0 && share < 1.0 {
            return Ok(());
        }
        Err(DataError::setting("data.folder.validation_split", self.expected_share(), share))
    }

    fn check_pairs(&self, pairs: &[Pair]) -> Result<(), DataError> {
        if pairs.len() > 1 {
            return Ok(());
        }
        let expected = "at least two pictures to split";
        Err(DataError::unfit(&self.root.dir, expected, pairs.len()))
    }
}
