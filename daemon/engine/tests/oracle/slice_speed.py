"""Two blocks of Z-Image's transformer at full width with random bf16 weights: makes them, and times diffusers, eager, the baseline of
examples/slice.rs.

slice_speed.py FOLDER [--size 1024] [--runs 3] [--threads 2]

FOLDER gets transformer/ and slice.safetensors: latents, states of a prompt of 60 tokens, and what diffusers says in bf16 and in f32.
"""
import argparse
import json
import pathlib
import time

import torch
from diffusers import ZImageTransformer2DModel
from safetensors.torch import save_file

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--size", type=int, default=1024)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)

with torch.inference_mode():
    place = args.folder / "transformer"
    if not place.exists():
        torch.manual_seed(0)
        model = ZImageTransformer2DModel(n_layers=2, n_refiner_layers=0, axes_lens=[1536, 512, 512]).bfloat16()
        for name, parameter in model.named_parameters():
            scale = 1 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(torch.randn(parameter.shape) * scale + (1.0 if "norm" in name else 0.0))
        model.save_pretrained(place, max_shard_size="20GB")
        del model
    generator = torch.Generator("cpu").manual_seed(0)
    side = args.size // 8
    latents, prompt = torch.randn(1, 16, side, side, generator=generator), torch.randn(1, 60, 2560, generator=generator)
    out = {"latents": latents, "prompt": prompt}
    for dtype in (torch.bfloat16, torch.float32):
        model = ZImageTransformer2DModel.from_pretrained(place, torch_dtype=dtype).eval()
        # 0.25 is exact in bf16.
        run = lambda: model([latents[0].unsqueeze(1).to(dtype)], torch.tensor([0.25]), [prompt[0].to(dtype)], return_dict=False)[0][0]
        for _ in range(args.runs if dtype == torch.bfloat16 else 1):
            begun = time.perf_counter()
            said = run()
            print(f"{str(dtype):16} {time.perf_counter() - begun:.3f} s", flush=True)
        out[str(dtype).removeprefix("torch.")] = said.squeeze(1).unsqueeze(0).float()
        del model
    exact = out["float32"]
    print(json.dumps({"bf16 beside f32": ((out["bfloat16"] - exact).abs().max() / exact.abs().max()).item()}))
    save_file({k: v.contiguous() for k, v in out.items()}, args.folder / "slice.safetensors")
