"""What tests share tells what it found where it fails, as tests do themselves."""

import sys
from pathlib import Path

if "pytest" in sys.modules:  # measurements use some of this without it
    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{one.stem}" for one in Path(__file__).parent.iterdir() if one.is_dir() or one.suffix == ".py")
    )
