//! What labels look like: a colour for each, a mask in colours, a mask laid over its picture.

use crate::{Mask, Picture};

/// The RGB colour of `label` by the rule of PASCAL VOC: black for 0, and each label's bits
/// spread over the high bits of red, green and blue, so that near labels get far colours.
///
/// ```
/// # use mirrorgrad_data::palette;
/// assert_eq!([palette(0), palette(1), palette(2)], [[0, 0, 0], [128, 0, 0], [0, 128, 0]]);
/// assert_eq!(palette(255), [224, 224, 192]);
/// ```
pub const fn palette(label: u8) -> [u8; 3] {
    let mut colour = [0; 3];
    let mut bit = 0;
    while bit < 8 {
        // Bits 0, 3, 6 of the label go to red, 1, 4, 7 to green, 2, 5 to blue, highest first.
        colour[bit % 3] |= (label >> bit & 1) << (7 - bit / 3);
        bit += 1;
    }
    colour
}

/// The colours of a mask's labels.
///
/// ```
/// # use mirrorgrad_data::{Mask, colours, palette};
/// let mask = Mask { width: 3, height: 1, labels: vec![0, 1, 2] };
/// assert_eq!(colours(&mask).rgb, [palette(0), palette(1), palette(2)].concat());
/// ```
pub fn colours(mask: &Mask) -> Picture {
    let rgb = mask.labels.iter().flat_map(|&label| palette(label)).collect();
    Picture { width: mask.width, height: mask.height, rgb }
}

/// The picture with its mask's colours laid over it; label 0, the background by custom, stays clear.
///
/// ```
/// # use mirrorgrad_data::{Mask, Picture, overlay};
/// let picture = Picture { width: 2, height: 1, rgb: vec![200; 6] };
/// let mask = Mask { width: 2, height: 1, labels: vec![0, 1] };
/// // Half of the picture, and half of [128, 0, 0].
/// assert_eq!(overlay(&picture, &mask).rgb, [200, 200, 200, 164, 100, 100]);
/// ```
pub fn overlay(picture: &Picture, mask: &Mask) -> Picture {
    let pixels = picture.rgb.chunks_exact(3).zip(&mask.labels);
    let mix = |(pixel, &label): (&[u8], &u8)| {
        let colour = palette(label);
        let (own, other) = if label == 0 { (1, 0) } else { (1, 1) };
        std::array::from_fn::<u8, 3, _>(|i| {
            ((u32::from(pixel[i]) * own + u32::from(colour[i]) * other) / (own + other)) as u8
        })
    };
    Picture { rgb: pixels.flat_map(mix).collect(), ..*picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_that_of_voc() {
        let voc = [(0, [0, 0, 0]), (1, [128, 0, 0]), (3, [128, 128, 0]), (15, [192, 128, 128])];
        for (label, colour) in voc {
            assert_eq!(palette(label), colour);
        }
        assert_eq!((palette(20), palette(255)), ([0, 64, 128], [224, 224, 192]));
    }
}
