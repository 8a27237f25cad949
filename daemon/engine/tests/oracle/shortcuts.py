"""What diffusers' FreeU, tomesd's token merging and DeepCache make of the tiny UNet of fixtures/pipeline: fixtures/pipeline/shortcuts.safetensors.

    pip install tomesd DeepCache --no-deps && python shortcuts.py

Prompts are noise of torch's CPU generator (seeds 11 and 12), and so are latents (seed 5). The cases are in
daemon/engine/tests/shortcuts.rs too. Last run with torch 2.11.0, diffusers 0.42.1, tomesd 0.1.3, DeepCache 0.1.1.
"""
import importlib.util
import json
import pathlib
import types

import tomesd
import torch
from diffusers import EulerDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "pipeline"
# height, width, (s1, s2, b1, b2)
FREE_U = [(32, 24, (0.9, 0.2, 1.5, 1.6)), (20, 28, (0.6, 0.4, 1.1, 1.2)), (8, 8, (1.0, 1.5, 1.0, 0.8))]
# height, width, ratio
MERGING = [(32, 24, 0.5), (18, 13, 0.3), (16, 16, 0.75), (9, 9, 1.0)]
# interval, DeepCache's branch: a level of this UNet has two states, so that 3 is the state that we count as 2
DEEP_CACHE = [(2, 0), (3, 0), (3, 1), (2, 3)]


def config(name):
    return {k: v for k, v in json.loads((FIXTURE / name).read_text()).items() if not k.startswith("_")}


def noise(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(seed))


def helper():
    """DeepCacheSDHelper, without its package's pipelines, which are for older versions of diffusers."""
    found = importlib.util.find_spec("DeepCache").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("deepcache", pathlib.Path(found) / "extension" / "deepcache.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DeepCacheSDHelper


@torch.no_grad()
def loop(unet, scheduler, prompts, cfg=5.0):
    x = noise(5, 1, 4, 32, 24) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        said = unet(scheduler.scale_model_input(torch.cat([x, x]), t), t, encoder_hidden_states=prompts).sample
        uncond, cond = said.chunk(2)
        x = scheduler.step(uncond + cfg * (cond - uncond), t, x).prev_sample
    return x


@torch.no_grad()
def main():
    prompts = torch.cat([noise(12, 1, 77, 32), noise(11, 1, 77, 32)])
    new = lambda: fill(UNet2DConditionModel(**config("unet/config.json")))
    plain = new()
    say = lambda unet, h, w: unet(torch.cat([noise(5, 1, 4, h, w)] * 2), 501, encoder_hidden_states=prompts).sample
    out = {}
    for n, (h, w, (s1, s2, b1, b2)) in enumerate(FREE_U):
        unet = new()
        unet.enable_freeu(s1=s1, s2=s2, b1=b1, b2=b2)
        out[f"freeu.{n}"] = say(unet, h, w)
        print("freeu", n, f"changes by {(out[f'freeu.{n}'] - say(plain, h, w)).abs().max():.4f}")
    for n, (h, w, ratio) in enumerate(MERGING):
        unet = new()
        tomesd.apply_patch(unet, ratio=ratio, use_rand=False)
        out[f"merging.{n}"] = say(unet, h, w)
        print("merging", n, f"changes by {(out[f'merging.{n}'] - say(plain, h, w)).abs().max():.4f}")
    scheduler = lambda: EulerDiscreteScheduler.from_config(config("scheduler/scheduler_config.json"))
    for n, (interval, branch) in enumerate(DEEP_CACHE):
        pipe = types.SimpleNamespace(unet=new(), scheduler=scheduler())
        pipe.scheduler.set_timesteps(7)
        deep = helper()(pipe)
        deep.set_params(cache_interval=interval, cache_branch_id=branch)
        deep.enable()
        out[f"deep_cache.{n}"] = loop(pipe.unet, pipe.scheduler, prompts)
        whole = scheduler()
        whole.set_timesteps(7)
        print("deep cache", n, f"changes by {(out[f'deep_cache.{n}'] - loop(plain, whole, prompts)).abs().max():.4f}")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "shortcuts.safetensors")


if __name__ == "__main__":
    main()
