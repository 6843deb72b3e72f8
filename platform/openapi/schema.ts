import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { COMMENTS } from "@crm/proto/comments";
import { z } from "zod";

/** As much of JSON Schema (2020-12) as is looked at here; the rest is passed on. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  [keyword: string]: unknown;
}

/**
 * A zod schema as JSON Schema: of what a client may send (`input`) or is answered (`output`). What
 * zod does to a value afterwards, such as trimming it, is not said; its limits are.
 */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const options = {
    io,
    unrepresentable: "any",
    override({ zodSchema, jsonSchema: written }: { zodSchema: unknown; jsonSchema: object }) {
      const better = io === "input" ? asWritten(zodSchema) : undefined;
      if (better !== undefined) replace(written, better);
    },
  } as const;
  // Its own markers, which are not for documents, are not JSON.
  return flat(JSON.parse(JSON.stringify(z.toJSONSchema(schema, options))));
}

/** What zod says too little of: a check behind a conversion, and what a query writes as text. */
function asWritten(schema: unknown): JsonSchema | undefined {
  if (schema instanceof z.ZodPipe) {
    const { in: before, out: after } = schema.def;
    if (after instanceof z.ZodTransform) return undefined;
    const first = before instanceof z.ZodTransform ? {} : jsonSchemaOf(before);
    return { ...(first.anyOf ? {} : first), ...jsonSchemaOf(after) };
  }
  if (schema instanceof z.ZodDefault) {
    return { ...jsonSchemaOf(schema.def.innerType), default: schema.def.defaultValue };
  }
  if (schema instanceof z.ZodUnion) {
    const [first, ...others] = schema.def.options;
    const scalar = first instanceof z.ZodBoolean || first instanceof z.ZodNumber;
    if (scalar && others.every((other) => other instanceof z.ZodPipe)) return jsonSchemaOf(first);
  }
  return undefined;
}

function jsonSchemaOf(schema: unknown): JsonSchema {
  return schema instanceof z.ZodType ? jsonSchema(schema, "input") : {};
}

function replace(target: object, source: object): void {
  for (const key of Object.keys(target)) Reflect.deleteProperty(target, key);
  Object.assign(target, source);
}

/** Without what refers to itself, which of our schemas only "any JSON" does. */
function flat(schema: JsonSchema): JsonSchema {
  const { $schema: _dialect, $defs: _definitions, ...rest } = schema;
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    if ("$ref" in value) return { description: "Any JSON." };
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each)]));
  };
  return walk(rest) as JsonSchema;
}

/** Names the objects that are alike in the whole document. */
export interface Components {
  /** The schema itself, or a reference to it under that name. */
  named(name: string, schema: JsonSchema): JsonSchema;
}

/** Keeps them in `schemas`. A second schema of the same name stays where it is. */
export function componentsIn(schemas: Record<string, JsonSchema>): Components {
  return {
    named(name, schema) {
      const known = schemas[name] ?? schema;
      schemas[name] = known;
      const alike = JSON.stringify(known) === JSON.stringify(schema);
      return alike ? { $ref: `#/components/schemas/${name}` } : schema;
    },
  };
}

/**
 * The same with the words of the .proto files: the schema's fields are those of the message that has
 * most of them by name, which REST may leave out (`{contact: {…}}` there is `{…}` here).
 *
 * @param components where objects go that are a message in all their fields.
 */
export function explained(
  schema: JsonSchema,
  message: DescMessage | undefined,
  components?: Components,
): JsonSchema {
  const { properties, items, anyOf, oneOf } = schema;
  if (anyOf) return { ...schema, anyOf: anyOf.map((each) => explained(each, message, components)) };
  if (oneOf) return { ...schema, oneOf: oneOf.map((each) => explained(each, message, components)) };
  if (items) return { ...schema, items: explained(items, message, components) };
  if (properties === undefined) return schema;
  const names = Object.keys(properties);
  const own = message && bestFor(names, message);
  const known = [...(own?.fields ?? []), ...(message?.fields ?? [])];
  const field = (name: string) => known.find(({ jsonName }) => jsonName === name);
  const entries = Object.entries(properties).map(([name, property]) => {
    const inner = explained(property, messageOf(field(name)), components);
    const said = commentOf(field(name));
    return [name, said === undefined ? inner : { description: said, ...inner }] as const;
  });
  const result = { ...schema, properties: Object.fromEntries(entries) };
  const whole =
    names.length > 0 &&
    names.every((name) => own?.fields.some(({ jsonName }) => jsonName === name));
  return components && own && whole ? components.named(own.name, result) : result;
}

function bestFor(names: readonly string[], message: DescMessage): DescMessage | undefined {
  const candidates = [message, ...innerOf(message, 2)];
  const known = ({ fields }: DescMessage) =>
    names.filter((name) => fields.some(({ jsonName }) => jsonName === name)).length;
  return candidates.toSorted((one, other) => known(other) - known(one))[0];
}

function innerOf(message: DescMessage, depth: number): DescMessage[] {
  if (depth === 0) return [];
  const inner = message.fields.flatMap((field) => messageOf(field) ?? []);
  return [...inner, ...inner.flatMap((each) => innerOf(each, depth - 1))];
}

function messageOf(field: DescField | undefined): DescMessage | undefined {
  const { message } = field ?? {};
  return message?.typeName.startsWith("google.") ? undefined : message;
}

/** What the .proto files say of a field, in the terms of JSON. */
export function commentOf(field: DescField | undefined): string | undefined {
  const comment = field && COMMENTS[`${field.parent.typeName}.${field.name}`];
  return comment === undefined ? undefined : inJson(comment);
}

/** What the comments call by the names of gRPC, by those of REST. */
export function inJson(comment: string): string {
  return comment
    .replace(/\b(ALREADY_EXISTS|FAILED_PRECONDITION|ABORTED)\b/g, "409")
    .replace(/\bINVALID_ARGUMENT\b/g, "422")
    .replace(/\bNOT_FOUND\b/g, "404")
    .replace(/\bPERMISSION_DENIED\b/g, "403")
    .replace(/\bUNAUTHENTICATED\b/g, "401")
    .replace(/\bRESOURCE_EXHAUSTED\b/g, "413 or 429")
    .replace(/\bgoogle\.rpc\.(ErrorInfo|BadRequest)\b/g, "the problem")
    .replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) =>
      name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
    )
    .replace(/\bunset\b/g, "null")
    .replace(/\bUnset\b/g, "Null");
}
