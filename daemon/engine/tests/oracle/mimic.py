"""Values of sd-dynamic-thresholding's `DynThresh` for the table in src/sampling/mimic.rs and its scales for that of src/guidance/mimic.rs.

    python mimic.py FOLDER

FOLDER is a checkout of mcmonkeyprojects/sd-dynamic-thresholding, which is read, run here and kept nowhere. The clean samples are
c = sin(i) and u = cos(2 i) / 2 for i from 0, two pictures of [1, 2, 3]. Prints one line a case.
"""
import sys

import torch

sys.path.insert(0, sys.argv[1])
from dynthres_core import DynThresh

i = torch.arange(12, dtype=torch.float32).reshape(2, 1, 2, 3)


def rule(mimic, percentile=1.0, phi=1.0, mode="Constant", least=0.0, value=4.0, steps=10):
    return DynThresh(mimic, percentile, mode, least, "Constant", 0.0, value, 0, steps, True, "MEAN", "AD", phi)


for cfg, mimic, percentile, phi in [(7.5, 3.0, 1.0, 1.0), (20.0, 7.0, 0.9, 1.0), (12.0, 5.0, 0.6, 0.7)]:
    found = rule(mimic, percentile, phi)
    found.step = 0
    shown = found.dynthresh(torch.sin(i), torch.cos(2 * i) / 2, cfg, None)
    print(cfg, mimic, percentile, phi, [round(v, 6) for v in shown.flatten().tolist()])
for mode in DynThresh.Modes:
    values = []
    for step in (0, 3, 9):
        found = rule(7.0, mode=mode, least=1.0)
        found.step = step
        values.append(round(found.interpret_scale(7.0, mode, 1.0), 6))
    print(mode, values)
