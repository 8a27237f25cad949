#!/usr/bin/env python3
"""What diffusers' schedulers compute, for the tests of `sampling/`.

    python schedulers.py OUT_DIR

Writes OUT_DIR/cases.json: one object a case with the scheduler's arguments, its timesteps and noise levels, and the end of
a trajectory from the deterministic sample of diffusers' own tests with the dummy model `input * t / (t + 1)`.
Long lists are thinned to the places in `at`. Needs torch, numpy, scipy, torchsde 0.2.6 and diffusers 0.42.
"""
import itertools, json, math, pathlib, sys

import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSDEScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, HeunDiscreteScheduler,
                       KDPM2AncestralDiscreteScheduler, KDPM2DiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler)

CLASSES = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler, "euler_ancestral": EulerAncestralDiscreteScheduler,
           "dpm_pp2m": DPMSolverMultistepScheduler, "heun": HeunDiscreteScheduler}
LATER = {"dpm2": KDPM2DiscreteScheduler, "dpm2_ancestral": KDPM2AncestralDiscreteScheduler, "lms": LMSDiscreteScheduler,
         "dpm_pp_sde": DPMSolverSDEScheduler, "dpm_pp2m_sde": DPMSolverMultistepScheduler}
SPACINGS = ("leading", "linspace", "trailing")
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
KEEP = 24
SEED = 7


def short(value):
    return float(f"{float(value):.9g}")


def places(n):
    """At most KEEP indices of a list of n, both ends included."""
    return list(range(n)) if n <= KEEP else sorted({round(i * (n - 1) / (KEEP - 1)) for i in range(KEEP)})


def sample():
    return (torch.arange(4 * 3 * 8 * 8) / 768).reshape(3, 8, 8, 4).permute(3, 0, 1, 2).contiguous()


def noise():
    """The image-to-image case's noise, no generator needed: a fixed wave of about unit variance."""
    return math.sqrt(2) * torch.sin(torch.arange(768) * 1.7).reshape(4, 3, 8, 8)


def levels(scheduler, timesteps, steps):
    """The pairs of alphas_cumprod that DDIM steps between."""
    stride = scheduler.config.num_train_timesteps // steps
    last = scheduler.final_alpha_cumprod
    return [(scheduler.alphas_cumprod[t], scheduler.alphas_cumprod[t - stride] if t >= stride else last) for t in timesteps]


def run(name, config, steps, strength=None, source=None):
    """One case; `source` builds the scheduler from another class's config, as a pipeline does when one swaps schedulers."""
    scheduler = source if source is not None else (CLASSES | LATER)[name](**config)
    scheduler.set_timesteps(steps)
    # Classes of two calls a step list every σ but the first twice, and so does Heun's its timesteps; the others list one between.
    second = name in ("heun", "dpm2", "dpm2_ancestral", "dpm_pp_sde")
    once = (lambda values: torch.cat([values[:1], values[1::2]])) if second else (lambda values: values)
    timesteps = scheduler.timesteps
    told = timesteps[::2] if second and name != "heun" else once(timesteps)
    total = len(told)
    begin = 0
    if strength is not None:
        begin = max(steps - min(int(steps * strength), steps), 0) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    if strength is not None:
        x = scheduler.add_noise(sample(), noise(), timesteps[begin : begin + 1])
    else:
        x = sample() * scheduler.init_noise_sigma
    generator = torch.Generator("cpu").manual_seed(SEED)
    extra = dict(generator=generator) if name in ("euler_ancestral", "dpm2_ancestral", "dpm_pp2m_sde") else {}
    if name == "dpm_pp_sde":
        # Its Brownian tree is brownian.py's business: f32 σs are told it here, which it does not see alike twice.
        scheduler.noise_sampler = lambda a, b: torch.randn(4, 3, 8, 8, generator=generator)
    at = places(total)
    case = dict(sampler=name, config=config, steps=steps, strength=strength, total=total, at=at,
                timesteps=[short(told[i]) for i in at], init=short(scheduler.init_noise_sigma))
    if name == "ddim":
        pairs = levels(scheduler, timesteps.tolist(), steps)
        case["levels"] = [[short(pairs[i][0]), short(pairs[i][1])] for i in at]
    else:
        case["sigmas"] = [short(once(scheduler.sigmas)[i]) for i in at + [total]]
    for t in timesteps[begin:]:
        scaled = scheduler.scale_model_input(x, t)
        x = scheduler.step(scaled * t / (t + 1), t, x, **extra).prev_sample
    if torch.isfinite(x).all():
        flat = x.flatten()
        case["final"] = [short(flat[i]) for i in places(flat.numel())]
        case["max_abs"] = short(flat.abs().max())
        case["sum_abs"] = short(flat.abs().sum())
    return case


def flow(shift, steps, strength=None):
    """A case of noise that flows, with Euler's method."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(steps)
    timesteps, at = scheduler.timesteps, places(steps)
    begin = 0 if strength is None else max(steps - min(int(steps * strength), steps), 0)
    scheduler.set_begin_index(begin)
    x = sample() if strength is None else scheduler.scale_noise(sample(), timesteps[begin : begin + 1], noise())
    case = dict(sampler="euler", config=dict(shift=shift), steps=steps, strength=strength, total=steps, at=at,
                timesteps=[short(timesteps[i]) for i in at], init=1.0, sigmas=[short(scheduler.sigmas[i]) for i in at + [steps]])
    for t in timesteps[begin:]:
        x = scheduler.step(x * t / (t + 1), t, x).prev_sample
    flat = x.flatten()
    return dict(case, final=[short(flat[i]) for i in places(flat.numel())], max_abs=short(flat.abs().max()), sum_abs=short(flat.abs().sum()))


def cases():
    for name, spacing, offset in itertools.product(CLASSES, SPACINGS, (0, 1)):
        where = dict(SD, timestep_spacing=spacing, steps_offset=offset)
        if name == "ddim":
            where["clip_sample"] = False
        for prediction in ("epsilon", "v_prediction", "sample"):
            if (name, prediction) not in (("euler_ancestral", "sample"), ("heun", "sample")):
                yield run(name, dict(where, prediction_type=prediction), 7)
        for steps in (1, 2, 20):
            yield run(name, where, steps)
        if name == "ddim":
            for steps in (1, 7):
                yield run(name, dict(where, set_alpha_to_one=False), steps)
            yield run(name, dict(where, clip_sample=True, clip_sample_range=0.5), 7)
        if offset == 0:
            for steps in (61, 999, 1000):
                yield run(name, where, steps)
            if name != "heun":
                yield run(name, dict(where, rescale_betas_zero_snr=True, prediction_type="v_prediction"), 10)
        if name in ("euler", "dpm_pp2m", "heun") and offset == 1:
            for ramp, steps in itertools.product(("use_karras_sigmas", "use_exponential_sigmas"), (1, 2, 7, 20)):
                yield run(name, dict(where, **{ramp: True}), steps)
        if name in ("euler", "dpm_pp2m") and offset == 1:
            yield run(name, dict(where, final_sigmas_type="sigma_min"), 7)
            yield run(name, dict(where, final_sigmas_type="sigma_min"), 20)
        for strength in (0.35, 0.6, 1.0):
            yield run(name, where, 10, strength=strength)
    for name in CLASSES:
        yield run(name, {}, 10)
        yield run(name, dict(beta_schedule="linear", beta_start=0.0002, beta_end=0.015), 10)
        # Leading: from the last timestep, at σ = 2·10⁴, diffusers' own f32 rounding would be all that is compared.
        yield run(name, dict(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", timestep_spacing="leading"), 10)
        yield run(name, dict(num_train_timesteps=40, trained_betas=[round(0.01 + 0.002 * i, 6) for i in range(40)]), 9)
    yield run("euler", dict(SD, use_karras_sigmas=True, sigma_min=0.05, sigma_max=12.0), 8)
    for more in (dict(solver_type="heun"), dict(solver_order=1), dict(euler_at_final=True, final_sigmas_type="sigma_min"),
                 dict(lower_order_final=False, final_sigmas_type="sigma_min"), dict(lower_order_final=False)):
        yield run("dpm_pp2m", dict(SD, **more), 7)
        yield run("dpm_pp2m", dict(SD, **more), 16)
    for spacing in SPACINGS:
        clipped = dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1, timestep_spacing=spacing)
        yield run("dpm_pp2m", clipped, 10)
        yield run("dpm_pp2m", dict(clipped, use_karras_sigmas=True), 10)
    # Stable Diffusion 1.5 as published names PNDM and leaves fields out: those must become the other class's defaults.
    published = dict(SD, num_train_timesteps=1000, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None)
    pndm = PNDMScheduler.from_config(dict(published, clip_sample=False, _class_name="PNDMScheduler"))
    for name, cls in CLASSES.items():
        yield run(name, dict(published, clip_sample=False), 20, source=cls.from_config(pndm.config))
    for name in LATER:
        yield from later(name)
    for name, steps in itertools.product(("euler", "dpm_pp2m", "heun", *LATER), (2, 7, 20)):
        more = dict(algorithm_type="sde-dpmsolver++") if name == "dpm_pp2m_sde" else {}
        yield run(name, dict(SD, **more, use_beta_sigmas=True), steps)
    for steps in (2, 7, 20):
        yield run("dpm_pp2m", dict(SD, use_lu_lambdas=True), steps)
    for shift, steps in itertools.product((1.0, 3.0), (1, 2, 7, 28)):
        yield flow(shift, steps)
    for strength in (0.35, 0.6, 1.0):
        yield flow(3.0, 10, strength)


def later(name):
    """A smaller set, for the samplers that came when every class was laid in one way."""
    where = dict(SD, algorithm_type="sde-dpmsolver++") if name == "dpm_pp2m_sde" else SD
    for spacing, prediction in itertools.product(SPACINGS, ("epsilon", "v_prediction")):
        yield run(name, dict(where, timestep_spacing=spacing, steps_offset=1, prediction_type=prediction), 7)
    # In steps as long as two make them, KDPM2Ancestral's σ_down is what a subtraction leaves in f32.
    for steps in (1, 20) if name == "dpm2_ancestral" else (1, 2, 20):
        yield run(name, dict(where, timestep_spacing="leading", steps_offset=1), steps)
    for ramp, steps in itertools.product(("use_karras_sigmas", "use_exponential_sigmas"), (2, 7)):
        yield run(name, dict(where, **{ramp: True}), steps)
    yield run(name, {key: where[key] for key in where if key == "algorithm_type"}, 10)
    # Begun late, LMS of diffusers weighs slopes that it has not seen.
    for strength in (1.0,) if name == "lms" else (0.35, 1.0):
        yield run(name, where, 10, strength=strength)
    if name == "dpm_pp2m_sde":
        for more in (dict(solver_type="heun"), dict(solver_order=1), dict(lower_order_final=False, final_sigmas_type="sigma_min")):
            yield run(name, dict(where, **more), 7)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases()]
    (out / "cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "cases,", (out / "cases.json").stat().st_size, "bytes,",
          sum('"final"' not in line for line in lines), "without a finite result")


if __name__ == "__main__":
    main()
