import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { COMMENTS } from "@crm/proto/comments";
import { failures, has, successes, typeOf } from "./answers.ts";
import type { Examples } from "./example.ts";
import type { DocumentedOperation } from "./parts.ts";
import { type ErrorCode, HEADERS, header, PROBLEM, problemResponses } from "./problems.ts";
import { bodyOf, IDEMPOTENCY_KEY, IF_MATCH, parametersOf, VERSION } from "./requests.ts";
import type { DescribedRoute, PlainRoute, routesOf } from "./routes.ts";
import {
  type Components,
  componentsIn,
  explained,
  inJson,
  type JsonSchema,
  jsonSchema,
} from "./schema.ts";

/** What a service says of itself, beyond its routes. */
export interface Documentation {
  readonly title: string;
  readonly description: string;
  readonly examples: Examples;
  readonly errorCodes: readonly ErrorCode[];
}

/** The OpenAPI 3.1 document of a service. */
export type OpenApi = ReturnType<typeof openApi>;

/** A method and the operation that it stands for. */
interface Bound {
  readonly method: DescMethod;
  readonly operation: unknown;
}

/** Makes the document of what is mounted. The words are those of the method of the same operation. */
export function openApi(
  { title, description, examples, errorCodes }: Documentation,
  version: string,
  routes: ReturnType<typeof routesOf>,
  bindings: readonly Bound[],
) {
  const schemas: Record<string, JsonSchema> = { Problem: PROBLEM };
  const components = componentsIn(schemas);
  const methodOf = new Map(bindings.map(({ method, operation }) => [operation, method] as const));
  const ids = operationIds(routes.operations, methodOf);
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  const add = (path: string, method: string, operation: DocumentedOperation) => {
    const pattern = path.replace(/:(\w+)/g, "{$1}");
    paths[pattern] = { ...paths[pattern], [method.toLowerCase()]: operation };
  };
  for (const route of routes.operations) {
    const method = methodOf.get(route.operation);
    const operationId = ids.get(route) ?? route.operation.name;
    add(route.path, route.method, documented(route, method, operationId, components, examples));
  }
  for (const route of routes.plain) add(route.path, "GET", plain(route));
  return {
    openapi: "3.1.0",
    info: {
      title,
      version,
      description,
      license: { name: "Apache 2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The service that this document is from." }],
    tags: tagsOf(paths),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An access token of user-svc (a JWT, RFC 8725), or an API key.",
        },
      },
      schemas,
      headers: HEADERS,
      responses: problemResponses(errorCodes),
    },
  };
}

/** By the method; where it has several paths, those with fewer parameters say their last segment too. */
function operationIds(
  routes: readonly DescribedRoute[],
  methodOf: ReadonlyMap<unknown, DescMethod>,
): ReadonlyMap<DescribedRoute, string> {
  const parameters = ({ path }: DescribedRoute) => path.split(":").length;
  return new Map(
    routes.map((route) => {
      const { operation, path } = route;
      const name = methodOf.get(operation)?.localName ?? operation.name;
      const others = routes.filter((other) => other.operation === operation);
      const main = others.toSorted((one, other) => parameters(other) - parameters(one))[0];
      const last = path.split("/").at(-1) ?? "";
      return [route, route === main ? name : `${name}_${last}`] as const;
    }),
  );
}

function documented(
  route: DescribedRoute,
  method: DescMethod | undefined,
  operationId: string,
  components: Components,
  examples: Examples,
): DocumentedOperation {
  const { operation, body } = route;
  const comment = method && COMMENTS[`${method.parent.typeName}.${method.name}`];
  const said = comment === undefined ? operation.name : inJson(comment);
  const takesKey = repeatable(route, method);
  const input = explained(jsonSchema(operation.input, "input"), method?.input);
  const conditional = route.conditional && has(input, VERSION);
  return {
    operationId,
    summary: (/^.*?[.:](?= |$)/.exec(said)?.[0] ?? said).slice(0, -1),
    description: [said, accessText(operation.access)].join("\n\n"),
    tags: [operation.name.split(".")[0] ?? operation.name],
    security: operation.access === "anyone" ? [] : [{ bearer: [] }],
    parameters: [
      ...parametersOf(route, input, examples),
      ...(takesKey ? [IDEMPOTENCY_KEY] : []),
      ...(conditional ? [IF_MATCH] : []),
    ],
    ...((body !== undefined || route.uploads) && {
      requestBody: { required: true, content: bodyOf(route, input, examples) },
    }),
    responses: {
      ...successes(route, method, takesKey, components, examples),
      ...failures({ ...route, conditional }, takesKey, input),
    },
  };
}

function accessText(access: DescribedRoute["operation"]["access"]): string {
  switch (access) {
    case "anyone":
      return "Anybody may ask.";
    case "signedIn":
      return "For everybody who is signed in, and for API keys.";
    case "session":
    case "anySession":
      return "For users who are signed in; not for API keys.";
    default:
      return `Needs the permission \`${access}\`.`;
  }
}

/** Whether it takes an idempotency key: all that changes something does, by the method's own word. */
function repeatable({ operation, method }: DescribedRoute, rpc: DescMethod | undefined): boolean {
  if (method === "GET") return false;
  if (operation.takesKey !== undefined) return operation.takesKey;
  return rpc?.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function plain({ operationId, summary, answers }: PlainRoute): DocumentedOperation {
  const headers = { "X-Request-Id": header("RequestId") };
  return {
    operationId,
    summary,
    description: `${summary}.\n\n${accessText("anyone")}`,
    tags: ["service"],
    security: [],
    parameters: [],
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, type, schema }]) => [
          status,
          {
            description,
            headers,
            content: {
              [typeOf(type)]: {
                schema: schema ? jsonSchema(schema, "output") : { type: "string" },
              },
            },
          },
        ]),
      ),
      500: { $ref: "#/components/responses/Problem500" },
    },
  };
}

function tagsOf(paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>) {
  const names = Object.values(paths).flatMap((item) =>
    Object.values(item).flatMap(({ tags }) => tags),
  );
  return [...new Set(names)].map((name) => ({ name }));
}
