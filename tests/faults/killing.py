"""A preparation in a process of its own that kills itself, as `kill -9` would, at a given moment."""

import subprocess
import sys
from pathlib import Path

from tests.synthetic import MPP

ROOT = Path(__file__).parents[2]
PREPARE = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
import tools.files, tools.tiles
tools.tiles.BATCH_SPOTS, tools.tiles.AHEAD = 64, 1
moment, seen = {moment!r}, [0]
def strike(here):
    if here == moment[0]:
        seen[0] += 1
        if seen[0] == moment[1]:
            os.kill(os.getpid(), signal.SIGKILL)
plain = Path.replace
def replace(self, target):
    strike("before " + Path(target).name)
    plain(self, target)
    strike("after " + Path(target).name)
Path.replace = replace
from tools.prepare import prepare
from tools.workspace import PrepareOptions, Workspace
options = PrepareOptions(mpp={mpp!r}, models="fake")
prepare(Workspace(Path({workspace!r})), {slide!r}, options, progress=lambda stage, done, total: strike(stage))
"""


def killed_at(workspace: Path, slide: Path, here: str, time: int) -> int:
    """Exit status of a preparation that is killed the `time`-th time it comes `here`: a stage's report, or a file."""
    code = PREPARE.format(root=str(ROOT), moment=(here, time), mpp=MPP, workspace=str(workspace), slide=str(slide))
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
