"""LoRAs on the tiny Z-Image of z_image.py, in the spellings of their trainers: fixtures/z-image/lora.*.

    python z_image_lora.py

Every tensor is filled by its key (fill.py), alphas are 2. Kept are each file's keys with their shapes, and what the transformer says with the
LoRA at three quarters, as diffusers with PEFT computes it. Needs torch, diffusers, peft, safetensors; last run with 2.11.0, 0.42.1, 0.19.1.
"""
import gzip
import json

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from safetensors.torch import load_file, save_file

from fill import fill, values
from z_image import FIXTURE, SCHEDULER, TRANSFORMER, VAE

RANK, WIDTH, INNER = 4, 64, 170
SIZES = {"to_q": (WIDTH, WIDTH), "to_k": (WIDTH, WIDTH), "to_v": (WIDTH, WIDTH), "qkv": (WIDTH, 3 * WIDTH), "to_out.0": (WIDTH, WIDTH), "out": (WIDTH, WIDTH),
         "w1": (WIDTH, INNER), "w2": (INNER, WIDTH), "w3": (WIDTH, INNER), "adaLN_modulation.0": (WIDTH, 4 * WIDTH)}
BLOCKS = ("layers.0", "layers.1", "noise_refiner.1", "context_refiner.0")
OWN = ["attention.to_q", "attention.to_k", "attention.to_v", "attention.to_out.0", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"]
FUSED = ["attention.qkv", "attention.out", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"]


def shapes(modules, name, parts, alpha):
    """The tensors of a file: `name` makes a module's prefix of it, `parts` are down and up."""
    found = {}
    for block in BLOCKS:
        for module in modules + (["adaLN_modulation.0"] if not block.startswith("context") else []):
            inputs, outputs = next(size for end, size in SIZES.items() if module.endswith(end))
            found |= {f"{name(f'{block}.{module}')}.{parts[0]}": [RANK, inputs], f"{name(f'{block}.{module}')}.{parts[1]}": [outputs, RANK]}
            if alpha:
                found[f"{name(f'{block}.{module}')}.alpha"] = []
    return found


FILES = {
    "peft": shapes(OWN, lambda m: f"transformer.{m}", ("lora_A.weight", "lora_B.weight"), False),
    "default": shapes(OWN, lambda m: m, ("lora_A.default.weight", "lora_B.default.weight"), False),
    "comfy": shapes(OWN, lambda m: f"diffusion_model.{m}", ("lora_down.weight", "lora_up.weight"), True),
    "fused": shapes(FUSED, lambda m: f"diffusion_model.{m}", ("lora.down.weight", "lora.up.weight"), False),
    # What is fused and split in one file counts once, split.
    "both": shapes(OWN[:3] + FUSED, lambda m: f"diffusion_model.{m}", ("lora.down.weight", "lora.up.weight"), False),
    "kohya": shapes(OWN, lambda m: "lora_unet_" + m.replace(".", "_"), ("lora_down.weight", "lora_up.weight"), True),
}


@torch.no_grad()
def main():
    given, out = load_file(FIXTURE / "expected.safetensors"), {}
    for name, keys in FILES.items():
        transformer = fill(ZImageTransformer2DModel(**TRANSFORMER))
        pipe = ZImagePipeline(scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULER), vae=AutoencoderKL(**VAE), text_encoder=None, tokenizer=None, transformer=transformer)
        tensors = {key: torch.tensor(2.0) if key.endswith(".alpha") else values(key, shape) for key, shape in keys.items()}
        if name == "kohya":  # diffusers does not find 0 in to_out_0 and adaLN_modulation_0, which others do
            tensors = {key.replace("to_out_0", "to_out.0"): value for key, value in tensors.items()}
            renamed = {}
            for key, value in tensors.items():
                module, _, leaf = key.removeprefix("lora_unet_").partition(".") if "to_out.0" not in key else (key.removeprefix("lora_unet_").split("to_out.0.")[0] + "to_out_0", "", key.split("to_out.0.")[1])
                for block in BLOCKS:
                    flat = block.replace(".", "_")
                    if module.startswith(flat + "_"):
                        rest = module.removeprefix(flat + "_")
                        own = next(m for m in OWN + ["adaLN_modulation.0"] if m.replace(".", "_") == rest)
                        renamed[f"diffusion_model.{block}.{own}.{leaf}"] = value
            assert len(renamed) == len(tensors)
            tensors = renamed
        pipe.load_lora_weights(tensors)
        pipe.set_adapters(pipe.get_list_adapters()["transformer"], [0.75])
        x = given["x.8x12"][:1]
        said = transformer([x[0].unsqueeze(1)], torch.full((1,), 0.3125), [given["caption"]], return_dict=False)[0][0]
        out[name] = said.squeeze(1).unsqueeze(0)
        print(f"{name:8} {len(keys)} tensors, {out[name].std():.4f}")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "lora.safetensors")
    with gzip.GzipFile(filename="", mode="wb", fileobj=open(FIXTURE / "lora.json.gz", "wb"), mtime=0) as packed:
        packed.write(json.dumps(FILES, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
