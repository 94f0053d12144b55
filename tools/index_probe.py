"""Spots of each slide in the index as JSON on stdout: `python -m tools.index_probe FOLDER JOINT URL SLIDE...`."""

import json
import sys
from pathlib import Path

from tools.errors import SlideError
from tools.index import IndexDamaged, SpotIndex


def main() -> int:
    """0 where every question is answered, 1 with the reason on stderr."""
    folder, joint, url, *slides = sys.argv[1:]
    try:
        index = SpotIndex(Path(folder), joint, url or None)
        index.probe()
        whole = index.slides()
        counts = {name: index.count(name) if name in whole else 0 for name in slides}
    except (IndexDamaged, SlideError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{json.dumps(counts)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
