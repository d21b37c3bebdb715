//! What a run needs before its first step and never again: it is in the configuration or in the
//! checkpoint then.

use crate::config::{ModelConfig, is_of};
use crate::weights::read_weights_for;
use crate::{Config, RunError};
use mirrorgrad_data::{DataError, Dataset, Histogram, Loader, Survey};
use mirrorgrad_layers::Params;
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::weights::{check_finite, load_state_dict, state_dict};
use std::collections::BTreeSet;

/// Looks at every sample to train on and to validate on.
///
/// # Errors
/// What is wrong with the first one that has a fault.
pub fn look(train: &Loader, validation: &Loader) -> Result<[Survey; 2], DataError> {
    let of = |loader: &Loader| {
        Survey::of(&*loader.dataset, loader.ignore_index, None, &|| ()).faultless()
    };
    Ok([of(train)?, of(validation)?])
}

/// Replaces class weights that are to be counted by what is counted.
pub fn count_weights(
    config: &mut Config,
    train: &dyn Dataset,
    looked: Option<[&Survey; 2]>,
) -> Result<(), DataError> {
    let ignored = config.data.folder.ignored_label();
    let Some(weights) = &mut config.training.class_weights else { return Ok(()) };
    weights.count(|| match looked {
        Some([train, _]) => Ok(train.histogram()),
        None => Histogram::of(train, ignored),
    })
}

/// Puts the weights that a configuration names in place of those drawn. Returns what there is to say of them.
pub fn load_weights(
    model: &ModelConfig,
    network: &dyn Network,
) -> Result<Option<String>, RunError> {
    let Some(path) = &model.weights else { return Ok(None) };
    let names = Params::of(network).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let own = names.iter().cloned().collect::<BTreeSet<_>>();
    let (mut tensors, notice) = read_weights_for(&own, path)?;
    for fresh in &model.fresh {
        let is_fresh = |name: &str| is_of(name, fresh);
        if !names.iter().any(|name| is_fresh(name)) {
            let mut layers: Vec<&str> =
                names.iter().filter_map(|name| name.split('.').next()).collect();
            layers.dedup();
            let expected = format!("the beginning of a parameter name: {}, ..", layers.join(", "));
            return Err(DataError::setting("model.fresh", expected, fresh).into());
        }
        tensors.retain(|name, _| !is_fresh(name));
        tensors.extend(state_dict(network).into_iter().filter(|(name, _)| is_fresh(name)));
    }
    let loaded = check_finite(&tensors).and_then(|()| load_state_dict(network, &tensors));
    loaded.map_err(|why| RunError::Start { path: path.clone(), why })?;
    Ok(notice)
}
