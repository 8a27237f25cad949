"""Checkpoints as torch.save writes them, and their tensors in a safetensors file to compare with: fixtures/pickle.

    python pickles.py

Files: plain (zip), legacy (before torch 1.6), trained (a training's checkpoint: state_dict, callbacks named by a class, numpy numbers,
an optimizer), wrapped (params_ema, parameters), tied (two names of one storage, and a part of it), strided (a transposed one),
float8. Needs torch, numpy, safetensors. Last run with torch 2.11.0. torch.load(weights_only=True) reads each but trained, in which it
refuses the class.
"""
import collections
import pathlib
import sys
import types

import numpy
import torch
from safetensors.torch import save_file

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "pickle"


def main():
    FIXTURE.mkdir(parents=True, exist_ok=True)
    noise = torch.Generator("cpu").manual_seed(3)
    rand = lambda *shape: torch.randn(*shape, generator=noise)
    plain = collections.OrderedDict(
        {
            "model.weight": rand(3, 2, 2),
            "model.bias": rand(3).half(),
            "wide": rand(2, 5).bfloat16(),
            "ids": torch.arange(7),
            "scalar": torch.tensor(2.5),
            "empty": torch.zeros(0, 4),
            "one": rand(1, 4, 1),
        }
    )
    save_file(dict(plain), FIXTURE / "plain.safetensors")
    torch.save(plain, FIXTURE / "plain.ckpt")
    torch.save(plain, FIXTURE / "legacy.ckpt", _use_new_zipfile_serialization=False)
    lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    lightning.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
    parts = lightning.__name__.split(".")
    for end in range(1, len(parts)):
        sys.modules[".".join(parts[:end])] = types.ModuleType(".".join(parts[:end]))
    sys.modules[lightning.__name__] = lightning
    trained = {
        "epoch": 3,
        "global_step": 12345678901,
        "pytorch-lightning_version": "1.4.2",
        "callbacks": {lightning.ModelCheckpoint: {"best": numpy.float64(0.5), "monitor": None, "path": "x", "seen": {1, 2}}},
        "state_dict": plain,
        "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": rand(3, 2).t()}}, "lr": 1e-4, "betas": (0.9, 0.999)}],
    }
    torch.save(trained, FIXTURE / "trained.ckpt")
    torch.save(trained, FIXTURE / "trained-legacy.ckpt", _use_new_zipfile_serialization=False)
    torch.save({"params_ema": {k: torch.nn.Parameter(v) for k, v in list(plain.items())[:2]}}, FIXTURE / "wrapped.pth")
    torch.save({"float8": torch.arange(8.0).to(torch.float8_e4m3fn)}, FIXTURE / "float8.pt")
    whole = rand(6, 2)
    torch.save({"whole": whole, "again": whole, "part": whole[2:4]}, FIXTURE / "tied.pt")
    torch.save({"turned": rand(3, 2).t()}, FIXTURE / "strided.pt")
    for file in sorted(FIXTURE.glob("*.[cp]*t*")):
        try:
            read = sorted(torch.load(file, weights_only=True))[:2]
        except Exception as error:
            read = str(error).split("\n")[0][:80]
        print(f"{file.name:22} {file.stat().st_size:6} {read}")


if __name__ == "__main__":
    main()
