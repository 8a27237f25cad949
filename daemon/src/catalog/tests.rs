//! What names mean and what cards say, on folders of small models that are made here.

use std::fs;
use std::path::Path;

use darkroom_protocol::message::client::CountTokens;
use darkroom_protocol::{FailureKind, ModelSource, Sampler};
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::settings::Settings;

const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/engine/assets/emoji");

/// A folder of models with one called `My-Emoji`, a copy of the embedded one.
fn models() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(ASSETS), &dir.path().join("My-Emoji"));
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            // A link is as good as a copy, and these are 38 MB; what a test changes it replaces.
            std::os::unix::fs::symlink(entry.path(), &to).unwrap();
        }
    }
}

fn catalog(model: Option<&str>, folders: &[&Path]) -> Catalog {
    Catalog::new(Arc::new(Live::fixed(Settings {
        model: model.map(str::to_owned),
        models: folders.iter().map(|f| f.to_path_buf()).collect(),
        ..Settings::default()
    })))
}

fn refusal(catalog: &Catalog, model: &str) -> (FailureKind, String) {
    let error = catalog.card(Some(model)).unwrap_err();
    (error.kind, error.message)
}

#[test]
fn the_embedded_model_is_what_is_left() {
    let card = catalog(None, &[]).card(None).unwrap();
    assert_eq!(
        (card.name.as_str(), &card.source),
        (EMOJI, &ModelSource::Embedded(EMOJI.to_owned()))
    );
    assert_eq!((card.width, card.height, card.vae_factor), (64, 64, 4));
    assert_eq!((card.steps, card.cfg_scale, card.sampler), (25, 4.0, Sampler::Ddim));
    let notice = card.notice.clone().unwrap();
    assert!(notice.starts_with("No model is configured: using the embedded `emoji`, which knows words like apple, "));
    assert_eq!(catalog(None, &[]).card(Some("")).unwrap(), card);
    let named = catalog(None, &[]).card(Some("Emoji")).unwrap();
    assert_eq!(named.notice, None);
    assert_eq!(catalog(Some("emoji"), &[]).card(None).unwrap(), named);
    assert_eq!(catalog(Some(""), &[Path::new(ASSETS)]).card(None).unwrap(), card);
}

#[test]
fn a_model_is_found_by_path_and_by_name() {
    let dir = models();
    let catalog = catalog(Some("my-emoji"), &[Path::new("/nowhere"), dir.path()]);
    let path = dir.path().join("My-Emoji");
    let card = catalog.card(Some("My-Emoji")).unwrap();
    assert_eq!(card.source, ModelSource::Folder(path.to_str().unwrap().to_owned()));
    assert_eq!(
        (card.name.as_str(), card.steps, card.sampler),
        ("My-Emoji", 20, Sampler::Ddim)
    );
    assert!(card.bytes > 30_000_000);
    for spelling in [
        "my_emoji",
        "MY EMOJI",
        "My-Emoji/",
        &format!("{}/./", path.display()),
        &format!("{}/model_index.json", path.display()),
        &format!("file://{}", path.display()),
        &format!(
            "file://localhost{}",
            path.display().to_string().replace("My-Emoji", "My%2DEmoji")
        ),
        &format!("My-Emoji ({})", path.display()),
    ] {
        assert_eq!(catalog.card(Some(spelling)).unwrap(), card, "{spelling}");
    }
    assert_eq!(catalog.card(None).unwrap(), card);
}

#[test]
fn every_model_is_listed_and_one_that_is_damaged_says_so() {
    let dir = models();
    copy(Path::new(ASSETS), &dir.path().join("broken"));
    let index = dir.path().join("broken/unet/config.json");
    fs::remove_file(&index).unwrap();
    fs::write(&index, "{").unwrap();
    fs::create_dir(dir.path().join("no model")).unwrap();
    let list = catalog(Some("my-emoji"), &[dir.path(), dir.path()]).list();
    let names: Vec<_> = list.iter().map(|model| (model.name.as_str(), model.default)).collect();
    assert_eq!(names, [("My-Emoji", true), ("broken", false), ("emoji", false)]);
    assert!(list[0].problem.is_empty() && list[0].bytes > 30_000_000 && !list[0].family.is_empty());
    assert!(list[1].problem.contains("unet/config.json"), "{}", list[1].problem);
    assert!(catalog(None, &[]).list()[0].default);
}

/// Every listed name, and whether a request with it reaches the files of that row.
fn listed(catalog: &Catalog) -> Vec<String> {
    let list = catalog.list();
    for model in list.iter().filter(|model| model.problem.is_empty()) {
        assert_eq!(
            catalog.card(Some(&model.name)).unwrap().source,
            model.source,
            "{}",
            model.name
        );
    }
    list.into_iter().map(|model| model.name).collect()
}

#[test]
fn models_in_subfolders_are_listed_and_found_by_any_end_of_their_path() {
    let dir = tempfile::tempdir().unwrap();
    for model in ["SD 1.5/anime/fox", "real/fox", "real/cat"] {
        copy(Path::new(ASSETS), &dir.path().join(model));
    }
    checkpoint(&dir.path().join("real/deep/er/dream.safetensors"));
    checkpoint(&dir.path().join("real/cat.safetensors"));
    // A circle of links ends, and a model's own files are no models.
    std::os::unix::fs::symlink(dir.path(), dir.path().join("real/again")).unwrap();
    let catalog = catalog(None, &[dir.path(), &dir.path().join("real")]);
    assert_eq!(
        listed(&catalog),
        [
            "SD 1.5/anime/fox",
            "real/cat",
            "real/cat.safetensors",
            "real/deep/er/dream",
            "real/fox",
            "emoji"
        ]
    );
    let place = |name: &str| catalog.card(Some(name)).unwrap().source.place().to_owned();
    for name in ["anime/fox", "SD 1.5/anime/fox", "sd_1.5/Anime/FOX"] {
        assert!(place(name).ends_with("SD 1.5/anime/fox"), "{name}");
    }
    assert!(place("dream").ends_with("real/deep/er/dream.safetensors"));
    assert!(place("er/dream.safetensors").ends_with("real/deep/er/dream.safetensors"));
    // `real` is a folder of the settings too: there its fox has that whole name.
    assert!(place("fox").ends_with("real/fox"));
    assert_eq!(refusal(&catalog, "../fox").0, FailureKind::Usage);
    assert_eq!(refusal(&catalog, "real/../fox").0, FailureKind::ModelNotFound);
}

#[test]
fn a_name_that_several_have_is_refused_with_all_of_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for model in ["a/fox", "b/fox", "own"] {
        copy(Path::new(ASSETS), &dir.path().join(model));
    }
    copy(Path::new(ASSETS), &other.path().join("own"));
    let catalog = catalog(None, &[dir.path(), other.path()]);
    assert_eq!(
        refusal(&catalog, "fox").1,
        "2 models are called fox: give one of a/fox, b/fox."
    );
    let own = [dir.path(), other.path()].map(|root| root.join("own").display().to_string());
    let (_, message) = refusal(&catalog, "own");
    assert!(own.iter().all(|path| message.contains(path.as_str())), "{message}");
    assert_eq!(listed(&catalog), ["a/fox", "b/fox", &own[0], &own[1], "emoji"]);
}

#[test]
fn an_own_model_comes_before_the_embedded_one_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(ASSETS), &dir.path().join("emoji"));
    let catalog = catalog(None, &[dir.path()]);
    assert_eq!(listed(&catalog), ["emoji", "embedded/emoji"]);
    let own = catalog.card(Some("emoji")).unwrap().source;
    assert_eq!(
        own,
        ModelSource::Folder(dir.path().join("emoji").to_str().unwrap().to_owned())
    );
    for name in ["embedded/emoji", "emoji (in the worker)"] {
        assert_eq!(
            catalog.card(Some(name)).unwrap().source,
            ModelSource::Embedded(EMOJI.to_owned())
        );
    }
    assert_eq!(
        catalog.card(None).unwrap().source,
        ModelSource::Embedded(EMOJI.to_owned())
    );
}

#[test]
fn what_was_used_by_path_is_known_by_its_name() {
    let dir = models();
    let catalog = catalog(None, &[]);
    let path = dir.path().join("My-Emoji");
    assert_eq!(refusal(&catalog, "My-Emoji").0, FailureKind::ModelNotFound);
    let card = catalog.card(path.to_str()).unwrap();
    assert_eq!(catalog.card(Some("My-Emoji")).unwrap(), card);
}

/// A repository `acme/tiny` in a download cache, as `huggingface_hub` lays it out.
fn repository(cache: &Path, commit: &str) -> std::path::PathBuf {
    let repository = cache.join("models--acme--tiny");
    copy(Path::new(ASSETS), &repository.join("snapshots").join(commit));
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), commit).unwrap();
    repository
}

#[rstest]
fn a_download_cache_is_followed_by_id(#[values(true, false)] configured: bool) {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("hub");
    let repository = repository(&cache, "0a1b2c3d");
    let catalog = if configured {
        catalog(None, &[&cache])
    } else {
        catalog(None, &[]).with_caches(vec![cache.clone()])
    };
    assert_eq!(listed(&catalog), ["acme/tiny", "emoji"]);
    let snapshot = repository.join("snapshots/0a1b2c3d");
    let path = repository.to_str().unwrap();
    for name in [
        "acme/tiny",
        "tiny",
        "models--acme--tiny",
        path,
        &format!("{path}/snapshots/0a1b2c3d"),
        "https://huggingface.co/acme/tiny",
        "https://hf.co/acme/tiny/blob/main/README.md",
        "hf://acme/tiny",
    ] {
        let card = catalog.card(Some(name)).unwrap();
        assert_eq!(
            card.source,
            ModelSource::Folder(snapshot.to_str().unwrap().to_owned()),
            "{name}"
        );
        assert_eq!(card.name, "acme/tiny", "{name}");
    }
    let message = refusal(&catalog, "acme/tinny").1;
    assert!(message.ends_with("did you mean acme/tiny?"), "{message}");
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let dir = models();
    let gone = dir.path().join("gone");
    let list = catalog(None, &[dir.path(), &gone]).list();
    let row = list.iter().find(|model| model.name == gone.to_str().unwrap()).unwrap();
    assert_eq!(
        row.problem,
        format!(
            "The folder of models {} does not exist. Make it, or take it out of `models` in config.toml.",
            gone.display()
        )
    );
    assert_eq!(list.len(), 3);
}

#[test]
fn a_model_that_cannot_be_built_is_listed_with_the_field() {
    let dir = models();
    let config = dir.path().join("My-Emoji/unet/config.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    json["only_cross_attention"] = serde_json::json!([true, true, true]);
    fs::remove_file(&config).unwrap();
    fs::write(&config, json.to_string()).unwrap();
    let list = catalog(None, &[dir.path()]).list();
    assert!(
        list[0]
            .problem
            .contains("unet: config only_cross_attention: [true,true,true] is not supported"),
        "{}",
        list[0].problem
    );
}

#[test]
fn a_snapshot_in_a_download_cache_has_the_repositorys_name() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir
        .path()
        .join("models--stable-diffusion-v1-5--stable-diffusion/snapshots/451f4fe1");
    copy(Path::new(ASSETS), &snapshot);
    let card = catalog(None, &[]).card(snapshot.to_str()).unwrap();
    assert_eq!(card.name, "stable-diffusion");
}

#[rstest]
#[case(
    "My-Emojy",
    FailureKind::ModelNotFound,
    "There is no model My-Emojy: did you mean My-Emoji?"
)]
#[case("emojy", FailureKind::ModelNotFound, "There is no model emojy: did you mean emoji?")]
#[case(
    "zzzzzzzzz",
    FailureKind::ModelNotFound,
    "There is no model zzzzzzzzz: none of that name is in DIR. Give its folder as a path."
)]
#[case(
    "x\u{1b}]0;",
    FailureKind::ModelNotFound,
    "There is no model x\\u{1b}]0;: none of that name is in DIR. Give its folder as a path."
)]
#[case(
    "DIR/My-Emojj",
    FailureKind::ModelNotFound,
    "There is no model DIR/My-Emojj: did you mean DIR/My-Emoji?"
)]
#[case(
    "DIR/quite/another",
    FailureKind::ModelNotFound,
    "There is no model DIR/quite/another: give the folder that holds model_index.json."
)]
#[case(
    "DIR",
    FailureKind::ModelNotFound,
    "There is no model_index.json in DIR: it is a folder of models. Give one of them: DIR/My-Emoji."
)]
#[case(
    "DIR/My-Emoji/unet",
    FailureKind::ModelNotFound,
    "There is no model_index.json in DIR/My-Emoji/unet: it is a part of the model in DIR/My-Emoji. Give that folder."
)]
#[case(
    "sub/My-Emoji",
    FailureKind::ModelNotFound,
    "There is no model sub/My-Emoji: did you mean My-Emoji?"
)]
#[case(
    "acme/quite-another",
    FailureKind::ModelNotFound,
    "There is no model acme/quite-another: nothing of that name is where you are, nor in DIR, nor in the Hugging Face cache. If it \
     is a model of the Hub, run `darkroom pull acme/quite-another`, then -m acme/quite-another finds it; else give the model's path."
)]
#[case(
    "https://huggingface.co/acme/tiny/tree/main?x=1",
    FailureKind::ModelNotFound,
    "https://huggingface.co/acme/tiny/tree/main?x=1 is an address on the Hugging Face Hub, and its model is not on this machine. \
     Run `darkroom pull acme/tiny`, then -m acme/tiny finds it."
)]
#[case(
    "https://civitai.com/models/1",
    FailureKind::ModelNotFound,
    "https://civitai.com/models/1 is an URL: `darkroom pull` fetches what is there, then its name is for -m; for a file that you have, \
     give its path."
)]
#[case(
    "file://DIR/none%20such",
    FailureKind::ModelNotFound,
    "There is no model DIR/none such: give the folder that holds model_index.json."
)]
#[case(
    "~other/My-Emoji",
    FailureKind::Usage,
    "~other/My-Emoji is a relative path, and the daemon has another working directory: give the whole path."
)]
#[case(
    "../My-Emoji",
    FailureKind::Usage,
    "../My-Emoji is a relative path, and the daemon has another working directory: give the whole path."
)]
#[case(
    "/nul\0byte",
    FailureKind::ModelNotFound,
    "There is no model /nul\\u{0}byte: give the folder that holds model_index.json."
)]
fn what_is_not_there_is_said_with_what_may_be_meant(
    #[case] model: &str,
    #[case] kind: FailureKind,
    #[case] message: &str,
) {
    let dir = models();
    let place = dir.path().to_str().unwrap();
    let found = refusal(&catalog(None, &[dir.path()]), &model.replace("DIR", place));
    assert_eq!(found, (kind, message.replace("DIR", place)));
}

#[test]
fn without_folders_the_remedy_is_the_settings() {
    let (_, message) = refusal(&catalog(None, &[]), "sd15");
    assert_eq!(
        message,
        "There is no model sd15: give its folder as a path, or name the folder of your models in config.toml (models = \
         [\"~/models\"])."
    );
}

/// A Stable Diffusion 1.x in one file, as far as its card needs it: a few bf16 tensors that take no room on the disk.
fn checkpoint(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let tensors: [(&str, &[u64]); 4] = [
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", &[768]),
        ("first_stage_model.quant_conv.bias", &[8]),
        ("model.diffusion_model.input_blocks.0.0.weight", &[320, 4, 3, 3]),
        (
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
            &[320, 768],
        ),
    ];
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = at + 2 * shape.iter().product::<u64>();
        entries.insert(
            name.to_owned(),
            serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let json = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&json);
    fs::write(path, &bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(bytes.len() as u64 + at).unwrap();
}

#[test]
fn a_single_file_is_found_by_path_and_by_name() {
    let dir = models();
    let path = dir.path().join("Dream-v1.5.safetensors");
    checkpoint(&path);
    let catalog = catalog(None, &[dir.path()]);
    let card = catalog.card(path.to_str()).unwrap();
    assert_eq!(card.source, ModelSource::File(path.to_str().unwrap().to_owned()));
    assert_eq!(
        (card.name.as_str(), card.width, card.vae_factor),
        ("Dream-v1.5", 512, 8)
    );
    assert_eq!(card.bytes, 2 * (768 + 8 + 320 * 36 + 320 * 768));
    for model in ["Dream-v1.5", "Dream-v1.5.safetensors", "dream v1.5"] {
        assert_eq!(catalog.card(Some(model)).unwrap(), card, "{model}");
    }
    let near = refusal(&catalog, "Dream-v1.4");
    assert_eq!(near.1, "There is no model Dream-v1.4: did you mean Dream-v1.5?");

    let cut = fs::File::options().write(true).open(&path).unwrap();
    cut.set_len(path.metadata().unwrap().len() - 1).unwrap();
    let (kind, message) = refusal(&catalog, "Dream-v1.5");
    assert_eq!(kind, FailureKind::BadModel);
    assert!(message.contains("Dream-v1.5.safetensors"), "{message}");
}

#[rstest]
#[case(
    "lora.safetensors",
    "{\"a.lora_down.weight\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
    "lora.safetensors seems to be a LoRA"
)]
#[case("dream.gguf", "GGUF", "dream.gguf is a GGUF file, which Darkroom does not read yet")]
fn other_files_are_named(#[case] name: &str, #[case] content: &str, #[case] words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    let mut bytes = content.as_bytes().to_vec();
    if content.starts_with('{') {
        bytes = (content.len() as u64).to_le_bytes().into_iter().chain(bytes).collect();
    } else {
        bytes.extend([0xff; 8]);
    }
    fs::write(&file, bytes).unwrap();
    let catalog = catalog(None, &[dir.path()]);
    for model in [file.to_str().unwrap(), name, name.split('.').next().unwrap()] {
        let (kind, message) = refusal(&catalog, model);
        assert_eq!(kind, FailureKind::ModelNotFound);
        assert!(message.contains(words), "{message}");
    }
}

/// A file of PyTorch's is read as far as it holds tensors.
#[test]
fn what_a_checkpoint_calls_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dream.ckpt");
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.";
    fs::write(
        &file,
        [legacy.as_slice(), b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."].concat(),
    )
    .unwrap();
    let (kind, message) = refusal(&catalog(None, &[dir.path()]), "dream");
    assert_eq!(kind, FailureKind::BadModel);
    assert!(message.contains("dream.ckpt: it calls os.system,"), "{message}");
}

#[rstest]
#[case::json("unet/config.json", "{")]
#[case::index("model_index.json", "[]")]
#[case::header("vae/diffusion_pytorch_model.safetensors", "truncated")]
#[case::layers("unet/config.json", r#"{"layers_per_block": 1000000000}"#)]
fn a_damaged_model_is_refused_naming_the_file(#[case] file: &str, #[case] content: &str) {
    let dir = models();
    let path = dir.path().join("My-Emoji").join(file);
    fs::remove_file(&path).unwrap();
    fs::write(&path, content).unwrap();
    let (kind, message) = refusal(&catalog(None, &[dir.path()]), "My-Emoji");
    assert_eq!(kind, FailureKind::BadModel);
    let folder = dir.path().join("My-Emoji");
    assert!(
        message.contains(file) && message.contains(folder.to_str().unwrap()),
        "{message}"
    );
}

#[test]
fn a_card_is_kept_until_a_file_changes() {
    let dir = models();
    let catalog = catalog(None, &[dir.path()]);
    let config = dir.path().join("My-Emoji/scheduler/scheduler_config.json");
    let before = catalog.card(Some("My-Emoji")).unwrap();
    let stamp = |catalog: &Catalog| catalog.kept().values().next().unwrap().0.clone();
    let first = stamp(&catalog);
    assert!(first.is_current());
    assert_eq!(catalog.card(Some("My-Emoji")).unwrap(), before);
    assert_eq!(stamp(&catalog), first);

    let text = fs::read_to_string(&config).unwrap();
    fs::remove_file(&config).unwrap();
    fs::write(&config, text.replace("0.012", "0.0123")).unwrap();
    assert!(!first.is_current());
    catalog.card(Some("My-Emoji")).unwrap();
    assert_ne!(stamp(&catalog), first);

    fs::remove_file(dir.path().join("My-Emoji/unet/diffusion_pytorch_model.safetensors")).unwrap();
    assert_eq!(refusal(&catalog, "My-Emoji").0, FailureKind::BadModel);
}

#[test]
fn tokens_are_counted_by_the_models_own_tokenizer() {
    let dir = models();
    let folder = dir.path().join("embeddings");
    fs::create_dir(&folder).unwrap();
    let header = r#"{"emb_params":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&[0; 24]);
    fs::write(folder.join("soft.safetensors"), bytes).unwrap();
    let catalog = catalog(None, &[dir.path()]);
    let counted = |model: &str, text: &str| {
        let what = CountTokens {
            text: text.to_owned(),
            model: model.to_owned(),
            ..CountTokens::default()
        };
        let count = catalog.count_tokens(&what)?.unwrap();
        Ok::<_, RemoteError>((count.tokens, count.limit()))
    };
    for model in ["", "My-Emoji"] {
        assert_eq!(counted(model, "(a fox:1.2) BREAK in snow").unwrap(), (77, 150));
        assert_eq!(counted(model, "soft, a fox <lora:x:1>").unwrap(), (6, 75));
    }
    let refused = counted("", "embedding:hard").unwrap_err();
    assert_eq!(refused.kind, FailureKind::Usage);
    // A token that is added to the model's own is one.
    let added = dir.path().join("My-Emoji/tokenizer/added_tokens.json");
    assert_eq!(counted("My-Emoji", "<cat-toy>").unwrap(), (5, 75));
    fs::write(added, r#"{"<cat-toy>": 49408}"#).unwrap();
    assert_eq!(counted("My-Emoji", "<cat-toy>").unwrap(), (1, 75));
    assert_eq!(counted("", "<cat-toy>").unwrap(), (5, 75));
}
