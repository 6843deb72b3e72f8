import type { DescMessage } from "@bufbuild/protobuf";
import type { Served } from "../../testing/services.ts";
import { type Described, holesOf, inputWith } from "./inputs.ts";

// What the services serve and what is described of it, by names that can be compared.

/** Routes that are no operation, and that everybody may see: nothing of any tenant is in them. */
export const PUBLIC_ROUTES = [
  "GET /.well-known/jwks.json",
  "GET /health",
  "GET /ready",
  "GET /metrics",
  "GET /openapi.json",
  "GET /docs",
];

/** The operations' routes and methods that the services serve. */
export function namesServed(services: readonly Served[]): readonly string[] {
  const names = services.flatMap(({ service, routes, methods }) => [
    ...routes
      .map(({ method, path }) => `${method} ${path}`)
      .filter((route) => !route.startsWith("ALL ") && !PUBLIC_ROUTES.includes(route))
      .map((route) => `${service}: ${route}`),
    ...methods.map((method) => `${service}: ${method.toString()}`),
  ]);
  return [...new Set(names)].toSorted();
}

/** The routes and methods of the described operations, in the same order. */
export function namesDescribed(
  services: readonly Served[],
  operations: readonly Described[],
): readonly string[] {
  const names = operations.flatMap((described) => namesOf(services, described));
  return [...new Set(names)].toSorted();
}

function namesOf(services: readonly Served[], described: Described): readonly string[] {
  const { service, method, rest } = described.operation;
  const call = `${service}: ${method.toString()}`;
  if (rest === null) return [call];
  const request = rest(inputWith(described, "", ({ kind }) => kind));
  const path = request.path.split("?", 1)[0] ?? "";
  const route = services
    .filter((each) => each.service === service)
    .flatMap(({ routes }) => routes)
    .find((each) => each.method === request.method && patternOf(each.path).test(path));
  return [call, `${service}: ${request.method} ${route?.path ?? `${path}, which nothing serves`}`];
}

/** Hono's path as a pattern; no operation's has a wildcard. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replace(/:\w+/g, "[^/]+")}$`);
}

/** The fields of requests that are ids by their names, and that no described input has an id for. */
export function idsNotDescribed(
  services: readonly Served[],
  operations: readonly Described[],
): readonly string[] {
  const described = new Set(
    operations.flatMap(({ operation: { method, message }, input }) =>
      holesOf({ input: message?.(input) ?? input }).map(
        ({ path }) => `${method.toString()}: ${path.replaceAll(/\[\d+\]/g, "")}`,
      ),
    ),
  );
  return services
    .flatMap(({ methods }) => methods)
    .flatMap((method) => idFieldsOf(method.input).map((path) => `${method.toString()}: ${path}`))
    .filter((field) => !described.has(field));
}

/** With those of the messages within it. */
function idFieldsOf(message: DescMessage): readonly string[] {
  return message.fields.flatMap((field) => {
    if (/(^|_)ids?$/.test(field.name)) return [field.jsonName];
    if (field.message === undefined || field.message.typeName.startsWith("google.")) return [];
    return idFieldsOf(field.message).map((path) => `${field.jsonName}.${path}`);
  });
}
