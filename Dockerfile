# The image of the pods of `noetl compile --target argo`: Python and noetl with what its tools need, nothing else.
#   docker build -t registry.example.com/noetl:0.1.0 .
# EXTRAS are those of pyproject.toml; every package has the version and the hash of requirements.lock.
FROM python:3.12-slim AS build
ARG EXTRAS=postgres,duckdb,s3
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "$(grep -o '^uv==[0-9.]*' requirements.lock)"
RUN python -m venv --without-pip /opt/noetl
COPY docs/semantics.md docs/
COPY docs/checks docs/checks
COPY src src
COPY compiler compiler
COPY runtime runtime
COPY targets targets
COPY schema schema
COPY conformance conformance
RUN /opt/uv/bin/uv pip install --no-cache --python /opt/noetl/bin/python --constraints requirements.lock --build-constraints requirements.lock --compile-bytecode ".[${EXTRAS}]"

FROM python:3.12-slim
COPY --from=build /opt/noetl /opt/noetl
ENV PATH=/opt/noetl/bin:$PATH PYTHONUNBUFFERED=1
# Any user may be given to a pod; python code may write here.
RUN install -d -m 1777 /work
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["python", "-m", "noetl.targets.argo.runner"]
