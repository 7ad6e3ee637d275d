"""Makes what stands beside these tests (`kith_built`, `kith_changes`, `kith_schemas`) importable by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
