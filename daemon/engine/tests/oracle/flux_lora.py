"""LoRAs on the tiny FLUX.1 dev of fixtures/flux, as diffusers with PEFT applies them: fixtures/flux/lora.

    python flux_lora.py

For each spelling a list of tensors, `key dim,dim` a line (or `key =value`), which both sides fill by name (fill.py), and in
expected.safetensors what the transformer makes of x, prompt and pooled with it, at 0.75. diffusers' converter for kohya's spelling has
the widths of the published model written in it, which are replaced by the tiny one's. Needs torch, diffusers, transformers, peft; last
run with 2.11.0, 0.42.1, 5.24.0, 0.19.
"""
import gzip
import inspect
import json
import pathlib

import diffusers.loaders.lora_conversion_utils as convert
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import save_file

from fill import fill, values

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "flux"
OUT = FIXTURES / "lora"
RANK, ALPHA, WEIGHT = 2, 1.5, 0.75
H, MLP = 64, 256
# module of the original code: inputs, outputs
ORIGINAL = {f"double_blocks_{n}_{stream}_{m}": shape for n in (0, 1) for stream in ("img", "txt")
            for m, shape in {"attn_qkv": (H, 3 * H), "attn_proj": (H, H), "mlp_0": (H, MLP), "mlp_2": (MLP, H), "mod_lin": (H, 6 * H)}.items()}
ORIGINAL |= {f"single_blocks_{n}_{m}": shape for n in (0, 1) for m, shape in {"linear1": (H, 3 * H + MLP), "linear2": (H + MLP, H), "modulation_lin": (H, 3 * H)}.items()}


def peft(model):
    names = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "net.0.proj", "net.2", "proj_mlp", "proj_out", "x_embedder", "norm1.linear", "norm_out.linear")
    keys = {}
    for name, module in model.named_modules():
        if name.endswith(names) and hasattr(module, "weight"):
            out, inputs = module.weight.shape
            keys |= {f"transformer.{name}.lora_A.weight": [RANK, inputs], f"transformer.{name}.lora_B.weight": [out, RANK]}
    return keys


def kohya():
    keys = {}
    for name, (inputs, out) in ORIGINAL.items():
        keys |= {f"lora_unet_{name}.lora_down.weight": [RANK, inputs], f"lora_unet_{name}.lora_up.weight": [out, RANK], f"lora_unet_{name}.alpha": ALPHA}
    return keys


def tensors(keys):
    return {k: torch.tensor(v) if isinstance(v, float) else values(k, v) for k, v in keys.items()}


def converted(sd):
    text = inspect.getsource(convert._convert_kohya_flux_lora_to_diffusers).replace("3072", str(H)).replace("12288", str(MLP))
    scope = dict(vars(convert))
    exec(text, scope)
    return scope["_convert_kohya_flux_lora_to_diffusers"](dict(sd))


def build():
    config = json.loads((FIXTURES / "dev" / "transformer" / "config.json").read_text())
    return fill(FluxTransformer2DModel.from_config(config))


@torch.no_grad()
def main():
    OUT.mkdir(exist_ok=True)
    draw = lambda *size: torch.randn(size, generator=torch.Generator("cpu").manual_seed(sum(size)))
    x, prompt, pooled = draw(1, 16, 8, 12), draw(1, 16, 96), draw(1, 64)
    packed = x.view(1, 16, 4, 2, 6, 2).permute(0, 2, 4, 1, 3, 5).reshape(1, 24, 64)
    ids = torch.stack([torch.zeros(24), torch.arange(24) // 6, torch.arange(24) % 6], -1)
    def forward(model):
        out = model(hidden_states=packed, encoder_hidden_states=prompt, pooled_projections=pooled, timestep=torch.tensor([0.7]), guidance=torch.tensor([3.5]),
                    txt_ids=torch.zeros(16, 3), img_ids=ids).sample
        return out.view(1, 4, 6, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(1, 16, 8, 12)
    out = {"x": x, "prompt": prompt, "pooled": pooled, "plain": forward(build())}
    for name, keys in {"peft": peft(build()), "kohya": kohya()}.items():
        model, sd = build(), tensors(keys)
        sd = converted(sd) if name == "kohya" else sd
        model.load_lora_adapter(sd, prefix="transformer", adapter_name="a")
        model.set_adapters(["a"], [WEIGHT])
        out[name] = forward(model)
        lines = "".join(f"{k} {'=' + str(v) if isinstance(v, float) else ','.join(map(str, v))}\n" for k, v in keys.items())
        (OUT / f"{name}.txt.gz").write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
        print(name, len(keys), (out[name] - out["plain"]).abs().max())
    save_file({k: v.contiguous() for k, v in out.items()}, OUT / "expected.safetensors")


if __name__ == "__main__":
    main()
