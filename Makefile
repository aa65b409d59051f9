# The everyday commands. `make` alone lists them; CONTRIBUTING.md says more.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
JOBS ?= $(shell nproc)
# Everything that uses LibTorch shares a precompiled header; without this ccache refuses to cache it.
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime

# configure(preset, further options): the LibTorch and the Python that set-up found.
configure = . build/setup.env && cmake --preset $(1) -DTorch_DIR="$$TORCH_DIR" -DPython3_EXECUTABLE="$$PYTHON" $(2) >build/configure-$(1).log || \
  { tail -n 30 build/configure-$(1).log; exit 1; }
build = cmake --build --preset $(1) --parallel $(JOBS)

.PHONY: help setup build test demo lint format bench gpu-check clean
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: packages by apt, LibTorch into .venv
	@scripts/setup.sh

build: setup ## build the programs into build/release/bin
	@$(call configure,release)
	@$(call build,release) --target wring optimize_gpu wring-train manual

test: setup ## build everything and run every test
	@$(call configure,release)
	@$(call build,release)
	@. build/setup.env && WRING_TEST_PYTHON="$$PYTHON" ctest --preset release --parallel 2

demo: setup ## train a small network on free photographs and compare it with bicubic
	@$(call configure,release)
	@$(call build,release) --target wring optimize_gpu wring-train draw_images
	@scripts/demo.sh

lint: ## check the format, run clang-tidy, compile the scripts
	@scripts/setup.sh --lint
	@scripts/lint.sh

format: ## let clang-format rewrite our own code
	@scripts/setup.sh --lint >/dev/null
	@git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp' '*.cu' '*.cuh' | sort -u | xargs .lint/bin/clang-format -i

bench: setup ## micro-benchmarks, and training speed beside PyTorch
	@$(call configure,release,-DWRING_BENCH=ON)
	@$(call build,release)
	@scripts/bench.sh

gpu-check: ## on a machine with a GPU: the GPU tests, and training speed beside PyTorch
	@if [ -z "$${WRING_BUILD_DIR:-}" ]; then scripts/setup.sh && $(MAKE) --no-print-directory build-cuda; fi
	@scripts/gpu_check.sh

.PHONY: build-cuda
build-cuda:
	@$(call configure,cuda)
	@$(call build,cuda)

clean: ## remove what was built; .venv and downloads stay
	@rm -rf build
