use tch::{Kind, Tensor};

/// Between which magnitudes a clean sample's bound lies, and where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thresholding {
    /// The share of magnitudes that lie below the bound, 0 to 1.
    pub ratio: f64,
    /// The greatest bound, at least 1.
    pub most: f64,
}

/// Dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487, section 2.3; diffusers `_threshold_sample`): each picture of `clean`
/// [B, …] is clipped to the magnitude below which a share of its values lie, from 1 to a most, and divided by it.
pub(super) fn thresholded(clean: Tensor, range: Option<Thresholding>) -> Tensor {
    let Some(Thresholding { ratio, most }) = range else {
        return clean;
    };
    let size = clean.size();
    let flat = clean.to_kind(Kind::Float).flatten(1, -1);
    let bound = flat.abs().quantile_scalar(ratio, 1, true, "linear").clamp(1.0, most);
    (flat.minimum(&bound).maximum(&-&bound) / bound).reshape(size)
}
