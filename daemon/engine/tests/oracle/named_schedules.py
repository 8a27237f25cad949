#!/usr/bin/env python3
"""σs of the schedules by name, for the tests of `sampling/schedules.rs`.

    python named_schedules.py OUT_DIR COMFYUI_FOLDER FORGE_FOLDER RES4LYF_FOLDER

Writes OUT_DIR/cases.json: an object a case with the schedule, the kind of model (`vp` is Stable Diffusion 1.x, `xl` SDXL, `flow` a flow
shifted by 3), the steps, and places of the σs without the 0 at their end. Each is computed by the function that defines it: k-diffusion's,
ComfyUI's (comfy/samplers.py, comfy_extras), Forge's modules/sd_schedulers.py, RES4LYF's sigmas.py, diffusers'; of checkouts single functions are read
and run here, and kept nowhere. Needs torch, numpy, scipy, torchsde 0.2.6, k-diffusion 0.1.1 and diffusers 0.42.
"""
import ast, functools, json, math, pathlib, sys, types

import numpy, numpy as np
import scipy, scipy.stats
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler

from brownian import k_diffusion
from samplers import LOGS, TABLE
from schedulers import SD, places

STEPS, SHIFT = (1, 2, 5, 20, 50), 3.0


def functions(path, **names):
    """The functions and tables at the top of a file, without what it imports."""
    tree = ast.parse(pathlib.Path(path).read_text())
    kept = [node for node in tree.body if isinstance(node, ast.FunctionDef) or
            (isinstance(node, ast.Assign) and isinstance(node.value, (ast.Dict, ast.Constant)) and "HANDLERS" not in ast.dump(node.targets[0]))]
    scope = dict(torch=torch, np=np, numpy=numpy, scipy=scipy, stats=scipy.stats, math=math, partial=functools.partial, **names)
    for node in kept:
        node.decorator_list = []
        try:
            exec(compile(ast.Module([node], []), str(path), "exec"), scope)
        except NameError:
            # An annotation or a default of a part of the program that is not here; nothing below needs it.
            pass
    return types.SimpleNamespace(**scope)


class Preserving:
    sigmas, log_sigmas = TABLE, LOGS.float()
    sigma_min, sigma_max = TABLE[0], TABLE[-1]

    def timestep(self, sigma):
        return (sigma.log() - self.log_sigmas).abs().argmin()

    def sigma(self, t):
        t = torch.as_tensor(t).float()
        low, high = t.floor().long(), t.ceil().long()
        return torch.lerp(self.log_sigmas[low], self.log_sigmas[high], t.frac()).exp()

    sigma_to_t, t_to_sigma = timestep, sigma


class Flow:
    def __init__(self):
        self.sigmas = self.sigma(torch.arange(1, 1001) / 1000 * 1000)
        self.sigma_min, self.sigma_max = self.sigmas[0], self.sigmas[-1]

    def timestep(self, sigma):
        return sigma * 1000

    def sigma(self, t):
        return SHIFT * (t / 1000) / (1 + (SHIFT - 1) * (t / 1000))


def schedules():
    comfy = functions(f"{sys.argv[2]}/comfy/samplers.py")
    laplace = functions(f"{sys.argv[2]}/comfy/k_diffusion/sampling.py").get_sigmas_laplace
    ays = functions(f"{sys.argv[2]}/comfy_extras/nodes_align_your_steps.py")
    gits = functions(f"{sys.argv[2]}/comfy_extras/nodes_gits.py")
    model = types.SimpleNamespace(is_sdxl=False)
    shared = types.SimpleNamespace(sd_model=model, opts=types.SimpleNamespace(beta_dist_alpha=0.6, beta_dist_beta=0.6))
    forge = functions(f"{sys.argv[3]}/modules/sd_schedulers.py", shared=shared)
    kd = k_diffusion()

    def of_forge(name):
        def lay(n, space, kind):
            model.is_sdxl = kind == "xl"
            return getattr(forge, name)(n, None, None, "cpu")
        return lay

    def cut(values, n):
        """ComfyUI's nodes: one σ more than steps, of which the last is 0."""
        return list(values if n + 1 == len(values) else ays.loglinear_interp(values, n + 1))[:-1] + [0.0]

    ends = lambda space: (float(space.sigma_min), float(space.sigma_max))
    everywhere = {
        "karras": lambda n, s, k: kd.get_sigmas_karras(n, *ends(s)), "exponential": lambda n, s, k: kd.get_sigmas_exponential(n, *ends(s)),
        "normal": lambda n, s, k: comfy.normal_scheduler(s, n), "sgm_uniform": lambda n, s, k: comfy.normal_scheduler(s, n, sgm=True),
        "simple": lambda n, s, k: comfy.simple_scheduler(s, n), "ddim_uniform": lambda n, s, k: comfy.ddim_scheduler(s, n),
        "beta": lambda n, s, k: comfy.beta_scheduler(s, n), "linear_quadratic": lambda n, s, k: comfy.linear_quadratic_schedule(s, n),
        "kl_optimal": lambda n, s, k: comfy.kl_optimal_scheduler(n, *ends(s)), "betas": lambda n, s, k: forge.beta_scheduler(n, *ends(s), None, "cpu"),
        "laplace": lambda n, s, k: list(laplace(n, *ends(s))) + [0.0],
    }
    tables = {
        "align_your_steps": lambda n, s, k: of_forge("get_align_your_steps_sigmas")(n, s, k), "align_your_steps32": of_forge("ays_32_sigmas"),
        "align_your_steps_gits": of_forge("get_align_your_steps_sigmas_GITS"),
        "align_your_steps10": lambda n, s, k: cut(ays.NOISE_LEVELS["SDXL" if k == "xl" else "SD1"], n),
        "gits": lambda n, s, k: cut(gits.NOISE_LEVELS[1.20][n - 2] if n <= 20 else gits.NOISE_LEVELS[1.20][-1], n),
    }
    return everywhere, tables


def spaced(spacing, n):
    scheduler = EulerDiscreteScheduler(**SD, timestep_spacing=spacing)
    scheduler.set_timesteps(n)
    return scheduler.sigmas


def lu(n):
    scheduler = DPMSolverMultistepScheduler(**SD, use_lu_lambdas=True)
    scheduler.set_timesteps(n)
    return scheduler.sigmas


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    everywhere, tables = schedules()
    cases = []

    def case(schedule, kind, n, values):
        values = [float(v) for v in values][:-1]
        assert all(math.isfinite(v) for v in values), (schedule, kind, n)
        at = places(len(values))
        cases.append(dict(schedule=schedule, kind=kind, steps=n, total=len(values), at=at, sigmas=[float(f"{values[i]:.8g}") for i in at]))

    for n in STEPS:
        for name, lay in everywhere.items():
            if n == 1 and name == "kl_optimal":
                # 0/0 there.
                continue
            case(name, "vp", n, lay(n, Preserving(), "vp"))
            case(name, "flow", n, lay(n, Flow(), "flow"))
        for name, lay in tables.items():
            if n == 1 and name == "gits":
                continue
            for kind in ("vp", "xl"):
                case(name, kind, n, lay(n, Preserving(), kind))
        for spacing in ("leading", "linspace", "trailing"):
            case(spacing, "vp", n, spaced(spacing, n))
        # k-diffusion's own takes 1 from an exponential in f32.
        case("vp", "vp", n, functions(f"{sys.argv[2]}/comfy/k_diffusion/sampling.py", append_zero=lambda x: list(x) + [0.0]).get_sigmas_vp(n))
        case("lambdas", "vp", n, lu(n))
        if n > 1:
            bong = functions(f"{sys.argv[4]}/sigmas.py", pi=math.pi, atan=math.atan)
            case("bong_tangent", "flow", n, bong.bong_tangent_scheduler(None, n))
    (out / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(len(cases), "cases,", (out / "cases.json").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
