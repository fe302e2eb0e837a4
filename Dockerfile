# Three stages: the UI is built with all tools, the packages are installed without them, and only their results ship.
FROM docker.io/library/node:24-bookworm-slim AS ui
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM docker.io/library/node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# better-sqlite3 brings binaries for every platform and SQLite's sources: the image needs one binary.
RUN npm ci --omit=dev --omit=optional \
 && cd node_modules/better-sqlite3 \
 && find prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete \
 && rm -rf deps src \
 && node -e "new (require('better-sqlite3'))(':memory:')"

FROM docker.io/library/node:24-bookworm-slim
# MALLOC_ARENA_MAX: 20 MB less in memory (mta/README.md, Speed)
ENV NODE_ENV=production TODOKE_DATA_DIR=/data MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY server server
COPY mta mta
COPY --from=ui /app/ui/dist ui/dist
RUN printf '#!/bin/sh\nexec node /app/server/cli.ts "$@"\n' >/usr/local/bin/todoke \
 && chmod 755 /usr/local/bin/todoke \
 && install -d -o node -g node -m 700 /data
USER node
VOLUME /data
EXPOSE 8080 8081 2525 2587
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const h = process.env.TODOKE_HOST || '0.0.0.0'; const host = h === '0.0.0.0' || h === '::' ? '127.0.0.1' : h.includes(':') ? `[${h}]` : h; fetch(`http://${host}:${process.env.TODOKE_ADMIN_PORT || 8080}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is PID 1: it ends on SIGTERM after a drain and reaps the one child that it starts.
CMD ["node", "server/cli.ts", "serve"]
