"""What diffusers and transformers compute with the model in assets/emoji, in f32: fixtures/sd15-emoji.

    python emoji.py

Needs torch, diffusers, transformers, safetensors. Last run with diffusers 0.42.1, transformers 5.23.0, torch 2.11.0.
"""
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

ENGINE = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ENGINE / "assets" / "emoji"
FIXTURE = ENGINE / "tests" / "fixtures" / "sd15-emoji"


@torch.no_grad()
def main():
    tokenizer = CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
    part = lambda kind, folder: kind.from_pretrained(MODEL / folder, torch_dtype=torch.float32).eval()
    text, unet, vae = part(CLIPTextModel, "text_encoder"), part(UNet2DConditionModel, "unet"), part(AutoencoderKL, "vae")
    ids = tokenizer("red apple", padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    prompt = text(ids).last_hidden_state
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator("cpu").manual_seed(7))
    out = {"ids": ids, "prompt": prompt, "latents": latents, "unet": unet(latents, torch.tensor(981), prompt).sample}
    out["decoded"] = vae.decode(latents / vae.config.scaling_factor).sample
    out["mean"] = vae.encode(out["decoded"].clamp(-1, 1)).latent_dist.mean
    FIXTURE.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")
    for key, value in out.items():
        print(f"{key:8} {tuple(value.shape)} mean|x| {value.float().abs().mean():.4f}")


if __name__ == "__main__":
    main()
