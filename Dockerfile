# keras-gan in a container: no source, no compiler, no root.
#
#   docker build -t keras-gan .
#   docker build -t keras-gan:gpu --build-arg ACCELERATOR=gpu .
#
#   docker run --rm -v gan-runs:/runs -v gan-data:/data keras-gan fit mnist
#   docker run --rm --gpus all -v gan-runs:/runs -v gan-data:/data keras-gan:gpu fit cifar10
#   docker run --rm -v gan-runs:/runs -p 6006:6006 --entrypoint tensorboard \
#       keras-gan --logdir /runs --bind_all
#
# A host's folder in place of a volume has to be writable for user 1000, or for
# another given with --user. The GPU's driver and container toolkit are the host's;
# CUDA's libraries come with the wheels.

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG ACCELERATOR=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY constraints.txt .
RUN pip install -c constraints.txt setuptools wheel
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY keras_gan keras_gan
COPY configs configs
COPY exporters exporters
# First a wheel of keras-gan and of each of its locked dependencies; then an
# environment of nothing but these.
RUN case "$ACCELERATOR" in \
        cpu) extras='' ;; \
        gpu) extras='[cuda]' ;; \
        *) echo "ACCELERATOR should be cpu or gpu. Received: $ACCELERATOR" >&2; exit 2 ;; \
    esac \
    && pip wheel -c constraints.txt --no-build-isolation --wheel-dir /wheels ".$extras" \
    && python -m venv --without-pip /opt/keras-gan \
    && pip --python /opt/keras-gan/bin/python install \
        --no-index --find-links /wheels "keras-gan$extras" \
    && rm -r /wheels

FROM python:${PYTHON_VERSION}-slim-bookworm
RUN useradd --uid 1000 --create-home gan \
    && install --directory --owner gan --group gan /runs /data
COPY --from=build /opt/keras-gan /opt/keras-gan
ENV PATH=/opt/keras-gan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KERAS_GAN_RUNS=/runs \
    TFDS_DATA_DIR=/data \
    TF_CPP_MIN_LOG_LEVEL=2 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
# Also where `sample` and its like write to.
WORKDIR /runs
VOLUME ["/runs", "/data"]
ENTRYPOINT ["keras-gan"]
CMD ["--help"]
