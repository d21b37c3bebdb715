//! A look at the validation pictures with the best weights: what is measured there, and which pictures
//! went best and worst.

use crate::checkerboard::Checkerboard;
use mirrorgrad_autograd::{Var, no_grad};
use mirrorgrad_data::{DataError, Dataset, Mask, Sample, shown};
use mirrorgrad_layers::Pass;
use mirrorgrad_train::batch::{highest_scores, to_tensors};
use mirrorgrad_train::{
    Boundary, Confusion, Predictor, RunError, boundary_tolerance, check_size, loader,
};
use std::path::Path;
use std::sync::Arc;

/// Pictures that are looked at, at most; of more, as many at even distances.
const MOST_LOOKED_AT: usize = 1000;
/// Pictures that are shown of each kind.
const SHOWN: usize = 4;

/// What was found.
pub(crate) struct Gallery {
    /// How many pictures were looked at.
    pub looked_at: usize,
    /// How many there are.
    pub of: usize,
    /// True against predicted classes.
    pub confusion: Confusion,
    /// Outlines met.
    pub boundary: Boundary,
    /// The regular pattern in the scores.
    pub checkerboard: Checkerboard,
    /// The pictures with the highest mean IoU, the best first.
    pub best: Vec<Shown>,
    /// The pictures with the lowest, the worst first.
    pub worst: Vec<Shown>,
}

/// A picture with what the network made of it.
pub(crate) struct Shown {
    /// The picture with its mask.
    pub sample: Sample,
    /// What was predicted.
    pub prediction: Mask,
    /// The mean IoU over the classes that are in the one or the other.
    pub score: f64,
    /// Its number in the data set.
    pub index: usize,
}

impl Gallery {
    /// Lets a network predict the pictures of `validation`, `stride` being the period at which to look
    /// for a pattern in its scores.
    ///
    /// # Errors
    /// If the data have other classes than the network, or a sample is broken or too small.
    pub fn new(
        predictor: &Predictor,
        validation: &Arc<dyn Dataset>,
        stride: usize,
    ) -> Result<Self, RunError> {
        check_classes(predictor, &**validation)?;
        let of = validation.len();
        let looked_at = of.min(MOST_LOOKED_AT);
        let dataset = Arc::new(EvenlySpaced { dataset: validation.clone(), len: looked_at });
        let classes = predictor.classes().len();
        let mut gallery = Self {
            looked_at,
            of,
            confusion: Confusion::new(classes),
            boundary: Boundary::new(classes),
            checkerboard: Checkerboard::new(stride),
            best: Vec::new(),
            worst: Vec::new(),
        };
        // With few pictures, none is among the best and the worst.
        let [best, worst] = [looked_at.div_ceil(2), looked_at / 2].map(|half| half.min(SHOWN));
        let mut seen = 0;
        for samples in loader(predictor.config(), dataset.clone()).epoch(0) {
            for (sample, prediction) in gallery.predict(predictor, samples?)? {
                let index = dataset.place(seen);
                seen += 1;
                let Some(score) = gallery.count(predictor, &sample, &prediction)? else { continue };
                let shown = || Shown {
                    sample: sample.clone(),
                    prediction: prediction.clone(),
                    score,
                    index,
                };
                keep(&mut gallery.best, best, shown, |a, b| a > b, score);
                keep(&mut gallery.worst, worst, shown, |a, b| a < b, score);
            }
        }
        let unshown = |list: &[Shown], other: &Shown| list.iter().all(|s| s.index != other.index);
        let best = &gallery.best;
        gallery.worst.retain(|shown| unshown(best, shown));
        Ok(gallery)
    }

    fn predict(
        &mut self,
        predictor: &Predictor,
        samples: Vec<Sample>,
    ) -> Result<Vec<(Sample, Mask)>, RunError> {
        let (network, config) = (predictor.network(), predictor.config());
        check_size(network, &samples[0].name, samples[0].size())?;
        let classes = predictor.classes().len();
        let (x, _) = to_tensors(&samples, classes, config.data.folder.ignored_label())?;
        let scores = no_grad(|| network.forward(&Var::constant(x), &Pass::eval()));
        self.checkerboard.add(scores.value());
        let labels = highest_scores(scores.value());
        let [height, width] = samples[0].size();
        let masks = labels.chunks_exact(height * width);
        let masks = masks.map(|labels| Mask { width, height, labels: labels.to_vec() });
        let masks: Vec<Mask> = masks.collect();
        Ok(samples.into_iter().zip(masks).collect())
    }

    /// Counts a picture; its mean IoU, or none if nothing in it counts.
    fn count(
        &mut self,
        predictor: &Predictor,
        sample: &Sample,
        prediction: &Mask,
    ) -> Result<Option<f64>, RunError> {
        let ignored = predictor.config().data.folder.ignored_label();
        let mut own = Confusion::new(self.confusion.classes());
        own.add(&sample.mask.labels, &prediction.labels, ignored)?;
        self.confusion.merge(&own);
        let tolerance = boundary_tolerance(sample.size());
        self.boundary.add(&sample.mask, prediction, ignored, tolerance)?;
        let (score, classes) = own.mean_iou();
        Ok((classes > 0).then_some(score))
    }
}

/// Puts a picture where it belongs in an ordered list of up to `most`; of equals, the first stays first.
fn keep(
    list: &mut Vec<Shown>,
    most: usize,
    shown: impl Fn() -> Shown,
    before: fn(f64, f64) -> bool,
    score: f64,
) {
    let place = list.iter().position(|other| before(score, other.score)).unwrap_or(list.len());
    if place < most {
        list.insert(place, shown());
        list.truncate(most);
    }
}

fn check_classes(predictor: &Predictor, validation: &dyn Dataset) -> Result<(), RunError> {
    if validation.classes() == predictor.classes() {
        return Ok(());
    }
    let path = predictor.config().data.dir.clone().unwrap_or_default();
    let (expected, found) = (predictor.classes(), validation.classes());
    let what = format!("expected the classes {expected:?}, like the network's, found {found:?}");
    Err(RunError::unfit(&path, what))
}

/// The name of a sample without where on the machine it lies.
pub fn file_name(sample: &Sample) -> String {
    let path = Path::new(&sample.name);
    path.file_name().map_or_else(|| sample.name.clone(), |name| shown(Path::new(name)))
}

/// `len` samples of a data set, at even distances.
struct EvenlySpaced {
    dataset: Arc<dyn Dataset>,
    len: usize,
}

impl EvenlySpaced {
    /// The number in the whole of sample number `index`.
    fn place(&self, index: usize) -> usize {
        index * self.dataset.len() / self.len
    }
}

impl Dataset for EvenlySpaced {
    fn len(&self) -> usize {
        self.len
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.dataset.sample(self.place(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_data::{Picture, Shapes};
    use mirrorgrad_layers::weights::state_dict;
    use mirrorgrad_train::Config;

    /// Small pictures that differ in their names.
    struct Dots {
        classes: Vec<String>,
        len: usize,
    }

    impl Dataset for Dots {
        fn len(&self) -> usize {
            self.len
        }

        fn classes(&self) -> &[String] {
            &self.classes
        }

        fn sample(&self, index: usize) -> Result<Sample, DataError> {
            let picture = Picture { width: 2, height: 2, rgb: vec![0; 12] };
            let mask = Mask { width: 2, height: 2, labels: vec![0; 4] };
            Ok(Sample { name: index.to_string(), picture, mask })
        }
    }

    /// What a network that has learned nothing makes of pictures.
    fn look(pictures: Arc<dyn Dataset>, batch: usize) -> Gallery {
        let mut config = Config::default();
        (config.model.widths, config.training.batch) = (vec![2], batch);
        let weights = state_dict(&*config.network(pictures.classes().len()));
        let classes = pictures.classes().to_vec();
        let predictor = Predictor::from_weights(config, classes, &weights).unwrap();
        Gallery::new(&predictor, &pictures, 2).unwrap()
    }

    #[test]
    fn of_many_pictures_those_at_even_distances_are_looked_at() {
        let classes = vec!["ground".to_owned(), "dot".to_owned()];
        for (len, second) in [(2 * MOST_LOOKED_AT, 2), (2500, 2), (3 * MOST_LOOKED_AT, 3)] {
            let pictures: Arc<dyn Dataset> = Arc::new(Dots { classes: classes.clone(), len });
            let gallery = look(pictures.clone(), 500);
            assert_eq!((gallery.looked_at, gallery.of), (MOST_LOOKED_AT, len));
            assert_eq!((gallery.best[0].index, gallery.best[1].index), (0, second));
            for shown in gallery.best.iter().chain(&gallery.worst) {
                assert_eq!(pictures.sample(shown.index).unwrap(), shown.sample);
            }
        }
    }

    #[test]
    fn a_picture_is_shown_with_its_own_score() {
        let shapes: Arc<dyn Dataset> = Arc::new(Shapes::new(0, 3));
        let gallery = look(shapes.clone(), 8);
        assert_eq!((gallery.looked_at, gallery.of), (3, 3));
        assert_eq!(gallery.confusion.total(), 3 * 64 * 64);
        // All scores are 0: background without a pattern.
        assert!(gallery.best[0].prediction.labels.iter().all(|&label| label == 0));
        assert_eq!(gallery.checkerboard.index(), None);
        let shown = &gallery.best[0];
        assert_eq!(shapes.sample(shown.index).unwrap(), shown.sample);
        let mut confusion = Confusion::new(5);
        confusion.add(&shown.sample.mask.labels, &shown.prediction.labels, None).unwrap();
        assert_eq!(confusion.mean_iou().0, shown.score);
    }
}
