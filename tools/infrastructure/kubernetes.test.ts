import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serviceConfig } from "@crm/platform/config";
import { LAST_STEPS_SECONDS } from "@crm/platform/service";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { type Manifest, manifestsOf } from "./manifests.ts";
import { schemaFaults } from "./schemas.ts";
import { faultsOf, type ProgramName } from "./variables.ts";

const KUBERNETES = join(import.meta.dir, "../../infrastructure/kubernetes");
const PROGRAMS: readonly ProgramName[] = ["user-svc", "crm-svc", "migrate"];

const probe = z.looseObject({
  httpGet: z.looseObject({ path: z.string(), port: z.string() }),
  periodSeconds: z.int(),
  failureThreshold: z.int(),
});
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  envFrom: z.array(z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) })),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.int() })).default([]),
});
const workload = z.looseObject({
  replicas: z.int().optional(),
  selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }).optional(),
  template: z.looseObject({
    metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
    spec: z.looseObject({
      terminationGracePeriodSeconds: z.int().optional(),
      containers: z.tuple([container]),
    }),
  }),
});
const exposed = z.looseObject({
  clusterIP: z.string().optional(),
  selector: z.record(z.string(), z.string()),
  ports: z.array(z.looseObject({ port: z.int(), targetPort: z.string() })),
});

for (const overlay of ["base", "overlays/development", "overlays/production"]) {
  describe(overlay, async () => {
    const objects = await manifestsOf(join(KUBERNETES, overlay));

    function objectOf(kind: string, name: string): Manifest {
      const found = objects.filter((one) => one.kind === kind && one.metadata.name === name);
      expect({ kind, name, count: found.length }).toEqual({ kind, name, count: 1 });
      const [object] = found;
      if (!object) throw new Error("unreachable");
      return object;
    }

    function workloadOf(name: ProgramName) {
      const kind = name === "migrate" ? "Job" : "Deployment";
      const spec = workload.parse(objectOf(kind, name)["spec"]);
      return { spec, pod: spec.template.spec, container: spec.template.spec.containers[0] };
    }

    function variablesOf(name: ProgramName): Record<string, string> {
      const references = workloadOf(name).container.envFrom;
      const maps = references.map(
        ({ configMapRef }) => objectOf("ConfigMap", configMapRef.name)["data"],
      );
      return z.record(z.string(), z.string()).parse(Object.assign({}, ...maps));
    }

    test("is what the schemas of Kubernetes describe, with no field that they do not know", () => {
      for (const object of objects) expect(schemaFaults(object)).toEqual([]);
    });

    test("has each object once", () => {
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(names).toEqual([...new Set(names)]);
      expect(names.some((name) => name.startsWith("Secret"))).toBe(false);
    });

    test.each(PROGRAMS)("gives %s variables that it knows, secrets as files alone", (name) => {
      const variables = variablesOf(name);
      expect(faultsOf(name, variables)).toEqual([]);
      for (const [variable, value] of Object.entries(variables)) {
        if (!variable.endsWith("_FILE")) continue;
        expect(value).toBe(`/secrets/${variable.replace(/_FILE$/, "")}`);
      }
      const { pod, container: only } = workloadOf(name);
      expect(only["volumeMounts"]).toEqual([
        { name: "secrets", mountPath: "/secrets", readOnly: true },
      ]);
      expect(pod["volumes"]).toEqual([
        { name: "secrets", secret: { secretName: name, defaultMode: 0o440 } },
      ]);
    });

    test.each(PROGRAMS)("confines %s as the restricted profile demands, and more", (name) => {
      const { pod, container: only } = workloadOf(name);
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65_532,
          fsGroup: 65_532,
          seccompProfile: { type: "RuntimeDefault" },
        },
      });
      expect(only["securityContext"]).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(only["resources"]).toMatchObject({ limits: { cpu: "500m", memory: "512Mi" } });
      expect(
        objectOf("Namespace", String(objects[0]?.metadata.name)).metadata["labels"],
      ).toMatchObject({
        "pod-security.kubernetes.io/enforce": "restricted",
      });
    });

    describe.each(["user-svc", "crm-svc"] as const)("%s", (name) => {
      test("listens where probes and Services ask", () => {
        const { container: only, spec } = workloadOf(name);
        expect(only.ports).toEqual([
          { name: "api", containerPort: Number(variablesOf(name)["PORT"]) },
        ]);
        const asked = { liveness: "/health", startup: "/health", readiness: "/ready" };
        for (const [kind, path] of Object.entries(asked)) {
          const { httpGet } = probe.parse(only[`${kind}Probe`]);
          expect(httpGet).toEqual({ path, port: "api" });
        }
        expect(spec.selector?.matchLabels).toEqual({ "app.kubernetes.io/name": name });
        expect(spec.template.metadata.labels).toMatchObject(spec.selector?.matchLabels ?? {});
        const service = exposed.parse(objectOf("Service", name)["spec"]);
        const pods = exposed.parse(objectOf("Service", `${name}-pods`)["spec"]);
        expect(service.ports.map(({ port }) => port)).toEqual([8080, 50_051]);
        expect(pods.clusterIP).toBe("None");
        // A name of addresses: the port is the container's own.
        expect(pods.ports.map(({ port }) => port)).toEqual([only.ports[0]?.containerPort ?? 0]);
        for (const { selector, ports } of [service, pods]) {
          expect(selector).toEqual({ "app.kubernetes.io/name": name });
          for (const { targetPort } of ports) expect(targetPort).toBe("api");
        }
      });

      test("has time to stop, and to start", () => {
        const { container: only, pod } = workloadOf(name);
        const times = serviceConfig
          .pick({ DRAIN_SECONDS: true, GRACE_SECONDS: true, DB_WAIT_SECONDS: true })
          .parse(variablesOf(name));
        const { preStop } = z
          .object({ preStop: z.object({ sleep: z.object({ seconds: z.int() }) }) })
          .parse(only["lifecycle"]);
        const stopping =
          preStop.sleep.seconds + times.DRAIN_SECONDS + times.GRACE_SECONDS + LAST_STEPS_SECONDS;
        expect(pod.terminationGracePeriodSeconds ?? 30).toBeGreaterThan(stopping);
        const ready = probe.parse(only["readinessProbe"]);
        expect(times.DRAIN_SECONDS).toBeGreaterThan(ready.periodSeconds * ready.failureThreshold);
        const starting = probe.parse(only["startupProbe"]);
        expect(starting.periodSeconds * starting.failureThreshold).toBeGreaterThan(
          times.DB_WAIT_SECONDS,
        );
      });

      test("keeps enough pods", () => {
        const least = overlay.endsWith("development") ? 1 : 3;
        expect(workloadOf(name).spec.replicas).toBe(least);
        expect(objectOf("HorizontalPodAutoscaler", name)["spec"]).toMatchObject({
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
          minReplicas: least,
        });
        expect(objectOf("PodDisruptionBudget", name)["spec"]).toEqual({
          maxUnavailable: 1,
          selector: { matchLabels: { "app.kubernetes.io/name": name } },
        });
      });
    });

    test("crm-svc finds all the pods of user-svc", () => {
      const { hostname, port } = new URL(variablesOf("crm-svc")["USER_SVC_URL"] ?? "");
      const { ports } = exposed.parse(objectOf("Service", hostname)["spec"]);
      expect(ports.map((one) => String(one.port))).toContain(port);
    });

    test("policies are of pods that are there", () => {
      const labels = PROGRAMS.map(
        (name) => workloadOf(name).spec.template.metadata.labels["app.kubernetes.io/name"],
      );
      const policies = JSON.stringify(objects.filter(({ kind }) => kind === "NetworkPolicy"));
      const named = [...policies.matchAll(/"app\.kubernetes\.io\/name":"([^"]+)"/g)].map(
        ([, name]) => name,
      );
      expect(named.length).toBeGreaterThan(3);
      for (const name of named) expect(labels).toContain(name);
      expect(objectOf("NetworkPolicy", "deny")["spec"]).toEqual({
        podSelector: {},
        policyTypes: ["Ingress", "Egress"],
      });
    });
  });
}

test("the schemas find fields of the wrong type, and fields that are not known", () => {
  const object = { apiVersion: "v1", kind: "Service", metadata: { name: "any" } };
  expect(schemaFaults({ ...object, spec: { selector: { name: "any" } } })).toEqual([]);
  expect(schemaFaults({ ...object, spec: { selektor: {} } })).toEqual([
    "Service.spec.selektor is not known",
  ]);
  expect(schemaFaults({ ...object, spec: { ports: "8080" } })).toHaveLength(1);
});

const kubectl = Bun.which("kubectl");
test.skipIf(kubectl === null).each(["development", "production"])(
  "Kustomize itself makes the same of %s",
  async (overlay) => {
    const directory = join(KUBERNETES, "overlays", overlay);
    const child = Bun.spawn([kubectl ?? "", "kustomize", directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const text = await child.stdout.text();
    expect(await child.exited).toBe(0);
    const made = [...parseAllDocuments(text)].map((document): unknown => document.toJS());
    const ours = await manifestsOf(directory);
    const unhashed: unknown = JSON.parse(
      JSON.stringify(made).replace(/"(service|user-svc|crm-svc|migrate)-[a-z0-9]{10}"/g, '"$1"'),
    );
    const byName = (one: unknown) =>
      JSON.stringify([(one as Manifest).kind, (one as Manifest).metadata.name]);
    const sorted = (list: readonly unknown[]) =>
      list.toSorted((a, b) => byName(a).localeCompare(byName(b)));
    expect(sorted(z.array(z.unknown()).parse(unhashed))).toEqual(sorted(ours));
  },
);
