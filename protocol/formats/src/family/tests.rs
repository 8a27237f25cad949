//! The table of families beside itself and beside what is published: every row is found by its own facts and by no other's, in
//! folders and in single files, alone or among other parts. Values of detection that belong to one format are tested there.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;
use crate::folder::{Files, Folder};
use crate::safetensors::{Dtype, Entry, Header};
use crate::{Error, Result};

/// A header of these tensors; their bytes do not matter here.
fn header<'a>(tensors: impl IntoIterator<Item = (String, &'a [u64])>) -> Header {
    let entry = |shape: &[u64]| Entry {
        dtype: Dtype::F16,
        shape: shape.to_vec(),
        range: 0..0,
    };
    Header {
        tensors: tensors.into_iter().map(|(name, shape)| (name, entry(shape))).collect(),
        ..Header::default()
    }
}

/// What is recognised: label, layout and prefix of a denoiser, or another kind's label.
fn found(header: &Header) -> Option<(&'static str, Option<(Layout, &'static str)>)> {
    Some(match detect_file(header)? {
        Found::Denoiser(found) => (found.row.label, Some((found.layout, found.prefix))),
        Found::Other(kind) => (kind, None),
    })
}

/// The smallest shape with axes of these sizes.
fn shape(mark: &Mark) -> Vec<u64> {
    let rank = mark.sizes.iter().map(|(axis, _)| axis + 1).max().unwrap_or(1);
    let mut shape = vec![1; rank];
    for (axis, size) in mark.sizes {
        shape[*axis] = *size;
    }
    shape
}

#[test]
fn rows_are_whole() {
    let mut labels: Vec<_> = families().map(|row| row.label).collect();
    labels.sort_unstable();
    assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(families().count() > 50 && families().filter(|row| row.built.is_some()).count() > 0);
    for row in families() {
        let label = row.label;
        let is_recognised = !row.pipelines.is_empty() || !row.signatures.is_empty();
        assert!(!label.is_empty() && is_recognised, "{label}");
        assert!(
            row.signatures.iter().all(|signature| !signature.present.is_empty()),
            "{label}"
        );
    }
}

#[test]
fn a_family_that_is_built_has_all_that_takes() {
    for row in families() {
        let Some(built) = row.built else { continue };
        // Variants of a family have rows of their own, whose labels are others.
        let own = families().find(|other| other.label == built.family.label());
        assert!(
            own == Some(built.family.row()) && built.family.built() == built,
            "{}",
            row.label
        );
        if row != built.family.row() {
            continue;
        }
        assert!(built.components.iter().any(|(name, _)| *name == built.denoiser));
        // Its files in one piece are the folder of its published configurations.
        let parts = built.checkpoint.parts;
        let named: Vec<_> = built.components.iter().map(|(name, _)| *name).collect();
        assert_eq!(parts.iter().map(|part| part.component).collect::<Vec<_>>(), named);
        let denoisers = parts.iter().filter(|part| part.prefix.is_none());
        assert_eq!(
            denoisers.map(|part| part.component).collect::<Vec<_>>(),
            [built.denoiser]
        );
        assert!(
            row.signatures
                .iter()
                .any(|signature| signature.layout == Layout::Original)
        );
        let card = crate::Card::read("m", &published(built.family, row.pipelines[0], &[])).unwrap();
        assert_eq!((card.family, card.width), (built.family, built.side));
    }
}

/// The configurations of a family that is built, with another pipeline and other facts.
fn published(family: Family, class: &str, facts: &[(&Fact, Value)]) -> Memory {
    let built = family.built();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (name, text) in built.checkpoint.configs {
        files.insert((*name).to_owned(), (*text).to_owned());
    }
    for part in built.checkpoint.parts {
        files.insert(part.weights.to_owned(), "weights".to_owned());
    }
    let mut memory = Memory(files);
    memory.edit("model_index.json", "_class_name", class.into());
    for (fact, value) in facts {
        memory.edit(&format!("{}/config.json", fact.component), fact.field, value.clone());
    }
    memory
}

/// A model's files by name.
struct Memory(BTreeMap<String, String>);

impl Memory {
    fn edit(&mut self, file: &str, field: &str, value: Value) {
        let text = self.0.get(file).map_or("{}", String::as_str);
        let mut config: Map<String, Value> = serde_json::from_str(text).unwrap();
        config.insert(field.to_owned(), value);
        self.0.insert(file.to_owned(), Value::Object(config).to_string());
    }
}

impl Files for Memory {
    fn place(&self) -> String {
        "m".to_owned()
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.0.get(name).map(|text| text.len() as u64))
    }

    fn read(&self, name: &str, _cap: u64) -> Result<Vec<u8>> {
        let missing = || Error::io(name.as_ref(), std::io::ErrorKind::NotFound.into());
        self.0
            .get(name)
            .map(|text| text.clone().into_bytes())
            .ok_or_else(missing)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let inside = |name: &String| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        Ok(self.0.keys().filter_map(inside).collect())
    }
}

#[test]
fn no_row_shadows_another_in_files() {
    let mut tried = 0;
    for row in families() {
        for signature in row.signatures {
            for prefix in [
                "model.diffusion_model.",
                "model.model.",
                "net.",
                "transformer.",
                "unet.",
                "",
            ] {
                let shapes: Vec<_> = signature.present.iter().map(shape).collect();
                let names = signature.present.iter().map(|mark| format!("{prefix}{}", mark.key));
                let tensors = header(names.zip(shapes.iter().map(Vec::as_slice)));
                let expected = Some((row.label, Some((signature.layout, prefix))));
                assert_eq!(found(&tensors), expected, "{signature:?}");
                tried += 1;
                // And with something that is not to be there, it is not of this signature.
                for absent in signature.absent {
                    let mut tensors = tensors.clone();
                    let entry = tensors.tensors.values().next().unwrap().clone();
                    tensors.tensors.insert(format!("{prefix}{absent}"), entry);
                    assert_ne!(found(&tensors), expected, "{absent}");
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn no_row_shadows_another_in_folders() {
    for row in families() {
        for pipeline in row.pipelines {
            let value = |fact: &Fact| match fact.is {
                Is::Number(number) | Is::NumberOrMissing(number) => json!(number),
                Is::On => json!(true),
                Is::Off => json!(false),
            };
            let facts: Vec<_> = row.facts.iter().map(|fact| (fact, value(fact))).collect();
            let base = row.built.map_or(Family::StableDiffusion1, |built| built.family);
            let folder = Folder::read(&published(base, pipeline, &facts));
            let label = match folder.and_then(|folder| detect_folder(&folder)) {
                Ok(family) => family.label(),
                Err(Error::NotBuilt { label, .. }) => label,
                Err(other) => panic!("{pipeline}: {other}"),
            };
            let expected = row.built.map_or(row.label, |built| built.family.label());
            assert_eq!(label, expected, "{pipeline}");
        }
    }
}

/// What is to be recognised, in which layout, whose, and the tensors.
type Example = (
    &'static str,
    Option<Layout>,
    &'static str,
    Vec<(&'static str, Vec<u64>)>,
);

/// The sections of published_tensors.txt.
fn examples() -> Vec<Example> {
    let text = include_str!("../../tests/published_tensors.txt");
    let sections = text.split("\n\n# ").skip(1);
    let example = |section: &'static str| {
        let (title, lines) = section.split_once('\n').unwrap();
        let words: Vec<_> = title.split(" / ").collect();
        let layout = match words[1] {
            "diffusers" => Some(Layout::Diffusers),
            "original" => Some(Layout::Original),
            _ => None,
        };
        let tensor = |line: &'static str| {
            let (name, shape) = line.split_once(' ').unwrap();
            (name, serde_json::from_str(shape).unwrap())
        };
        (
            words[0],
            layout,
            words[words.len() - 1],
            lines.lines().map(tensor).collect(),
        )
    };
    sections.map(example).collect()
}

/// A header of an example's tensors, `prefix` before each.
fn with_prefix(prefix: &str, tensors: &[(&str, Vec<u64>)]) -> Header {
    header(
        tensors
            .iter()
            .map(|(name, shape)| (format!("{prefix}{name}"), shape.as_slice())),
    )
}

#[test]
fn published_models_are_recognised() {
    let examples = examples();
    assert!(examples.len() > 80, "{}", examples.len());
    for (label, layout, source, tensors) in &examples {
        assert!(tensors.len() > 8, "{source}");
        let found = found(&with_prefix("", tensors));
        assert_eq!(found.map(|(label, _)| label), Some(*label), "{source}");
        assert_eq!(
            found.and_then(|(_, denoiser)| denoiser).map(|(layout, _)| layout),
            *layout,
            "{source}"
        );
    }
}

/// With the rest of its model beside it, under the names that ComfyUI and the trainers give.
#[test]
fn published_models_are_recognised_in_one_file() {
    let examples = examples();
    let part = |label: &str| examples.iter().find(|example| example.0 == label).unwrap();
    let others = [
        ("first_stage_model.", "a VAE alone"),
        ("vae.", "a VAE alone"),
        ("cond_stage_model.transformer.", "a CLIP text encoder alone"),
        ("text_encoders.t5xxl.transformer.", "a T5 text encoder alone"),
        ("text_encoders.qwen3_4b.transformer.", "a language model"),
    ];
    let others = others.map(|(prefix, label)| with_prefix(prefix, &part(label).3));
    for (label, _, source, tensors) in examples.iter().filter(|example| example.1.is_some()) {
        // Some are published with a prefix of their own, which another then replaces.
        let bare: Vec<_> = tensors
            .iter()
            .map(|(name, shape)| (name.strip_prefix("net.").unwrap_or(name), shape.clone()))
            .collect();
        let mut whole = with_prefix("model.diffusion_model.", &bare);
        for other in &others {
            whole.tensors.extend(other.tensors.clone());
        }
        assert_eq!(found(&whole).map(|(label, _)| label), Some(*label), "{source}");
    }
}

const CONV: &str = "model.diffusion_model.input_blocks.0.0.weight";
const CROSS: &str = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
const D_CROSS: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";

#[rstest]
#[case::sd15(&[(CONV, [320, 4]), (CROSS, [320, 768])], Some((Layout::Original, "model.diffusion_model.")))]
#[case::bare(&[(&CONV[22..], [320, 4]), (&CROSS[22..], [320, 768])], Some((Layout::Original, "")))]
#[case::diffusers_unet(&[("conv_in.weight", [320, 4]), (D_CROSS, [320, 768])], Some((Layout::Diffusers, "")))]
#[case::controlled(&[(CONV, [320, 4]), (CROSS, [320, 768]), ("control_model.input_hint_block.0.weight", [16, 3])], Some((Layout::Original, "model.diffusion_model.")))]
#[case::controlnet(&[(&CONV[22..], [320, 4]), (&CROSS[22..], [320, 768]), ("input_hint_block.0.weight", [16, 3])], None)]
#[case::sd2(&[(CONV, [320, 4]), (CROSS, [320, 1024])], None)]
#[case::inpaint(&[(CONV, [320, 9]), (CROSS, [320, 768])], None)]
#[case::sdxl(&[(CONV, [320, 4]), ("model.diffusion_model.label_emb.0.0.weight", [1280, 2816])], None)]
#[case::transposed(&[(CONV, [4, 320]), (CROSS, [768, 320])], None)]
#[case::nothing(&[], None)]
fn stable_diffusion_1_is_told_from_its_neighbours(
    #[case] tensors: &[(&str, [u64; 2])],
    #[case] expected: Option<(Layout, &'static str)>,
) {
    let header = header(
        tensors
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.as_slice())),
    );
    let found = found(&header).filter(|(label, _)| *label == "Stable Diffusion 1.x");
    assert_eq!(found.and_then(|(_, denoiser)| denoiser), expected);
}

#[test]
fn a_tensor_without_the_axis_is_no_match() {
    let header = header([(CONV.to_owned(), &[][..]), (CROSS.to_owned(), &[][..])]);
    assert_eq!(found(&header), Some(("a Stable Diffusion relative", None)));
}

/// Folders of families that are not built are named before their parts are looked at: those may be of kinds that are not read,
/// or not be there.
#[test]
fn folders_of_other_families_are_named_by_their_pipeline() {
    let refusal = |index: &str, json: Value| {
        let files = BTreeMap::from([(index.to_owned(), json.to_string())]);
        Folder::read(&Memory(files)).unwrap_err().to_string()
    };
    let edit = json!({
        "_class_name": "QwenImageEditPlusPipeline",
        "processor": ["transformers", "Qwen2VLProcessor"],
        "transformer": ["diffusers", "QwenImageTransformer2DModel"],
    });
    insta::assert_snapshot!(refusal("model_index.json", edit), @"m is a model of Qwen-Image (QwenImageEditPlusPipeline), a family that is not built yet: Darkroom reads models of Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    let modular = json!({"_class_name": "Flux3DistilledModularPipeline", "transformer": [null, null, {}]});
    insta::assert_snapshot!(refusal("modular_model_index.json", modular), @"m is a model of FLUX.3 (Flux3DistilledModularPipeline), a family that is not built yet: Darkroom reads models of Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    insta::assert_snapshot!(refusal("modular_model_index.json", json!({"_class_name": "NobodysPipeline"})), @"There is no model_index.json in m: a diffusers model folder has one. Give the folder that holds it.");
    insta::assert_snapshot!(refusal("model_index.json", json!({"_class_name": "NobodysPipeline", "unet": ["diffusers", "X"]})), @"m: unet/config.json is missing, though model_index.json names that component. The download is incomplete: download it again.");
}
