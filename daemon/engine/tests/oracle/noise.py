#!/usr/bin/env python3
"""What A1111's and ComfyUI's noise is, for the tests of `sampling/noise.rs`.

    python noise.py OUT_DIR FORGE_FOLDER COMFYUI_FOLDER

Writes OUT_DIR/values.json: first and next noise of A1111's ImageRNG (Forge's modules/rng.py and rng_philox.py, run here and kept
nowhere) with the sources CPU and NV, subseeds, resized seeds and ENSD; and ComfyUI's: comfy/sample.py `prepare_noise`, and what its
`default_noise_sampler` draws on an NVIDIA card. Of each tensor the first and last values, their sum and the sum of their squares.
Needs torch and numpy.
"""
import importlib.util, json, pathlib, sys, types

import torch


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def short(value):
    return float(f"{float(value):.9g}")


def told(tensor):
    flat = tensor.double().flatten()
    return dict(shape=list(tensor.shape), first=[short(v) for v in flat[:8]], last=[short(v) for v in flat[-8:]],
                sum=short(flat.sum()), squares=short((flat * flat).sum()))


def a1111(folder):
    options = types.SimpleNamespace(forge_try_reproduce="None", randn_source="CPU", eta_noise_seed_delta=0)
    cpu = torch.device("cpu")
    modules = types.ModuleType("modules")
    modules.devices = types.SimpleNamespace(device=cpu, cpu=cpu)
    modules.shared = types.SimpleNamespace(opts=options, device=cpu)
    modules.__path__ = []
    sys.modules["modules"] = modules
    modules.rng_philox = load("modules.rng_philox", f"{folder}/modules/rng_philox.py")
    return load("modules.rng", f"{folder}/modules/rng.py"), options


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    rng, options = a1111(sys.argv[2])
    cases = []
    wishes = [dict(), dict(subseeds=[1001, 1002], subseed_strength=0.3), dict(subseeds=[7, 8], subseed_strength=1.0),
              dict(seed_resize_from_h=64, seed_resize_from_w=128), dict(seed_resize_from_h=160, seed_resize_from_w=48),
              dict(subseeds=[5, 6], subseed_strength=0.5, seed_resize_from_h=64, seed_resize_from_w=64)]
    for source in ("CPU", "NV"):
        for wish in wishes:
            for delta in (0, 31337):
                if delta and wish:
                    continue
                options.randn_source, options.eta_noise_seed_delta = source, delta
                stream = rng.ImageRNG((4, 12, 10), [42, 43], **wish)
                draws = [told(stream.next()) for _ in range(3)]
                cases.append(dict(source=dict(CPU="cpu", NV="philox")[source], seed=42, delta=delta,
                                  subseed=wish.get("subseeds", [0])[0], strength=wish.get("subseed_strength", 0.0),
                                  from_h=wish.get("seed_resize_from_h", 0), from_w=wish.get("seed_resize_from_w", 0), draws=draws))
    # ComfyUI's prepare_noise for a batch of two; on the way its samplers draw on the card, of which A1111's NV are the numbers.
    module = types.ModuleType
    for name in ("comfy", "comfy.model_management", "comfy.samplers", "comfy.utils", "comfy.nested_tensor"):
        sys.modules[name] = module(name)
        sys.modules[name].__path__ = []
    sys.modules["comfy"].model_management, sys.modules["comfy"].samplers = sys.modules["comfy.model_management"], sys.modules["comfy.samplers"]
    sample = load("comfy.sample", f"{sys.argv[3]}/comfy/sample.py")
    first = sample.prepare_noise(torch.zeros(2, 4, 12, 10), 42)
    card = sys.modules["modules.rng_philox"].Generator(42)
    draws = [told(first)] + [told(torch.asarray(card.randn((2, 4, 12, 10)))) for _ in range(2)]
    cases.append(dict(source="comfy", seed=42, delta=0, subseed=0, strength=0.0, from_h=0, from_w=0, draws=draws))
    (out / "values.json").write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
