//! Which network a file of an upscaler holds, from the names and shapes of its tensors alone, and what these are called here:
//! spandrel's rules for ESRGAN and Real-ESRGAN Compact. Pure; `network.rs` reads the shapes and builds what is found. Every number
//! is under a cap, since files are strangers'.

use std::collections::BTreeMap;

/// Name and shape of each tensor.
pub type Shapes = BTreeMap<String, Vec<i64>>;

/// What files put before every name, where they do.
const WRAPPINGS: [&str; 9] = [
    "",
    "module.",
    "netG.",
    "params_ema.",
    "params-ema.",
    "params.",
    "state_dict.",
    "model_state_dict.",
    "net.",
];
const MAX_FEATURES: i64 = 512;
const MAX_BLOCKS: i64 = 128;
/// Of a compact network.
const MAX_CONVOLUTIONS: i64 = 256;
/// The most that one pass enlarges the sides.
const MAX_SCALE: i64 = 16;

/// A network and its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// ESRGAN and what came of it.
    Rrdb(RrdbShape),
    /// Real-ESRGAN's small one.
    Compact(CompactShape),
}

/// The numbers of an `RRDBNet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrdbShape {
    /// Channels inside.
    pub features: i64,
    /// Channels that each convolution of a dense block adds.
    pub growth: i64,
    /// Residual blocks.
    pub blocks: i64,
    /// How often the sides are doubled.
    pub doublings: i64,
    /// Sides of the squares that are folded into channels first: 1, 2 or 4.
    pub shuffle: i64,
    /// Whether dense blocks have ESRGAN+'s path.
    pub plus: bool,
    /// Place of the last layer in the old spelling; 0 in the new.
    last: i64,
}

/// The numbers of an `SRVGGNetCompact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactShape {
    /// Channels inside.
    pub features: i64,
    /// Convolutions in all.
    pub convolutions: i64,
    /// How much larger the sides become.
    pub scale: i64,
}

impl RrdbShape {
    /// How much larger the sides become.
    pub fn scale(&self) -> i64 {
        (1 << self.doublings) / self.shuffle
    }
}

/// What a file holds, and what it puts before every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The network.
    pub architecture: Architecture,
    wrapping: &'static str,
}

impl Found {
    /// What the layers call the tensor that the file calls `key`; `None` for one that none has.
    pub fn spell(&self, key: &str) -> Option<String> {
        let inside = key.strip_prefix(self.wrapping)?;
        match &self.architecture {
            Architecture::Compact(_) => Some(inside.to_owned()),
            Architecture::Rrdb(shape) => respelled(inside, shape.last),
        }
    }

    /// How much larger the sides become.
    pub fn scale(&self) -> i64 {
        match &self.architecture {
            Architecture::Rrdb(shape) => shape.scale(),
            Architecture::Compact(shape) => shape.scale,
        }
    }
}

/// The network of a file with these tensors.
///
/// # Errors
/// Why there is none that is built, as the end of a sentence.
pub fn detect(shapes: &Shapes) -> Result<Found, String> {
    for wrapping in WRAPPINGS {
        let inside: Shapes = shapes
            .iter()
            .filter_map(|(key, shape)| Some((key.strip_prefix(wrapping)?.to_owned(), shape.clone())))
            .collect();
        let has = |key: &str| inside.contains_key(key);
        let found = if has("model.0.weight") && (has("model.1.sub.0.RDB1.conv1.0.weight")) {
            Architecture::Rrdb(rrdb(&inside, "model.0.weight")?)
        } else if has("conv_first.weight")
            && has("conv_last.weight")
            && (has("body.0.rdb1.conv1.weight") || has("RRDB_trunk.0.RDB1.conv1.weight"))
        {
            Architecture::Rrdb(rrdb(&inside, "conv_first.weight")?)
        } else if has("body.0.weight") && has("body.1.weight") {
            Architecture::Compact(compact(&inside)?)
        } else {
            continue;
        };
        return Ok(Found {
            architecture: found,
            wrapping,
        });
    }
    Err(
        "it is no ESRGAN, Real-ESRGAN or Real-ESRGAN Compact network, which are the upscalers that are built"
            .to_owned(),
    )
}

fn rrdb(shapes: &Shapes, first: &str) -> Result<RrdbShape, String> {
    let last = match first {
        "model.0.weight" => places(shapes, "model.").max().unwrap_or(0),
        _ => 0,
    };
    let named: Shapes = shapes
        .iter()
        .filter_map(|(key, shape)| Some((respelled(key, last)?, shape.clone())))
        .collect();
    let [features, inputs, 3, 3] = side_of(&named, "conv_first.weight")? else {
        return Err("its first layer is no 3×3 convolution".to_owned());
    };
    let outputs = side_of(&named, "conv_last.weight")?[0];
    let shuffle = match (inputs, outputs) {
        (3, 3) => 1,
        (12, 3) => 2,
        (48, 3) => 4,
        _ => return Err(channels(inputs, outputs)),
    };
    let growth = side_of(&named, "body.0.rdb1.conv1.weight")?[0];
    let blocks = places(&named, "body.").max().unwrap_or(0).saturating_add(1);
    let doublings = match last {
        0 => named
            .keys()
            .filter(|key| key.starts_with("conv_up") && key.ends_with(".weight"))
            .count() as i64,
        last => (last - 4) / 3,
    };
    let shape = RrdbShape {
        features,
        growth,
        blocks,
        doublings,
        shuffle,
        plus: named.keys().any(|key| key.contains(".conv1x1.")),
        last,
    };
    let fits = (1..=MAX_FEATURES).contains(&features)
        && (1..=MAX_FEATURES).contains(&growth)
        && (1..=MAX_BLOCKS).contains(&blocks)
        && (0..=6).contains(&doublings)
        && (1..=MAX_SCALE).contains(&shape.scale());
    match fits {
        true => Ok(shape),
        false => Err(format!(
            "an ESRGAN of {features} channels, {blocks} blocks and {doublings} doublings is none that is built"
        )),
    }
}

fn compact(shapes: &Shapes) -> Result<CompactShape, String> {
    let [features, inputs, 3, 3] = side_of(shapes, "body.0.weight")? else {
        return Err("its first layer is no 3×3 convolution".to_owned());
    };
    let last = places(shapes, "body.").max().unwrap_or(0);
    let outputs = side_of(shapes, &format!("body.{last}.weight"))?[0];
    let scale = (1..=MAX_SCALE).find(|scale| 3 * scale * scale == outputs);
    let Some(scale) = scale.filter(|_| inputs == 3) else {
        return Err(channels(inputs, outputs));
    };
    if last % 2 != 0 || last / 2 >= MAX_CONVOLUTIONS || !(1..=MAX_FEATURES).contains(&features) {
        return Err(format!(
            "a compact network of {features} channels whose last layer is body.{last} is none that is built"
        ));
    }
    Ok(CompactShape {
        features,
        convolutions: last / 2 + 1,
        scale,
    })
}

fn channels(inputs: i64, outputs: i64) -> String {
    format!("it makes {outputs} channels of {inputs}, and pictures have 3")
}

/// The four sides of a convolution's weight.
fn side_of(shapes: &Shapes, key: &str) -> Result<[i64; 4], String> {
    let shape = shapes
        .get(key)
        .and_then(|shape| <[i64; 4]>::try_from(shape.as_slice()).ok());
    shape.ok_or_else(|| format!("it has no convolution {key}"))
}

/// The numbers that follow `prefix`.
fn places<'a>(shapes: &'a Shapes, prefix: &'a str) -> impl Iterator<Item = i64> + 'a {
    let number = move |key: &String| key.strip_prefix(prefix)?.split('.').next()?.parse::<u16>().ok();
    shapes.keys().filter_map(number).map(i64::from)
}

/// Real-ESRGAN's name for a tensor of any spelling; `last` is the place of the last layer in the old one.
fn respelled(key: &str, last: i64) -> Option<String> {
    let (layer, kind) = key.rsplit_once('.')?;
    let parts: Vec<&str> = layer.split('.').collect();
    let name = match parts.as_slice() {
        ["conv_first" | "conv_body" | "conv_hr" | "conv_last"] => layer.to_owned(),
        ["trunk_conv"] => "conv_body".to_owned(),
        ["HRconv"] => "conv_hr".to_owned(),
        [one] if one.starts_with("conv_up") => (*one).to_owned(),
        [one] if one.starts_with("upconv") => format!("conv_up{}", &one["upconv".len()..]),
        ["body" | "RRDB_trunk", block, dense, convolution] | ["model", "1", "sub", block, dense, convolution, "0"] => {
            format!("body.{block}.{}.{convolution}", dense.to_ascii_lowercase())
        }
        ["model", "1", "sub", block, dense, "conv1x1"] => {
            format!("body.{block}.{}.conv1x1", dense.to_ascii_lowercase())
        }
        ["model", "0"] => "conv_first".to_owned(),
        ["model", "1", "sub", block] if block.bytes().all(|c| c.is_ascii_digit()) => "conv_body".to_owned(),
        ["model", place] => {
            let place: i64 = place.parse().ok()?;
            match place {
                _ if last == 0 => return None,
                _ if place == last => "conv_last".to_owned(),
                _ if place == last - 2 => "conv_hr".to_owned(),
                _ if place % 3 == 0 => format!("conv_up{}", place / 3),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(format!("{name}.{kind}"))
}
