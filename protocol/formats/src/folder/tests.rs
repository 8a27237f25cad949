//! Stable Diffusion 1.5 as it is published, in memory, and what is read of it when files are added, missing or damaged: which
//! weights count, what the person is told, what is refused. A folder on disk and one in the program are compared. The card that
//! is made of a folder is tested in `card/tests.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{Error, Result};

/// A model in memory, as long as a test wants to bend it.
#[derive(Clone)]
struct Model(BTreeMap<String, Vec<u8>>);

impl Files for Model {
    fn place(&self) -> String {
        "the model".to_owned()
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.0.get(name).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        let bytes = self.0[name].clone();
        if bytes.len() as u64 > cap {
            Err(Error::TooLong {
                file: name.to_owned(),
                cap,
            })
        } else {
            Ok(bytes)
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let inside = |name: &String| name.strip_prefix(&format!("{folder}/")).map(str::to_owned);
        Ok(self.0.keys().filter_map(inside).collect())
    }
}

impl Model {
    fn with(mut self, name: &str, text: impl ToString) -> Self {
        self.0.insert(name.to_owned(), text.to_string().into_bytes());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.remove(name).unwrap();
        self
    }

    fn error(&self) -> String {
        Folder::read(self).unwrap_err().to_string()
    }
}

/// A folder laid out as Stable Diffusion 1.5 is published, everything that is beside the weights included.
fn published() -> Model {
    let index = json!({
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "image_encoder": [null, null],
        "requires_safety_checker": true,
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    let mut model = Model(BTreeMap::new())
        .with("model_index.json", index)
        .with("scheduler/scheduler_config.json", r#"{"_class_name":"PNDMScheduler"}"#)
        .with("tokenizer/vocab.json", "{}")
        .with("tokenizer/merges.txt", "");
    for (folder, stem) in [
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ] {
        model = model.with(&format!("{folder}/config.json"), r#"{"sample_size":64}"#);
        for end in [".safetensors", ".fp16.safetensors", ".non_ema.safetensors", ".bin"] {
            model = model.with(&format!("{folder}/{stem}{end}"), folder);
        }
    }
    model
}

#[test]
fn a_published_folder_reads() {
    let folder = Folder::read(&published()).unwrap();
    assert_eq!(folder.class, "StableDiffusionPipeline");
    assert_eq!(
        folder.components.keys().collect::<Vec<_>>(),
        ["text_encoder", "unet", "vae"]
    );
    assert_eq!(
        folder.component("unet").unwrap().weights,
        ["unet/diffusion_pytorch_model.safetensors"]
    );
    assert_eq!(folder.component("unet").unwrap().config["sample_size"], 64);
    assert_eq!(
        folder.component("text_encoder").unwrap().weights,
        ["text_encoder/model.safetensors"]
    );
    assert_eq!(folder.component("vae").unwrap().variant, None);
    assert_eq!(folder.scheduler.class, "PNDMScheduler");
    assert_eq!(
        folder.bytes(),
        ("text_encoder".len() + "unet".len() + "vae".len()) as u64
    );
    let bpe = TokenizerFiles::Bpe {
        vocab: "tokenizer/vocab.json".into(),
        merges: "tokenizer/merges.txt".into(),
    };
    assert_eq!(folder.tokenizers["tokenizer"], bpe);
}

#[test]
fn a_twin_in_half_precision_is_taken_where_it_is_all_there_is() {
    let model = published().without("unet/diffusion_pytorch_model.safetensors");
    let unet = Folder::read(&model).unwrap().component("unet").unwrap().clone();
    assert_eq!(unet.weights, ["unet/diffusion_pytorch_model.fp16.safetensors"]);
    assert_eq!(unet.variant.as_deref(), Some("fp16"));
}

#[rstest]
#[case("diffusion_pytorch_model.safetensors.index.json", None)]
#[case("diffusion_pytorch_model.safetensors.index.fp16.json", Some("fp16"))]
#[case("diffusion_pytorch_model.safetensors.fp16.index.json", Some("fp16"))]
#[case("diffusion_pytorch_model.fp16.safetensors.index.json", Some("fp16"))]
#[case("diffusion_pytorch_model.safetensors.index.fp8_e4m3.json", Some("fp8_e4m3"))]
#[case("model.safetensors.index.json", None)]
#[case("model.safetensors.index.bf16.json", Some("bf16"))]
fn shards_are_found_by_their_index(#[case] index: &str, #[case] variant: Option<&str>) {
    let map = json!({"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}});
    let mut model = published();
    for end in [".safetensors", ".fp16.safetensors", ".non_ema.safetensors"] {
        model = model.without(&format!("unet/diffusion_pytorch_model{end}"));
    }
    let model = model
        .with(&format!("unet/{index}"), map)
        .with("unet/m-1.safetensors", "12")
        .with("unet/m-2.safetensors", "345");
    let unet = Folder::read(&model).unwrap().component("unet").unwrap().clone();
    assert_eq!(unet.weights, ["unet/m-1.safetensors", "unet/m-2.safetensors"]);
    assert_eq!((unet.variant.as_deref(), unet.bytes), (variant, 5));
    let mut files = ["config.json", "diffusion_pytorch_model.bin", index, "m-1.safetensors"];
    files.sort_unstable();
    let files = files.join(", ");
    assert_eq!(
        model.without("unet/m-2.safetensors").error(),
        format!(
            "the model: unet/{index} names m-2.safetensors, which is not beside it: there are {files}. The download is \
             incomplete: download it again."
        )
    );
}

/// `model` with an index of one shard, and the shard.
fn with_shards(model: Model, index: &str) -> Model {
    let (folder, _) = index.split_once('/').unwrap();
    let map = json!({"weight_map": {"a": "part.safetensors"}});
    model.with(index, map).with(&format!("{folder}/part.safetensors"), "1")
}

#[test]
fn of_two_sets_a_library_loads_its_own_first_and_that_is_said() {
    let model = with_shards(published(), "unet/diffusion_pytorch_model.safetensors.index.json");
    let model = with_shards(model, "text_encoder/model.safetensors.index.json");
    let folder = Folder::read(&model).unwrap();
    let (unet, text) = (
        folder.component("unet").unwrap(),
        folder.component("text_encoder").unwrap(),
    );
    assert_eq!(unet.weights, ["unet/part.safetensors"]);
    assert_eq!(text.weights, ["text_encoder/model.safetensors"]);
    insta::assert_snapshot!(unet.notice.as_ref().unwrap(), @"unet/ holds two sets of weights, diffusion_pytorch_model.safetensors.index.json and diffusion_pytorch_model.safetensors: using diffusion_pytorch_model.safetensors.index.json, as diffusers does.");
    insta::assert_snapshot!(text.notice.as_ref().unwrap(), @"text_encoder/ holds two sets of weights, model.safetensors and model.safetensors.index.json: using model.safetensors, as transformers does.");
    assert_eq!(folder.component("vae").unwrap().notice, None);
}

#[rstest]
#[case(&["fp16.safetensors", "fp32.safetensors"], "fp32.safetensors", Some("fp32"))]
#[case(&["non_ema.safetensors", "ema.safetensors"], "ema.safetensors", Some("ema"))]
#[case(&["non_ema.safetensors", "zz.safetensors", "fp16.safetensors"], "fp16.safetensors", Some("fp16"))]
#[case(&["non_ema.safetensors"], "non_ema.safetensors", Some("non_ema"))]
#[case(&["bf16.safetensors"], "bf16.safetensors", None)]
#[case(&["fp16.safetensors", "fp16-00001-of-00002.safetensors"], "fp16.safetensors", None)]
fn a_variant_is_taken_where_there_is_nothing_plain(
    #[case] there: &[&str],
    #[case] taken: &str,
    #[case] said: Option<&str>,
) {
    let mut model = published().without("unet/diffusion_pytorch_model.bin");
    for end in ["", ".fp16", ".non_ema"] {
        model = model.without(&format!("unet/diffusion_pytorch_model{end}.safetensors"));
    }
    for name in there {
        model = model.with(&format!("unet/diffusion_pytorch_model.{name}"), "1");
    }
    let unet = Folder::read(&model).unwrap().component("unet").unwrap().clone();
    assert_eq!(unet.weights, [format!("unet/diffusion_pytorch_model.{taken}")]);
    let notice = unet.notice.unwrap_or_default();
    assert!(
        notice.ends_with(&said.map_or(String::new(), |v| format!("using {v}."))),
        "{notice}"
    );
    assert_eq!(notice.is_empty(), said.is_none());
    let with_bin = model.with("unet/diffusion_pytorch_model.bin", "1");
    let unet = Folder::read(&with_bin).unwrap().component("unet").unwrap().clone();
    assert_eq!(
        unet.notice.unwrap_or_default(),
        format!(
            "unet/ has its plain weights in diffusion_pytorch_model.bin, a file of PyTorch: using diffusion_pytorch_model.{taken}."
        )
    );
}

/// As `from_pretrained` has it: PyTorch's own files count where there is no safetensors file.
#[rstest]
#[case("unet", &["diffusion_pytorch_model.bin"], "diffusion_pytorch_model.bin")]
#[case("unet", &["diffusion_pytorch_model.fp16.bin", "diffusion_pytorch_model.bin"], "diffusion_pytorch_model.bin")]
#[case("text_encoder", &["pytorch_model.bin", "flax_model.msgpack"], "pytorch_model.bin")]
#[case("text_encoder", &["pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"], "pytorch_model-00001-of-00001.bin")]
fn files_of_pytorch_count_where_there_is_nothing_else(
    #[case] component: &str,
    #[case] there: &[&str],
    #[case] taken: &str,
) {
    let mut model = published();
    let stem = if component == "unet" {
        "diffusion_pytorch_model"
    } else {
        "model"
    };
    for end in [".safetensors", ".fp16.safetensors", ".non_ema.safetensors", ".bin"] {
        model = model.without(&format!("{component}/{stem}{end}"));
    }
    for name in there {
        let content = match name.ends_with(".json") {
            true => r#"{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}"#,
            false => "1",
        };
        model = model.with(&format!("{component}/{name}"), content);
    }
    let found = Folder::read(&model).unwrap().component(component).unwrap().clone();
    assert_eq!(found.weights, [format!("{component}/{taken}")]);
    let notice = found.notice.unwrap();
    assert!(
        notice.starts_with(&format!("{component}/ has no .safetensors: of ")),
        "{notice}"
    );
    let with = model.with(&format!("{component}/{stem}.safetensors"), "1");
    let found = Folder::read(&with).unwrap().component(component).unwrap().clone();
    assert_eq!(
        (found.weights, found.notice),
        (vec![format!("{component}/{stem}.safetensors")], None)
    );
}

#[test]
fn a_config_may_name_its_weights() {
    let model = published()
        .with(
            "text_encoder/config.json",
            r#"{"transformers_weights": "own.safetensors"}"#,
        )
        .with("text_encoder/own.safetensors", "123");
    let text = Folder::read(&model).unwrap().component("text_encoder").unwrap().clone();
    assert_eq!(text.weights, ["text_encoder/own.safetensors"]);
    assert!(
        model
            .without("text_encoder/own.safetensors")
            .error()
            .contains("there are no weights in text_encoder/")
    );
}

#[test]
fn a_shard_index_cannot_leave_its_folder() {
    let model = published().without("unet/diffusion_pytorch_model.safetensors").with(
        "unet/diffusion_pytorch_model.safetensors.index.json",
        r#"{"weight_map":{"a":"../../secret.safetensors"}}"#,
    );
    insta::assert_snapshot!(model.error(), @"the model: unet/diffusion_pytorch_model.safetensors.index.json: the shard index sends tensor 'a' to '../../secret.safetensors'. A shard is a .safetensors or .bin file beside its index, without a folder: the file is damaged or hostile.");
}

#[test]
fn a_tokenizer_may_be_one_file_or_absent() {
    let model = published().without("tokenizer/merges.txt");
    assert_eq!(
        Folder::read(&model).unwrap().tokenizers["tokenizer"],
        TokenizerFiles::None
    );
    let model = model.with("tokenizer/tokenizer.json", "{}");
    let json = TokenizerFiles::Json("tokenizer/tokenizer.json".into());
    assert_eq!(Folder::read(&model).unwrap().tokenizers["tokenizer"], json);
}

#[test]
fn components_that_are_null_are_not_there() {
    let index =
        json!({"_class_name": "X", "unet": [null, null], "scheduler": ["diffusers", null], "force_zeros": true});
    let model = published().with("model_index.json", index);
    let folder = Folder::read(&model).unwrap();
    assert!(folder.components.is_empty());
    insta::assert_snapshot!(folder.component("unet").unwrap_err(), @"the model: model_index.json names no 'unet'. This model is incomplete, or of a family that Darkroom does not know.");
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    insta::assert_snapshot!(published().without("model_index.json").error(),
        @"There is no model_index.json in the model: a diffusers model folder has one. Give the folder that holds it.");
    insta::assert_snapshot!(published().without("vae/config.json").error(),
        @"the model: vae/config.json is missing, though model_index.json names that component. The download is incomplete: download it again.");
    let no_unet = published()
        .without("unet/diffusion_pytorch_model.safetensors")
        .without("unet/diffusion_pytorch_model.non_ema.safetensors")
        .without("unet/diffusion_pytorch_model.fp16.safetensors")
        .without("unet/diffusion_pytorch_model.bin");
    insta::assert_snapshot!(no_unet.error(),
        @"the model: there are no weights in unet/ (diffusion_pytorch_model.safetensors or its .index.json): it has config.json. The download is incomplete: download it again.");
    let foreign = no_unet.with("unet/model.ckpt", "1");
    insta::assert_snapshot!(foreign.error(), @"the model: unet/ has no .safetensors, only model.ckpt. Such files can run code when they are read, so Darkroom does not. Download the model's .safetensors files, or save it again with diffusers (save_pretrained).");
}

#[rstest]
#[case("nonsense", "model_index.json: expected ident")]
#[case("[]", "model_index.json: it is not an object")]
#[case("{}", "it has no _class_name")]
#[case(r#"{"_class_name":"X","../up":["diffusers","Y"]}"#, "'../up' is no component's name")]
#[case(
    r#"{"_class_name":"X","\u001b[2J":["diffusers","Y"]}"#,
    "'\\u{1b}[2J' is no component's name"
)]
fn a_damaged_index_is_refused(#[case] index: &str, #[case] message: &str) {
    let text = published().with("model_index.json", index).error();
    assert!(text.contains(message), "{text}");
}

#[test]
fn a_configuration_of_two_megabytes_is_refused() {
    let model = published().with("unet/config.json", " ".repeat(2 << 20));
    assert_eq!(
        model.error(),
        "unet/config.json has more than 1048576 bytes, the most that is read. The file is damaged or hostile."
    );
}

#[test]
fn folders_on_disk_and_in_the_program_read_alike() {
    const FILES: &[(&str, &[u8])] = &[
        (
            "model_index.json",
            br#"{"_class_name":"X","vae":["diffusers","AutoencoderKL"]}"#,
        ),
        ("vae/config.json", b"{}"),
        ("vae/diffusion_pytorch_model.safetensors", b"123"),
    ];
    let embedded = Embedded {
        name: "tiny",
        files: FILES,
    };
    let temporary = tempfile::tempdir().unwrap();
    std::fs::create_dir(temporary.path().join("vae")).unwrap();
    for (name, bytes) in FILES {
        std::fs::write(temporary.path().join(name), bytes).unwrap();
    }
    let directory = Directory::open(temporary.path()).unwrap();
    let mut on_disk = Folder::read(&directory).unwrap();
    on_disk.place = embedded.place();
    assert_eq!(on_disk, Folder::read(&embedded).unwrap());
    assert_eq!(on_disk.bytes(), 3);
    for files in [&directory as &dyn Files, &embedded] {
        assert_eq!(files.list("nowhere").unwrap(), Vec::<String>::new());
        assert_eq!(files.len("vae").unwrap(), None);
        assert!(matches!(
            files.read("vae/config.json", 1),
            Err(Error::TooLong { cap: 1, .. })
        ));
        assert!(matches!(files.read("none", 1), Err(Error::Io { .. })));
    }
}

#[test]
fn a_path_without_a_folder_says_what_is_there() {
    let temporary = tempfile::NamedTempFile::new().unwrap();
    let error = Directory::open(temporary.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("a file is there. Give the path of a model's folder."),
        "{error}"
    );
    let error = Directory::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "There is no folder /nowhere/at/all: nothing is there. Give the path of a model's folder."
    );
}
