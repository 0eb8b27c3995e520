# dealgram as a container: the wheel is built in one stage and runs in another, as a user without rights.
#
#   docker build -t dealgram .
#   docker run -p 8080:8080 -v dealgram:/var/lib/dealgram dealgram
#   docker run … dealgram --help          (any other command)
#
# Stop it with time for accepted work: docker stop --time 35 (the service ends by itself within DEALGRAM_STOP_HARD_S).

FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml README.md ./
COPY actors actors
COPY gateways gateways
COPY http http
COPY persistence persistence
COPY runtime runtime
COPY sandbox sandbox
# src/dealgram holds relative symlinks to the folders above; COPY keeps them as they are
COPY src src
RUN python -m venv /opt/dealgram \
    && /opt/dealgram/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/dealgram dealgram \
    && install --directory --owner=dealgram --group=dealgram --mode=0700 /var/lib/dealgram
COPY --from=build /opt/dealgram /opt/dealgram
ENV PATH=/opt/dealgram/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DEALGRAM_HOST=0.0.0.0 \
    DEALGRAM_PORT=8080 \
    DEALGRAM_DATA_DIR=/var/lib/dealgram
USER dealgram
WORKDIR /var/lib/dealgram
VOLUME /var/lib/dealgram
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['DEALGRAM_PORT'] + '/health/live', timeout=4)"]
ENTRYPOINT ["dealgram"]
CMD ["serve"]
