# An image with unipref on a CPU, or with CUDA:
#   docker build -t unipref .
#   docker build -t unipref-cuda --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 --build-arg TORCH_INDEX= .
#   docker run --rm -v "$PWD:/data" unipref run study.yaml -o runs/first
# With CUDA, add `--gpus all` to `docker run`. The base needs Python 3.11 or newer, or apt-get.
ARG BASE=python:3.11-slim
FROM ${BASE}

# Wheels of torch for CPUs; empty: those of PyPI, which hold CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Optional parts, such as [eval,ray].
ARG EXTRAS=

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PATH=/opt/unipref/bin:$PATH

# The versions are those of the base, which is not fixed.
# hadolint ignore=DL3008
RUN python3 -c 'import ensurepip' 2>/dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
        && rm -rf /var/lib/apt/lists/*)
RUN python3 -m venv /opt/unipref

# The libraries are a layer of their own: a change of the code does not install them again. The pins are for Python
# 3.11; a base with another Python takes the newest versions that the ranges of pyproject.toml allow.
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
RUN python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || : > constraints.txt
RUN if [ -n "$TORCH_INDEX" ]; then \
        python -m pip install --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple \
            -c constraints.txt torch; \
    fi
# What setuptools built of the empty package must go: it is newer than the copied files, so it would take their place.
RUN mkdir -p src/unipref && touch src/unipref/__init__.py \
    && python -m pip install -c constraints.txt ".${EXTRAS}" && python -m pip uninstall -y unipref \
    && rm -rf build src
COPY src src
RUN python -m pip install --no-deps . && unipref --version && python -c 'import unipref; unipref.run'

# A user without rights of the system, with the number that the first person on a machine mostly has. Files in /data
# belong to it, or to the user that `docker run --user "$(id -u)"` names.
RUN useradd --create-home --uid 1000 --non-unique unipref
USER 1000
WORKDIR /data
ENTRYPOINT ["unipref"]
CMD ["--help"]
