# The command itself, beside an Apache httpd of Debian:
#   docker build -t wslb . && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" wslb try httpd.conf
# BASE: a Debian with Python 3.11 or later, its venv and pip.
ARG BASE=python:3.13-slim
FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends apache2-bin >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml README.md LICENSE /src/
COPY apache /src/apache
COPY backends /src/backends
COPY harness /src/harness
RUN python3 -m venv /opt/wslb \
 && /opt/wslb/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check /src \
 && rm -rf /src
ENV PATH=/opt/wslb/bin:$PATH WSLB_RUNTIME=local PYTHONUNBUFFERED=1
WORKDIR /work
USER 65534:65534
ENTRYPOINT ["wslb"]
CMD ["--help"]
