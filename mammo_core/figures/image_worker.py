"""Figures to images, in a process of its own: `images` starts it, keeps it, and ends it when it takes too long.

Reads one {"figure": …, "options": …} as JSON per line. Writes the length of the image (8 bytes) and the image.
Ends with its input, and at the first failure.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Draws with Kaleido, which drives one Chrome for all images."""
    import kaleido

    kaleido.start_sync_server(n=1, timeout=None)
    try:
        for line in sys.stdin.buffer:
            asked = json.loads(line)
            image = kaleido.calc_fig_sync(asked["figure"], opts=asked["options"])
            sys.stdout.buffer.write(len(image).to_bytes(8, "big") + image)
            sys.stdout.buffer.flush()
    finally:
        kaleido.stop_sync_server()


if __name__ == "__main__":
    main()
