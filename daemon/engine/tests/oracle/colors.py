"""A picture given the colours of another, as A1111 does it: fixtures/colors.

    python colors.py

`apply_color_correction` in modules/processing.py of stable-diffusion-webui is three calls: OpenCV's Lab of 8 bits, scikit-image's
match_histograms, and blendmodes' luminosity. Both pictures are formulas, which the test has too. Needs opencv-python-headless,
scikit-image, blendmodes, numpy, Pillow, torch; last run with 5.0, 0.26.0, 2025.
"""
import pathlib

import cv2
import numpy
import torch
from PIL import Image
from blendmodes.blend import BlendType, blendLayers
from safetensors.torch import save_file
from skimage import exposure

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "colors"


def main():
    y, x = numpy.mgrid[0:40, 0:48]
    made = numpy.stack([x * 5 % 256, (y * 6 + x) % 256, (x * y // 3) % 256], -1).astype("uint8")
    y, x = numpy.mgrid[0:32, 0:64]
    given = numpy.stack([40 + x * 2, 120 + y, (x * 3 + y * 5) % 200], -1).astype("uint8")
    lab = cv2.cvtColor(made, cv2.COLOR_RGB2LAB)
    matched = exposure.match_histograms(lab, cv2.cvtColor(given, cv2.COLOR_RGB2LAB), channel_axis=2)
    back = Image.fromarray(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB).astype("uint8"))
    corrected = blendLayers(back, Image.fromarray(made), BlendType.LUMINOSITY).convert("RGB")
    FIXTURE.mkdir(exist_ok=True)
    save_file({name: torch.from_numpy(numpy.asarray(value).astype("float32")) for name, value in (("lab", lab), ("corrected", corrected))},
              FIXTURE / "expected.safetensors")


if __name__ == "__main__":
    main()
