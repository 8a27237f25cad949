"""Pictures brought to other sizes in A1111's three ways of pixels: fixtures/resize.

    python resize.py

The ways are those of `resize_image` in modules/images.py of stable-diffusion-webui, written again from what it does with Pillow's
pictures. The picture is a formula, which the test has too. Needs Pillow before 13 (which resamples columns first where that is less
work; A1111 pins 9.5), numpy, torch, safetensors; last run with Pillow 11.3.0.
"""
import json
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "resize"
SIZES = [(40, 30, 64, 64), (30, 40, 64, 32), (100, 33, 24, 40), (7, 9, 16, 8), (16, 16, 16, 16), (50, 100, 40, 24)]


def picture(w, h):
    y, x = numpy.mgrid[0:h, 0:w]
    return Image.fromarray(numpy.stack([x * 7 % 256, y * 11 % 256, (x * y + 3 * x) % 256], -1).astype("uint8"))


def stretched(im, w, h):
    return im.resize((w, h), Image.Resampling.LANCZOS)


def placed(im, inner_w, inner_h, width, height):
    small, out = stretched(im, inner_w, inner_h), Image.new("RGB", (width, height))
    out.paste(small, (width // 2 - inner_w // 2, height // 2 - inner_h // 2))
    return small, out


def cover(im, width, height):
    wider = width / height > im.width / im.height
    inner = (width, im.height * width // im.width) if wider else (im.width * height // im.height, height)
    return placed(im, *inner, width, height)[1]


def inside(im, width, height):
    wanted, own = width / height, im.width / im.height
    inner = (width, im.height * width // im.width) if wanted < own else (im.width * height // im.height, height)
    small, out = placed(im, *inner, width, height)
    left, top = width // 2 - inner[0] // 2, height // 2 - inner[1] // 2
    # A box without extent: Pillow's bicubic filter at the very edge.
    if wanted < own and top > 0:
        out.paste(small.resize((width, top), box=(0, 0, width, 0)), (0, 0))
        out.paste(small.resize((width, top), box=(0, small.height, width, small.height)), (0, top + inner[1]))
    if wanted > own and left > 0:
        out.paste(small.resize((left, height), box=(0, 0, 0, height)), (0, 0))
        out.paste(small.resize((left, height), box=(small.width, 0, small.width, height)), (left + inner[0], 0))
    return out


def main():
    out, cases = {}, []
    for mode, way in [("Just resize", stretched), ("Crop and resize", cover), ("Resize and fill", inside)]:
        for w, h, width, height in SIZES:
            made = numpy.asarray(way(picture(w, h), width, height))
            out[str(len(cases))] = torch.from_numpy(made.astype("float32"))
            cases.append([mode, [w, h, width, height]])
    FIXTURE.mkdir(exist_ok=True)
    save_file(out, FIXTURE / "expected.safetensors")
    (FIXTURE / "cases.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
