"""Wring's Python side. `import wring_gpu.agent` lets `wring diagnose` into programs that `sitecustomize` does not reach."""
