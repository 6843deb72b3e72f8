import { join } from "node:path";
import { z } from "zod";
import { documentsOf } from "./documents.ts";

/** What every object of Kubernetes has. */
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
export type Manifest = z.output<typeof manifest>;

const named = z.array(
  z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() }),
);

/** The part of Kustomize that the files use. Strict, so that nothing in them can go unread. */
const kustomization = z.strictObject({
  apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
  kind: z.literal("Kustomization"),
  namespace: z.string().optional(),
  resources: z.array(z.string()),
  images: named.default([]),
  replicas: z.array(z.strictObject({ name: z.string(), count: z.int() })).default([]),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: z.string(),
        behavior: z.literal("merge").optional(),
        literals: z.array(z.string()),
      }),
    )
    .default([]),
  patches: z
    .array(z.strictObject({ path: z.string(), target: z.strictObject({ kind: z.string() }) }))
    .default([]),
});

/**
 * The objects that Kustomize makes of a directory, but for the hashes in the names of ConfigMaps.
 * Patches may merge maps alone: one with a list throws.
 */
export async function manifestsOf(directory: string): Promise<Manifest[]> {
  const [document] = await documentsOf(join(directory, "kustomization.yaml"));
  const layer = kustomization.parse(document);
  const objects: Manifest[] = [];
  for (const resource of layer.resources) {
    const path = join(directory, resource);
    if (resource.endsWith(".yaml"))
      objects.push(...z.array(manifest).parse(await documentsOf(path)));
    else objects.push(...(await manifestsOf(path)));
  }
  for (const { name, behavior, literals } of layer.configMapGenerator) {
    const data = Object.fromEntries(literals.map(splitLiteral));
    const merged = objects.find((object) => object.kind === "ConfigMap" && nameOf(object) === name);
    if ((behavior === "merge") !== (merged !== undefined)) throw new Error(`ConfigMap ${name}?`);
    if (merged) mergeInto(merged, { data });
    else objects.push({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
  }
  for (const { path, target } of layer.patches) {
    const [patch] = z.array(manifest).parse(await documentsOf(join(directory, path)));
    const spec = patch?.["spec"];
    const chosen = objects.filter(({ kind }) => kind === target.kind);
    if (chosen.length === 0) throw new Error(`${path} changes nothing`);
    for (const object of chosen) mergeInto(object, { spec });
  }
  for (const { name, count } of layer.replicas) {
    const deployment = objects.find(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name === name,
    );
    if (!deployment) throw new Error(`no Deployment ${name}`);
    mergeInto(deployment, { spec: { replicas: count } });
  }
  for (const image of layer.images) {
    const containers = objects.flatMap(containersOf).filter((one) => one["image"] === image.name);
    if (containers.length === 0) throw new Error(`no image ${image.name}`);
    for (const container of containers) container["image"] = `${image.newName}:${image.newTag}`;
  }
  if (layer.namespace !== undefined) {
    for (const { kind, metadata } of objects) {
      metadata[kind === "Namespace" ? "name" : "namespace"] = layer.namespace;
    }
  }
  return objects;
}

const podTemplate = z.looseObject({
  template: z.looseObject({
    spec: z.looseObject({ containers: z.array(z.record(z.string(), z.unknown())) }),
  }),
});

function containersOf(object: Manifest): Record<string, unknown>[] {
  const spec = object["spec"];
  if (!podTemplate.safeParse(spec).success) return [];
  // Not what zod returns, which is a copy.
  return (spec as z.output<typeof podTemplate>).template.spec.containers;
}

function nameOf(object: Manifest): string {
  return object.metadata.name;
}

function splitLiteral(literal: string): [string, string] {
  const at = literal.indexOf("=");
  if (at < 1) throw new Error(`${literal} is not NAME=value`);
  return [literal.slice(0, at), literal.slice(at + 1)];
}

function mergeInto(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    if (Array.isArray(value)) throw new Error(`${key}: lists are not merged here`);
    const inner = into[key];
    if (isRecord(value) && isRecord(inner)) mergeInto(inner, value);
    else into[key] = value;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
