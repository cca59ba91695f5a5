# The app with the command `mammo`. PyTorch for processors: docker build -t mammo .
# PyTorch for NVIDIA GPUs:                                   docker build -t mammo --build-arg TORCH=cuda .
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
ARG TORCH=cpu

RUN python3 -m venv /opt/mammo \
    && /opt/mammo/bin/python -m pip install --no-cache-dir uv==0.13.9
ENV PATH=/opt/mammo/bin:$PATH VIRTUAL_ENV=/opt/mammo UV_SYSTEM_CERTS=true

# the locked versions first: a layer that lasts until they change
COPY requirements.txt /build/
RUN set -e; \
    case "$TORCH" in \
        cpu) grep -vE '^(cuda-|nvidia-|triton)' /build/requirements.txt > /build/locked.txt; wanted="--torch-backend cpu" ;; \
        cuda) cp /build/requirements.txt /build/locked.txt; wanted="" ;; \
        *) echo "Expected TORCH=cpu or TORCH=cuda; got $TORCH." >&2; exit 2 ;; \
    esac; \
    uv pip install --no-cache --compile-bytecode $wanted -r /build/locked.txt

COPY .streamlit /build/.streamlit
COPY mammo_core /build/mammo_core
COPY models /build/models
COPY pages /build/pages
COPY LICENSE README.md app.py pyproject.toml /build/
RUN uv pip install --no-cache --compile-bytecode --no-deps /build && mammo --version

# nobody in particular, who may write into two folders and nowhere else
RUN useradd --uid 10001 --create-home mammo \
    && install --directory --owner=mammo --group=mammo /var/lib/mammo/home /var/lib/mammo/data
USER mammo
WORKDIR /home/mammo
ENV MAMMO_HOME=/var/lib/mammo/home MAMMO_DATA=/var/lib/mammo/data STREAMLIT_SERVER_HEADLESS=true
VOLUME ["/var/lib/mammo/home", "/var/lib/mammo/data"]

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=5)"]
# Starts only with MAMMO_PASSWORD_FILE or MAMMO_BEHIND_PROXY set: see `mammo serve --help`.
ENTRYPOINT ["mammo"]
CMD ["serve", "--address", "0.0.0.0"]
