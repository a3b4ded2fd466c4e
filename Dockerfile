# mcrelay in a container:
#   docker build -t mcrelay .
#   docker run -p 127.0.0.1:11211:11211 mcrelay                       with a private Redis inside
#   docker run -e REDIS_URL=redis://redis:6379/1 mcrelay -c 4096      memcached's flags follow the name
# Runs with --read-only, --cap-drop=ALL and --security-opt=no-new-privileges.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ make cmake ninja-build pkg-config \
      libuv1-dev libhiredis-dev libyaml-cpp-dev libspdlog-dev libssl-dev libsystemd-dev \
      libcpp-httplib-dev prometheus-cpp-dev nlohmann-json3-dev
COPY . /src
WORKDIR /src
RUN cmake --preset release -DMCRELAY_TESTS=OFF -DMCRELAY_BENCH=OFF \
 && cmake --build --preset release --target mcrelay \
 && strip -o /mcrelay build/release/mcrelay

FROM ${BASE}
LABEL org.opencontainers.image.title="mcrelay" \
      org.opencontainers.image.description="memcached's protocol over Redis" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install -y --no-install-recommends \
      libuv1 libhiredis0.14 libyaml-cpp0.7 libspdlog1.10 libssl3 libsystemd0 libcpp-httplib0.11 \
      libprometheus-cpp-core1.0 redis-server \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 # the number that memcached's own image uses, so that its manifests fit
 && groupadd --system --gid 11211 mcrelay \
 && useradd --system --uid 11211 --gid mcrelay --no-create-home --shell /usr/sbin/nologin mcrelay \
 && install -d -o mcrelay -g mcrelay -m 0700 /run/mcrelay \
 # Loopback is mcrelay's default; in a container the port is reached from outside. A file of your
 # own in this place, MCRELAY_LISTEN or -l say otherwise.
 && install -d /etc/mcrelay \
 && echo 'listen: ["0.0.0.0:11211"]' >/etc/mcrelay/mcrelay.yaml
COPY --from=build /mcrelay /usr/bin/mcrelay
ENV MCRELAY_CONFIG=/etc/mcrelay/mcrelay.yaml \
    RUNTIME_DIRECTORY=/run/mcrelay
# the private Redis's socket; writable also when the root file system is read-only
VOLUME /run/mcrelay
USER 11211:11211
EXPOSE 11211
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["mcrelay", "--health"]
ENTRYPOINT ["mcrelay"]
