"""What diffusers' UNet makes of a masked prompt and of a control network's residuals: fixtures/sd15-extras.

    python sd15_extras.py

The model is that of sd15.py. Needs torch, diffusers, safetensors. Last run with diffusers 0.42.1, torch 2.11.0.
"""
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill
from sd15 import FIXTURES, MODELS


@torch.no_grad()
def main():
    unet = fill(UNet2DConditionModel(**MODELS["sd15"]["unet"]))
    generator = torch.Generator("cpu").manual_seed(11)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    out = {"latents": randn(2, 4, 8, 8), "prompt": randn(2, 7, 12)}
    mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]])
    out["mask"] = mask
    shapes = []
    # Every state that the way down leaves: that of conv_in, of each layer, of each downsampling.
    hooks = [unet.conv_in.register_forward_hook(lambda _m, _i, o: shapes.append(o.shape))]
    for block in unet.down_blocks:
        hooks.append(block.register_forward_hook(lambda _m, _i, o: shapes.extend(state.shape for state in o[1])))
    hooks.append(unet.mid_block.register_forward_hook(lambda _m, _i, o: shapes.append(o.shape)))
    out["plain"] = unet(out["latents"], 500, out["prompt"]).sample
    for hook in hooks:
        hook.remove()
    residuals = [randn(*shape) for shape in shapes]
    out |= {f"residual.{n}": residual for n, residual in enumerate(residuals)}
    out["masked"] = unet(out["latents"], 500, out["prompt"], encoder_attention_mask=mask).sample
    controlled = unet(out["latents"], 500, out["prompt"], down_block_additional_residuals=tuple(residuals[:-1]),
                      mid_block_additional_residual=residuals[-1])
    out["controlled"] = controlled.sample
    folder = FIXTURES / "sd15-extras"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    print(len(residuals), "residuals", {k: float(v.float().abs().mean()) for k, v in out.items() if k in ("plain", "masked", "controlled")})


if __name__ == "__main__":
    main()
