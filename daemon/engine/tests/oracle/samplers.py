#!/usr/bin/env python3
"""Where the samplers' trajectories end, for the tests of `sampling/` and the table of docs/samplers.md.

    python samplers.py OUT_DIR COMFYUI_FOLDER FORGE_FOLDER RES4LYF_FOLDER

Writes OUT_DIR/cases.json: an object a case with the sampler, what the model predicts, the steps, options, and places of the last state.
Each sampler is run by the implementation that defines it: k-diffusion's functions, ComfyUI's comfy/k_diffusion/sampling.py (from a
checkout; read, run here, and kept nowhere), Forge's modules/sd_samplers_extra.py for Restart, diffusers' classes; RES in single steps by the weights
of RES4LYF's beta/rk_coefficients_beta.py and phi_functions.py. All get the same σs,
the same noise (torch's CPU generator, one draw after the other) and the same dummy model. Everything is in f64 but the tables, which are
f32 as in diffusers. Needs torch, numpy, scipy, torchsde 0.2.6, k-diffusion 0.1.1 and diffusers 0.42.
"""
import ast, importlib.util, inspect, itertools, json, typing, math, pathlib, sys, types

import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler,
                       LCMScheduler, PNDMScheduler, SASolverScheduler, TCDScheduler, UniPCMultistepScheduler)

from brownian import k_diffusion
from schedulers import SD, noise as wave, places

SEED, SHAPE, SHIFT = 7, (4, 3, 8, 8), 3.0
PREDICTIONS = ("epsilon", "v_prediction", "flow")
STEPS = (4, 7, 20)
CHURN = dict(s_churn=6.0, s_tmin=0.05, s_tmax=9.0, s_noise=1.007)

# sampler: (function, whether it is k-diffusion's where variance is preserved, whether it has a form for flows)
SIGMA = {
    "euler": ("sample_euler", True, True), "euler_ancestral": ("sample_euler_ancestral", True, True), "heun": ("sample_heun", True, True),
    "dpm2": ("sample_dpm_2", True, True), "dpm2_ancestral": ("sample_dpm_2_ancestral", True, True), "lms": ("sample_lms", True, True),
    "dpm_pp_sde": ("sample_dpmpp_sde", True, True), "dpm_pp2m": ("sample_dpmpp_2m", True, True),
    "dpm_pp2m_sde": ("sample_dpmpp_2m_sde", True, True), "dpm_pp2s_ancestral": ("sample_dpmpp_2s_ancestral", True, True),
    "dpm_pp2m_sde_heun": ("sample_dpmpp_2m_sde", True, True), "dpm_pp3m_sde": ("sample_dpmpp_3m_sde", True, True),
    "dpm_fast": ("sample_dpm_fast", True, True), "dpm_adaptive": ("sample_dpm_adaptive", True, True),
    "heun_pp2": ("sample_heunpp2", False, True), "restart": ("restart_sampler", True, False),
    "ipndm": ("sample_ipndm", False, True), "ipndm_v": ("sample_ipndm_v", False, True), "deis": ("sample_deis", False, True),
    "sa_solver3": ("sample_sa_solver", False, True), "sa_solver_pece": ("sample_sa_solver_pece", False, True), "er_sde": ("sample_er_sde", False, True),
    "er_sde1": ("sample_er_sde", False, True), "er_sde2": ("sample_er_sde", False, True), "seeds2": ("sample_seeds_2", False, True),
    "seeds3": ("sample_seeds_3", False, True), "res_multistep": ("sample_res_multistep", False, True),
    "res_multistep_ancestral": ("sample_res_multistep_ancestral", False, False),
    "gradient_estimation": ("sample_gradient_estimation", False, True), "euler_cfg_pp": ("sample_euler_cfg_pp", False, True),
    "euler_ancestral_cfg_pp": ("sample_euler_ancestral_cfg_pp", False, True),
    "dpm_pp2s_ancestral_cfg_pp": ("sample_dpmpp_2s_ancestral_cfg_pp", False, False),
    "dpm_pp2m_cfg_pp": ("sample_dpmpp_2m_cfg_pp", False, False), "res_multistep_cfg_pp": ("sample_res_multistep_cfg_pp", False, False),
    "res_multistep_ancestral_cfg_pp": ("sample_res_multistep_ancestral_cfg_pp", False, False),
    "gradient_estimation_cfg_pp": ("sample_gradient_estimation_cfg_pp", False, False),
}
FIXED = {"dpm_pp2m_sde_heun": dict(solver_type="heun"), "er_sde1": dict(max_stage=1), "er_sde2": dict(max_stage=2)}
# sampler: (class, its arguments, whether it has a form for flows)
DISCRETE = {
    "ddim": (DDIMScheduler, dict(clip_sample=False), False), "ddpm": (DDPMScheduler, dict(clip_sample=False), False),
    "plms": (PNDMScheduler, dict(skip_prk_steps=True), False), "uni_pc": (UniPCMultistepScheduler, {}, True),
    "uni_pc_bh1": (UniPCMultistepScheduler, dict(solver_type="bh1"), True), "deis_log_rho": (DEISMultistepScheduler, {}, True),
    "sa_solver": (SASolverScheduler, {}, True), "dpm_pp3m": (DPMSolverMultistepScheduler, dict(solver_order=3), False),
    "lcm": (LCMScheduler, {}, False), "tcd": (TCDScheduler, {}, False),
}
# sampler: RES4LYF's name
SINGLE = {"res2s": "res_2s", "res3s": "res_3s"}
# What the options of the two sides are called.
CALLED = dict(order=dict(lms="order", ipndm="max_order", ipndm_v="max_order", deis="max_order"))


def module(name, path=None, **attributes):
    if path is None:
        found = types.ModuleType(name)
    else:
        spec = importlib.util.spec_from_file_location(name, path)
        found = importlib.util.module_from_spec(spec)
    found.__dict__.update(attributes)
    sys.modules[name] = found
    if path is not None:
        spec.loader.exec_module(found)
    return found


class CONST:
    """What ComfyUI's functions know a flow by."""

    def percent_to_sigma(self, percent):
        return SHIFT * (1 - percent) / (1 + (SHIFT - 1) * (1 - percent))

    def noise_scaling(self, sigma, noise, latent):
        return sigma * noise + (1 - sigma) * latent


class Preserving:
    def percent_to_sigma(self, percent):
        return sigma_of(999 * (1 - percent))

    def noise_scaling(self, sigma, noise, latent):
        return latent + sigma * noise


def res4lyf(folder):
    """RES4LYF's weights of a step, without what its files ask of the rest of it."""
    options = type("ExtraOptions", (), dict(__init__=lambda self, text: None, __call__=lambda self, name, default=None, **more: default if default is not None else False))
    phi = module("phi_functions", f"{folder}/beta/phi_functions.py")
    tree = ast.parse(pathlib.Path(f"{folder}/beta/rk_coefficients_beta.py").read_text())
    scope = dict(vars(typing), torch=torch, Tensor=torch.Tensor, math=math, Phi=phi.Phi, calculate_gamma=phi.calculate_gamma, ExtraOptions=options,
                 get_extra_options_kv=lambda key, default, options: default)
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.Assign)):
            try:
                exec(compile(ast.Module([node], []), folder, "exec"), scope)
            except NameError:
                # A table of numbers of higher precision, for methods that are not asked for.
                pass
    return types.SimpleNamespace(**scope)


def comfyui(folder):
    """ComfyUI's sampling.py with what it asks of the rest of ComfyUI."""
    def post_cfg(options, function, disable_cfg1_optimization=False):
        return dict(options, sampler_post_cfg_function=options.get("sampler_post_cfg_function", []) + [function])
    for name in ("comfy", "comfy.memory_management"):
        module(name)
    sys.modules["comfy"].__path__ = []
    sys.modules["comfy"].model_sampling = module("comfy.model_sampling", CONST=CONST)
    sys.modules["comfy"].model_patcher = module("comfy.model_patcher", set_model_options_post_cfg_function=post_cfg)
    module("comfy.utils", model_trange=lambda *a, **k: range(*a))
    package = module("comfy.k_diffusion")
    package.__path__ = [f"{folder}/comfy/k_diffusion"]
    for part in ("utils", "deis", "sa_solver", "sampling"):
        setattr(package, part, module(f"comfy.k_diffusion.{part}", f"{folder}/comfy/k_diffusion/{part}.py"))
    return package.sampling


bars = DDIMScheduler(**SD).alphas_cumprod
TABLE = ((1 - bars) / bars) ** 0.5
LOGS = TABLE.double().log().float().double()


def sigma_of(t):
    low, high = math.floor(t), math.ceil(t)
    return math.exp(float(LOGS[low] + (LOGS[high] - LOGS[low]) * (t - low)))


def timestep_of(sigma):
    return float(np.interp(math.log(sigma), LOGS.numpy(), np.arange(1000.0)))


def predicted(x, t):
    """Mostly the noise that a model would see there, so that a trajectory does not blow up what f32 rounds off."""
    return (x * (0.7 + t / 5000) + 0.25 * torch.sin(1.3 * x + 0.4) * (0.6 + t / 2500),
            x * (0.65 + t / 5000) + 0.2 * torch.cos(0.9 * x) * (0.5 + t / 3000))


class Model:
    """The dummy as a denoiser of k-diffusion's, with what ComfyUI's functions look for around it."""

    def __init__(self, prediction):
        self.prediction = prediction
        self.model_sampling = CONST() if prediction == "flow" else Preserving()
        self.inner_model = self.model_patcher = self

    def get_model_object(self, name):
        return self.model_sampling

    def clean(self, x, out, sigma):
        if self.prediction == "epsilon":
            return x - sigma * out
        if self.prediction == "v_prediction":
            return x / (sigma**2 + 1) - out * sigma / (sigma**2 + 1) ** 0.5
        return x - sigma * out

    def __call__(self, x, sigma, model_options={}, **ignored):
        sigma = float(sigma.flatten()[0])
        flow = self.prediction == "flow"
        outs = predicted(x if flow else x / math.sqrt(sigma**2 + 1), sigma * 1000 if flow else timestep_of(sigma))
        cond, uncond = (self.clean(x, out, sigma) for out in outs)
        for function in model_options.get("sampler_post_cfg_function", []):
            function(dict(denoised=cond, uncond_denoised=uncond))
        return cond


def sigmas(prediction, steps):
    """k-diffusion's `normal`, or diffusers' σs of a flow; f32, as both keep them."""
    if prediction == "flow":
        scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
        scheduler.set_timesteps(steps)
        return scheduler.sigmas.double()
    values = [sigma_of(t) for t in np.linspace(999, 0, steps)] + [0.0]
    return torch.tensor(values).float().double()


def draws():
    generator = torch.Generator("cpu").manual_seed(SEED)
    return lambda *ignored: torch.randn(SHAPE, generator=generator, dtype=torch.float32).double()


def run_sigma(name, prediction, steps, options):
    function, k, _ = SIGMA[name]
    model, schedule, draw = Model(prediction), sigmas(prediction, steps), draws()
    source = kd if k and prediction != "flow" else comfy
    given = dict(FIXED.get(name, {}), **{CALLED.get(key, {}).get(name, key): value for key, value in options.items()})
    x = wave().double() * schedule[0]
    original, torch.randn_like = torch.randn_like, draw
    try:
        if name == "restart":
            return forge.restart_sampler(model, x, schedule, disable=True, **given)
        if name in ("dpm_fast", "dpm_adaptive"):
            ends = (float(schedule[-2]), float(schedule[0]))
            count = (steps,) if name == "dpm_fast" else ()
            return getattr(source, function)(model, x, *ends, *count, disable=True, noise_sampler=draw, **given)
        takes_noise = "noise_sampler" in inspect.signature(getattr(source, function)).parameters
        if takes_noise:
            given["noise_sampler"] = draw
        return getattr(source, function)(model, x, schedule, extra_args={}, disable=True, **given)
    finally:
        torch.randn_like = original


def run_discrete(name, prediction, steps, options):
    cls, arguments, _ = DISCRETE[name]
    kept = {key: value for key, value in options.items() if key in ("eta",)}
    arguments = dict(arguments, **{("solver_order" if key == "order" else key): value for key, value in options.items() if key not in kept})
    flow = prediction == "flow"
    if flow:
        scheduler = cls(use_flow_sigmas=True, flow_shift=SHIFT, prediction_type="flow_prediction", **arguments)
    else:
        scheduler = cls(**SD, timestep_spacing="leading", steps_offset=1, prediction_type=prediction, **arguments) if cls not in (LCMScheduler, TCDScheduler) \
            else cls(**SD, prediction_type=prediction, **arguments)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps
    if hasattr(scheduler, "sigmas"):
        scheduler.sigmas = scheduler.sigmas.double()
    if flow:
        schedule = sigmas(prediction, steps)
        timesteps = schedule[:-1] * 1000
        schedule[0] = CONST().percent_to_sigma(1e-4)
        timesteps[0] = schedule[0] * 1000
        scheduler.sigmas, scheduler.timesteps = schedule, timesteps
        scheduler.set_begin_index(0)
    generator = torch.Generator("cpu").manual_seed(SEED)
    stochastic = name in ("ddpm", "sa_solver", "lcm", "tcd") or (name == "ddim" and "eta" in options)
    x = wave().double()
    import diffusers.schedulers.scheduling_sasolver, diffusers.schedulers.scheduling_lcm, diffusers.schedulers.scheduling_tcd
    import diffusers.schedulers.scheduling_ddpm, diffusers.schedulers.scheduling_ddim
    for part in ("sasolver", "lcm", "tcd", "ddpm", "ddim"):
        sys.modules[f"diffusers.schedulers.scheduling_{part}"].randn_tensor = \
            lambda shape, generator=None, **ignored: torch.randn(shape, generator=generator, dtype=torch.float32).double()
    for i, t in enumerate(timesteps):
        out, _ = predicted(x, float(t))
        if name in ("lcm", "tcd", "ddim", "ddpm", "plms"):
            scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
        if name == "uni_pc_bh1" and i == len(timesteps) - 1:
            # Where a step ends at σ = 0 its B(h) is infinite, and diffusers multiplies that with 0; the step is the clean sample.
            x = scheduler.convert_model_output(out, sample=x)
            break
        if flow and name in ("deis_log_rho", "sa_solver") and i == len(timesteps) - 1:
            # These never end at σ = 0 in diffusers; a flow does.
            x = x - schedule[i] * out
            break
        x = scheduler.step(out, t, x, **kept, **(dict(generator=generator) if stochastic else {})).prev_sample
    return x


def run_lcm_flow(name, prediction, steps, options):
    return comfy.sample_lcm(Model(prediction), wave().double() * 1.0, sigmas(prediction, steps), disable=True, noise_sampler=draws())


def run_single(name, prediction, steps, options):
    model, schedule = Model(prediction), sigmas(prediction, steps)
    x = wave().double() * schedule[0]
    for sigma, end in zip(schedule[:-1], schedule[1:]):
        first = model(x, sigma)
        if end == 0:
            x = first
            continue
        h = -torch.log(end / sigma)
        a, b, _, _, c, *_ = single.get_rk_methods_beta(SINGLE[name], h, sigma=sigma, sigma_next=end, sigma_down=end)
        seen = [first]
        for row, place in zip(a[1:], c[1:]):
            there = torch.exp(-h * place) * x + h * sum(weight * clean for weight, clean in zip(row, seen))
            seen.append(model(there, sigma * torch.exp(-h * place)))
        x = torch.exp(-h) * x + h * sum(weight * clean for weight, clean in zip(b[0], seen))
    return x


def case(run, name, prediction, steps, **options):
    x = run(name, prediction, steps, options)
    x = x[0] if isinstance(x, tuple) else x
    assert torch.isfinite(x).all(), (name, prediction, steps, options)
    flat = x.double().flatten()
    kept = [float(f"{float(flat[i]):.8g}") for i in places(flat.numel())]
    return dict(sampler=name, prediction=prediction, steps=steps, options=options, final=kept, max_abs=float(f"{float(flat.abs().max()):.8g}"),
                sum_abs=float(f"{float(flat.abs().sum()):.8g}"))


def cases():
    for name, (_, _, flows) in SIGMA.items():
        for prediction in PREDICTIONS if flows else PREDICTIONS[:2]:
            for steps in STEPS + ((40,) if name == "restart" else ()):
                yield case(run_sigma, name, prediction, steps)
    for name, (_, _, flows) in DISCRETE.items():
        for prediction in PREDICTIONS if flows else PREDICTIONS[:2]:
            for steps in STEPS:
                yield case(run_discrete, name, prediction, steps)
    for name, prediction, steps in itertools.product(SINGLE, PREDICTIONS, STEPS):
        yield case(run_single, name, prediction, steps)
    for steps in STEPS:
        yield case(run_lcm_flow, "lcm", "flow", steps)
    for name in ("euler", "heun", "dpm2"):
        yield case(run_sigma, name, "epsilon", 7, **CHURN)
    for name in ("euler_ancestral", "dpm2_ancestral", "dpm_pp2s_ancestral", "dpm_pp_sde", "dpm_pp2m_sde", "dpm_pp3m_sde", "seeds2", "seeds3",
                 "euler_ancestral_cfg_pp", "res_multistep_ancestral", "dpm_pp2s_ancestral_cfg_pp"):
        yield case(run_sigma, name, "epsilon", 7, eta=0.6, s_noise=1.05)
        yield case(run_sigma, name, "v_prediction", 7, eta=0.0)
    for name in ("euler_ancestral", "dpm2_ancestral", "dpm_pp2s_ancestral", "dpm_pp_sde", "dpm_pp2m_sde", "seeds2"):
        yield case(run_sigma, name, "flow", 7, eta=0.6, s_noise=1.05)
    for name in ("dpm_fast", "dpm_adaptive"):
        yield case(run_sigma, name, "epsilon", 7, eta=0.6, s_noise=1.05)
    for name in ("er_sde", "sa_solver_pece", "sa_solver3"):
        yield case(run_sigma, name, "epsilon", 7, s_noise=1.05)
    yield case(run_sigma, "restart", "epsilon", 20, s_noise=1.05)
    for order in (1, 2, 3):
        # ComfyUI's fail at first order.
        for name in ("lms", "ipndm", "ipndm_v")[: 1 if order == 1 else 3]:
            yield case(run_sigma, name, "epsilon", 7, order=order)
        for name in ("uni_pc", "uni_pc_bh1", "deis_log_rho"):
            yield case(run_discrete, name, "epsilon", 20, order=order)
    for order in (2, 4):
        yield case(run_sigma, "deis", "epsilon", 7, order=order)
    for name in ("deis_log_rho", "sa_solver"):
        yield case(run_discrete, name, "epsilon", 7, lower_order_final=False)
    yield case(run_discrete, "deis_log_rho", "epsilon", 7, order=3)
    yield case(run_discrete, "tcd", "epsilon", 7, eta=0.0)
    yield case(run_discrete, "tcd", "epsilon", 7, eta=1.0)
    yield case(run_discrete, "ddim", "epsilon", 7, eta=1.0)
    yield case(run_discrete, "ddim", "v_prediction", 7, eta=0.4)
    for name in ("uni_pc", "deis_log_rho", "sa_solver", "dpm_pp3m", "ddim", "ddpm", "lcm"):
        yield case(run_discrete, name, "epsilon", 7, thresholding=True)


def main():
    global kd, comfy, forge, single
    torch.set_default_dtype(torch.float64)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    kd = k_diffusion()
    comfy = comfyui(sys.argv[2])
    sys.modules["k_diffusion"].sampling = sys.modules["k_diffusion.sampling"] = kd
    forge = module("sd_samplers_extra", f"{sys.argv[3]}/modules/sd_samplers_extra.py")
    single = res4lyf(sys.argv[4])
    lines = [json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases()]
    (out / "cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "cases,", (out / "cases.json").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
