//! Tests of `store.rs`, over small safetensors files that they write: values in each kind, copies or the file itself, shards,
//! pieces, odd and damaged files, cancels. Whether two files are the same is tested in `same.rs`, a whole single file in the
//! crate's `tests/single_file.rs`.

use std::path::Path;

use darkroom_protocol::ModelSource;
use safetensors::tensor::{Dtype, TensorView};

use super::super::pieces::Rows;
use super::*;

/// A folder with `unet/w.safetensors`: a (f32 [2, 2]), b (bf16 [2]), n (i64 [1]), odd (f16 [1]).
fn folder(dir: &Path) -> Source {
    let floats: Vec<u8> = [1.0f32, -2.0, 0.5, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let halves: Vec<u8> = [1.0f32, -2.5]
        .iter()
        .flat_map(|x| half::bf16::from_f32(*x).to_le_bytes())
        .collect();
    let (number, odd) = (7i64.to_le_bytes(), half::f16::from_f32(0.25).to_le_bytes());
    let tensors = [
        ("x.a", TensorView::new(Dtype::F32, vec![2, 2], &floats).unwrap()),
        ("x.b", TensorView::new(Dtype::BF16, vec![2], &halves).unwrap()),
        ("x.n", TensorView::new(Dtype::I64, vec![1], &number).unwrap()),
        ("odd", TensorView::new(Dtype::F16, vec![1], &odd).unwrap()),
    ];
    std::fs::create_dir_all(dir.join("unet")).unwrap();
    std::fs::write(
        dir.join("unet/w.safetensors"),
        safetensors::serialize(tensors, None).unwrap(),
    )
    .unwrap();
    Source::open(&ModelSource::Folder(dir.display().to_string())).unwrap()
}

fn open(dir: &Path, kind: Option<Kind>) -> Weights {
    Weights::open(
        "unet",
        &folder(dir),
        &["unet/w.safetensors".to_owned()],
        Device::Cpu,
        kind,
        Cancel::new(),
    )
    .unwrap()
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).flatten(0, -1)).unwrap()
}

#[test]
fn values_are_those_of_the_file_in_any_kind() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [None, Some(Kind::Float), Some(Kind::BFloat16), Some(Kind::Half)] {
        let weights = open(dir.path(), kind);
        let a = weights.pp("x").get("a", &[2, 2]).unwrap();
        assert_eq!(floats(&a), [1.0, -2.0, 0.5, 3.0]);
        assert_eq!(a.kind(), kind.unwrap_or(Kind::Float));
        assert_eq!(floats(&weights.get("x.b", &[2]).unwrap()), [1.0, -2.5]);
        assert_eq!(weights.get("x.n", &[1]).unwrap().kind(), Kind::Int64);
        assert_eq!(floats(&weights.get("odd", &[1]).unwrap()), [0.25]);
    }
}

#[test]
fn the_same_kind_on_the_cpu_is_the_file_itself() {
    let dir = tempfile::tempdir().unwrap();
    let weights = open(dir.path(), None);
    let (first, second) = (
        weights.get("x.a", &[2, 2]).unwrap(),
        weights.get("x.a", &[2, 2]).unwrap(),
    );
    assert_eq!(first.data_ptr(), second.data_ptr());
    assert_ne!(first.data_ptr(), weights.get("x.b", &[2]).unwrap().data_ptr());
    assert_eq!(weights.loaded_bytes(), 16 + 16 + 4);
}

/// A file as the format allows it and no library writes it: the floats start at odd bytes.
fn odd_file(dir: &Path) -> Source {
    let header = r#"{"e5":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]},
        "f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"e4":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[9,11]},
        "u":{"dtype":"U16","shape":[1],"data_offsets":[11,13]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.push(0x3c);
    file.extend([1.5f32, -0.25].iter().flat_map(|x| x.to_le_bytes()));
    file.extend([0x38, 0xc4, 1, 0]);
    std::fs::write(dir.join("odd.safetensors"), file).unwrap();
    Source::open(&ModelSource::Folder(dir.display().to_string())).unwrap()
}

#[test]
fn unaligned_floats_and_8_bit_floats_keep_their_values() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["odd.safetensors".to_owned()];
    for kind in [Kind::Float, Kind::BFloat16] {
        let weights = Weights::open(
            "unet",
            &odd_file(dir.path()),
            &names,
            Device::Cpu,
            Some(kind),
            Cancel::new(),
        )
        .unwrap();
        let get = |name, len| {
            let tensor = weights.get(name, &[len]).unwrap();
            assert_eq!(tensor.kind(), kind);
            floats(&tensor)
        };
        assert_eq!(get("f", 2), [1.5, -0.25]);
        assert_eq!(get("e4", 2), [1.0, -3.0]);
        assert_eq!(get("e5", 1), [1.0]);
        let message = weights.get("u", &[1]).unwrap_err().to_string();
        assert_eq!(
            message,
            "Tensor u is stored as U16, which is not read: use the model in f16, bf16 or f32."
        );
    }
}

#[test]
fn shards_make_one_component_and_share_no_tensor() {
    let dir = tempfile::tempdir().unwrap();
    let (source, _) = (folder(dir.path()), odd_file(dir.path()));
    let mut names = vec!["unet/w.safetensors".to_owned(), "odd.safetensors".to_owned()];
    let open = |names: &[String]| Weights::open("unet", &source, names, Device::Cpu, None, Cancel::new());
    let weights = open(&names).unwrap();
    assert_eq!(floats(&weights.get("odd", &[1]).unwrap()), [0.25]);
    assert_eq!(floats(&weights.get("f", &[2]).unwrap()), [1.5, -0.25]);
    names.push("odd.safetensors".to_owned());
    let message = open(&names).unwrap_err().to_string();
    assert!(
        message.ends_with("tensor e4 is in odd.safetensors too: the shards are not of one model; download them again."),
        "{message}"
    );
}

/// So that a layer converts a weight when it gives it its form, not before.
#[test]
fn a_weight_is_converted_late_but_where_it_is_used_as_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let weights = open(dir.path(), Some(Kind::BFloat16));
    let file = open(dir.path(), None).get("x.a", &[2, 2]).unwrap();
    let Stored { tensor: late, kind, .. } = weights.weight("x.a", &[2, 2]).unwrap();
    assert_eq!((late.kind(), kind), (Kind::Float, Kind::BFloat16));
    assert!(late.equal(&file));
    let Stored {
        tensor: at_once, kind, ..
    } = weights.in_place().pp("x").weight("a", &[2, 2]).unwrap();
    assert_eq!((at_once.kind(), kind), (Kind::BFloat16, Kind::BFloat16));
}

#[test]
fn a_tensor_outlives_its_weights_and_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let tensor = open(dir.path(), None).get("x.a", &[2, 2]).unwrap();
    std::fs::remove_file(dir.path().join("unet/w.safetensors")).unwrap();
    assert_eq!(floats(&tensor), [1.0, -2.0, 0.5, 3.0]);
}

#[test]
fn meta_weights_have_shapes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["unet/w.safetensors".to_owned()];
    let kind = Some(Kind::Half);
    let weights = Weights::open("unet", &folder(dir.path()), &names, Device::Meta, kind, Cancel::new()).unwrap();
    let tensor = weights.get("x.a", &[2, 2]).unwrap();
    assert_eq!(
        (torch::device_of(&tensor).unwrap(), tensor.size()),
        (Device::Meta, vec![2, 2])
    );
}

#[test]
fn complaints_name_component_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let weights = open(dir.path(), None).pp("x");
    let message = weights.get("c", &[2]).unwrap_err().to_string();
    assert_eq!(
        message,
        "unet: tensor x.c is missing: the file is incomplete or of another model; fetch it again."
    );
    let message = weights.get("a", &[4]).unwrap_err().to_string();
    assert!(
        message.starts_with("unet: tensor x.a is [2, 2], the config asks for [4]"),
        "{message}"
    );
    assert!(weights.contains("a") && !weights.contains("c"));
}

#[test]
fn a_raised_flag_ends_loading() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    let weights = Weights::open(
        "unet",
        &folder(dir.path()),
        &["unet/w.safetensors".to_owned()],
        Device::Cpu,
        None,
        cancel.clone(),
    )
    .unwrap();
    assert!(weights.get("odd", &[1]).is_ok());
    cancel.raise();
    assert!(matches!(weights.get("odd", &[1]), Err(Error::Cancelled)));
}

#[test]
fn a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let source = folder(dir.path());
    for bytes in [
        &b""[..],
        b"1234567",
        b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
        b"\x02\0\0\0\0\0\0\0[]",
    ] {
        std::fs::write(dir.path().join("unet/w.safetensors"), bytes).unwrap();
        let opened = Weights::open(
            "unet",
            &source,
            &["unet/w.safetensors".to_owned()],
            Device::Cpu,
            None,
            Cancel::new(),
        );
        assert!(opened.unwrap_err().to_string().contains("unet/w.safetensors: "));
    }
}

#[test]
fn a_recorder_lists_what_was_asked() {
    let weights = Weights::recorder("vae");
    drop(weights.pp("b").get("w", &[3, 1]).unwrap());
    drop(weights.get("a", &[2]).unwrap());
    assert_eq!(
        weights.asked(),
        [("a".to_owned(), vec![2]), ("b.w".to_owned(), vec![3, 1])]
    );
}

#[cfg(feature = "embedded-model")]
#[test]
fn the_embedded_model_opens_in_place() {
    let source = Source::open(&ModelSource::Embedded("emoji".into())).unwrap();
    let file = "unet/diffusion_pytorch_model.safetensors".to_owned();
    let weights = Weights::open("unet", &source, &[file], Device::Cpu, None, Cancel::new()).unwrap();
    let conv = weights.pp("conv_in").get("weight", &[64, 4, 3, 3]).unwrap();
    assert_eq!(conv.kind(), Kind::Half);
    assert_eq!(
        conv.data_ptr(),
        weights.get("conv_in.weight", &[64, 4, 3, 3]).unwrap().data_ptr()
    );
}

/// The file's tensors as `pieces` has them for the layers.
fn pieced(dir: &Path, pieces: &dyn Fn(&str) -> Vec<Piece>) -> Result<Weights> {
    let files = TensorFiles::open(&folder(dir), &["unet/w.safetensors".to_owned()], &|_, key| pieces(key))?;
    Ok(Weights::of(
        "unet",
        Origin::Files(files),
        Device::Cpu,
        None,
        Cancel::new(),
    ))
}

#[test]
fn tensors_are_cut_turned_and_put_together() {
    let dir = tempfile::tempdir().unwrap();
    let weights = pieced(dir.path(), &|key| match key {
        "x.a" => vec![
            Piece::whole("q").rows(Rows::Part(0, 2)),
            Piece::whole("k").rows(Rows::Range(1..2)),
            Piece::whole("turned").turned(),
            Piece::whole("both").placed(0, 2),
            Piece::whole("both").turned().placed(1, 2),
        ],
        _ => vec![],
    })
    .unwrap();
    let get = |name: &str, rows: i64| weights.get(name, &[rows, 2]).unwrap();
    let (q, k) = (get("q", 1), get("k", 1));
    assert_eq!((floats(&q), floats(&k)), (vec![1.0, -2.0], vec![0.5, 3.0]));
    assert_eq!(
        q.data_ptr().addr() + 8,
        k.data_ptr().addr(),
        "both are the file's own memory"
    );
    assert_eq!(floats(&get("turned", 2)), [1.0, 0.5, -2.0, 3.0]);
    assert_eq!(floats(&get("both", 4)), [1.0, -2.0, 0.5, 3.0, 1.0, 0.5, -2.0, 3.0]);
    assert_eq!(weights.bytes(), 8 + 8 + 16 + 32);
    let shape = weights.get("q", &[2, 2]).unwrap_err().to_string();
    assert!(shape.contains("q (x.a in its file)"), "{shape}");
}

#[test]
fn parts_that_do_not_fit_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let one = |piece: Piece| move |key: &str| if key == "x.a" { vec![piece.clone()] } else { vec![] };
    let half = pieced(dir.path(), &one(Piece::whole("both").placed(0, 2))).unwrap();
    assert!(!half.contains("both"), "the other half is missing");
    for piece in [
        Piece::whole("q").rows(Rows::Part(0, 3)),
        Piece::whole("q").rows(Rows::Range(1..3)),
    ] {
        let error = pieced(dir.path(), &one(piece)).unwrap_err().to_string();
        assert!(
            error.contains("tensor x.a is [2, 2], from which q cannot be made"),
            "{error}"
        );
    }
    let error = pieced(dir.path(), &|_| vec![Piece::whole("same")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("not of one model"), "{error}");
}

/// ComfyUI's `scaled_fp8`: a factor beside each tensor of 8-bit floats, under either of its names.
#[test]
fn eight_bit_floats_may_have_a_factor() {
    let dir = tempfile::tempdir().unwrap();
    // 1.5 and -2 as e4m3, 1.5 and -2 as e5m2.
    let (e4, e5) = ([0x3c, 0xc0], [0x3e, 0xc0]);
    let number = |value: f32| value.to_le_bytes();
    let (half, three, many) = (number(0.5), number(3.0), [number(1.0), number(2.0)].concat());
    let view = |dtype, shape: &[usize], data| TensorView::new(dtype, shape.to_vec(), data).unwrap();
    let tensors = [
        ("scaled_fp8", view(Dtype::F8_E4M3, &[0], &[])),
        ("a.weight", view(Dtype::F8_E4M3, &[2, 1], &e4)),
        ("a.scale_weight", view(Dtype::F32, &[], &half)),
        ("b.weight", view(Dtype::F8_E5M2, &[2, 1], &e5)),
        ("b.weight_scale", view(Dtype::F32, &[1], &three)),
        ("c.weight", view(Dtype::F8_E4M3, &[2, 1], &e4)),
        ("d.weight", view(Dtype::F8_E4M3, &[2, 1], &e4)),
        ("d.scale_weight", view(Dtype::F32, &[2], &many)),
        // A factor beside other floats is none.
        ("e.weight", view(Dtype::F32, &[1, 1], &three)),
        ("e.scale_weight", view(Dtype::F32, &[], &half)),
    ];
    let bytes = safetensors::serialize(tensors, None).unwrap();
    std::fs::write(dir.path().join("w.safetensors"), bytes).unwrap();
    let source = Source::open(&ModelSource::Folder(dir.path().display().to_string())).unwrap();
    let files = ["w.safetensors".to_owned()];
    for kind in [Kind::Float, Kind::BFloat16] {
        let weights = Weights::open("unet", &source, &files, Device::Cpu, Some(kind), Cancel::new()).unwrap();
        let get = |name: &str, rows| weights.get(&format!("{name}.weight"), &[rows, 1]);
        for (name, expected) in [("a", [0.75, -1.0]), ("b", [4.5, -6.0]), ("c", [1.5, -2.0])] {
            let found = get(name, 2).unwrap();
            assert_eq!((floats(&found), found.kind()), (expected.to_vec(), kind), "{name}");
        }
        assert_eq!(floats(&get("e", 1).unwrap()), [3.0]);
        let error = get("d", 2).unwrap_err().to_string();
        assert!(error.contains("d.scale_weight has [2] factors"), "{error}");
    }
}

/// PyTorch's own files are read as safetensors files are, and each tensor is the same to the last bit.
#[test]
fn pytorchs_files_hold_the_same() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../protocol/formats/tests/fixtures/pickle"
    );
    let source = Source::open(&ModelSource::Folder(folder.to_owned())).unwrap();
    let open = |name: &str| Weights::open("unet", &source, &[name.to_owned()], Device::Cpu, None, Cancel::new());
    let plain = open("plain.safetensors").unwrap();
    for file in ["plain.ckpt", "legacy.ckpt", "trained.ckpt", "trained-legacy.ckpt"] {
        let found = open(file).unwrap();
        assert_eq!(found.shapes(), plain.shapes(), "{file}");
        assert!(plain.is_same_as(&found, &Cancel::new()).unwrap(), "{file}");
        assert_eq!(
            floats(&found.get("model.weight", &[3, 2, 2]).unwrap()),
            floats(&plain.get("model.weight", &[3, 2, 2]).unwrap())
        );
    }
    let told = open("strided.pt").unwrap_err().to_string();
    assert!(told.contains("strided.pt") && told.contains("'turned'"), "{told}");
}
