"""The package `delivery`, as `pulumi package add` finds it in this folder: the components of the folder above."""

import gc
import sys
from pathlib import Path

# All that is imported stays in use until the process ends: looking for garbage is a fifth of the time to start.
gc.disable()
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from program.package.host import serve  # noqa: E402

serve()
