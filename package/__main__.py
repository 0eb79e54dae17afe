"""The package `delivery`, as `pulumi package add` finds it in this folder: the components of the folder above."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from program.package.host import serve

serve()
