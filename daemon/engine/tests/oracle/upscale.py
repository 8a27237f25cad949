"""What Pillow's filters and spandrel's networks make of a small picture: fixtures/upscale.

    python upscale.py

Networks have random weights, filled by the names that Real-ESRGAN's code gives their tensors (the names of Darkroom's layers), and
are loaded by spandrel from a file in each spelling: old ESRGAN, ESRGAN+, BSRGAN, Real-ESRGAN, compact. The last is the published
realesr-animevideov3 that is inside the program. keys.txt lists the names of each file. Needs torch, spandrel, pillow, safetensors.
Last run with torch 2.11.0, spandrel 0.4.2, pillow 13.0.0.
"""
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from spandrel import ModelLoader

from fill import values

HERE = pathlib.Path(__file__).resolve().parent
FIXTURE = HERE.parent / "fixtures" / "upscale"
EMBEDDED = HERE.parent.parent / "assets" / "realesr-animevideov3" / "realesr-animevideov3-x4.safetensors"
FILTERS = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC,
           "lanczos": Image.LANCZOS}
SIZES = [(26, 18), (29, 31), (7, 5), (13, 22), (40, 9), (1, 1), (3, 40)]


def rrdb(features, growth, blocks, doublings, shuffle, plus=False):
    """Real-ESRGAN's names and the shapes of a network."""
    out = {"conv_first": (features, 3 * shuffle**2, 3)}
    for block in range(blocks):
        for dense in (1, 2, 3):
            at = f"body.{block}.rdb{dense}"
            for nth in range(1, 6):
                out[f"{at}.conv{nth}"] = (features if nth == 5 else growth, features + (nth - 1) * growth, 3)
            if plus:
                out[f"{at}.conv1x1"] = (growth, features, 1)
    out |= {"conv_body": (features, features, 3)}
    out |= {f"conv_up{n + 1}": (features, features, 3) for n in range(doublings)}
    out |= {"conv_hr": (features, features, 3), "conv_last": (3, features, 3)}
    weights = {}
    for layer, (outputs, inputs, kernel) in out.items():
        weights[f"{layer}.weight"] = (outputs, inputs, kernel, kernel)
        if "conv1x1" not in layer:
            weights[f"{layer}.bias"] = (outputs,)
    return {key: values(key, shape) for key, shape in weights.items()}


def compact(features, convolutions, scale):
    weights = {}
    for at in range(convolutions):
        outputs = 3 * scale**2 if at == convolutions - 1 else features
        weights[f"body.{2 * at}.weight"] = (outputs, 3 if at == 0 else features, 3, 3)
        weights[f"body.{2 * at}.bias"] = (outputs,)
        if at < convolutions - 1:
            weights[f"body.{2 * at + 1}.weight"] = (features,)
    return {key: values(key, shape) for key, shape in weights.items()}


def old(key, blocks, doublings):
    """The name of old ESRGAN."""
    layer, kind = key.rsplit(".", 1)
    last = 3 * doublings + 4
    if layer.startswith("body."):
        _, block, dense, convolution = layer.split(".")
        end = "" if convolution == "conv1x1" else ".0"
        return f"model.1.sub.{block}.{dense.upper()}.{convolution}{end}.{kind}"
    if layer.startswith("conv_up"):
        return f"model.{3 * int(layer[7:])}.{kind}"
    place = {"conv_first": "0", "conv_body": f"1.sub.{blocks}", "conv_hr": last - 2, "conv_last": last}[layer]
    return f"model.{place}.{kind}"


def bsr(key):
    """The name of BSRGAN and the newer ESRGAN."""
    layer, kind = key.rsplit(".", 1)
    if layer.startswith("body."):
        _, block, dense, convolution = layer.split(".")
        return f"RRDB_trunk.{block}.{dense.upper()}.{convolution}.{kind}"
    layer = layer.replace("conv_up", "upconv").replace("conv_hr", "HRconv").replace("conv_body", "trunk_conv")
    return f"{layer}.{kind}"


@torch.no_grad()
def main():
    FIXTURE.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    noise = torch.Generator("cpu").manual_seed(11)
    picture = torch.randint(0, 256, (9, 13, 3), generator=noise, dtype=torch.uint8)
    out = {"picture": picture.float()}
    image = Image.fromarray(picture.numpy())
    for name, how in FILTERS.items():
        for size in SIZES:
            made = numpy.asarray(image.resize(size, how))
            out[f"{name}.{size[0]}x{size[1]}"] = torch.from_numpy(made.copy()).float()
    # Not a multiple of 4: networks that fold pixels have to mirror some.
    small = torch.rand(1, 3, 9, 11, generator=noise)
    out["small"] = small
    four, two = rrdb(8, 32, 2, 2, 1), rrdb(8, 32, 1, 1, 1)
    plus = rrdb(8, 32, 2, 2, 1, plus=True)
    files = {
        "old4": {old(k, 2, 2): v for k, v in four.items()},
        "plus4": {old(k, 2, 2): v for k, v in plus.items()},
        "bsr2": {bsr(k): v for k, v in two.items()},
        "new4": four,
        "new2": rrdb(8, 32, 1, 2, 2),
        "new1": rrdb(8, 32, 1, 2, 4),
        "compact4": compact(8, 4, 4),
        "compact2": compact(12, 3, 2),
        "animevideov3": load_file(EMBEDDED),
    }
    lines = []
    for name, weights in files.items():
        weights = {k: v.float() for k, v in weights.items()}
        model = ModelLoader("cpu").load_from_state_dict(dict(weights)).model.eval()
        out[name] = model(small)
        if name != "animevideov3":
            lines += [f"{name} {k} {','.join(map(str, v.shape))}" for k, v in sorted(weights.items())]
        print(f"{name:14} {tuple(out[name].shape)} mean {out[name].mean():.4f} std {out[name].std():.4f}")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")
    (FIXTURE / "keys.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
