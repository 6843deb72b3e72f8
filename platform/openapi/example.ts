import type { JsonSchema } from "./schema.ts";

/** Values by the names of fields, where the schema alone would give something meaningless. */
export type Examples = Readonly<Record<string, unknown>>;

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: "01930b5e-7c1a-7d3f-9a68-2f4be91c0d57",
  "date-time": "2026-01-31T09:00:00.000Z",
  date: "2026-01-31",
  email: "ada@lovelace.example",
  uri: "https://example.com",
};

/** A value that the schema accepts, with meaningful texts as far as `examples` has them. */
export function exampleOf(schema: JsonSchema, examples: Examples, name = ""): unknown {
  const { anyOf, oneOf, properties } = schema;
  if (Object.hasOwn(examples, name) && accepts(schema, examples[name])) return examples[name];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const [choice] = anyOf ?? oneOf ?? [];
  if (choice) return exampleOf(choice, examples, name);
  switch (firstOf(schema.type)) {
    case "object":
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([key, each]) => [
          key,
          exampleOf(each, examples, key),
        ]),
      );
    case "array":
      if (schema.items === undefined) return [];
      return new Array(Math.max(schema.minItems ?? 1, 1)).fill(
        exampleOf(schema.items, examples, name),
      );
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, 1);
    case "boolean":
      return false;
    case "null":
      return null;
    case "string":
      return (
        BY_FORMAT[schema.format ?? ""] ??
        "an example".padEnd(schema.minLength ?? 0, ".").slice(0, schema.maxLength)
      );
    default:
      return {};
  }
}

function firstOf(type: string | string[] | undefined): string | undefined {
  return Array.isArray(type) ? type[0] : type;
}

/** Whether a text, or a list or an object whatever is in it, may be an example. */
function accepts(
  { anyOf, type, enum: values, pattern, properties }: JsonSchema,
  value: unknown,
): boolean {
  if (anyOf) return anyOf.some((each) => accepts(each, value));
  if (values) return values.includes(value);
  if (pattern !== undefined) return typeof value === "string" && new RegExp(pattern).test(value);
  const kind = Array.isArray(value) ? "array" : typeof value;
  return properties === undefined && [type].flat().includes(kind);
}
