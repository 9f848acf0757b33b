# Build the service:  docker build -t npserve:0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
# Build training:     docker build -t npserve-training:0.1.0 --target training .
# Python 3.11 is the version that the tests run on.
FROM python:3.11-slim-bookworm AS dependencies
WORKDIR /build
COPY requirements/service.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r service.lock

FROM dependencies AS training-dependencies
COPY requirements/training.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r training.lock

FROM python:3.11-slim-bookworm AS base
LABEL org.opencontainers.image.title="npserve" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home npserve && install -d -o npserve /models \
 && printf '#!/bin/sh\nexec python -m npserve "$@"\n' > /usr/local/bin/npserve && chmod +x /usr/local/bin/npserve
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    NPSERVE_MODELS=/models
WORKDIR /app
COPY LICENSE ./
COPY npserve npserve
COPY nn nn
COPY store store
USER 10001
VOLUME /models

FROM base AS training
COPY --from=training-dependencies /venv /venv
COPY training training
ENTRYPOINT ["python", "-m", "training"]

FROM base AS service
COPY --from=dependencies /venv /venv
COPY service service
ARG REVISION=
ENV NPSERVE_BIND=0.0.0.0:8000 \
    NPSERVE_REVISION=$REVISION
EXPOSE 8000
CMD ["python", "-m", "service"]
