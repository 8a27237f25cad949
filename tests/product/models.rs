//! Model folders that are not what they say: each is refused in one line, by the daemon from headers alone where it can.

use serde_json::json;

use crate::support::{Home, Model, header, peak_memory};

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const TEXT: &str = "text_encoder/model.safetensors";
const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

/// A spoiled model: how it is spoiled, exit code, words of the line.
type Case = (&'static str, fn(&Model), i32, &'static [&'static str]);

const CASES: &[Case] = &[
    ("no index", |m| m.remove("model_index.json"), 4, &["model_index.json"]),
    (
        "index no JSON",
        |m| m.write("model_index.json", "{"),
        1,
        &["model_index.json"],
    ),
    (
        "index of another family",
        |m| m.write("model_index.json", r#"{"_class_name":"X"}"#),
        1,
        &["does not know"],
    ),
    (
        "config missing",
        |m| m.remove("unet/config.json"),
        1,
        &["unet/config.json"],
    ),
    (
        "config no object",
        |m| m.write("unet/config.json", "[1]"),
        1,
        &["unet/config.json"],
    ),
    (
        "config of 10⁹ layers",
        |m| {
            m.edit("text_encoder/config.json", |c| {
                drop(c.insert("num_hidden_layers".into(), 1_000_000_000.into()))
            })
        },
        1,
        &["num_hidden_layers", "1000000000", "1 to 256"],
    ),
    (
        "config of 10⁹ blocks",
        |m| {
            m.edit("unet/config.json", |c| {
                drop(c.insert("layers_per_block".into(), 1_000_000_000.into()))
            })
        },
        1,
        &["layers_per_block", "1000000000"],
    ),
    (
        "config of wide blocks",
        |m| {
            m.edit("unet/config.json", |c| {
                drop(c.insert("block_out_channels".into(), json!([1u64 << 40, 1, 1])))
            })
        },
        1,
        &["block_out_channels"],
    ),
    (
        "config deeper than the file",
        |m| {
            m.edit("text_encoder/config.json", |c| {
                drop(c.insert("num_hidden_layers".into(), 4.into()))
            })
        },
        1,
        &["text_encoder", "layers.3", "missing"],
    ),
    (
        "config wider than the file",
        |m| {
            m.edit("text_encoder/config.json", |c| {
                drop(c.insert("intermediate_size".into(), 256.into()))
            })
        },
        1,
        &["text_encoder", "fc1", "[512]", "[256]"],
    ),
    (
        "groups that do not divide",
        |m| {
            m.edit("unet/config.json", |c| {
                drop(c.insert("norm_num_groups".into(), 7.into()))
            })
        },
        1,
        &["norm_num_groups"],
    ),
    (
        "only .bin weights, which are none",
        |m| {
            m.remove(UNET);
            m.write("unet/diffusion_pytorch_model.bin", "x");
        },
        1,
        &["unet", ".bin", "file of tensors"],
    ),
    ("no weights", |m| m.remove(VAE), 1, &["vae", "no weights"]),
    ("empty weights", |m| m.write(UNET, ""), 1, &["unet"]),
    (
        "weights cut short",
        |m| m.write(UNET, &m.read(UNET)[..1 << 20]),
        1,
        &["unet"],
    ),
    (
        "header cut short",
        |m| m.write(UNET, &m.read(UNET)[..100]),
        1,
        &["unet"],
    ),
    (
        "header longer than the file",
        |m| m.write(UNET, u64::MAX.to_le_bytes()),
        1,
        &["unet"],
    ),
    (
        "header of 4 GB",
        |m| m.write(UNET, (4u64 << 30).to_le_bytes()),
        1,
        &["unet"],
    ),
    ("header no JSON", |m| m.write(UNET, header("not json", 8)), 1, &["unet"]),
    (
        "header deep",
        |m| m.write(UNET, header(&"[".repeat(100_000), 8)),
        1,
        &["unet"],
    ),
    (
        "header deep within",
        |m| m.write(UNET, header(&format!("{{\"a\":{}", "[".repeat(100_000)), 8)),
        1,
        &["unet"],
    ),
    (
        "tensors overlap",
        |m| {
            m.write(UNET, header(r#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[4],"data_offsets":[4,12]}}"#, 12))
        },
        1,
        &["unet"],
    ),
    (
        "a tensor outside",
        |m| {
            m.write(
                UNET,
                header(r#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"#, 4),
            )
        },
        1,
        &["unet"],
    ),
    (
        "offsets backwards",
        |m| {
            m.write(
                UNET,
                header(r#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[8,0]}}"#, 8),
            )
        },
        1,
        &["unet"],
    ),
    (
        "a shape that lies",
        |m| {
            m.write(
                UNET,
                header(r#"{"a":{"dtype":"F16","shape":[5],"data_offsets":[0,8]}}"#, 8),
            )
        },
        1,
        &["unet"],
    ),
    (
        "a shape that overflows",
        |m| {
            m.write(
                UNET,
                header(
                    r#"{"a":{"dtype":"F16","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#,
                    8,
                ),
            )
        },
        1,
        &["unet"],
    ),
    (
        "an unknown dtype",
        |m| {
            m.write(
                UNET,
                header(
                    r#"{"conv_in.weight":{"dtype":"Q9","shape":[4],"data_offsets":[0,8]}}"#,
                    8,
                ),
            )
        },
        1,
        &["unet"],
    ),
    (
        "a name twice",
        |m| {
            m.write(UNET, header(r#"{"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"#, 8))
        },
        1,
        &["unet"],
    ),
    (
        "a name that drives terminals",
        |m| {
            m.write(
                UNET,
                header(r#"{"\u001b[2J":{"dtype":"F16","shape":[5],"data_offsets":[0,8]}}"#, 8),
            )
        },
        1,
        &["unet"],
    ),
    (
        "a picture for weights",
        |m| m.write(UNET, b"\x89PNG\r\n\x1a\n plus some bytes"),
        1,
        &["unet"],
    ),
    (
        "a shard outside",
        |m| shards(m, "../../secret.safetensors"),
        1,
        &["..", "safetensors.index.json"],
    ),
    ("a shard at a path", |m| shards(m, "/etc/passwd"), 1, &["/etc/passwd"]),
    (
        "a shard that is missing",
        |m| shards(m, "gone.safetensors"),
        1,
        &["gone.safetensors"],
    ),
    (
        "NaN in the unet",
        |m| m.fill(UNET, 0x7e00),
        1,
        &["unet", "not a number"],
    ),
    (
        "NaN in the text encoder",
        |m| m.fill(TEXT, 0x7e00),
        1,
        &["text_encoder", "not a number"],
    ),
    ("NaN in the vae", |m| m.fill(VAE, 0x7e00), 1, &["vae", "not a number"]),
];

fn shards(model: &Model, file: &str) {
    model.remove(UNET);
    let map = json!({ "metadata": {}, "weight_map": { "conv_in.weight": file } });
    model.write(&format!("{UNET}.index.json"), map.to_string());
}

#[test]
fn models_that_are_spoiled() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    for (n, (name, spoil, code, words)) in CASES.iter().enumerate() {
        let model = Model::new(home.path(), &format!("m{n}"));
        spoil(&model);
        let ran = home.generate(&format!("x -m {} -o x.png", model.path()));
        println!("{name}: {}", ran.stderr.trim_end());
        ran.refused(*code, words);
        assert!(ran.stdout.is_empty() && !home.at("x.png").exists(), "{name}");
        assert_eq!(home.worker_pid(), Some(worker), "{name}: the worker died");
    }
    assert!(home.pictures().is_empty() && home.staged().is_empty());
    home.still_works(daemon);
    assert!(
        peak_memory(daemon) < 128 << 20,
        "the daemon took {} bytes",
        peak_memory(daemon)
    );
}

#[test]
fn folders_that_are_no_models() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    std::fs::create_dir(home.at("empty")).unwrap();
    home.generate("x -m ./empty").refused(4, &["empty", "model_index.json"]);
    std::fs::write(home.at("one.safetensors"), header("{}", 0)).unwrap();
    home.generate("x -m ./one.safetensors")
        .refused(4, &["one.safetensors", "single file"]);
    let model = Model::new(home.path(), "right");
    model.write("model_index.json", "x".repeat(200 << 20));
    home.generate("x -m ./right")
        .refused(1, &["model_index.json", "the most that is read"]);
    home.still_works(daemon);
}

#[test]
fn a_folder_as_published_makes_the_picture_of_the_embedded_model() {
    let home = Home::new();
    let model = Model::new(home.path(), "emoji-folder");
    // A .bin beside the safetensors, as published folders have, is left alone.
    model.write("unet/diffusion_pytorch_model.bin", "not read");
    let line = "fox --seed 3 -W 32 -H 32 --steps 2 --cfg 4";
    home.generate(&format!("{line} -o a.png")).ok();
    let ran = home.generate(&format!("{line} -m {} -o b.png", model.path())).ok();
    assert!(!ran.stderr.contains("No model is configured"), "{ran:#?}");
    assert_eq!(crate::support::difference(&home.at("a.png"), &home.at("b.png")), 0);
    home.settings(&format!("threads = 1\nmodels = [{:?}]\n", home.path()));
    home.run("daemon restart").ok();
    home.generate(&format!("{line} -m Emoji_Folder -o c.png")).ok();
    assert_eq!(crate::support::difference(&home.at("a.png"), &home.at("c.png")), 0);
    home.generate("x -m emoji-foldr")
        .refused(4, &["did you mean emoji-folder?"]);
}

#[test]
fn a_model_that_changes_on_disk_is_read_again() {
    let home = Home::new();
    let model = Model::new(home.path(), "m");
    let line = format!("x -m {}", model.path());
    home.generate(&line).ok();
    model.fill(UNET, 0x7e00);
    home.generate(&line).refused(1, &["unet", "not a number"]);
    model.write(
        UNET,
        std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/daemon/engine/assets/emoji/unet/diffusion_pytorch_model.safetensors"
        ))
        .unwrap(),
    );
    home.generate(&line).ok();
}

#[test]
fn an_unbuilt_scheduler_is_replaced_with_a_word_about_it() {
    let home = Home::new();
    let model = Model::new(home.path(), "m");
    model.edit("model_index.json", |c| {
        drop(c.insert("scheduler".into(), json!(["diffusers", "PNDMScheduler"])))
    });
    let ran = home.generate(&format!("x -m {} --json --steps 2", model.path())).ok();
    let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("PLMS")).collect();
    assert_eq!(lines.len(), 1, "{ran:#?}");
    assert!(lines[0].contains("DPM++ 2M"), "{ran:#?}");
}
