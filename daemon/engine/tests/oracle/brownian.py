#!/usr/bin/env python3
"""What torchsde's Brownian tree and the samplers of k-diffusion that walk on it compute, for the tests of `sampling/`.

    python brownian.py OUT_DIR

Writes OUT_DIR/values.json: words of numpy's SeedSequence, increments of trees, unit noise of k-diffusion's
BrownianTreeNoiseSampler, and ends of trajectories over σs in f64. Needs torch, numpy, torchsde 0.2.6 and k-diffusion 0.1.1.
"""
import importlib.util, json, pathlib, sys, types, warnings

import numpy as np
import torch, torchsde

warnings.filterwarnings("ignore")
LOW, HIGH = 0.0291675, 14.614641
ENTROPY = (0, 42, 2**40 + 5)
SHAPE = (2, 3, 4)
WAYS = ((LOW, HIGH), (1.0, 2.5), (0.7, 0.700003), (LOW, 0.5), (3.14159265, HIGH), (0.0, 1.25), (9.0, 20.0))


def k_diffusion():
    """k-diffusion's sampling.py alone: its package asks for training libraries."""
    where = next(pathlib.Path(path) / "k_diffusion" for path in sys.path if (pathlib.Path(path) / "k_diffusion").is_dir())
    package = types.ModuleType("k_diffusion")
    package.__path__, package.utils = [str(where)], types.SimpleNamespace(append_dims=lambda x, n: x[(...,) + (None,) * (n - x.ndim)])
    sys.modules["k_diffusion"], sys.modules["k_diffusion.utils"] = package, package.utils
    spec = importlib.util.spec_from_file_location("k_diffusion.sampling", where / "sampling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def short(values):
    return [float(f"{value:.9g}") for value in values.flatten().tolist()]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    kd = k_diffusion()
    words = [dict(entropy=entropy, spawn_key=list(key), words=np.random.SeedSequence(entropy, spawn_key=key, pool_size=24).generate_state(4).tolist())
             for entropy in ENTROPY for key in ((), (0, 0), (3, 2), (2**33 + 1, 40))]
    trees = []
    for entropy in ENTROPY:
        tree = torchsde.BrownianTree(LOW, torch.zeros(SHAPE), HIGH, entropy=entropy)
        trees.append(dict(entropy=entropy, ways=[dict(a=a, b=b, increment=short(tree(a, b))) for a, b in WAYS]))
    wave = torch.sin(torch.arange(48) * 1.7).reshape(2, *SHAPE)
    noise = kd.BrownianTreeNoiseSampler(wave, LOW, HIGH, seed=[7, 8])
    units = [dict(a=a, b=b, noise=short(noise(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64))))
             for a, b in ((HIGH, 9.5), (2.5, 1.0), (1.0, 2.5))]
    ends = []
    for name in ("sample_dpmpp_sde", "sample_dpmpp_2m_sde"):
        for steps in (2, 7):
            sigmas = torch.cat([kd.get_sigmas_karras(steps, LOW, HIGH)[:-1].double(), torch.zeros(1, dtype=torch.float64)])
            noise = kd.BrownianTreeNoiseSampler(wave, sigmas[-2], sigmas[0], seed=[7, 8])
            model = lambda x, sigma: (x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2)).float()
            end = getattr(kd, name)(model, wave * sigmas[0].float(), sigmas, noise_sampler=noise, disable=True)
            ends.append(dict(sampler=name, sigmas=sigmas.tolist(), end=short(end)))
    text = json.dumps(dict(low=LOW, high=HIGH, shape=SHAPE, words=words, trees=trees, units=units, ends=ends), separators=(",", ":"))
    (out / "values.json").write_text(text.replace("},{", "},\n{") + "\n")
    print(len(text), "bytes")


if __name__ == "__main__":
    main()
