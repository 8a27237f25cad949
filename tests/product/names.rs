//! Which model a name means, which of its weights are read, and what its configuration may say: as a person's folders,
//! download caches and other tools leave them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Home, Model, Ran, difference};

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const TEXT: &str = "text_encoder/model.safetensors";

/// The picture that every sound spelling of the embedded model makes.
const LINE: &str = "fox --seed 3 -W 32 -H 32 --steps 2 --cfg 4";

/// A home whose `a.png` is that picture.
fn home() -> Home {
    let home = Home::new();
    home.generate(&format!("{LINE} -o a.png")).ok();
    home
}

/// `-m MODEL` makes the same picture; what the command said.
#[track_caller]
fn same(home: &Home, model: &str) -> Ran {
    let mut words: Vec<&str> = LINE.split(' ').collect();
    words.extend(["-m", model, "-o", "b.png"]);
    let _ = std::fs::remove_file(home.at("b.png"));
    let ran = home.run_args(["generate"].into_iter().chain(words)).ok();
    assert_eq!(difference(&home.at("a.png"), &home.at("b.png")), 0, "{model}: {ran:#?}");
    ran
}

/// `darkroom models --json`, by name.
fn listed(home: &Home) -> Vec<(String, Value)> {
    let rows = home.run("models --json").ok().json();
    rows.into_iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row))
        .collect()
}

/// Moves the weights of a file into two shards called `NAME`, of which the index called `index` tells.
fn shard(model: &Model, file: &str, index: &str, name: impl Fn(usize) -> String) {
    use safetensors::SafeTensors;
    let bytes = model.read(file);
    let weights = SafeTensors::deserialize(&bytes).unwrap();
    let folder = file.split('/').next().unwrap();
    let mut map = serde_json::Map::new();
    let (mut tensors, mut n) = (weights.tensors(), 0);
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let half = tensors.len().div_ceil(2);
    for part in tensors.chunks(half) {
        n += 1;
        map.extend(part.iter().map(|(key, _)| (key.clone(), json!(name(n)))));
        let whole = safetensors::serialize(part.iter().map(|(key, view)| (key, view)), None).unwrap();
        model.write(&format!("{folder}/{}", name(n)), whole);
    }
    model.write(
        &format!("{folder}/{index}"),
        json!({"metadata": {}, "weight_map": map}).to_string(),
    );
}

#[test]
fn a_config_that_diffusers_takes_makes_its_picture() {
    let home = home();
    let unet: &[(&str, Value)] = &[
        ("upcast_attention", json!(null)),
        ("center_input_sample", json!(null)),
        ("dual_cross_attention", json!(null)),
        ("use_linear_projection", json!(null)),
        ("class_embeddings_concat", json!(null)),
        ("resnet_skip_time_act", json!(null)),
        ("resnet_out_scale_factor", json!(null)),
        ("attention_type", json!(null)),
        ("sample_size", json!([16.0, 16])),
        ("act_fn", json!("SiLU")),
        ("freq_shift", json!(0.0)),
    ];
    let model = Model::new(home.path(), "nulls");
    model.edit("unet/config.json", |c| {
        c.extend(unet.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
        // One value for all levels, as a list.
        for field in [
            "only_cross_attention",
            "cross_attention_dim",
            "layers_per_block",
            "attention_head_dim",
        ] {
            if let Some(one) = c.get(field).filter(|one| !one.is_array()).cloned() {
                let levels = c["block_out_channels"].as_array().unwrap().len();
                c.insert(field.to_owned(), json!(vec![one; levels]));
            }
        }
    });
    model.edit("vae/config.json", |c| {
        c.insert("shift_factor".into(), Value::Null);
        c.insert("latents_mean".into(), json!([0, 0, 0, 0]));
        c.insert("force_upcast".into(), Value::Null);
    });
    model.edit("text_encoder/config.json", |c| {
        let flat = std::mem::take(c);
        c.extend([
            ("model_type".to_owned(), json!("clip")),
            ("text_config".to_owned(), Value::Object(flat)),
        ]);
    });
    model.edit("scheduler/scheduler_config.json", |c| {
        c.insert("thresholding".into(), Value::Null);
        c.insert("rescale_betas_zero_snr".into(), Value::Null);
        // DDIM clips by default: null is off, which is what the embedded model says.
        assert_eq!(c["clip_sample"], false);
        c.insert("clip_sample".into(), Value::Null);
    });
    same(&home, model.path());
}

#[test]
fn what_cannot_be_built_is_listed_with_its_field_and_refused_so() {
    let home = home();
    let spoilt: [(&str, &str, &str, Value); 7] = [
        (
            "a",
            "unet/config.json",
            "only_cross_attention",
            json!([true, true, false]),
        ),
        ("b", "unet/config.json", "norm_num_groups", Value::Null),
        ("c", "unet/config.json", "resnet_time_scale_shift", json!("scale_shift")),
        ("d", "vae/config.json", "scaling_factor", Value::Null),
        ("e", "text_encoder/config.json", "hidden_act", json!("mish")),
        ("f", "scheduler/scheduler_config.json", "beta_schedule", json!("exp")),
        ("g", "unet/config.json", "cross_attention_dim", json!(768)),
    ];
    for (name, file, field, value) in &spoilt {
        let model = Model::new(&home.at("models"), name);
        model.edit(file, |c| drop(c.insert((*field).to_owned(), value.clone())));
    }
    home.settings(&format!("threads = 1\nmodels = [{:?}]\n", home.at("models")));
    home.run("daemon restart").ok();
    let rows = listed(&home);
    for (name, _, field, _) in &spoilt {
        let (_, row) = rows.iter().find(|(found, _)| found == name).unwrap();
        assert!(row["problem"].as_str().unwrap().contains(field), "{row:#}");
        home.generate(&format!("x -m {name}")).refused(1, &[field, name]);
    }
}

#[test]
fn shards_are_read_by_every_spelling_of_their_index() {
    let home = home();
    for (n, index) in [
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
        "diffusion_pytorch_model.safetensors.fp16.index.json",
        "diffusion_pytorch_model.fp16.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.non_ema.json",
    ]
    .into_iter()
    .enumerate()
    {
        let model = Model::new(home.path(), &format!("m{n}"));
        shard(&model, UNET, index, |n| {
            format!("diffusion_pytorch_model-0000{n}-of-00002.fp16.safetensors")
        });
        model.remove(UNET);
        let bytes = model.read(TEXT);
        model.write("text_encoder/model.fp16.safetensors", bytes);
        model.remove(TEXT);
        let said = same(&home, model.path()).stderr;
        assert_eq!(said.contains("non_ema"), index.contains("non_ema"), "{said}");
    }
}

#[test]
fn of_two_sets_of_weights_the_one_that_its_library_loads_counts() {
    let home = home();
    let model = Model::new(home.path(), "m");
    shard(&model, UNET, "diffusion_pytorch_model.safetensors.index.json", |n| {
        format!("diffusion_pytorch_model-0000{n}-of-00002.safetensors")
    });
    shard(&model, TEXT, "model.safetensors.index.json", |n| {
        format!("model-0000{n}-of-00002.safetensors")
    });
    // What must not be read would end in a word about numbers.
    model.fill(UNET, 0x7e00);
    model.fill("text_encoder/model-00001-of-00002.safetensors", 0x7e00);
    let said = same(&home, model.path()).stderr;
    for word in [
        "unet/ holds two sets",
        "as diffusers does",
        "text_encoder/ holds two sets",
        "as transformers does",
    ] {
        assert!(said.contains(word), "{said}");
    }
    // Without the sets that count there are the others.
    model.remove("unet/diffusion_pytorch_model.safetensors.index.json");
    home.generate(&format!("x -m {}", model.path()))
        .refused(1, &["unet", "not a number"]);
}

#[test]
fn missing_weights_are_refused_with_the_files_that_are_there() {
    let home = home();
    let model = Model::new(home.path(), "m");
    model.remove(UNET);
    model.write("unet/diffusion_pytorch_model-00001-of-00002.safetensors", "1");
    home.generate("x -m ./m").refused(
        1,
        &[
            "no weights in unet/",
            "diffusion_pytorch_model-00001-of-00002.safetensors",
            "config.json",
            "index.json",
        ],
    );
    model.remove("unet/diffusion_pytorch_model-00001-of-00002.safetensors");
    model.write("unet/diffusion_pytorch_model.bin", "1");
    model.write("unet/diffusion_pytorch_model.fp16.bin", "1");
    // What PyTorch wrote is read where nothing else is there, and what it holds is no weights.
    home.generate("x -m ./m")
        .refused(1, &["unet/diffusion_pytorch_model.bin", "has 1 bytes"]);
}

#[test]
fn every_listed_name_reaches_its_model() {
    let home = home();
    let models = home.at("models");
    for name in ["SD 1.5/anime/fox", "real/fox", "emoji"] {
        Model::new(&models, name);
    }
    let missing = home.at("gone");
    home.settings(&format!("threads = 1\nmodels = [{models:?}, {missing:?}]\n"));
    home.run("daemon restart").ok();
    let rows = listed(&home);
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let gone = missing.to_str().unwrap();
    assert_eq!(names, ["SD 1.5/anime/fox", "emoji", "real/fox", gone, "embedded/emoji"]);
    for (name, row) in rows.iter().filter(|(name, _)| name != gone) {
        same(&home, name);
        let job = &home.jobs()[0]["task"]["image"]["what"];
        assert_eq!(
            (&job["source"], job["model"] == "emoji"),
            (&row["source"], name.ends_with("emoji")),
            "{job:#}"
        );
    }
    same(&home, "anime/fox");
    home.generate("x -m fox").refused(2, &["SD 1.5/anime/fox", "real/fox"]);
    let problem = &rows[3].1["problem"];
    assert!(problem.as_str().unwrap().contains("gone does not exist"), "{problem}");
    let doctor = home.run("doctor");
    assert!(
        doctor
            .stdout
            .contains(&format!("PROBLEM    The folder of models {gone} does not exist")),
        "{doctor:#?}"
    );
    // What is in memory is named so that it is found, two of one name included.
    let resident = home.status().unwrap()["workers"][0]["resident"]["models"].clone();
    for model in resident.as_array().unwrap() {
        same(&home, model["name"].as_str().unwrap());
    }
    same(&home, &format!("emoji ({})", models.join("emoji").display()));
    same(&home, "emoji (in the worker)");
}

#[test]
fn a_model_used_by_path_is_found_by_the_name_that_is_printed() {
    let home = home();
    let model = Model::new(&home.at("elsewhere"), "my-own");
    home.generate("x -m my-own").refused(4, &["my-own"]);
    same(&home, model.path());
    let ps = home.run("models ps").ok().stdout;
    assert!(ps.contains("\n  my-own  "), "{ps}");
    same(&home, "my-own");
}

/// A repository in a cache, as `huggingface_hub` lays it out.
fn repository(hub: &Path, id: &str) {
    let folder = hub.join(format!("models--{}", id.replace('/', "--")));
    let commit = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
    Model::new(&folder.join("snapshots"), commit);
    std::fs::create_dir_all(folder.join("refs")).unwrap();
    std::fs::create_dir_all(folder.join("blobs")).unwrap();
    std::fs::write(folder.join("refs/main"), commit).unwrap();
}

#[test]
fn download_caches_are_followed_and_addresses_are_explained() {
    let home = home();
    repository(&home.at("hub"), "acme/tiny");
    repository(&home.at("mine/hub"), "other/small");
    home.settings(&format!("threads = 1\nmodels = [{:?}]\n", home.at("hub")));
    home.run("daemon restart").ok();
    assert_eq!(listed(&home)[0].0, "acme/tiny");
    let path = home.at("hub/models--acme--tiny");
    let path = path.to_str().unwrap();
    for name in [
        "acme/tiny",
        "tiny",
        "models--acme--tiny",
        "hub/models--acme--tiny",
        path,
        &format!("file://{path}"),
        "https://huggingface.co/acme/tiny",
    ] {
        same(&home, name);
    }
    // A client's own cache, which its daemon was not told of.
    for (variable, value) in [("HF_HOME", "mine"), ("HF_HUB_CACHE", "mine/hub")] {
        let words = LINE.split(' ').chain(["-m", "other/small", "-o", "c.png"]);
        let mut command = home.command(["generate"].into_iter().chain(words));
        Ran::of(command.env(variable, home.at(value)).output().unwrap()).ok();
        assert_eq!(difference(&home.at("a.png"), &home.at("c.png")), 0);
        std::fs::remove_file(home.at("c.png")).unwrap();
    }
    home.generate("x -m stable-diffusion-v1-5/stable-diffusion-v1-5")
        .refused(
            4,
            &[
                "Hugging Face cache",
                "darkroom pull stable-diffusion-v1-5/stable-diffusion-v1-5",
            ],
        );
    home.generate("x -m https://huggingface.co/x/y")
        .refused(4, &["Hugging Face Hub", "darkroom pull x/y"]);
    home.generate("x -m https://civitai.com/models/4")
        .refused(4, &["an URL", "darkroom pull"]);
    home.generate(&format!("x -m file://{}/none", home.path().display()))
        .refused(4, &["none"]);
}

#[test]
fn a_path_may_be_the_index_or_seen_from_here() {
    let home = home();
    let model = Model::new(&home.at("models"), "m");
    for path in [
        format!("{}/model_index.json", model.path()),
        "models/m/model_index.json".to_owned(),
        "./models/m".to_owned(),
        "models/m".to_owned(),
        "models/m/".to_owned(),
    ] {
        same(&home, &path);
    }
    // A folder of pictures called as a model is no model.
    std::fs::create_dir(home.at("emoji")).unwrap();
    same(&home, "emoji");
    home.generate("x -m models/m/unet")
        .refused(4, &["part of the model in", "models/m"]);
    home.generate("x -m ./models")
        .refused(4, &["folder of models", "models/m"]);
}
