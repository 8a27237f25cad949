"""How far a picture computed in bf16 is from the same picture computed in f32: by diffusers, and by darkroom beside it.

    python psnr.py FOLDER PATH/TO/darkroom --prompts "rocket,pizza,ghost" --seeds 3 [--size 64x64] [--steps 25] [--cfg 4] [--quant int8]

Both start from the same f32 noise. PSNR in dB over 8-bit RGB, against each one's own f32 picture; the last line has the
means and the difference that counts. Needs torch, diffusers, transformers, Pillow.
"""
import argparse
import math
import os
import subprocess
import tempfile

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def theirs(pipe, args, prompt, seed):
    width, height = map(int, args.size.split("x"))
    shape = (1, pipe.unet.config.in_channels, height // pipe.vae_scale_factor, width // pipe.vae_scale_factor)
    noise = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)).to(pipe.dtype)
    picture = pipe(prompt, width=width, height=height, num_inference_steps=args.steps, guidance_scale=args.cfg, latents=noise)
    return np.array(picture.images[0])


def ours(args, dtype, prompt, seed, folder):
    path = os.path.join(folder, f"{dtype}-{seed}.png")
    width, height = args.size.split("x")
    command = [args.darkroom, "generate", prompt, "-m", args.folder, "-W", width, "-H", height, "--steps", str(args.steps),
               "--cfg", str(args.cfg), "--seed", str(seed), "--sampler", "ddim", "--dtype", dtype, "-o", path, "--force", "-q"]
    if dtype != "f32":
        command += ["--quant", args.quant]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return np.array(Image.open(path).convert("RGB"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("darkroom")
    parser.add_argument("--prompts", default="rocket,pizza,ghost,red apple")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", default="64x64")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--cfg", type=float, default=4.0)
    parser.add_argument("--quant", default="none", help="of darkroom's bf16 pictures")
    args = parser.parse_args()
    pipes = {}
    for dtype, kind in [("f32", torch.float32), ("bf16", torch.bfloat16)]:
        pipes[dtype] = StableDiffusionPipeline.from_pretrained(args.folder, torch_dtype=kind, safety_checker=None)
        pipes[dtype].scheduler = DDIMScheduler.from_config(pipes[dtype].scheduler.config)
        pipes[dtype].set_progress_bar_config(disable=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for prompt in args.prompts.split(","):
            for seed in range(args.seeds):
                reference = {d: theirs(pipe, args, prompt, seed) for d, pipe in pipes.items()}
                found = {d: ours(args, d, prompt, seed, folder) for d in pipes}
                across = np.abs(found["f32"].astype(int) - reference["f32"].astype(int)).max()
                rows.append((psnr(reference["bf16"], reference["f32"]), psnr(found["bf16"], found["f32"])))
                print(f"{prompt:<12} seed {seed}: diffusers {rows[-1][0]:6.2f} dB, darkroom {rows[-1][1]:6.2f} dB; "
                      f"f32 pictures differ by at most {across}/255", flush=True)
    diffusers, darkroom = (float(np.mean([row[i] for row in rows])) for i in (0, 1))
    print(f"mean of {len(rows)}: diffusers {diffusers:.2f} dB, darkroom {darkroom:.2f} dB, difference {darkroom - diffusers:+.2f} dB")


if __name__ == "__main__":
    main()
