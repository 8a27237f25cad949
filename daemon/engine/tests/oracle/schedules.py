#!/usr/bin/env python3
"""The values in sampling/schedules_tests.rs and sampling/lms.rs.

    python schedules.py

Prints σs of named schedules and the timesteps told there. `normal` and the two ramps are k-diffusion's own; `sgm_uniform` is k-diffusion's
two maps put together as AUTOMATIC1111's sd_schedulers.py and ComfyUI's `normal_scheduler(sgm=True)` do; EDM and LMS are diffusers'.
Needs torch, numpy, scipy, torchsde 0.2.6, k-diffusion 0.1.1 and diffusers 0.42.
"""
import importlib.util, sys

import torch
from diffusers import DDIMScheduler, EDMEulerScheduler, LMSDiscreteScheduler

from brownian import HIGH, LOW, k_diffusion


def main():
    sampling = k_diffusion()
    spec = importlib.util.spec_from_file_location("k_diffusion.external", f"{sys.modules['k_diffusion'].__path__[0]}/external.py")
    external = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(external)
    print("karras", sampling.get_sigmas_karras(5, LOW, HIGH).tolist())
    print("exponential", sampling.get_sigmas_exponential(5, LOW, HIGH).tolist())
    bars = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").alphas_cumprod
    table = external.DiscreteSchedule(((1 - bars) / bars) ** 0.5, False)
    print("normal", table.get_sigmas(5).tolist(), torch.linspace(999, 0, 5).tolist())
    start, end = table.sigma_to_t(table.sigma_max), table.sigma_to_t(table.sigma_min)
    timesteps = torch.linspace(start.item(), end.item(), 6)[:-1]
    print("sgm_uniform", table.t_to_sigma(timesteps).tolist(), timesteps.tolist())
    edm = EDMEulerScheduler()
    edm.set_timesteps(5)
    print("EDM", edm.sigmas.tolist(), edm.timesteps.tolist())
    lms = LMSDiscreteScheduler()
    lms.sigmas = torch.tensor([8.0, 5.0, 3.0, 2.0, 1.0])
    print("LMS", [[lms.get_lms_coefficient(order, 3, k) for k in range(order)] for order in (1, 2, 4)])


if __name__ == "__main__":
    main()
