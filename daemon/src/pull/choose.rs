//! Which files of a repository are needed: one variant of the weights, the configurations and vocabularies beside them, and nothing
//! that holds the same once more. Pure; `resolve.rs` calls it with what the hub lists and what model_index.json names. What a folder's
//! weights may be called is told by `formats/src/folder/choose.rs`, which reads them later.

use std::collections::{BTreeMap, BTreeSet};

use darkroom_protocol::text::{closest, escape_line};

use super::listing::HubFile;

/// Parts that no picture needs.
const UNUSED: [&str; 3] = ["safety_checker", "feature_extractor", "image_encoder"];
/// Endings of models in one file, the better kind first.
const SINGLE: [&str; 5] = ["safetensors", "gguf", "ckpt", "pth", "pt"];
/// How weights in a part's folder are called.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];
/// What asks for the weights that have no variant in their names.
const FULL: &str = "full";
/// What is taken where nothing is asked for and every part has it.
const SMALL: &str = "fp16";
/// The most names in a message.
const NAMED: usize = 12;

/// What is to be fetched of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// In the order of the repository.
    pub files: Vec<HubFile>,
    /// Whether they are a folder together; else it is one file.
    pub folder: bool,
}

/// The parts that `model_index.json` names, without those that no picture needs.
///
/// # Errors
/// The end of a sentence.
pub(super) fn components(index: &[u8]) -> Result<BTreeSet<String>, String> {
    let index: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(index).map_err(|e| format!("has a model_index.json that cannot be read ({e})"))?;
    let is_part = |value: &serde_json::Value| {
        value
            .as_array()
            .is_some_and(|pair| pair.len() == 2 && pair[1].is_string())
    };
    let named = index
        .into_iter()
        .filter(|(name, value)| !name.starts_with('_') && is_part(value));
    Ok(named
        .map(|(name, _)| name)
        .filter(|name| !UNUSED.contains(&name.as_str()))
        .collect())
}

/// The files that are needed. `parts` are the folders of a model in diffusers' layout; `None` where there is no model_index.json.
///
/// # Errors
/// A sentence's end that names what there is to choose from.
pub(super) fn choose(
    files: &[HubFile],
    parts: Option<&BTreeSet<String>>,
    variant: Option<&str>,
) -> Result<Chosen, String> {
    if let Some(file) = files.iter().find(|file| Some(file.path.as_str()) == variant) {
        return Ok(one(file));
    }
    match parts {
        Some(parts) => whole(files, parts, variant),
        None => lone(files, variant),
    }
}

fn one(file: &HubFile) -> Chosen {
    Chosen {
        files: vec![file.clone()],
        folder: false,
    }
}

/// A model in diffusers' layout.
fn whole(files: &[HubFile], parts: &BTreeSet<String>, variant: Option<&str>) -> Result<Chosen, String> {
    let folders: BTreeMap<&str, Vec<(&str, &HubFile)>> = parts
        .iter()
        .map(|part| (part.as_str(), within(files, part)))
        .filter(|(_, inside)| !inside.is_empty())
        .collect();
    let weights: BTreeMap<&str, Vec<Weights>> = folders
        .iter()
        .map(|(part, inside)| {
            (
                *part,
                inside.iter().filter_map(|(name, _)| Weights::read(name)).collect(),
            )
        })
        .collect();
    let there: BTreeSet<&str> = weights
        .values()
        .flatten()
        .map(|weights| weights.variant.as_str())
        .collect();
    let with_weights = || weights.values().filter(|sets| !sets.is_empty());
    let wanted = match variant {
        Some(FULL) => "",
        Some(named) if there.contains(named) => named,
        Some(named) => {
            let singles = candidates(files, named);
            return match singles.as_slice() {
                [file] => Ok(one(file)),
                _ => Err(no_variant(named, &there, &singles)),
            };
        }
        None if with_weights().all(|sets| sets.iter().any(|set| set.variant == SMALL)) => SMALL,
        None => "",
    };
    let mut taken: BTreeSet<&str> = BTreeSet::from(["model_index.json"]);
    for (part, inside) in &folders {
        let set = chosen(&weights[part], wanted);
        if set.is_none() && inside.iter().any(|(name, _)| name.ends_with(".bin")) {
            return Err(format!(
                "has the weights of {} as .bin files only, which are not read: look for a repository with safetensors",
                escape_line(part)
            ));
        }
        let others = inside.iter().filter(|(name, _)| is_beside(name));
        taken.extend(others.map(|(_, file)| file.path.as_str()));
        let Some((variant, shards)) = set else { continue };
        let set = inside.iter().filter(|(name, _)| {
            let weights = Weights::read(name).is_some_and(|w| w.variant == variant && w.shard == shards);
            weights || (shards && index_of(name) == Some(variant))
        });
        taken.extend(set.map(|(_, file)| file.path.as_str()));
    }
    let files: Vec<HubFile> = files
        .iter()
        .filter(|file| taken.contains(file.path.as_str()))
        .cloned()
        .collect();
    Ok(Chosen { files, folder: true })
}

/// A repository without model_index.json: one file of it, or a part's folder.
fn lone(files: &[HubFile], variant: Option<&str>) -> Result<Chosen, String> {
    let top: Vec<&HubFile> = files.iter().filter(|file| !file.path.contains('/')).collect();
    let sets: Vec<Weights> = top.iter().filter_map(|file| Weights::read(&file.path)).collect();
    let is_part = top.iter().any(|file| file.path == "config.json") && !sets.is_empty();
    let plain = match variant {
        None | Some(FULL) => Some(""),
        Some(named) => sets
            .iter()
            .find(|set| set.variant == named)
            .map(|set| set.variant.as_str()),
    };
    if let Some((variant, shards)) = plain.filter(|_| is_part).and_then(|wanted| chosen(&sets, wanted)) {
        let needed = |file: &&&HubFile| {
            let weights = Weights::read(&file.path).is_some_and(|w| w.variant == variant && w.shard == shards);
            weights || (shards && index_of(&file.path) == Some(variant)) || is_beside(&file.path)
        };
        let files = top.iter().filter(needed).map(|file| (*file).clone()).collect();
        return Ok(Chosen { files, folder: true });
    }
    let found = candidates(files, variant.unwrap_or_default());
    match found.as_slice() {
        [file] => Ok(one(file)),
        [] if variant.is_some() => Err(no_variant(
            variant.unwrap_or_default(),
            &BTreeSet::new(),
            &candidates(files, ""),
        )),
        [] => {
            Err("has no model that is read here: no model_index.json, no .safetensors, .gguf or .ckpt file".to_owned())
        }
        several => Err(format!("holds several models: add one of {}", names(several))),
    }
}

/// Files that are models of their own and whose paths hold `part`, without those that a better kind of the same name stands for.
fn candidates<'a>(files: &'a [HubFile], part: &str) -> Vec<&'a HubFile> {
    let rank = |file: &HubFile| {
        SINGLE
            .iter()
            .position(|end| file.path.strip_suffix(end).is_some_and(|stem| stem.ends_with('.')))
    };
    let stem = |file: &HubFile| {
        file.path
            .rsplit_once('.')
            .map_or_else(String::new, |(stem, _)| stem.to_owned())
    };
    let mut best: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        if let Some(rank) = rank(file) {
            let kept = best.entry(stem(file)).or_insert(rank);
            *kept = rank.min(*kept);
        }
    }
    let part = part.to_lowercase();
    let fits = |file: &&HubFile| best.get(&stem(file)).copied() == rank(file) && rank(file).is_some();
    let named: Vec<&HubFile> = files
        .iter()
        .filter(fits)
        .filter(|file| file.path.to_lowercase().contains(&part))
        .collect();
    // One whose whole stem that is comes before those that only hold it.
    let exact: Vec<&HubFile> = named
        .iter()
        .copied()
        .filter(|file| {
            stem(file)
                .rsplit('/')
                .next()
                .is_some_and(|stem| stem.to_lowercase() == part)
        })
        .collect();
    if exact.len() == 1 { exact } else { named }
}

fn within<'a>(files: &'a [HubFile], part: &str) -> Vec<(&'a str, &'a HubFile)> {
    let inside = files.iter().filter_map(|file| {
        let name = file.path.strip_prefix(part)?.strip_prefix('/')?;
        (!name.contains('/')).then_some((name, file))
    });
    inside.collect()
}

/// A set of weights that a file belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Weights {
    variant: String,
    shard: bool,
}

impl Weights {
    /// Of a .safetensors file in a part's folder.
    fn read(name: &str) -> Option<Self> {
        let rest = name.strip_suffix(".safetensors")?;
        let rest = STEMS.iter().find_map(|stem| rest.strip_prefix(stem))?;
        let (variant, shard) = match rest.split_once('-') {
            Some((variant, shard)) if shard.contains("of-") => (variant, true),
            Some(_) => return None,
            None => (rest, false),
        };
        let variant = match variant {
            "" => "",
            variant => variant
                .strip_prefix('.')
                .filter(|name| !name.is_empty() && !name.contains('.'))?,
        };
        Some(Self {
            variant: variant.to_owned(),
            shard,
        })
    }
}

/// The variant of the shards that an index lists.
fn index_of(name: &str) -> Option<&str> {
    let rest = STEMS
        .iter()
        .find_map(|stem| name.strip_prefix(stem))?
        .strip_suffix(".json")?;
    let mut words = rest.split('.').filter(|word| !word.is_empty());
    let is_index = rest.contains("safetensors") && rest.contains("index");
    let variant = words.find(|word| !["safetensors", "index"].contains(word));
    is_index.then_some(variant.unwrap_or_default())
}

/// Of the sets of one folder the one to take: the wanted variant, else the plain one, else the first; one file before shards.
fn chosen<'a>(sets: &'a [Weights], wanted: &str) -> Option<(&'a str, bool)> {
    let of = |variant: &str| {
        let mut same = sets.iter().filter(|set| set.variant == variant);
        let first = same.next()?;
        Some((first.variant.as_str(), first.shard && same.all(|set| set.shard)))
    };
    of(wanted).or_else(|| of("")).or_else(|| of(&sets.first()?.variant))
}

/// Configurations and vocabularies: what is no weights and is read.
fn is_beside(name: &str) -> bool {
    let plain = [".json", ".txt", ".model", ".jinja"]
        .iter()
        .any(|end| name.ends_with(end));
    plain
        && !name.contains(".index.")
        && !name.ends_with("index.json")
        && !name.starts_with("flax_")
        && !name.starts_with("openvino_")
}

fn no_variant(given: &str, variants: &BTreeSet<&str>, singles: &[&HubFile]) -> String {
    let mut there: Vec<String> = variants
        .iter()
        .map(|name| {
            if name.is_empty() {
                FULL.to_owned()
            } else {
                (*name).to_owned()
            }
        })
        .collect();
    there.extend(singles.iter().map(|file| file.path.clone()));
    let near =
        closest(given, there.iter().map(String::as_str)).map(|near| format!(" (did you mean {}?)", escape_line(near)));
    let shown: Vec<_> = there
        .iter()
        .take(NAMED)
        .map(|name| escape_line(name).into_owned())
        .collect();
    format!(
        "has no {}{}: there is {}",
        escape_line(given),
        near.unwrap_or_default(),
        if shown.is_empty() {
            "none".to_owned()
        } else {
            shown.join(", ")
        }
    )
}

fn names(files: &[&HubFile]) -> String {
    let shown: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| format!(":{}", escape_line(&file.path)))
        .collect();
    match files.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} (and {more} more)", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the hub listed stable-diffusion-v1-5/stable-diffusion-v1-5 in 2026.
    const SD15: &str = ".gitattributes README.md feature_extractor/preprocessor_config.json model_index.json \
        safety_checker/config.json safety_checker/model.fp16.safetensors safety_checker/model.safetensors safety_checker/pytorch_model.bin \
        safety_checker/pytorch_model.fp16.bin scheduler/scheduler_config.json text_encoder/config.json text_encoder/model.fp16.safetensors \
        text_encoder/model.safetensors text_encoder/pytorch_model.bin text_encoder/pytorch_model.fp16.bin tokenizer/merges.txt \
        tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json tokenizer/vocab.json unet/config.json \
        unet/diffusion_pytorch_model.bin unet/diffusion_pytorch_model.fp16.bin unet/diffusion_pytorch_model.fp16.safetensors \
        unet/diffusion_pytorch_model.non_ema.bin unet/diffusion_pytorch_model.non_ema.safetensors unet/diffusion_pytorch_model.safetensors \
        v1-5-pruned-emaonly.ckpt v1-5-pruned-emaonly.safetensors v1-5-pruned.ckpt v1-5-pruned.safetensors v1-inference.yaml vae/config.json \
        vae/diffusion_pytorch_model.bin vae/diffusion_pytorch_model.fp16.bin vae/diffusion_pytorch_model.fp16.safetensors \
        vae/diffusion_pytorch_model.safetensors";
    /// And stabilityai/stable-diffusion-xl-base-1.0.
    const SDXL: &str = ".gitattributes 01.png LICENSE.md README.md comparison.png model_index.json pipeline.png \
        scheduler/scheduler_config.json sd_xl_base_1.0.safetensors sd_xl_base_1.0_0.9vae.safetensors sd_xl_offset_example-lora_1.0.safetensors \
        text_encoder/config.json text_encoder/flax_model.msgpack text_encoder/model.fp16.safetensors text_encoder/model.onnx \
        text_encoder/model.safetensors text_encoder/openvino_model.bin text_encoder/openvino_model.xml text_encoder_2/config.json \
        text_encoder_2/flax_model.msgpack text_encoder_2/model.fp16.safetensors text_encoder_2/model.onnx text_encoder_2/model.onnx_data \
        text_encoder_2/model.safetensors text_encoder_2/openvino_model.bin text_encoder_2/openvino_model.xml tokenizer/merges.txt \
        tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json tokenizer/vocab.json tokenizer_2/merges.txt \
        tokenizer_2/special_tokens_map.json tokenizer_2/tokenizer_config.json tokenizer_2/vocab.json unet/config.json \
        unet/diffusion_flax_model.msgpack unet/diffusion_pytorch_model.fp16.safetensors unet/diffusion_pytorch_model.safetensors \
        unet/model.onnx unet/model.onnx_data unet/openvino_model.bin unet/openvino_model.xml vae/config.json \
        vae/diffusion_flax_model.msgpack vae/diffusion_pytorch_model.fp16.safetensors vae/diffusion_pytorch_model.safetensors \
        vae_1_0/config.json vae_1_0/diffusion_pytorch_model.fp16.safetensors vae_1_0/diffusion_pytorch_model.safetensors \
        vae_decoder/config.json vae_decoder/model.onnx vae_decoder/openvino_model.bin vae_decoder/openvino_model.xml \
        vae_encoder/config.json vae_encoder/model.onnx";
    const INDEX15: &str = r#"{"_class_name":"StableDiffusionPipeline","_diffusers_version":"0.6.0",
        "feature_extractor":["transformers","CLIPImageProcessor"],"safety_checker":["stable_diffusion","StableDiffusionSafetyChecker"],
        "scheduler":["diffusers","PNDMScheduler"],"text_encoder":["transformers","CLIPTextModel"],
        "tokenizer":["transformers","CLIPTokenizer"],"unet":["diffusers","UNet2DConditionModel"],"vae":["diffusers","AutoencoderKL"],
        "image_encoder":[null,null],"requires_safety_checker":true}"#;

    fn listed(names: &str) -> Vec<HubFile> {
        let file = |path: &str| HubFile {
            path: path.to_owned(),
            size: Some(1),
            sha256: None,
        };
        names.split_whitespace().map(file).collect()
    }

    fn paths(chosen: &Chosen) -> Vec<&str> {
        chosen.files.iter().map(|file| file.path.as_str()).collect()
    }

    fn sdxl_parts() -> BTreeSet<String> {
        let parts = [
            "scheduler",
            "text_encoder",
            "text_encoder_2",
            "tokenizer",
            "tokenizer_2",
            "unet",
            "vae",
        ];
        parts.map(str::to_owned).into()
    }

    #[test]
    fn of_sd15_one_variant_and_no_twin_is_taken() {
        let parts = components(INDEX15.as_bytes()).unwrap();
        let chosen = choose(&listed(SD15), Some(&parts), None).unwrap();
        assert!(chosen.folder);
        insta::assert_snapshot!(paths(&chosen).join("\n"), @r"
        model_index.json
        scheduler/scheduler_config.json
        text_encoder/config.json
        text_encoder/model.fp16.safetensors
        tokenizer/merges.txt
        tokenizer/special_tokens_map.json
        tokenizer/tokenizer_config.json
        tokenizer/vocab.json
        unet/config.json
        unet/diffusion_pytorch_model.fp16.safetensors
        vae/config.json
        vae/diffusion_pytorch_model.fp16.safetensors
        ");
    }

    #[test]
    fn a_variant_or_a_file_is_asked_for_by_name() {
        let parts = components(INDEX15.as_bytes()).unwrap();
        let files = listed(SD15);
        let full = choose(&files, Some(&parts), Some("full")).unwrap();
        assert!(paths(&full).contains(&"unet/diffusion_pytorch_model.safetensors"));
        assert!(!paths(&full).iter().any(|path| path.contains("fp16")));
        // Only the unet has it: the others are as they are.
        let ema = choose(&files, Some(&parts), Some("non_ema")).unwrap();
        assert!(paths(&ema).contains(&"unet/diffusion_pytorch_model.non_ema.safetensors"));
        assert!(paths(&ema).contains(&"vae/diffusion_pytorch_model.safetensors"));
        for named in ["v1-5-pruned-emaonly.safetensors", "v1-5-pruned-emaonly", "v1-5-pruned"] {
            let one = choose(&files, Some(&parts), Some(named)).unwrap();
            assert_eq!((one.folder, one.files.len()), (false, 1), "{named}");
            assert!(one.files[0].path.ends_with(".safetensors") && one.files[0].path.starts_with(named));
        }
        let error = choose(&files, Some(&parts), Some("fp61")).unwrap_err();
        assert!(
            error.contains("did you mean fp16?") && error.contains("full, "),
            "{error}"
        );
    }

    #[test]
    fn of_sdxl_nothing_of_other_frameworks_and_of_parts_that_are_not_named() {
        let chosen = choose(&listed(SDXL), Some(&sdxl_parts()), None).unwrap();
        let weights: Vec<&str> = paths(&chosen)
            .into_iter()
            .filter(|path| path.ends_with("safetensors"))
            .collect();
        assert_eq!(
            weights,
            [
                "text_encoder/model.fp16.safetensors",
                "text_encoder_2/model.fp16.safetensors",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "vae/diffusion_pytorch_model.fp16.safetensors"
            ]
        );
        assert_eq!(chosen.files.len(), 18, "{:?}", paths(&chosen));
    }

    #[test]
    fn shards_come_with_their_index() {
        let files = listed(
            "model_index.json transformer/config.json transformer/diffusion_pytorch_model-00001-of-00002.safetensors \
             transformer/diffusion_pytorch_model-00002-of-00002.safetensors transformer/diffusion_pytorch_model.safetensors.index.json \
             text_encoder/config.json text_encoder/model.safetensors text_encoder/model-00001-of-00001.safetensors \
             text_encoder/model.safetensors.index.json",
        );
        let parts = ["transformer", "text_encoder"].map(str::to_owned).into();
        let chosen = choose(&files, Some(&parts), None).unwrap();
        let taken = paths(&chosen);
        assert!(taken.contains(&"transformer/diffusion_pytorch_model.safetensors.index.json"));
        assert_eq!(
            taken.iter().filter(|path| path.contains("-of-")).count(),
            2,
            "{taken:?}"
        );
        assert!(taken.contains(&"text_encoder/model.safetensors"));
    }

    #[test]
    fn weights_that_are_not_read_are_told() {
        let files = listed("model_index.json unet/config.json unet/diffusion_pytorch_model.bin");
        let error = choose(&files, Some(&["unet".to_owned()].into()), None).unwrap_err();
        assert!(error.contains("unet as .bin files only"), "{error}");
    }

    #[test]
    fn a_repository_of_single_files() {
        let files = listed(".gitattributes README.md dreamshaper_8.ckpt dreamshaper_8.safetensors config.yaml");
        let chosen = choose(&files, None, None).unwrap();
        assert_eq!(paths(&chosen), ["dreamshaper_8.safetensors"]);
        let files = listed("a-Q4_K_S.gguf a-Q8_0.gguf README.md");
        let error = choose(&files, None, None).unwrap_err();
        assert!(error.contains(":a-Q4_K_S.gguf, :a-Q8_0.gguf"), "{error}");
        assert_eq!(paths(&choose(&files, None, Some("q8_0")).unwrap()), ["a-Q8_0.gguf"]);
        assert!(choose(&files, None, Some("q3")).unwrap_err().contains("has no q3"));
        assert!(
            choose(&listed("README.md"), None, None)
                .unwrap_err()
                .contains("has no model")
        );
    }

    #[test]
    fn a_part_alone_comes_with_its_configuration() {
        let files = listed("README.md config.json diffusion_pytorch_model.bin diffusion_pytorch_model.safetensors");
        let chosen = choose(&files, None, None).unwrap();
        assert_eq!(paths(&chosen), ["config.json", "diffusion_pytorch_model.safetensors"]);
        assert!(chosen.folder);
    }
}
