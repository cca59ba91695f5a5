"""One figure to one image, in a process of its own: `images` starts it and ends it when it takes too long.

Reads {"figure": …, "options": …} as JSON from its input and writes the image to its output.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Draws with Kaleido, which drives a Chrome."""
    import kaleido

    asked = json.load(sys.stdin.buffer)
    sys.stdout.buffer.write(kaleido.calc_fig_sync(asked["figure"], opts=asked["options"]))


if __name__ == "__main__":
    main()
