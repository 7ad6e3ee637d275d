"""Makes the tables beside these tests (`fhir_valid`, `fhir_seeded`) importable by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
