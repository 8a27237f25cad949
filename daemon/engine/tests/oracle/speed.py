"""Times a guided step and a VAE decode of a model folder in diffusers, eager: the baseline of examples/step.rs.

speed.py FOLDER [--size 512] [--runs 3] [--threads 2] [--f32]
"""
import argparse
import resource
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--size", type=int, default=512)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--f32", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
dtype, side = torch.float32 if args.f32 else torch.bfloat16, args.size // 8

with torch.inference_mode():
    begun = time.perf_counter()
    unet = UNet2DConditionModel.from_pretrained(args.folder, subfolder="unet", torch_dtype=dtype).eval()
    vae = AutoencoderKL.from_pretrained(args.folder, subfolder="vae", torch_dtype=dtype).eval()
    print(f"load {time.perf_counter() - begun:.3f} s", flush=True)
    generator = torch.Generator("cpu").manual_seed(0)
    latents = torch.randn(2, 4, side, side, generator=generator).to(dtype)
    prompt = torch.randn(2, 77, unet.config.cross_attention_dim, generator=generator).to(dtype)
    work = {
        "step": lambda: unet(latents, 500.0, encoder_hidden_states=prompt).sample,
        "decode": lambda: vae.decode(latents[:1]).sample,
    }
    for name, run in work.items():
        for _ in range(args.runs):
            begun = time.perf_counter()
            total = run().double().abs().sum().item()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{name} {time.perf_counter() - begun:.3f} s   sum {total:.4f}   peak rss {peak} MB", flush=True)
