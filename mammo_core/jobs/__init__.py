"""Long work as jobs: requests, a queue, workers on Dask, and one handler a kind."""
