//! What a run needs before its first step and never again: it is in the configuration or in the
//! checkpoint then.

use crate::config::{ClassWeights, ModelConfig, WeightsByName, is_of};
use crate::survey::Survey;
use crate::{Config, DataError, Dataset, Histogram, Loader, RunError, class_weights, read_weights};
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::named_params;
use mirrorgrad_layers::weights::{load_state_dict, state_dict};

/// Looks at every sample to train on and to validate on.
///
/// # Errors
/// What is wrong with the first one that has a fault.
pub fn look(train: &Loader, validation: &Loader) -> Result<[Survey; 2], DataError> {
    let of =
        |part: &Loader| Survey::of(&*part.dataset, part.ignore_index, None, &|| ()).faultless();
    Ok([of(train)?, of(validation)?])
}

/// Replaces class weights that are to be counted by what is counted.
pub fn count_weights(
    config: &mut Config,
    train: &dyn Dataset,
    looked: Option<[&Survey; 2]>,
) -> Result<(), DataError> {
    let weights = &mut config.training.class_weights;
    if *weights == Some(ClassWeights::Named(WeightsByName::Auto)) {
        let histogram = match looked {
            Some([train, _]) => train.histogram(),
            None => Histogram::of(train, config.data.folder.ignored_label())?,
        };
        *weights = Some(ClassWeights::Given(class_weights(&histogram)));
    }
    Ok(())
}

/// Puts the weights that a configuration names in place of those drawn.
pub fn load_weights(model: &ModelConfig, network: &dyn Network) -> Result<(), RunError> {
    let Some(path) = &model.weights else { return Ok(()) };
    let mut tensors = read_weights(path)?;
    for fresh in &model.fresh {
        let is_fresh = |name: &str| is_of(name, fresh);
        let names = named_params(network);
        if !names.iter().any(|(name, _)| is_fresh(name)) {
            let mut layers: Vec<&str> =
                names.iter().filter_map(|(name, _)| name.split('.').next()).collect();
            layers.dedup();
            let expected = format!("the beginning of a name: {}, ..", layers.join(", "));
            return Err(DataError::option("--fresh", expected, fresh).into());
        }
        tensors.retain(|name, _| !is_fresh(name));
        tensors.extend(state_dict(network).into_iter().filter(|(name, _)| is_fresh(name)));
    }
    load_state_dict(network, &tensors).map_err(|why| RunError::Start { path: path.clone(), why })
}
