import { type Examples, exampleOf } from "./example.ts";
import type { Content, Parameter } from "./parts.ts";
import type { DescribedRoute } from "./routes.ts";
import type { JsonSchema } from "./schema.ts";

/** The header of what can be sent again. */
export const IDEMPOTENCY_KEY: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Names the request, so that it can be sent again: within 24 hours the same key with the same request is answered by the same bytes, and nothing is done twice.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
  example: "7d3f9a68-2f4b-4e91-8c0d-570193b5e7c1",
};

/** The header of what is changed on one version only. */
export const IF_MATCH: Parameter = {
  name: "If-Match",
  in: "header",
  required: false,
  description: "The ETag of the version that is to be changed: of any other it is 412.",
  schema: { type: "string", maxLength: 20 },
  example: '"3"',
};

/** What is an object, in a query: each of its fields, or all of it as JSON. */
const AS_TEXT: Readonly<Record<"fields" | "json", JsonSchema>> = {
  fields: { type: "string" },
  json: { type: "string", contentMediaType: "application/json" },
};

/** The field that If-Match says instead. */
export const VERSION = "expectedVersion";

/** The path's and the query's parameters: what of the input is not in the body. */
export function parametersOf(
  { path, body, conditional, uploads }: DescribedRoute,
  input: JsonSchema,
  examples: Examples,
): Parameter[] {
  const { required = [] } = input;
  const properties = propertiesOf(input);
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  const names = Object.keys(properties).filter(
    (name) =>
      inPath.includes(name) ||
      (name !== body && (body !== true || uploads) && !(conditional && name === VERSION)),
  );
  return [...new Set([...inPath, ...names])].map((name) => {
    const { description = name, ...schema } = properties[name] ?? { type: "string" };
    const within = inPath.includes(name);
    // `custom.size=3` is the field `size` of `custom`, which OpenAPI has no style for.
    const object = schema.type === "object";
    const many = object && uploads === undefined;
    const value = schema.default ?? exampleOf(schema, examples, name);
    return {
      name: many ? `${name}.*` : name,
      in: within ? "path" : "query",
      required: within || required.includes(name),
      description: many
        ? `${description} A parameter for each field.`
        : `${description}${object ? " As JSON." : ""}`,
      schema: object ? AS_TEXT[many ? "fields" : "json"] : schema,
      ...((within || required.includes(name)) && { example: value }),
    };
  });
}

/** The body, by media type. */
export function bodyOf(
  { path, body, uploads, conditional }: DescribedRoute,
  input: JsonSchema,
  examples: Examples,
): Content {
  if (uploads) {
    const { types, charsets } = uploads;
    const description = `The content itself, in ${charsets.join(", ")}: which of them, its bytes tell. One that is declared must be one of them.`;
    const content = (type: string) => ({ schema: { contentMediaType: type, description } });
    const form: JsonSchema = {
      type: "object",
      description: "The parameters as fields, and one file.",
      properties: { file: { contentMediaType: "application/octet-stream" } },
      required: ["file"],
    };
    return {
      ...Object.fromEntries(types.map((type) => [type, content(type)])),
      "multipart/form-data": { schema: form },
    };
  }
  const schema = typeof body === "string" ? field(input, body) : without(input, path, conditional);
  return { "application/json": { schema, example: exampleOf(schema, examples) } };
}

function field({ properties }: JsonSchema, name: string): JsonSchema {
  return properties?.[name] ?? {};
}

/** Those of all alternatives, where there are some. */
export function propertiesOf({ properties, anyOf, oneOf }: JsonSchema): Record<string, JsonSchema> {
  if (properties) return properties;
  return Object.assign({}, ...(anyOf ?? oneOf ?? []).map(propertiesOf));
}

function without(input: JsonSchema, path: string, conditional: boolean): JsonSchema {
  const { anyOf, oneOf } = input;
  const within = (each: JsonSchema) => without(each, path, conditional);
  if (anyOf) return { ...input, anyOf: anyOf.map(within) };
  if (oneOf) return { ...input, oneOf: oneOf.map(within) };
  const elsewhere = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  if (conditional) elsewhere.push(VERSION);
  const { properties = {}, required, ...rest } = input;
  const left = required?.filter((name) => !elsewhere.includes(name)) ?? [];
  return {
    ...rest,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([name]) => !elsewhere.includes(name)),
    ),
    ...(left.length > 0 && { required: left }),
  };
}
