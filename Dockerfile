# syntax=docker/dockerfile:1
# One image for all four processes: listener, courier, worker, beat. tests/helm/test_image.py runs these steps without a
# container engine and tests the result as an unprivileged user without write access.

# The Python version of the test suite. `make lock` adds the digest (@sha256:…) if it reaches the registry; a release is always built from
# a digest (release.yml).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# A mirror of the package index; the hashes in requirements/ verify its files.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src

# The dependencies come first, because they change less often than our own code. The asyncio client is more than half of the
# Kubernetes package and is never imported.
COPY requirements/image.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/egress-diag \
    && python -m pip --python /opt/egress-diag/bin/python install --no-compile --only-binary :all: --require-hashes \
        -r requirements/image.txt \
    && rm -r /opt/egress-diag/lib/python3.*/site-packages/kubernetes/aio \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/egress-diag/lib

# Our own package, built with pinned build tools that exist only in this stage. The demo (bot/sandbox) is not part of it.
RUN python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml LICENSE README.md ./
COPY release/readme.py release/
COPY checks checks
COPY workers workers
COPY bot bot
RUN /opt/build/bin/python -m hatchling build -t wheel -d /opt/wheel \
    && python -m pip --python /opt/egress-diag/bin/python install --no-compile --no-deps --no-index /opt/wheel/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash \
        /opt/egress-diag/lib/python3.*/site-packages/checks \
        /opt/egress-diag/lib/python3.*/site-packages/workers \
        /opt/egress-diag/lib/python3.*/site-packages/bot

FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="egress-diag" \
    org.opencontainers.image.description="Finds the root cause when traffic through an AKS egress gateway fails, and shows the fix" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"

COPY --from=build /opt/egress-diag /opt/egress-diag

# The processes write only below /tmp: mount a volume there, and the root file system can be read-only.
ENV PATH=/opt/egress-diag/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EGRESS_DIAG_HEARTBEAT=/tmp/egress-diag-heartbeat
WORKDIR /tmp
USER 10001:10001
EXPOSE 3000 3001
# For the listener the check requests /healthz; for the other processes it checks the age of the heartbeat file.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "workers.queue.liveness"]
ENTRYPOINT ["egress-diag"]
CMD ["--help"]
