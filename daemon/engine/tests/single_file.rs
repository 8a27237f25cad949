//! Models in one file under the original codes' names, with every tensor of a published one: gigabytes of holes, and a number of
//! its own at the start of each tensor. What is found there is what a diffusers folder has under its names.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use darkroom_engine::Cancel;
use darkroom_engine::model::Key;
use darkroom_engine::residency::Models;
use darkroom_engine::torch::Device;
use darkroom_protocol::{ModelSource, Quant};
use rstest::rstest;
use tch::Kind;

/// Lines of the list `name` in a folder of fixtures, each split at its first space.
fn list(folder: &str, name: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{folder}/{name}.txt.gz"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&std::fs::read(path).unwrap()[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect()
}

struct Tensor {
    component: &'static str,
    /// As the file has it.
    original: String,
    /// As the model asks for it.
    diffusers: String,
    shape: Vec<i64>,
    /// Which third of the file's rows it is, where three are one tensor there; -1 for a matrix that is turned there.
    third: Option<i64>,
    /// Its first number.
    first: f32,
}

/// A component in a file: its name, what stands before its keys, the folder of its names and shapes, and the folder and name of the
/// list of what the file calls them. A text encoder without one is called as in transformers.
type Part = (
    &'static str,
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

const VAE: Part = ("vae", "first_stage_model.", "sd15-keys", Some(("sd15-keys", "vae-ldm")));
const UNET: &str = "model.diffusion_model.";

const SD1: [Part; 3] = [
    ("text_encoder", "cond_stage_model.transformer.", "sd15-keys", None),
    ("unet", UNET, "sd15-keys", Some(("sd15-keys", "unet-ldm"))),
    VAE,
];
const SD2: [Part; 3] = [
    (
        "text_encoder",
        "cond_stage_model.model.",
        "sd2-keys",
        Some(("sd2-keys", "text_encoder-open_clip")),
    ),
    ("unet", UNET, "sd2-keys", Some(("sd2-keys", "unet-ldm"))),
    VAE,
];
const OPEN_CLIP: Option<(&str, &str)> = Some(("sdxl-keys", "text_encoder_2-open_clip"));
const REFINER: [Part; 3] = [
    (
        "text_encoder_2",
        "conditioner.embedders.0.model.",
        "sdxl-keys",
        OPEN_CLIP,
    ),
    (
        "unet",
        UNET,
        "sdxl-refiner-keys",
        Some(("sdxl-refiner-keys", "unet-ldm")),
    ),
    VAE,
];

/// SDXL with the UNet of that folder.
const fn sdxl(unet: &'static str) -> [Part; 4] {
    [
        (
            "text_encoder",
            "conditioner.embedders.0.transformer.",
            "sd15-keys",
            None,
        ),
        (
            "text_encoder_2",
            "conditioner.embedders.1.model.",
            "sdxl-keys",
            OPEN_CLIP,
        ),
        ("unet", UNET, unet, Some((unet, "unet-ldm"))),
        VAE,
    ]
}

/// Every tensor of a model of these parts.
fn tensors(parts: &[Part]) -> Vec<Tensor> {
    let mut all = Vec::new();
    for (component, prefix, folder, names) in parts {
        let shapes: BTreeMap<_, _> = list(folder, component).into_iter().collect();
        let pairs = match names {
            None => shapes.keys().map(|key| (key.clone(), key.clone())).collect(),
            Some((folder, name)) => list(folder, name),
        };
        for (original, rest) in pairs {
            let (diffusers, third) = match rest.split_once(' ') {
                None | Some((_, "-")) => (rest.split(' ').next().unwrap().to_owned(), None),
                Some((name, "t")) => (name.to_owned(), Some(-1)),
                Some((name, third)) => (name.to_owned(), Some(third.parse().unwrap())),
            };
            let shape = shapes[&diffusers].split(',').map(|n| n.parse().unwrap()).collect();
            // Whole numbers to 255 are exact in bf16.
            let first = (all.len() % 255 + 1) as f32;
            all.push(Tensor {
                component,
                original: format!("{prefix}{original}"),
                diffusers,
                shape,
                third,
                first,
            });
        }
    }
    all
}

/// Writes them into one file.
fn write(path: &Path, tensors: &[Tensor]) {
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    // Averages of the training are in many files; no layer reads them.
    let ema = ("model_ema.decay".to_owned(), vec![1]);
    let stored = tensors
        .iter()
        .filter(|tensor| tensor.third.unwrap_or_default() <= 0)
        .map(|tensor| {
            let mut shape = tensor.shape.clone();
            if tensor.original.contains(".attn_1.") && shape.len() == 2 {
                shape.extend([1, 1]);
            }
            if tensor.third == Some(0) {
                shape[0] *= 3;
            }
            (tensor.original.clone(), shape)
        });
    let mut places = BTreeMap::new();
    for (name, shape) in stored.chain([ema]) {
        let end = at + 2 * shape.iter().product::<i64>() as u64;
        places.insert(name.clone(), at);
        entries.insert(
            name,
            serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let mut json = serde_json::to_vec(&entries).unwrap();
    json.resize(json.len().next_multiple_of(8), b' ');
    let data = 8 + json.len() as u64;
    let file = std::fs::File::create(path).unwrap();
    file.write_all_at(&(json.len() as u64).to_le_bytes(), 0).unwrap();
    file.write_all_at(&json, 8).unwrap();
    file.set_len(data + at).unwrap();
    for tensor in tensors {
        let bits = (tensor.first.to_bits() >> 16) as u16;
        let third = tensor.third.unwrap_or_default().max(0) as u64;
        let before = third * 2 * tensor.shape.iter().product::<i64>() as u64;
        let place = data + places[&tensor.original] + before;
        file.write_all_at(&bits.to_le_bytes(), place).unwrap();
    }
}

/// The model in a file of these tensors.
fn key(path: &Path) -> Key {
    Key {
        source: ModelSource::File(path.to_str().unwrap().to_owned()),
        parts: Vec::new(),
        name: "dream".to_owned(),
        device: Device::Cpu,
        kind: Kind::BFloat16,
        quant: Quant::None,
    }
}

/// Opens the model in a file of these tensors, and finds each of them, in place unless it is turned.
fn are_found(path: &Path, tensors: &[Tensor], components: &[&str]) {
    let blueprint = darkroom_engine::families::open(&key(path)).unwrap();
    let names: Vec<_> = blueprint.components().iter().map(|component| component.name).collect();
    assert_eq!(names, components);
    for component in blueprint.components() {
        let weights = blueprint.weights(component, &Cancel::new()).unwrap();
        for tensor in tensors.iter().filter(|t| t.component == component.name) {
            let found = weights.get(&tensor.diffusers, &tensor.shape).unwrap();
            let first = found.view(-1).narrow(0, 0, 1).to_kind(Kind::Float).double_value(&[0]) as f32;
            assert_eq!(first, tensor.first, "{}", tensor.original);
            let again = weights.get(&tensor.diffusers, &tensor.shape).unwrap();
            let turned = tensor.third == Some(-1);
            assert_eq!(found.data_ptr() == again.data_ptr(), !turned, "{}", tensor.original);
        }
    }
}

#[rstest]
#[case::stable_diffusion_2(&SD2, 1306)]
#[case::sdxl(&sdxl("sdxl-keys"), 2641)]
#[case::refiner(&REFINER, 1985)]
#[case::ssd_1b(&sdxl("ssd1b-keys"), 1905)]
#[case::vega(&sdxl("vega-keys"), 1525)]
#[case::koala_1b(&sdxl("koala-1b-keys"), 1751)]
#[case::koala_700m(&sdxl("koala-700m-keys"), 1545)]
fn every_tensor_of_the_kin_is_found_in_place(#[case] parts: &[Part], #[case] count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dream.safetensors");
    let tensors = tensors(parts);
    assert_eq!(tensors.len(), count);
    write(&path, &tensors);
    let names: Vec<_> = parts.iter().map(|part| part.0).collect();
    are_found(&path, &tensors, &names);
    // And the layers ask for no other.
    let mut models = Models::new(u64::MAX);
    models.load(&key(&path), &Cancel::new(), &mut |_, _| {}).unwrap();
}

/// The same as torch.save writes a training's checkpoint: an archive with an entry a tensor, and the pickle that names them.
fn write_checkpoint(path: &Path, tensors: &[Tensor]) {
    let file = std::fs::File::create(path).unwrap();
    let (mut at, mut directory) = (0u64, Vec::new());
    let mut pickle = b"\x80\x02}X\x0a\0\0\0state_dict}(".to_vec();
    let text = |pickle: &mut Vec<u8>, text: &str| {
        pickle.extend([b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
    };
    let numbers = |pickle: &mut Vec<u8>, numbers: &[i64]| {
        pickle.push(b'(');
        for number in numbers {
            pickle.extend([b"J".as_slice(), &(*number as i32).to_le_bytes()].concat());
        }
        pickle.push(b't');
    };
    // The headers of an entry of so many bytes, aligned as torch aligns what follows; where its bytes begin.
    let mut entry = |name: &str, bytes: u64| {
        let pad = (64 - (at + 30 + name.len() as u64) % 64) % 64;
        let sizes = [[0; 4], (bytes as u32).to_le_bytes(), (bytes as u32).to_le_bytes()].concat();
        let lengths = [(name.len() as u16).to_le_bytes(), (pad as u16).to_le_bytes()].concat();
        let local = [
            b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0".as_slice(),
            &sizes,
            &lengths,
            name.as_bytes(),
        ]
        .concat();
        file.write_all_at(&local, at).unwrap();
        let begin = at + 30 + name.len() as u64 + pad;
        let named = (name.len() as u16).to_le_bytes();
        let place = (at as u32).to_le_bytes();
        let rest = [
            b"PK\x01\x02".as_slice(),
            &[0; 12],
            &sizes,
            &named,
            &[0; 12],
            &place,
            name.as_bytes(),
        ];
        directory.extend(rest.concat());
        at = begin + bytes;
        begin
    };
    for (key, tensor) in tensors.iter().enumerate() {
        let count: i64 = tensor.shape.iter().product();
        text(&mut pickle, &tensor.original);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nBFloat16Storage\n");
        text(&mut pickle, &key.to_string());
        text(&mut pickle, "cpu");
        pickle.extend([b"J".as_slice(), &(count as i32).to_le_bytes(), b"tQK\x00"].concat());
        let strides = (1..=tensor.shape.len()).map(|at| tensor.shape[at..].iter().product());
        numbers(&mut pickle, &tensor.shape);
        numbers(&mut pickle, &strides.collect::<Vec<i64>>());
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        let begin = entry(&format!("archive/data/{key}"), 2 * count as u64);
        let bits = (tensor.first.to_bits() >> 16) as u16;
        file.write_all_at(&bits.to_le_bytes(), begin).unwrap();
    }
    pickle.extend(b"us.");
    let begin = entry("archive/data.pkl", pickle.len() as u64);
    file.write_all_at(&pickle, begin).unwrap();
    let counts = [(tensors.len() as u16 + 1).to_le_bytes(); 2].concat();
    let sizes = [(directory.len() as u32).to_le_bytes(), (at as u32).to_le_bytes()].concat();
    let end = [&directory, b"PK\x05\x06\0\0\0\0".as_slice(), &counts, &sizes, &[0, 0]].concat();
    file.write_all_at(&end, at).unwrap();
}

#[test]
fn every_tensor_is_found_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dream.safetensors");
    let key = found_in_place(&path, write);
    let mut models = Models::new(u64::MAX);
    let model = models.load(&key, &Cancel::new(), &mut |_, _| {}).unwrap();
    assert_eq!(model.family().latents().kind.factor, 8);
    assert!(model.is_current());
    let longer = path.metadata().unwrap().len() + 1;
    std::fs::File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .set_len(longer)
        .unwrap();
    assert!(!model.is_current());
}

#[test]
fn those_of_a_checkpoint_are_found_where_it_has_them() {
    let dir = tempfile::tempdir().unwrap();
    found_in_place(&dir.path().join("dream.ckpt"), write_checkpoint);
}

/// Writes every tensor and finds each again, without a copy; the key of the model that they are.
fn found_in_place(path: &Path, write: fn(&Path, &[Tensor])) -> Key {
    let tensors = tensors(&SD1);
    assert_eq!(tensors.len(), 1130);
    write(path, &tensors);
    are_found(path, &tensors, &["text_encoder", "unet", "vae"]);
    key(path)
}
