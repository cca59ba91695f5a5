"""The paper's experiments as presets, and its runs on frozen networks."""
