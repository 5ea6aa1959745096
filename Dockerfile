# The server and the worker: one image, two commands (docker-compose.yml).
FROM python:3.11.13-slim-bookworm AS built
# Where packages come from is each site's own affair: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /opt/quisait \
    && /opt/quisait/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY connectors connectors
COPY indexer indexer
COPY expertise expertise
COPY search_api search_api
COPY quisait quisait
COPY demo demo
COPY packages packages
# quisait, and the packages that are installed with it.
RUN /opt/quisait/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
        $(grep -l '^bundled = true' packages/*/pyproject.toml | sed 's|^|./|; s|/pyproject.toml||')
# The bundled model, prepared once for all containers; each checks it when it starts.
RUN /opt/quisait/bin/python -c "from pathlib import Path; \
from quisait_models.export_model import prepare_bundled_model; \
prepare_bundled_model(Path('/opt/quisait/model'))"
# What reads the tokenizer of another model than the bundled one: --build-arg MODELS=tokenizers
# (« Un autre encodeur », docs/administration.md).
ARG MODELS=""
COPY requirements-test.txt .
RUN [ -z "$MODELS" ] || /opt/quisait/bin/pip install --no-cache-dir --disable-pip-version-check \
        --constraint requirements-test.txt $MODELS
# Packages of sources, by their folder: --build-arg SOURCES="smb webdav" (docs/sources).
ARG SOURCES=""
COPY requirements-sources.txt .
RUN [ -z "$SOURCES" ] || { \
        /opt/quisait/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements-sources.txt \
        && for name in $SOURCES \
            $(sed -n 's/^ *"quisait-\([a-z-]*\)".*/\1/p' $(printf 'packages/%s/pyproject.toml ' $SOURCES)); do \
            /opt/quisait/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps "./packages/$name" || exit 1; \
        done; }

FROM python:3.11.13-slim-bookworm
# What reads scans, by Tesseract's language: --build-arg SCANS=fra ([scans], docs/administration.md).
ARG SCANS=""
RUN [ -z "$SCANS" ] || { \
        apt-get update \
        && apt-get install --yes --no-install-recommends tesseract-ocr "tesseract-ocr-$SCANS" poppler-utils \
        && rm -rf /var/lib/apt/lists/*; }
# packages/git asks the commands themselves.
ARG SOURCES=""
RUN case " $SOURCES " in *" git "*) \
        apt-get update \
        && apt-get install -y --no-install-recommends git openssh-client \
        && rm -rf /var/lib/apt/lists/* ;; \
    esac
# An empty volume takes owner and mode of the folder on which it is mounted.
RUN useradd --uid 10001 --no-log-init --no-create-home --home-dir /var/lib/quisait quisait \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/quisait /var/lib/quisait-register /var/lib/quisait-backups
COPY --from=built /opt/quisait /opt/quisait
COPY containers/backups.sh /usr/local/bin/quisait-backups
ENV PATH=/opt/quisait/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    QUISAIT_FILE=/etc/quisait/quisait.toml \
    QUISAIT_FOLDER=/var/lib/quisait \
    QUISAIT_ENCODER__PREPARED=/opt/quisait/model \
    QUISAIT_PRIVACY__REGISTER_FILE=/var/lib/quisait-register/registre.jsonl
USER 10001:10001
WORKDIR /var/lib/quisait
EXPOSE 8077
ENTRYPOINT ["quisait"]
CMD ["run"]
