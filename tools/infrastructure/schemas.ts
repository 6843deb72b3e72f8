import { validate as deployment } from "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment";
import { validate as autoscaler } from "kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler";
import { validate as job } from "kubernetes-models/_schemas/IoK8sApiBatchV1Job";
import { validate as configMap } from "kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap";
import { validate as namespace } from "kubernetes-models/_schemas/IoK8sApiCoreV1Namespace";
import { validate as service } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";
import { validate as networkPolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import { validate as disruptionBudget } from "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget";
import type { Manifest } from "./manifests.ts";

type Validate = ((data: unknown) => boolean) & { readonly errors?: unknown };

/** The schemas of Kubernetes' own OpenAPI document, by what objects say that they are. */
const SCHEMAS: Readonly<Record<string, Validate>> = {
  "apps/v1 Deployment": deployment,
  "autoscaling/v2 HorizontalPodAutoscaler": autoscaler,
  "batch/v1 Job": job,
  "v1 ConfigMap": configMap,
  "v1 Namespace": namespace,
  "v1 Service": service,
  "networking.k8s.io/v1 NetworkPolicy": networkPolicy,
  "policy/v1 PodDisruptionBudget": disruptionBudget,
};

/**
 * What the schema of its kind finds wrong with an object, and which of its fields the schema does not
 * know. The schemas allow these, and are compiled; but whatever they know they read.
 */
export function schemaFaults(object: Manifest): unknown[] {
  const validate = SCHEMAS[`${object.apiVersion} ${object.kind}`];
  if (!validate) return [`no schema of ${object.apiVersion} ${object.kind}`];
  const unread = new Set<string>();
  const good = validate(watched(object, object.kind, unread));
  const unknown = [...unread].map((path) => `${path} is not known`);
  return good ? unknown : [validate.errors, ...unknown];
}

/** The value; the paths of its fields are in `unread` until they are read. */
function watched<Value extends object>(value: Value, path: string, unread: Set<string>): Value {
  const inner = new Map<string | symbol, unknown>();
  for (const [key, field] of Object.entries(value)) {
    const fieldPath = `${path}.${key}`;
    if (!Array.isArray(value)) unread.add(fieldPath);
    inner.set(key, isObject(field) ? watched(field, fieldPath, unread) : field);
  }
  return new Proxy(value, {
    get(target, key, receiver) {
      unread.delete(`${path}.${String(key)}`);
      return inner.has(key) ? inner.get(key) : Reflect.get(target, key, receiver);
    },
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
