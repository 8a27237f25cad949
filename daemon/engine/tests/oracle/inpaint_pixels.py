"""What A1111 does to pixels around a mask, as values in the tests of pipeline/inpaint.

    python inpaint_pixels.py

Prints the SHA-256 of a picture filled from around its mask (A1111's `modules/masking.py`, `fill`: copies of the unmasked picture, blurred
ever less, over each other), lines blurred as cv2.GaussianBlur blurs them (its getGaussianKernel and BORDER_REFLECT_101, written with
numpy), and crop regions. Needs numpy, Pillow; last run with 2.5.1, 12.3.0.
"""
import hashlib

import numpy
from PIL import Image, ImageFilter, ImageOps

from img2img import picture

RADII = [(256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)]


def mask(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    inside = (x >= 20) & (x < 52) & (y >= 8) & (y < 40)
    return Image.fromarray(numpy.where(inside, 255, x % 3 * 40).astype("uint8"))


def filled(image, masked):
    kept = Image.new("RGBa", image.size)
    kept.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(masked))
    canvas = Image.new("RGBA", image.size)
    for radius, times in RADII:
        copy = kept.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            canvas.alpha_composite(copy)
    return canvas.convert("RGB")


def blurred(line, sigma):
    reach = int(2.5 * sigma + 0.5)
    taps = numpy.exp(-numpy.arange(-reach, reach + 1) ** 2 / (2 * sigma * sigma))
    padded = numpy.pad(numpy.array(line, float), reach, mode="reflect")
    return numpy.convolve(padded, taps / taps.sum(), mode="valid").round().astype(int).tolist()


def region(bounds, padding, target, size):
    x1, y1, w, h = bounds
    box = [max(x1 - padding, 0), max(y1 - padding, 0), min(x1 + w + padding, size[0]), min(y1 + h + padding, size[1])]
    ratio, wanted = (box[2] - box[0]) / (box[3] - box[1]), target[0] / target[1]
    axis = 1 if ratio > wanted else 0
    lo, hi, end = box[axis], box[axis + 2], size[axis]
    more = int((box[2] - box[0]) / wanted - (hi - lo) if axis else (box[3] - box[1]) * wanted - (hi - lo))
    lo, hi = lo - more // 2, hi + more - more // 2
    if hi >= end:
        lo, hi = lo - (hi - end), end
    if lo < 0:
        lo, hi = 0, hi - lo
    box[axis], box[axis + 2] = lo, min(hi, end)
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


if __name__ == "__main__":
    print("fill", hashlib.sha256(filled(picture(80, 56), mask(80, 56)).tobytes()).hexdigest())
    print(blurred([255, 0, 0, 0, 0, 255, 255], 1), blurred([0, 0, 0, 255, 0, 0, 0, 0, 255], 2))
    for case in [((10, 10, 20, 20), 0, (64, 64), (100, 100)), ((10, 10, 40, 20), 0, (64, 64), (100, 100)), ((10, 70, 40, 21), 4, (64, 64), (100, 100)),
                 ((0, 50, 10, 50), 8, (128, 64), (100, 90)), ((90, 3, 10, 90), 32, (64, 64), (100, 100)), ((5, 5, 90, 10), 3, (64, 128), (100, 60))]:
        print(case, region(*case))
