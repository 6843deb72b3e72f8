# docker build --file tools/migrate.Dockerfile --tag crm/migrate .

FROM oven/bun:1.4.5-slim AS build
WORKDIR /crm
# The packages alone, so that a change of a source does not fetch them again.
COPY package.json bun.lock bunfig.toml ./
COPY platform/package.json platform/
COPY proto/package.json proto/
COPY user-svc/package.json user-svc/
COPY crm-svc/package.json crm-svc/
COPY tools/package.json tools/
COPY bench/package.json bench/
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY . .
RUN bun tools/compile.ts executables migrate

# No shell and no package manager: the C library, certificates, and users.
FROM gcr.io/distroless/base-nossl-debian12:nonroot
COPY --from=build /crm/executables/migrate /usr/local/bin/migrate
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]
