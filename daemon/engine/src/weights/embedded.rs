use darkroom_formats::folder::Embedded;

/// Bytes with the alignment that tensors looked at in place want.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

macro_rules! file {
    ($name:literal) => {
        file!("emoji", $name)
    };
    ($folder:literal, $name:literal) => {{
        static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!("../../assets/", $folder, "/", $name)));
        ($name, &BYTES.0)
    }};
}

/// The small Stable Diffusion inside the program.
pub static EMOJI: Embedded = Embedded {
    name: "emoji",
    files: &[
        file!("model_index.json"),
        file!("scheduler/scheduler_config.json"),
        file!("text_encoder/config.json"),
        file!("text_encoder/model.safetensors"),
        file!("tokenizer/merges.txt"),
        file!("tokenizer/tokenizer_config.json"),
        file!("tokenizer/vocab.json"),
        file!("unet/config.json"),
        file!("unet/diffusion_pytorch_model.safetensors"),
        file!("vae/config.json"),
        file!("vae/diffusion_pytorch_model.safetensors"),
    ],
};

/// The small upscaler inside the program: Real-ESRGAN's `realesr-animevideov3`, BSD-3-Clause (`assets/realesr-animevideov3`).
pub static UPSCALER: Embedded = Embedded {
    name: darkroom_protocol::upscaler::EMBEDDED,
    files: &[file!("realesr-animevideov3", "realesr-animevideov3-x4.safetensors")],
};
