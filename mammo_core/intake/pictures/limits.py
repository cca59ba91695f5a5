"""How much a file from outside may ask for. Beyond it, it is refused before or while it is read."""

MAX_PIXELS = 100_000_000  # of one image; the largest mammograms have about 30 million
MAX_FILE_BYTES = 512 * 2**20  # of one image file, and of what a deflated one unpacks to
SECONDS = 5.0  # to read one picture somebody waits for
BULK_SECONDS = 60.0  # for one item of a bulk import, which may be an image with its mask
MEMORY_BYTES = 2 * 2**30  # address space of one reading process
START_SECONDS = 60.0  # for a reading process to start, on a busy computer
RECYCLE_BYTES = 768 * 2**20  # a reading process that keeps more than this is replaced
