# The image holds Python, /opt/venv and an ordinary user. Everything in it comes from hashed lock files.
#
#   make image                              builds it with buildah or docker, runs it, measures it
#   make image PYTHON_IMAGE=name@sha256:…   on a base that is pinned by its digest, as a release should be
#
# Any image with Python >= 3.11 and its venv module serves as the base.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# What runs, with the extras mysql and oidc.
RUN awk '/^[^ ]/ {wanted = /^(aiomysql|joserfc|pymysql)==/} wanted' requirements-dev.lock > extras.lock \
 && python3 -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.lock -r extras.lock
RUN awk '/^[^ ]/ {wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} wanted' \
    requirements-dev.lock > build.lock \
 && python3 -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes --only-binary :all: -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY syncd syncd
RUN /opt/build/bin/python -m pip wheel --no-build-isolation --no-deps --wheel-dir /dist . \
 && /opt/venv/bin/python -m pip install --no-index --no-deps /dist/*.whl \
 && /opt/venv/bin/python -m pip check \
 && /opt/venv/bin/python -m pip uninstall --yes pip setuptools \
 && rm /opt/venv/bin/[Aa]ctivate* \
 && find /opt/venv -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.pyi' \) -delete

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="syncd" \
      org.opencontainers.image.description="Keeps LinkedIn audiences equal to what a company's CRM says." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/* \
 && groupadd --gid 10001 syncd \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/syncd --shell /usr/sbin/nologin syncd \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/syncd
COPY --from=build /opt/venv /opt/venv
# A container is reached from outside, so both servers listen on all of its addresses.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SYNCD_HTTP__HOST=0.0.0.0 \
    SYNCD_METRICS__HOST=0.0.0.0
# Relative paths start here: config/syncd.yaml, and syncd.db where no other database is set.
WORKDIR /var/lib/syncd
USER 10001:10001
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/opt/venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('SYNCD_HTTP__PORT', '8080')}/healthz\", timeout=2)"]
ENTRYPOINT ["/opt/venv/bin/syncd"]
CMD ["run"]
