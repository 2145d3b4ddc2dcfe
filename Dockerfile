# syntax=docker/dockerfile:1
# One image for all four processes: listener, courier, worker, beat. tests/helm/test_image.py runs these steps without a
# container engine and tries what comes out of them as a user who may write nothing.

# The version that the suite runs on. Pin it further with --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src

# The pinned environment first: it changes less often than our own code. The Kubernetes client's asyncio half is more than
# half of it and never imported.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/egress-diag \
    && python -m pip --python /opt/egress-diag/bin/python install --no-compile --only-binary :all: --require-hashes \
        -r requirements/runtime.txt \
    && rm -r /opt/egress-diag/lib/python3.*/site-packages/kubernetes/aio \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/egress-diag/lib

# Our own package: built with the pinned build tools, which stay behind in this stage.
RUN python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml LICENSE ./
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
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="egress-diag" \
    org.opencontainers.image.description="Finds why traffic through an AKS egress gateway does not leave, and says what to do next" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"

COPY --from=build /opt/egress-diag /opt/egress-diag

# Nothing is written but below /tmp: mount that, and the rest may be read-only.
ENV PATH=/opt/egress-diag/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EGRESS_DIAG_HEARTBEAT=/tmp/egress-diag-heartbeat
WORKDIR /tmp
USER 10001:10001
EXPOSE 3000
# Judges whichever process runs here: the listener by /healthz, the others by the file that they touch while they work.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "workers.queue.liveness"]
ENTRYPOINT ["egress-diag"]
CMD ["--help"]
