"""Pictures whose edges fit each other, with the tiny Stable Diffusion of pipeline.py: fixtures/pipeline/tiling.*.

    python tiling.py VOCAB_JSON MERGES_TXT

Every Conv2d of UNet and VAE is patched as people do it with diffusers: padding_mode 'circular' for both axes, and for one a forward that
pads that axis circularly and the other with zeros. Needs torch, diffusers, transformers; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from pipeline import FIXTURE, SAMPLERS, build

# tiling, sampler, width, height, seed, steps, guidance
CASES = [("xy", "DDIM", 64, 64, 0, 4, 5.0), ("x", "Euler", 104, 72, 7, 3, 3.0), ("y", "DPM++ 2M", 64, 96, 9, 4, 5.0)]


def patch(module, tiling):
    def forward(self, x, weight, bias):
        if self.padding == (0, 0):
            return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        p = self.padding[0]
        x = F.pad(x, (p, p, 0, 0), mode="circular" if "x" in tiling else "constant")
        x = F.pad(x, (0, 0, p, p), mode="circular" if "y" in tiling else "constant")
        return F.conv2d(x, weight, bias, self.stride, 0, self.dilation, self.groups)

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            if tiling == "xy":
                layer.padding_mode = "circular"
                layer._reversed_padding_repeated_twice = [n for p in reversed(layer.padding) for n in (p, p)]
            else:
                layer._conv_forward = forward.__get__(layer)


@torch.no_grad()
def main():
    config = json.loads((FIXTURE / "scheduler" / "scheduler_config.json").read_text())
    out, cases = {}, []
    for n, (tiling, sampler, width, height, seed, steps, cfg) in enumerate(CASES):
        pipe = build(*sys.argv[1:3])
        patch(pipe.unet, tiling)
        patch(pipe.vae, tiling)
        cls, extra = SAMPLERS[sampler]
        pipe.scheduler = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
        found = pipe(prompt="a red apple", negative_prompt="blurry", width=width, height=height, num_inference_steps=steps, guidance_scale=cfg,
                     generator=torch.Generator("cpu").manual_seed(seed), output_type="np").images[0]
        out[f"{n}.picture"] = torch.from_numpy((found * 255).round().astype("uint8"))
        cases.append(dict(kind=tiling, sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt="a red apple",
                          negative="blurry"))
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "tiling.safetensors")
    (FIXTURE / "tiling.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
