//! Pipes, devices and folders where files are expected: each is named, and nobody waits for one.

use std::path::Path;
use std::process::Command;

use crate::support::{Home, Model, wait_until};

fn pipe(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn device(path: &Path) {
    let _ = std::fs::remove_file(path);
    std::os::unix::fs::symlink("/dev/zero", path).unwrap();
}

/// What is in the settings' place while a daemon runs is told with every job, and everybody is served.
#[test]
fn settings_that_are_no_file_are_told_and_keep_nobody_waiting() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let config = home.at("config/config.toml");
    let with_folder: fn(&Path) = |path| {
        let _ = std::fs::remove_file(path);
        std::fs::create_dir(path).unwrap();
    };
    let with_too_much: fn(&Path) = |path| {
        let _ = std::fs::remove_dir(path);
        std::fs::write(path, vec![b'#'; 2 << 20]).unwrap();
    };
    for (words, put) in [
        ("a pipe is there", pipe as fn(&Path)),
        ("a device is there", device),
        ("a folder is there", with_folder),
        ("at most 1048576", with_too_much),
    ] {
        put(&config);
        let made = home.generate("fox").ok();
        assert!(made.stderr.contains(words), "{made:#?}");
        assert_eq!(home.daemon_pid(), Some(daemon));
        home.run("models").ok();
        home.run("daemon restart").refused(1, &["config.toml", words]);
    }
    home.run("daemon stop").ok();
    pipe(&config);
    home.run("daemon start").told(3, &["did not start", "a pipe is there"]);
    let doctor = home.run("doctor");
    assert!(doctor.stdout.contains("a pipe is there"), "{doctor:#?}");
    std::fs::remove_file(&config).unwrap();
    home.generate("fox").ok();
}

#[test]
fn models_that_are_no_files_are_refused_by_their_kind() {
    let home = Home::new();
    let models = home.at("models");
    let model = Model::new(&models, "spoilt");
    home.settings(&format!("threads = 1\nmodels = ['{}']\n", models.display()));
    pipe(&models.join("pipe.safetensors"));
    device(&models.join("device.safetensors"));
    let (daemon, _) = home.warm();
    for name in ["pipe", "device"] {
        let path = models.join(format!("{name}.safetensors"));
        let ran = home.run_args(["generate", "x", "-m", path.to_str().unwrap()]);
        assert!(matches!(ran.code, 1 | 4), "{ran:#?}");
        assert!(ran.stderr.contains(&format!("a {name} is there")), "{ran:#?}");
    }
    for file in [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "tokenizer/vocab.json",
    ] {
        let kept = model.read(file);
        for put in [pipe, device] {
            put(&models.join("spoilt").join(file));
            let ran = home.run_args(["generate", "x", "-m", model.path(), "--steps", "1", "-q"]);
            assert!(matches!(ran.code, 1 | 4), "{file}: {ran:#?}");
            assert_eq!(home.daemon_pid(), Some(daemon));
        }
        model.remove(file);
        model.write(file, kept);
    }
    home.run("models").ok();
    home.run_args(["generate", "x", "-m", model.path(), "--steps", "1", "-q"])
        .ok();
}

#[test]
fn logs_and_pictures_that_are_no_files_are_refused_by_their_kind() {
    let home = Home::new();
    let job = home.generate("fox --detach").ok().line().to_owned();
    home.run(&format!("wait {job}")).ok();
    let log = home.at(format!("state/jobs/{job}.log"));
    pipe(&log);
    home.run(&format!("queue log {job}")).refused(1, &["a pipe is there"]);
    let ran = home.run(&format!("logs --job {job}"));
    assert!(ran.code != 0 && ran.stderr.contains("a pipe is there"), "{ran:#?}");
    let picture = home.pictures().remove(0);
    pipe(&picture);
    let shown = home.run_args(["show", picture.to_str().unwrap()]);
    assert_eq!(shown.code, 1, "{shown:#?}");
    home.run("daemon stop").ok();
    pipe(&home.at("state/daemon.log"));
    home.run("daemon start")
        .told(3, &["did not start", "daemon.log", "a pipe is there"]);
    std::fs::remove_file(home.at("state/daemon.log")).unwrap();
    std::fs::remove_file(&log).unwrap();
    let again = home.generate("fox --detach").ok().line().to_owned();
    wait_until("another job's end", || home.run(&format!("wait {again}")).code == 0);
}
