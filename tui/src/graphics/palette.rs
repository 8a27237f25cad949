//! The few colours that show a picture best, and the picture in them. The colours are made by cutting the boxes of colours that
//! differ most (Wu 1991) and settled by k-means; what a colour misses is handed on to the neighbours in part (Floyd and Steinberg).

use image::RgbImage;

/// A picture in a palette.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Indexed {
    /// At most 256 colours.
    pub palette: Vec<[u8; 3]>,
    /// Row by row, which of them each pixel has.
    pub indices: Vec<u8>,
}

/// The picture in at most `most` (2 to 256) colours, each channel in hundredths of full as sixel writes them. `diffusion` from 0 to
/// 1 is the share of an error that neighbours get.
pub(super) fn reduce(picture: &RgbImage, most: usize, diffusion: f32) -> Indexed {
    let bins = bins(picture);
    let mut palette = cut(&bins, most.clamp(2, 256));
    for _ in 0..ROUNDS {
        settle(&mut palette, &bins);
    }
    let mut palette: Vec<[u8; 3]> = palette.iter().map(|colour| colour.map(hundredths)).collect();
    palette.sort_unstable();
    palette.dedup();
    if palette.is_empty() {
        palette.push([0; 3]);
    }
    let indices = map(picture, &palette, diffusion);
    Indexed { palette, indices }
}

/// Rounds of k-means: later ones change little.
const ROUNDS: usize = 6;

/// Colours that share the upper bits of each channel.
#[derive(Clone, Copy, Default)]
struct Bin {
    count: f32,
    /// Their mean.
    mean: [f32; 3],
}

/// Bits of a channel that tell bins apart.
const BIN_BITS: u32 = 5;

fn bins(picture: &RgbImage) -> Vec<Bin> {
    let mut sums = vec![(0_u64, [0_u64; 3]); 1 << (3 * BIN_BITS)];
    for pixel in picture.pixels() {
        let at = key(pixel.0, BIN_BITS);
        sums[at].0 += 1;
        for (sum, value) in sums[at].1.iter_mut().zip(pixel.0) {
            *sum += u64::from(value);
        }
    }
    let filled = sums.into_iter().filter(|(count, _)| *count > 0);
    let bin = |(count, sum): (u64, [u64; 3])| Bin {
        count: count as f32,
        mean: sum.map(|sum| sum as f32 / count as f32),
    };
    filled.map(bin).collect()
}

fn key(pixel: [u8; 3], bits: u32) -> usize {
    pixel
        .iter()
        .fold(0, |key, value| key << bits | usize::from(value >> (8 - bits)))
}

/// Some of the bins, their mean, and the axis along which they differ most.
struct Group {
    bins: Vec<Bin>,
    mean: [f32; 3],
    axis: usize,
    /// The sum of squared distances from the mean.
    error: f32,
}

impl Group {
    fn new(bins: Vec<Bin>) -> Self {
        let count: f32 = bins.iter().map(|bin| bin.count).sum();
        let mean =
            [0, 1, 2].map(|axis| bins.iter().map(|bin| bin.count * bin.mean[axis]).sum::<f32>() / count.max(1.0));
        let spread = [0, 1, 2].map(|axis| {
            let squares = bins.iter().map(|bin| bin.count * (bin.mean[axis] - mean[axis]).powi(2));
            squares.sum::<f32>()
        });
        let axis = (0..3).max_by(|a, b| spread[*a].total_cmp(&spread[*b])).unwrap_or(0);
        Self {
            bins,
            mean,
            axis,
            error: spread.iter().sum(),
        }
    }
}

/// Means of groups, each time of the one that differs most cut at its mean.
fn cut(bins: &[Bin], most: usize) -> Vec<[f32; 3]> {
    if bins.is_empty() {
        return Vec::new();
    }
    let mut groups = vec![Group::new(bins.to_vec())];
    while groups.len() < most {
        let worst = (0..groups.len())
            .max_by(|a, b| groups[*a].error.total_cmp(&groups[*b].error))
            .unwrap_or(0);
        let group = groups.swap_remove(worst);
        let (axis, middle) = (group.axis, group.mean[group.axis]);
        let (low, high): (Vec<Bin>, Vec<Bin>) = group.bins.iter().partition(|bin| bin.mean[axis] <= middle);
        if low.is_empty() || high.is_empty() {
            groups.push(group);
            break;
        }
        groups.push(Group::new(low));
        groups.push(Group::new(high));
    }
    groups.into_iter().map(|group| group.mean).collect()
}

/// Moves each colour to the mean of the bins that are nearest to it.
fn settle(palette: &mut [[f32; 3]], bins: &[Bin]) {
    let mut sums = vec![(0.0_f32, [0.0_f32; 3]); palette.len()];
    for bin in bins {
        let (count, sum) = &mut sums[nearest(palette, bin.mean)];
        *count += bin.count;
        for (sum, value) in sum.iter_mut().zip(bin.mean) {
            *sum += bin.count * value;
        }
    }
    for (colour, (count, sum)) in palette.iter_mut().zip(sums) {
        if count > 0.0 {
            *colour = sum.map(|sum| sum / count);
        }
    }
}

fn nearest(palette: &[[f32; 3]], colour: [f32; 3]) -> usize {
    let mut best = (0, f32::INFINITY);
    for (at, other) in palette.iter().enumerate() {
        let [r, g, b] = [0, 1, 2].map(|axis| colour[axis] - other[axis]);
        let distance = r * r + g * g + b * b;
        if distance < best.1 {
            best = (at, distance);
        }
    }
    best.0
}

/// The nearest value of which a whole number of hundredths is 255.
fn hundredths(value: f32) -> u8 {
    let parts = (value.clamp(0.0, 255.0) * 100.0 / 255.0).round();
    (parts * 255.0 / 100.0).round() as u8
}

/// Bits of a channel that tell apart which colour is nearest: finer than eyes are.
const NEAR_BITS: u32 = 7;
const UNKNOWN: u16 = u16::MAX;

fn map(picture: &RgbImage, palette: &[[u8; 3]], diffusion: f32) -> Vec<u8> {
    let palette: Vec<[f32; 3]> = palette.iter().map(|colour| colour.map(f32::from)).collect();
    let mut known = vec![UNKNOWN; 1 << (3 * NEAR_BITS)];
    let width = picture.width() as usize;
    // One more on either side, so that the edges are no exception.
    let (mut here, mut below) = (vec![[0.0_f32; 3]; width + 2], vec![[0.0_f32; 3]; width + 2]);
    let mut indices = vec![0_u8; width * picture.height() as usize];
    for (y, row) in picture.rows().enumerate() {
        let row: Vec<[u8; 3]> = row.map(|pixel| pixel.0).collect();
        for step in 0..width {
            // There and back, so that errors do not all drift one way.
            let (x, ahead, behind) = if y % 2 == 0 {
                (step, step + 2, step)
            } else {
                (width - 1 - step, width - 1 - step, width + 1 - step)
            };
            let wanted = [0, 1, 2].map(|axis| (f32::from(row[x][axis]) + here[x + 1][axis]).clamp(0.0, 255.0));
            let entry = &mut known[key(wanted.map(|value| value as u8), NEAR_BITS)];
            if *entry == UNKNOWN {
                *entry = nearest(&palette, wanted) as u16;
            }
            indices[y * width + x] = *entry as u8;
            let given = palette[usize::from(*entry)];
            for axis in 0..3 {
                let error = (wanted[axis] - given[axis]) * diffusion / 16.0;
                here[ahead][axis] += 7.0 * error;
                below[behind][axis] += 3.0 * error;
                below[x + 1][axis] += 5.0 * error;
                below[ahead][axis] += error;
            }
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0.0; 3]);
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_what_they_are() {
        let colours = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [51, 102, 153]];
        let picture = RgbImage::from_fn(8, 8, |x, y| image::Rgb(colours[((x + y) % 4) as usize]));
        let found = reduce(&picture, 256, 0.5);
        assert_eq!(found.palette.len(), 4);
        let shown = found.indices.iter().map(|at| found.palette[usize::from(*at)]);
        assert!(shown.eq(picture.pixels().map(|pixel| pixel.0)));
    }

    #[test]
    fn no_more_colours_than_asked_for() {
        let picture = RgbImage::from_fn(64, 64, |x, y| image::Rgb([4 * x as u8, 4 * y as u8, (x * y) as u8]));
        for most in [2, 16, 256] {
            let found = reduce(&picture, most, 0.25);
            assert!(found.palette.len() <= most && found.indices.len() == 64 * 64);
        }
        assert!(reduce(&RgbImage::new(0, 0), 16, 0.0).indices.is_empty());
    }
}
